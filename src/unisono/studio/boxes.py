"""Boxes: which tracks of an MP4 or QuickTime file have an edit list, the one thing in it that FFmpeg keeps to itself.

A writer that made an edit list has said where the track begins; one that made none leaves its encoder's delay in.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import SEEK_END
from typing import BinaryIO, Final

_PARENTS: Final = frozenset({b"moov", b"trak", b"edts"})
_BOXES_MOST: Final = 2_000
_ID_AT: Final = {0: 12, 1: 20}
"""Where tkhd keeps the track's number, behind its size and name, by its version."""


def edited_tracks(file: BinaryIO) -> frozenset[int]:
    """The numbers of all tracks with an edit list; `file` stays where it is. A broken file has those found so far."""
    before = file.tell()
    try:
        stop = file.seek(0, SEEK_END)
        found: set[int] = set()
        track = None
        for _, (name, start) in zip(range(_BOXES_MOST), _boxes(file, 0, stop), strict=False):
            if name == b"trak":
                track = None
            elif name == b"tkhd":
                track = _track_number(file, start)
            elif name == b"elst" and track is not None:
                found.add(track)
        return frozenset(found)
    finally:
        file.seek(before)


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int]]:
    """Name and content's position of every box in [start, stop), parents before what is in them."""
    while start + 8 <= stop:
        file.seek(start)
        head = file.read(16)
        size, name = int.from_bytes(head[:4]), head[4:8]
        content = start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16]), start + 16
        end = min(stop, start + size) if size else stop
        if end < content:
            return
        yield name, content
        if name in _PARENTS:
            yield from _boxes(file, content, end)
        start = end


def _track_number(file: BinaryIO, content: int) -> int | None:
    file.seek(content)
    head = file.read(24)
    at = _ID_AT.get(head[0]) if head else None
    return None if at is None or len(head) < at + 4 else int.from_bytes(head[at : at + 4])
