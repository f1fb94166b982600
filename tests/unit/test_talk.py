"""Talk: everybody else, never oneself, with a little jitter evened out."""

from __future__ import annotations

import numpy as np
import pytest

from unisono.core.wire import Codec, Kind, Packet, unpack
from unisono.live.pcm import frame_of
from unisono.live.talk import TALKERS_MAX, WAIT_FRAMES, Chatter, TalkDesk
from unisono.units import FRAME_SAMPLES, Position

BEGIN = 48_000


def word(value: float) -> Packet:
    frame = frame_of(np.full(FRAME_SAMPLES, value, dtype=np.float32))
    return Packet(kind=Kind.TALK, seat=0, epoch=0, position=Position(0), frames=(frame,), codec=Codec.PCM, level=10)


def packet_of(chatter: Chatter) -> Packet:
    assert chatter.pcm is not None
    found = unpack(chatter.pcm)
    assert isinstance(found, Packet)
    return found


def value_of(chatter: Chatter) -> float:
    return float(np.mean(np.frombuffer(packet_of(chatter).frames[0], dtype="<i2"))) / 32_768


class Evening:
    """A talk desk, ticked every 20 ms."""

    def __init__(self) -> None:
        self.desk = TalkDesk()
        self.desk.pcm_wanted = True
        self.now = BEGIN

    def open(self, *seats: int) -> None:
        for seat in seats:
            self.desk.opened(seat, True)

    def tick(self, **said: float) -> dict[int | None, Chatter]:
        for seat, value in said.items():
            self.desk.feed(int(seat.removeprefix("s")), word(value))
        self.now += FRAME_SAMPLES
        return {chatter.seat: chatter for chatter in self.desk.tick(Position(self.now))}


@pytest.fixture
def evening() -> Evening:
    return Evening()


def test_everybody_hears_the_others_and_nobody_themselves(evening: Evening) -> None:
    evening.open(1, 2)
    for _ in range(10):
        heard = evening.tick(s1=0.1, s2=0.02)
    assert value_of(heard[None]) == pytest.approx(0.12, abs=1e-3)
    assert value_of(heard[1]) == pytest.approx(0.02, abs=1e-3)
    assert value_of(heard[2]) == pytest.approx(0.1, abs=1e-3)
    assert heard[None].apart_from == {1, 2}


def test_sound_waits_a_little_and_then_flows(evening: Evening) -> None:
    evening.open(1)
    heard = [value_of(evening.tick(s1=0.1)[None]) for _ in range(6)]
    assert heard[: WAIT_FRAMES - 1] == [0.0] * (WAIT_FRAMES - 1)
    assert heard[WAIT_FRAMES - 1 :] == pytest.approx([0.1] * (7 - WAIT_FRAMES), abs=1e-3)


def test_jitter_within_the_wait_is_not_heard(evening: Evening) -> None:
    evening.open(1)
    for _ in range(5):
        evening.tick(s1=0.1)
    evening.tick()
    evening.desk.feed(1, word(0.1))
    evening.desk.feed(1, word(0.1))
    heard = [value_of(evening.tick(s1=0.1)[None]) for _ in range(4)]
    assert heard == pytest.approx([0.1] * 4, abs=1e-3)


def test_a_burst_does_not_stay_behind(evening: Evening) -> None:
    evening.open(1)
    for _ in range(100):
        evening.desk.feed(1, word(0.1))
    evening.tick()
    assert len(evening.desk._talkers[1].waiting) <= 10


def test_a_closed_microphone_is_silent_at_once(evening: Evening) -> None:
    evening.open(1)
    for _ in range(5):
        evening.tick(s1=0.1)
    evening.desk.opened(1, False)
    heard = evening.tick(s1=0.1)
    assert set(heard) == {None}
    assert value_of(heard[None]) == 0.0


def test_streams_are_contiguous_and_a_change_of_stream_is_a_new_epoch(evening: Evening) -> None:
    evening.open(1, 2)
    shared = [packet_of(evening.tick(s1=0.1)[None]) for _ in range(5)]
    assert np.all(np.diff([found.position for found in shared]) == FRAME_SAMPLES)
    assert len({found.epoch for found in shared}) == 1
    own = packet_of(evening.tick(s1=0.1, s2=0.1)[2])
    assert own.epoch > shared[-1].epoch
    evening.desk.opened(2, False)
    back = packet_of(evening.tick(s1=0.1)[None])
    assert back.epoch > own.epoch


def test_six_talk_and_a_place_becomes_free(evening: Evening) -> None:
    seats = range(1, TALKERS_MAX + 2)
    evening.open(*seats)
    for _ in range(5):
        heard = evening.tick(**{f"s{seat}": 0.01 for seat in seats})
    assert set(heard) == {None, *range(1, TALKERS_MAX + 1)}
    for _ in range(40):
        heard = evening.tick(**{f"s{seat}": 0.01 for seat in seats if seat != 1})
    assert set(heard) == {None, *range(2, TALKERS_MAX + 2)}


def test_nothing_is_sent_when_nobody_talks(evening: Evening) -> None:
    sounding = [evening.desk.sounding]
    evening.open(1)
    evening.desk.feed(1, word(0.1))
    sounding.append(evening.desk.sounding)
    for _ in range(60):
        evening.tick()
    sounding.append(evening.desk.sounding)
    assert sounding == [False, True, False]


def test_a_song_silences_talk(evening: Evening) -> None:
    evening.open(1)
    evening.desk.feed(1, word(0.1))
    evening.desk.close()
    assert not evening.desk.sounding


def test_broken_frames_are_bridged(evening: Evening) -> None:
    evening.open(1)
    broken = Packet(kind=Kind.TALK, seat=0, epoch=0, position=Position(0), frames=(b"\xff\xff\xff",), level=10)
    for _ in range(10):
        evening.desk.feed(1, broken)
        assert evening.tick()
