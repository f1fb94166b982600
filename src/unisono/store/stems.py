"""Stem files: what one seat sang, packet by packet, exactly as it was sent.

A file is the magic `UNISTEM1`, then records: u32 length, u32 CRC-32 of the packet, the packet's wire bytes
(docs/wire.md), little-endian. Files are only ever appended to. A crash may tear the last record; a reader leaves it
out and a writer cuts it off before it goes on. The same packet may stand in a file twice, and packets in any order: a
reader of sound sorts.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from unisono.core.wire import Packet, unpack
from unisono.errors import PeerError

MAGIC = b"UNISTEM1"
_HEAD = struct.Struct("<II")
_PACKET_BYTES_MAX = 16 + 10 * (2 + 4000)
_SUFFIX = ".stem"


def stem_path(performance_folder: Path, seat: int) -> Path:
    """Where a seat's stem stands."""
    return performance_folder / "stems" / f"{seat}{_SUFFIX}"


def stem_seats(performance_folder: Path) -> list[int]:
    """The seats that have a stem file there, in order."""
    paths = (performance_folder / "stems").glob(f"*{_SUFFIX}")
    return sorted(int(path.stem) for path in paths if path.stem.isdigit())


def record(wire: bytes) -> bytes:
    """The bytes that stand in a stem file for one packet."""
    return _HEAD.pack(len(wire), zlib.crc32(wire)) + wire


def open_to_append(path: Path) -> BinaryIO:
    """The file, made if needed, positioned behind its last whole record; unbuffered. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("r+b" if path.exists() else "w+b", buffering=0)
    try:
        end = _whole_bytes(file)
        file.seek(end)
        file.truncate()
        if end == 0:
            append(file, MAGIC)
    except BaseException:
        file.close()
        raise
    return file


def append(file: BinaryIO, data: bytes) -> None:
    """All of `data`, or OSError and the file as it was: half a record would hide those behind it."""
    written = 0
    try:
        while written < len(data):
            written += file.write(memoryview(data)[written:] if written else data)
    except OSError:
        file.seek(-written, os.SEEK_CUR)
        file.truncate()
        raise


def append_packets(file: BinaryIO, wires: Iterable[bytes]) -> None:
    """Append each packet's record in one write. Raises OSError."""
    append(file, b"".join(record(wire) for wire in wires))


def read_records(path: Path) -> Iterator[bytes]:
    """Each packet's wire bytes in file order; a damaged record is left out, a torn tail ends the file.

    Yields nothing if the file is not there or is no stem. Raises OSError.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        yield from (wire for wire, good in _records(file) if good)


def read_packets(path: Path) -> Iterator[Packet]:
    """The packets of `read_records`; whatever is no packet is left out."""
    for wire in read_records(path):
        try:
            packet = unpack(wire)
        except PeerError:
            continue
        if isinstance(packet, Packet):
            yield packet


def _records(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """(wire bytes, whether the checksum fits) of each record that is wholly there."""
    if file.read(len(MAGIC)) != MAGIC:
        return
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        if length > _PACKET_BYTES_MAX:
            return
        wire = file.read(length)
        if len(wire) < length:
            return
        yield wire, zlib.crc32(wire) == checksum


def _whole_bytes(file: BinaryIO) -> int:
    """How many bytes from the start are magic and records that end well; 0 if not even the magic is whole."""
    file.seek(0)
    begin = file.read(len(MAGIC))
    if begin != MAGIC:
        if len(begin) == len(MAGIC):
            raise OSError("this file is no stem, and is not overwritten")
        return 0
    file.seek(0)
    position = end = len(MAGIC)
    for wire, good in _records(file):
        position += _HEAD.size + len(wire)
        end = position if good else end
    return end
