"""Stem files: append, read, and whatever a crash or a bad disk leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core.wire import Kind, Packet, pack
from unisono.store import stems
from unisono.units import FRAME_SAMPLES, Position


def wire(index: int) -> bytes:
    position = Position(FRAME_SAMPLES * index)
    return pack(Packet(kind=Kind.VOICE, seat=3, epoch=0, position=position, frames=(bytes([index % 256]) * 40,)))


def write(path: Path, indices: range) -> None:
    with stems.open_to_append(path) as file:
        stems.append_packets(file, [wire(index) for index in indices])


def indices(path: Path) -> list[int]:
    return [packet.position // FRAME_SAMPLES for packet in stems.read_packets(path)]


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    path = stems.stem_path(tmp_path, 3)
    write(path, range(5))
    write(path, range(5, 8))
    assert indices(path) == list(range(8))
    assert stems.stem_seats(tmp_path) == [3]


def test_no_file_is_an_empty_stem(tmp_path: Path) -> None:
    assert indices(tmp_path / "none.stem") == []


@given(cut=st.integers(0, 4 * (8 + 58)))
def test_a_torn_tail_costs_only_what_was_torn(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Wherever a crash tears the file, whole records are read, and a writer goes on behind them."""
    path = tmp_path_factory.mktemp("torn") / "3.stem"
    write(path, range(5))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - cut])
    left = indices(path)
    assert left == list(range(5 - -(-cut // (8 + len(wire(0))))))
    write(path, range(90, 92))
    assert indices(path) == [*left, 90, 91]


def test_a_flipped_bit_costs_one_packet(tmp_path: Path) -> None:
    path = tmp_path / "3.stem"
    write(path, range(5))
    data = bytearray(path.read_bytes())
    data[len(stems.MAGIC) + 2 * (8 + len(wire(0))) + 30] ^= 1
    path.write_bytes(data)
    assert indices(path) == [0, 1, 3, 4]


def test_what_is_no_stem_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "3.stem"
    path.write_bytes(b"a letter to my grandmother")
    with pytest.raises(OSError, match="no stem"):
        stems.open_to_append(path)
    assert path.read_bytes() == b"a letter to my grandmother"
    assert indices(path) == []


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    class Full:
        """A file on a disk with room for 20 more bytes."""

        def __init__(self, path: Path) -> None:
            self.file = path.open("r+b", buffering=0)
            self.file.seek(0, 2)
            self.free = 20

        def write(self, view: memoryview) -> int:
            if not self.free:
                raise OSError(28, "No space left on device")
            took = self.file.write(view[: self.free]) or 0
            self.free -= took
            return took

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    path = tmp_path / "3.stem"
    write(path, range(2))
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space"):
        stems.append_packets(Full(path), [wire(2)])  # type: ignore[arg-type]
    assert path.read_bytes() == before
