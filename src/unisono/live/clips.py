"""Clips: the files that people send, on disk while they arrive and afterwards. Blocking: call it on a thread.

How much of a clip has come is how long its file is, so a lost connection or a restart loses nothing that was written.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

from unisono.store.records import TakeRecord
from unisono.studio.takes import TAKES_FOLDER, TakeFacts, take_folder, write_take

ARRIVING_FILE = "arriving.part"
KEPT_FREE_BYTES = 300_000_000
"""So much of the disk is left alone by clips: songs that are sung meanwhile come first."""
_EXTENSIONS = (
    "3g2 3gp aac ac3 aif aiff amr asf avi caf flac flv m2ts m4a m4v mka mkv mov mp2 mp3 mp4 mpeg mpg mts mxf oga ogg "
    "ogv opus ts wav weba webm wma wmv"
)
SAFE_EXTENSIONS = frozenset(_EXTENSIONS.split())
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})$")


def original_name(file_name: str) -> str:
    """What a clip is called on the server: nothing of its own name but the extension, and that only if it is known."""
    found = _EXTENSION.search(file_name)
    extension = found[1].lower() if found else ""
    return f"original.{extension if extension in SAFE_EXTENSIONS else 'bin'}"


class Clips:
    """The takes' folders below the performances' folders."""

    def __init__(self, performances: Path) -> None:
        self._performances = performances

    def folder(self, take: TakeRecord) -> Path:
        """Where a take's files are."""
        return take_folder(self._performances / take.performance, take.take)

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether a clip of that size leaves the disk enough for songs."""
        return shutil.disk_usage(self._performances).free - size_bytes > KEPT_FREE_BYTES

    def begin(self, take: TakeRecord) -> None:
        """An empty file, for what is to come. Raises OSError."""
        self.folder(take).mkdir(parents=True)
        self._arriving(take).touch()

    def arrived_bytes(self, take: TakeRecord) -> int:
        """How much of a clip is on disk."""
        for path in (self._arriving(take), self.original(take)):
            if path.is_file():
                return path.stat().st_size
        return 0

    def append(self, take: TakeRecord, offset: int, data: bytes) -> int:
        """Write what comes next; how much is there then. Raises OSError, and leaves no half-written block."""
        path = self._arriving(take)
        if offset == 0 and not path.exists():  # somebody tidied up by hand: it comes anew, from its beginning
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        with path.open("r+b", buffering=0) as file:
            try:
                file.seek(offset)
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(offset)
                raise
        return offset + len(data)

    def cut(self, take: TakeRecord, size_bytes: int) -> None:
        """Forget what came after the first `size_bytes`. Raises OSError."""
        if self._arriving(take).is_file():
            os.truncate(self._arriving(take), size_bytes)

    def complete(self, take: TakeRecord) -> None:
        """All of it is there: it gets its name, and is on the disk for good. Raises OSError."""
        if not self.original(take).is_file():
            with self._arriving(take).open("rb") as file:
                os.fsync(file.fileno())
            self._arriving(take).rename(self.original(take))

    def keep(self, take: TakeRecord, source: Path) -> None:
        """Copy what was sung in a courtyard: the take's original from now on, whole or not at all. Raises OSError."""
        self.folder(take).mkdir(parents=True, exist_ok=True)
        part = self.original(take).with_suffix(".part")
        shutil.copyfile(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self.original(take))

    def original(self, take: TakeRecord) -> Path:
        """The clip as it came."""
        return self.folder(take) / take.original

    def idle_seconds(self, take: TakeRecord) -> float:
        """How long nothing of a clip has come."""
        path = self._arriving(take)
        return time.time() - path.stat().st_mtime if path.is_file() else float("inf")

    def write_facts(self, take: TakeRecord, facts: TakeFacts) -> None:
        """take.json, for the studio."""
        write_take(self.folder(take), facts)

    def delete(self, take: TakeRecord) -> None:
        """Everything of a take, its original too."""
        shutil.rmtree(self.folder(take), ignore_errors=True)

    def folders(self, performance: str) -> set[str]:
        """The takes that have a folder now. One that the ledger does not know was left by a server that was stopped."""
        return {path.name for path in (self._performances / performance / TAKES_FOLDER).glob("*")}

    def delete_folders(self, performance: str, takes: set[str]) -> None:
        """Everything of these takes."""
        for take in takes:
            shutil.rmtree(self._performances / performance / TAKES_FOLDER / take, ignore_errors=True)

    def _arriving(self, take: TakeRecord) -> Path:
        return self.folder(take) / ARRIVING_FILE
