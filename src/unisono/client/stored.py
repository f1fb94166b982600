"""Keep, on this device: a seat's key and what it sang, in a folder, so that a client that was killed comes back whole.

A log is only ever appended to, each record with one write, and begun anew when nothing is owed any more. Records are a
u32 length, little-endian, and that many bytes: a packet of docs/wire.md, or one of the two notes of `_Note`, told
apart by their first byte. A torn last record is cut off. The page's twin is web/static/engine/keep.js.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from pathlib import Path

from unisono.client.keep import Keep
from unisono.core.wire import Packet, pack, unpack

_LENGTH = struct.Struct("<I")
_WRITTEN = struct.Struct("<BHqq")
_LOG, _KEY = "sung.log", "key"


class _Note(IntEnum):
    """First bytes that no packet has."""

    PERFORMANCE = 0xFE
    """The performance's id follows: what comes behind it was sung in it."""
    WRITTEN = 0xFF
    """An epoch and a span follow: the server has them."""


class StoredKeep(Keep):
    """A Keep that survives its process. One process at a time may have it open. Raises OSError where files do."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self._log, self._key_file = folder / _LOG, folder / _KEY
        self.key = self._key_file.read_text(encoding="ascii") if self._key_file.is_file() else None
        self._file = self._log.open("ab", buffering=0)
        whole_bytes = 0
        for data in _records(self._log.read_bytes()):
            self._recall(data)
            whole_bytes += _LENGTH.size + len(data)
        self._file.truncate(whole_bytes)

    def remember_key(self, key: str) -> None:
        """The seat's secret is this; kept for the next visit."""
        if key != self.key:
            part = self._key_file.with_suffix(".part")
            part.write_text(key, encoding="ascii")
            part.replace(self._key_file)
        super().remember_key(key)

    def close(self) -> None:
        """Let go of the log; what is in it stays."""
        self._file.close()

    def begin(self, performance: str) -> None:
        """What is sung from now on belongs to `performance`; if nothing older is owed, the log begins anew."""
        if performance == self.performance:
            return
        if len(self) == 0:
            self._file.truncate(0)
        super().begin(performance)
        self._append(bytes([_Note.PERFORMANCE]) + performance.encode())

    def add(self, packet: Packet) -> None:
        """Keep a packet of one frame, on disk before anything else."""
        self._append(pack(packet))
        super().add(packet)

    def written(self, epoch: int, spans: Iterable[tuple[int, int]]) -> None:
        """Forget what the server has on disk."""
        spans = tuple(spans)
        self._append(*(_WRITTEN.pack(_Note.WRITTEN, epoch, start, stop) for start, stop in spans))
        super().written(epoch, spans)

    def clear(self) -> None:
        """Forget everything: the performance was discarded."""
        self._file.truncate(0)
        super().clear()

    def _append(self, *records: bytes) -> None:
        if not self._file.closed:  # whoever was cut off sings no more
            self._file.write(b"".join(_LENGTH.pack(len(data)) + data for data in records))

    def _recall(self, data: bytes) -> None:
        """One record of an earlier process."""
        if data[0] == _Note.PERFORMANCE:
            super().begin(data[1:].decode())
        elif data[0] == _Note.WRITTEN:
            _, epoch, start, stop = _WRITTEN.unpack(data)
            super().written(epoch, [(start, stop)])
        else:
            packet = unpack(data)
            assert isinstance(packet, Packet)
            super().add(packet)


def _records(data: bytes) -> Iterator[bytes]:
    """The bytes of every whole record."""
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if length == 0 or at + length > len(data):
            return
        yield data[at : at + length]
        at += length
