"""What a client keeps on its device: a killed process is the same person again, and owes what is not written."""

from __future__ import annotations

from pathlib import Path

from unisono.client.stored import StoredKeep
from unisono.core.wire import Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, Position, span

START = 96_000


def frame(index: int, *, epoch: int = 0) -> Packet:
    position = Position(START + index * FRAME_SAMPLES)
    sound = (bytes([index % 256]),)
    return Packet(kind=Kind.VOICE, seat=3, epoch=epoch, position=position, frames=sound, codec=Codec.OPUS)


def sung(folder: Path, *, frames: int = 10) -> StoredKeep:
    keep = StoredKeep(folder)
    keep.begin("p1")
    for index in range(frames):
        keep.add(frame(index))
    return keep


def test_a_new_process_owes_what_was_not_written(tmp_path: Path) -> None:
    keep = sung(tmp_path)
    keep.remember_key("secret")
    keep.written(0, [(START, START + 4 * FRAME_SAMPLES)])
    again = StoredKeep(tmp_path)  # the first was never closed: it was killed
    assert again.key == "secret"
    assert again.performance == "p1"
    assert [p.position for p in again.repairs()] == [START + 4 * FRAME_SAMPLES]
    assert len(again) == 6
    assert again.sung == {0: span(START, START + 10 * FRAME_SAMPLES)}
    assert again.next_epoch == 1


def test_a_record_torn_by_the_crash_is_cut_off(tmp_path: Path) -> None:
    sung(tmp_path)
    log = tmp_path / "sung.log"
    log.write_bytes(log.read_bytes()[:-3])
    again = StoredKeep(tmp_path)
    assert len(again) == 9
    again.add(frame(9))
    assert len(StoredKeep(tmp_path)) == 10


def test_epochs_of_one_performance_are_remembered_apart(tmp_path: Path) -> None:
    keep = sung(tmp_path)
    keep.add(frame(20, epoch=1))
    again = StoredKeep(tmp_path)
    assert again.sung == {
        0: span(START, START + 10 * FRAME_SAMPLES),
        1: span(START + 20 * FRAME_SAMPLES, START + 21 * FRAME_SAMPLES),
    }
    assert again.next_epoch == 2


def test_the_log_begins_anew_when_nothing_is_owed(tmp_path: Path) -> None:
    keep = sung(tmp_path)
    keep.written(0, [(START, START + 20 * FRAME_SAMPLES)])
    keep.begin("p2")
    again = StoredKeep(tmp_path)
    assert (again.performance, again.sung, len(again)) == ("p2", {}, 0)
    assert (tmp_path / "sung.log").stat().st_size < 20


def test_what_is_owed_of_one_song_outlives_the_next(tmp_path: Path) -> None:
    keep = sung(tmp_path, frames=3)
    keep.begin("p2")
    keep.add(frame(500, epoch=1))
    again = StoredKeep(tmp_path)
    assert len(again) == 4
    assert (again.performance, list(again.sung)) == ("p2", [1])
    again.written(0, [(START, START + 3 * FRAME_SAMPLES)])
    assert len(StoredKeep(tmp_path)) == 1


def test_a_discarded_performance_leaves_nothing(tmp_path: Path) -> None:
    sung(tmp_path).clear()
    assert len(StoredKeep(tmp_path)) == 0


def test_who_was_cut_off_keeps_nothing_more(tmp_path: Path) -> None:
    keep = sung(tmp_path)
    keep.close()
    keep.add(frame(11))
    assert len(StoredKeep(tmp_path)) == 10
