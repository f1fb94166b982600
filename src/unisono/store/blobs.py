"""Blobs: finished files, in the data folder or wherever an obstore URL says (S3 and the like).

The studio writes into the performance's folder. That folder is the store unless a URL is set; then files are copied
there, and served from there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import from_url

from unisono.errors import BadSetting

_FILES = re.compile(
    r"(mix\.(wav|flac|opus|m4a)|guide\.m4a|along/[0-9a-z]{1,12}\.wav|stems/[0-9]{1,5}\.(wav|flac)"
    r"|takes/[0-9a-f]{16}/(listen\.m4a|[a-z_]{1,30}\.svg)|film/((wide|tall|square)\.(mp4|jpg|vtt)|webm\.webm))"
)
TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".svg": "image/svg+xml",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".jpg": "image/jpeg",
    ".vtt": "text/vtt; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file in the store."""

    key: str
    size_bytes: int


def may_be_served(path: str) -> bool:
    """Whether a path inside a performance is one of its finished files."""
    return _FILES.fullmatch(path) is not None


class Blobs:
    """The finished files of all performances."""

    def __init__(self, url: str, performances: Path) -> None:
        """Raises BadSetting if the URL means nothing."""
        self._performances = performances
        try:
            self._store = from_url(url) if url else None
        except Exception as error:
            raise BadSetting(name="UNISONO_BLOBS", value=url, reason=str(error)) from error

    async def publish(self, folder: Path, performance: str, *, under: str = "") -> None:
        """Put the finished files of `folder`, or of a folder in it, where they are served from."""
        if self._store is None:
            return
        for path in await asyncio.to_thread(lambda: sorted((folder / under).rglob("*"))):
            name = path.relative_to(folder).as_posix()
            if may_be_served(name):
                await obstore.put_async(self._store, f"{performance}/{name}", path)

    async def delete(self, performance: str, *, beginning: str = "") -> None:
        """Delete the published files whose names begin so; those in the folder are not deleted here."""
        if self._store is None:
            return
        listing = obstore.list(self._store, f"{performance}/")
        paths = [str(meta["path"]) async for page in listing for meta in page]
        listed = [path for path in paths if path.startswith(f"{performance}/{beginning}")]
        await obstore.delete_async(self._store, listed)

    def local(self, performance: str, path: str) -> Path | None:
        """The file on this machine, if files are kept here. `path` must have passed `may_be_served`."""
        return None if self._store is not None else self._performances / performance / path

    async def remote(self, performance: str, path: str) -> RemoteFile | None:
        """The file in the store; None if it is not there."""
        assert self._store is not None
        key = f"{performance}/{path}"
        try:
            meta = await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return None
        return RemoteFile(key=key, size_bytes=meta["size"])

    async def read(self, file: RemoteFile, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes [start, stop) of a file in the store, in pieces."""
        assert self._store is not None
        piece_bytes = 1 << 20
        for at in range(start, stop, piece_bytes):
            piece = await obstore.get_range_async(self._store, file.key, start=at, end=min(stop, at + piece_bytes))
            yield bytes(piece)
