"""The recorder: everything taken is on disk before it is said to be."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from unisono.core.wire import Kind, Packet, pack
from unisono.live import recorder as recorder_module
from unisono.live.recorder import Recorder, Taken, Wrote
from unisono.live.trouble import WELL_DISK, Trouble, Well
from unisono.store.stems import read_packets, stem_path
from unisono.units import FRAME_SAMPLES, Position


class Told:
    """What the recorder said, and when it was true."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrote: list[Wrote] = []
        self.on_disk_then: list[int] = []
        self.trouble: list[tuple[str, Trouble | Well]] = []
        self.recorder = Recorder(folder, on_wrote=self._wrote, on_trouble=self._trouble)

    def _wrote(self, batch: list[Wrote]) -> None:
        for wrote in batch:
            self.wrote.append(wrote)
            there = read_packets(stem_path(self.folder / wrote.performance, wrote.seat))
            self.on_disk_then.append(sum(1 for _ in there))

    def _trouble(self, performance: str, trouble: Trouble | Well) -> None:
        self.trouble.append((performance, trouble))

    def take(self, index: int, *, performance: str = "p", seat: int = 1, epoch: int = 0) -> bool:
        position = Position(index * FRAME_SAMPLES)
        packet = Packet(kind=Kind.VOICE, seat=seat, epoch=epoch, position=position, frames=(b"x" * 50,))
        taken = Taken(performance=performance, seat=seat, packet=packet, wire=pack(packet))
        return self.recorder.take(taken)

    def finish(self, performance: str = "p") -> None:
        done = threading.Event()
        self.recorder.finish(performance, done.set)
        assert done.wait(20)

    def positions(self, performance: str = "p", seat: int = 1) -> list[int]:
        packets = read_packets(stem_path(self.folder / performance, seat))
        return [packet.position // FRAME_SAMPLES for packet in packets]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    told = Told(tmp_path)
    yield told
    told.recorder.stop()


def test_what_was_taken_is_on_disk_before_it_is_told(told: Told) -> None:
    for index in range(20):
        told.take(index)
    told.finish()
    assert told.positions() == list(range(20))
    spans = [(span.start, span.stop) for wrote in told.wrote for span in wrote.spans]
    assert spans[0][0] == 0
    assert spans[-1][1] == 20 * FRAME_SAMPLES
    said = 0
    for wrote, there in zip(told.wrote, told.on_disk_then, strict=True):
        said += sum(span.samples for span in wrote.spans) // FRAME_SAMPLES
        assert there >= said


def test_each_seat_and_epoch_is_told_for_itself(told: Told) -> None:
    told.take(0, seat=1)
    told.take(5, seat=2, epoch=3)
    told.take(9, seat=2, epoch=4)
    told.finish()
    assert {(wrote.seat, wrote.epoch) for wrote in told.wrote} == {(1, 0), (2, 3), (2, 4)}
    assert told.positions(seat=2) == [5, 9]


def test_a_full_disk_is_told_and_nothing_is_acknowledged(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: BinaryIO, _wires: list[bytes]) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(recorder_module.stems, "append_packets", full)  # type: ignore[attr-defined]
        told.take(0)
        told.finish()
    assert told.wrote == []
    assert told.trouble == [("p", Trouble(code="disk_full", text="No space left on device"))]
    monkeypatch.setattr(recorder_module, "WELL_AFTER_SECONDS", 0.0)
    told.take(1)
    told.finish()
    assert told.positions() == [1]
    assert told.trouble[1:] == [("p", WELL_DISK)]


@pytest.mark.parametrize("writes", [False, True])
def test_a_file_that_cannot_even_be_closed_holds_up_nobody(
    told: Told, monkeypatch: pytest.MonkeyPatch, *, writes: bool
) -> None:
    """As on a network disk that is full: other stems go on, and whoever waits for the end of a song is told."""

    class Broken(io.BytesIO):
        def write(self, data: object) -> int:
            if not writes:
                raise OSError(5, "Input/output error")
            return super().write(data)  # type: ignore[arg-type]

        def fileno(self) -> int:
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(recorder_module.stems, "open_to_append", lambda _: Broken())  # type: ignore[attr-defined]
        told.take(0)
        told.finish()
    assert len(told.wrote) == writes
    told.take(1)
    told.finish()
    assert told.positions()[-1] == 1


def test_a_failing_disk_is_told_apart_from_a_full_one(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_file: BinaryIO, _wires: list[bytes]) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(recorder_module.stems, "append_packets", broken)  # type: ignore[attr-defined]
    told.take(0)
    told.finish()
    assert told.trouble == [("p", Trouble(code="disk_trouble", text="Read-only file system"))]


def test_a_slow_disk_is_told_while_it_stands_still(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost and nothing is said to be written before it is."""
    writing, gate, real = threading.Event(), threading.Event(), recorder_module.stems.append_packets  # type: ignore[attr-defined]

    def slow(file: BinaryIO, wires: list[bytes]) -> None:
        writing.set()
        assert gate.wait(20)
        real(file, wires)

    monkeypatch.setattr(recorder_module.stems, "append_packets", slow)  # type: ignore[attr-defined]
    monkeypatch.setattr(recorder_module, "SLOW_SECONDS", 0.0)
    told.take(0)
    assert writing.wait(20)
    told.take(1)
    assert [trouble.code for _, trouble in told.trouble if isinstance(trouble, Trouble)] == ["disk_slow"]
    assert told.wrote == []
    gate.set()
    told.finish()
    assert told.positions() == [0, 1]


def test_a_disk_that_is_almost_full_is_told_before_it_is(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "LOW_BYTES", 1 << 62)
    for index in range(3):
        told.take(index)
        told.finish()
    assert [trouble.code for _, trouble in told.trouble if isinstance(trouble, Trouble)] == ["disk_low"]
    assert told.positions() == [0, 1, 2]


def test_a_disk_that_stands_still_does_not_fill_the_memory(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(recorder_module, "QUEUED_BYTES_MAX", 2000)

    def stand_still() -> None:
        assert gate.wait(20)

    told.recorder.finish("other", stand_still)
    taken = [told.take(index) for index in range(100)]
    gate.set()
    told.finish()
    assert 10 < taken.count(True) < 40
    assert told.positions() == list(range(taken.count(True)))
    assert told.take(100), "what is written makes room"


def test_a_deleted_performance_stays_deleted(told: Told) -> None:
    told.take(0)
    told.finish()
    told.recorder.delete("p")
    told.take(1)
    told.finish()
    assert not (told.folder / "p").exists()


def test_a_callback_that_fails_does_not_end_the_recorder(told: Told) -> None:
    def fail() -> None:
        raise RuntimeError("a mistake of ours")

    told.recorder.finish("p", fail)
    told.take(0)
    told.finish()
    assert told.positions() == [0]


def test_more_stems_than_open_files(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_OPEN_FILES_MAX", 3)
    for index in range(3):
        for seat in range(1, 10):
            told.take(index, seat=seat)
        told.finish("another")
    told.finish()
    assert all(told.positions(seat=seat) == [0, 1, 2] for seat in range(1, 10))
