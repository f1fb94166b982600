"""Confined: a stranger's recording is decoded in a process of its own, within limits, and comes back as plain files.

FFmpeg reads a hundred formats with code that was not written against people who mean harm. So it runs where it can
reach nothing (`decoder.py`), and whatever happens there ends here in an error with a sentence.
"""

from __future__ import annotations

import asyncio
import io
import os
import select
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from unisono.errors import (
    DiskTrouble,
    TakeEmpty,
    TakeTooCostly,
    TakeTooLarge,
    TakeTooLong,
    TakeUnreadable,
    UnisonoError,
)
from unisono.studio.decoder import SOUND_PART, Limits, become
from unisono.studio.jobs import worker_environment
from unisono.studio.take import TakeFacts

__all__ = ["FACTS_FILE", "SOUND_FILE", "Limits", "TakeFiles", "read_files", "take_in", "take_in_forked", "take_in_now"]

SOUND_FILE: Final = "sound.wav"
FACTS_FILE: Final = "facts.json"
_LINE_BYTES_MAX: Final = 2**24
_READ_BYTES: Final = 2**16
_CANCEL_LOOK_S: Final = 0.1
_COSTLY_SIGNALS: Final = {signal.SIGXCPU: "time", signal.SIGKILL: "memory", signal.SIGXFSZ: "room"}
_TOLD_ERRORS: Final[dict[str, type[UnisonoError]]] = {
    kind.code: kind for kind in (TakeUnreadable, TakeEmpty, TakeTooLong, TakeTooLarge, TakeTooCostly, DiskTrouble)
}
_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFiles:
    """A take in its work folder: `sound_path` is a WAV of float32 at units.SAMPLE_RATE, there even if it is empty."""

    facts: TakeFacts
    sound_path: Path


class _Line(msgspec.Struct, frozen=True):
    """What the decoder says."""

    share: float = 0.0
    facts: TakeFacts | None = None
    error: dict[str, Any] | None = None


def take_in_now(
    recording: Path,
    folder: Path,
    *,
    limits: Limits = _LIMITS,
    on_progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TakeFiles:
    """`take_in` for those without an event loop, such as workers. `cancelled` is asked ten times a second.

    Raises as `take_in` does, and asyncio.CancelledError once `cancelled` says so.
    """

    async def watched() -> TakeFiles:
        task = asyncio.create_task(take_in(recording, folder, limits=limits, on_progress=on_progress))
        while cancelled is not None and not task.done():
            await asyncio.wait([task], timeout=_CANCEL_LOOK_S)
            if cancelled():
                task.cancel()
        return await task

    return asyncio.run(watched())


def take_in_forked(
    recording: Path,
    folder: Path,
    *,
    limits: Limits = _LIMITS,
    on_progress: Callable[[float], None] | None = None,
) -> TakeFiles:
    """`take_in` for a worker that decodes one recording after the other, in a copy of its own process each.

    What a decoder needs is in memory already, which halves what a minute of sound costs. Nobody may be in the middle of
    anything that the copy needs: the calling process has no other thread at work. Raises as `take_in` does.
    """
    part = folder / SOUND_PART
    try:
        recording, folder = _ready(recording, folder, limits)
        return _kept(folder, part, _forked(recording, folder, limits, on_progress or (lambda _: None)))
    except OSError as error:
        raise DiskTrouble(reason=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _forked(recording: Path, folder: Path, limits: Limits, on_progress: Callable[[float], None]) -> TakeFacts:
    """Fork the decoder, hear what it tells and see it end."""
    until_s = time.monotonic() + limits.wall_seconds
    hears, tells = os.pipe()
    child = os.fork()
    if child == 0:
        become(tells, [str(recording), str(folder), msgspec.json.encode(limits).decode()])
    os.close(tells)
    ended: int | None = None
    try:
        with os.fdopen(hears, "rb", buffering=0) as out:
            last = _heard(out, until_s, on_progress)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        if ended is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return _facts_of(last, ended)


def _heard(out: io.FileIO, until_s: float, on_progress: Callable[[float], None]) -> _Line:
    """The last of a decoder's lines; its progress is passed on until it closes its output. Raises TakeTooCostly."""
    last, half = _Line(), b""
    while select.select([out], [], [], max(0.0, until_s - time.monotonic()))[0]:
        block = out.read(_READ_BYTES)
        if not block or len(half) > _LINE_BYTES_MAX:
            return last
        *whole, half = (half + block).split(b"\n")
        for line in whole:
            last = _told(line, on_progress)
    raise TakeTooCostly(what="time")


async def take_in(
    recording: Path,
    folder: Path,
    *,
    limits: Limits = _LIMITS,
    on_progress: Callable[[float], None] | None = None,
) -> TakeFiles:
    """Decode `recording` into `folder`: SOUND_FILE and FACTS_FILE, both whole or neither. The recording stays as it is.

    on_progress: hears the share decoded, 0..1. Cancelling the task ends the decoder. Raises TakeUnreadable, TakeEmpty,
    TakeTooLong, TakeTooLarge, TakeTooCostly, DiskTrouble.
    """
    part = folder / SOUND_PART
    try:
        recording, folder = _ready(recording, folder, limits)
        facts = await _decoded(recording, folder, limits, on_progress)
        return _kept(folder, part, facts)
    except OSError as error:
        raise DiskTrouble(reason=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _ready(recording: Path, folder: Path, limits: Limits) -> tuple[Path, Path]:
    """Both paths, absolute, the folder made. Raises TakeUnreadable, TakeTooLarge, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    size = recording.stat().st_size
    if not recording.is_file() or size == 0:
        raise TakeUnreadable(reason="the file is empty")
    if size > limits.file_bytes:
        raise TakeTooLarge(what="bytes", value=size, most=limits.file_bytes)
    return recording.resolve(), folder.resolve()


def read_files(folder: Path) -> TakeFiles | None:
    """What `take_in` left in `folder`, if it is there, whole."""
    try:
        facts = msgspec.json.decode((folder / FACTS_FILE).read_bytes(), type=TakeFacts)
    except (OSError, msgspec.DecodeError):
        return None
    sound_path = folder / SOUND_FILE
    return TakeFiles(facts=facts, sound_path=sound_path) if sound_path.is_file() else None


def _kept(folder: Path, part: Path, facts: TakeFacts) -> TakeFiles:
    """The sound under its name, and last of all the facts, which say that it is whole."""
    facts_path = folder / FACTS_FILE
    facts_path.unlink(missing_ok=True)
    part.replace(folder / SOUND_FILE)
    facts_part = folder / f"{FACTS_FILE}.part"
    facts_part.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1))
    facts_part.replace(facts_path)
    return TakeFiles(facts=facts, sound_path=folder / SOUND_FILE)


async def _decoded(
    recording: Path, folder: Path, limits: Limits, on_progress: Callable[[float], None] | None
) -> TakeFacts:
    """Run the decoder to its end, whatever that is."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "unisono.studio.decoder",
        str(recording),
        str(folder),
        msgspec.json.encode(limits).decode(),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=_LINE_BYTES_MAX,
        env=worker_environment(),
    )
    try:
        async with asyncio.timeout(limits.wall_seconds):
            last = await _last_line(process, on_progress)
            ended = await process.wait()
    except TimeoutError:
        raise TakeTooCostly(what="time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _facts_of(last, ended)


def _facts_of(last: _Line, ended: int) -> TakeFacts:
    """What a decoder told at last, or why it did not."""
    if last.facts is not None and ended == 0:
        return last.facts
    raise _why(last, ended)


async def _last_line(process: Process, on_progress: Callable[[float], None] | None) -> _Line:
    """Pass the decoder's progress on until it closes its output; what it said at last."""
    assert process.stdout is not None
    last = _Line()
    while line := await process.stdout.readline():
        last = _told(line, on_progress or (lambda _: None))
    return last


def _told(line: bytes, on_progress: Callable[[float], None]) -> _Line:
    """One line, its progress passed on; what is no line of a decoder's says nothing."""
    try:
        told = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError:
        return _Line()
    if told.facts is None and told.error is None:
        on_progress(told.share)
    return told


def _why(last: _Line, ended: int) -> UnisonoError:
    """Why there are no facts: as the decoder said, or as its end tells."""
    if last.error is not None:
        kind = _TOLD_ERRORS.get(last.error.get("code", ""))
        try:
            if kind is not None:
                return kind(**last.error.get("facts", {}))
        except TypeError:
            pass
    costly = next((what for number, what in _COSTLY_SIGNALS.items() if ended == -number), None)
    if costly is not None:
        return TakeTooCostly(what=costly)
    return TakeUnreadable(reason="reading it broke off")
