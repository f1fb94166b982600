"""Rows of the next song are as close as the voices of the last one allow, and no closer."""

import msgspec
import pytest

from tests.sim.courtyard import voice
from unisono.core.lateness import TELLING_FRAMES
from unisono.core.messages import Check
from unisono.core.seats import Seat
from unisono.core.sungways import SungWays
from unisono.units import FRAME_SAMPLES, Position, samples_of_ms

SAID, SUNG = samples_of_ms(300), samples_of_ms(120)
CHECK = Check(method="acoustic", output="headphones", round_trip_samples=3600, spread_samples=5)


def sung(frames: int) -> tuple[SungWays, Seat]:
    seat = Seat(number=7, key_hash="k", role="performer", link=1, connection=3, check=CHECK, up_samples=SAID)
    ways = SungWays()
    for number in range(frames):
        position = 96_000 + number * FRAME_SAMPLES
        ways.heard(seat, voice(position), behind_samples=9600, now=Position(position + 9600 + SUNG))
    return ways, seat


def test_what_was_sung_counts_more_than_what_was_said() -> None:
    ways, seat = sung(TELLING_FRAMES)
    assert ways.member(seat).up == SUNG
    ways.begin()
    assert ways.member(seat).up == SUNG


def test_a_few_frames_tell_nothing() -> None:
    ways, seat = sung(TELLING_FRAMES - 1)
    assert ways.member(seat).up == SAID


@pytest.mark.parametrize("change", ["connection", "check"])
def test_another_line_or_another_microphone_is_another_way(change: str) -> None:
    ways, seat = sung(TELLING_FRAMES)
    setattr(seat, change, None if change == "connection" else msgspec.structs.replace(CHECK, round_trip_samples=4000))
    assert ways.member(seat).up == SAID


def test_a_way_that_has_become_longer_since_is_longer() -> None:
    ways, seat = sung(TELLING_FRAMES)
    seat.up_samples = SAID + samples_of_ms(10)
    assert ways.member(seat).up == SUNG
    seat.up_samples = SAID + samples_of_ms(90)
    assert ways.member(seat).up == SUNG + samples_of_ms(90)


def test_the_last_frame_of_a_packet_tells_not_those_that_waited_for_it() -> None:
    ways, seat = SungWays(), sung(0)[1]
    for number in range(TELLING_FRAMES):
        one = voice(96_000 + 2 * number * FRAME_SAMPLES)
        pair = msgspec.structs.replace(one, frames=one.frames * 2)
        now = Position(pair.position + FRAME_SAMPLES + 9600 + SUNG)
        ways.heard(seat, pair, behind_samples=9600, now=now)
    assert ways.member(seat).up == SUNG
