"""Voices in a song: whose are stored, whose are heard, which light a balcony."""

from __future__ import annotations

import pytest

from tests.sim.courtyard import Courtyard, singing, voice
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.wire import Kind
from unisono.errors import ImpossiblePosition, NotAllowed
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE


def test_voices_of_the_song_are_stored_and_no_others(yard: Courtyard) -> None:
    yard.wait(10)
    ada, bea = singing(yard)
    start = yard.song.start
    yard.wait(3)
    for position in (start - 5000, start - 312, start + 648, yard.now + 900, yard.now + 3000):
        yard.sing(bea, position)
    assert [sang.packet.position - start for sang in yard.events(ev.Sang)] == [-312, 648, yard.now - start + 900]
    yard.say(ada, m.Stop(position=start + SAMPLE_RATE))
    yard.sing(bea, start + SAMPLE_RATE - 960)
    yard.sing(bea, start + 2 * SAMPLE_RATE)
    assert len(yard.events(ev.Sang)) == 4


def test_a_voice_from_the_future_costs_its_page_the_seat(yard: Courtyard) -> None:
    _, bea = singing(yard)
    with pytest.raises(ImpossiblePosition):
        yard.sing(bea, yard.now + 2 * SAMPLE_RATE)


def test_a_count_in_tells_nothing_of_the_ways(yard: Courtyard) -> None:
    _, bea = singing(yard, piece="ode")
    yard.wait(4)
    seat, sung = yard.seat(bea), yard.song.start + yard.song.count_in_samples
    yard.sing(bea, sung - FRAME_SAMPLES)
    assert yard.room.singing.ways.mean_late(seat) is None
    yard.sing(bea, sung)
    behind = yard.now - sung - yard.song.seating.delay_of(seat)
    assert yard.room.singing.ways.mean_late(seat) == behind


def test_listeners_must_not_sing(yard: Courtyard) -> None:
    singing(yard)
    listener = yard.come("listener")
    with pytest.raises(NotAllowed):
        yard.sing(listener, yard.now)


def test_repair_is_stored_and_not_heard(yard: Courtyard) -> None:
    _, bea = singing(yard)
    yard.wait(3)
    yard.sing(bea, yard.song.start, repair=True)
    yard.sing(bea, yard.song.start + 960)
    assert [sang.audible for sang in yard.events(ev.Sang)] == [False, True]


def test_loudspeakers_are_stored_and_not_heard(yard: Courtyard) -> None:
    yard.sing_in("host", "Ada")
    bea = yard.come(name="Bea")
    yard.say(bea, m.Check(method="acoustic", output="loudspeakers", round_trip_samples=3600, spread_samples=5))
    yard.say(1, m.Start())
    yard.wait(3)
    yard.sing(bea, yard.song.start)
    assert [sang.audible for sang in yard.events(ev.Sang)] == [False]


def test_nobody_fills_the_disk_by_sending_again_and_again(yard: Courtyard) -> None:
    _, bea = singing(yard)
    yard.wait(3)
    for _ in range(5000):
        yard.room.packet(bea, voice(yard.song.start, repair=True), yard.now)
    yard.settle()
    sung_frames = (yard.now - yard.song.start) // FRAME_SAMPLES
    assert len(yard.events(ev.Sang)) <= 1500 + 4 * (sung_frames + 1)


def test_levels_are_told_by_position(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(4)
    position = (yard.song.start // 4800 + 5) * 4800
    for offset, level in ((0, 30), (960, 12), (1920, 90)):
        yard.sing(bea, position + offset, level=level)
    yard.wait(0.2)
    assert yard.heard(ada, m.Levels) == [m.Levels(position=position, levels={yard.seat(bea): 12})]


def test_nobody_talks_in_a_song(yard: Courtyard) -> None:
    ada, bea = yard.sing_in("host"), yard.sing_in()
    yard.say(bea, m.Talk(on=True))
    yard.say(ada, m.Start())
    yard.room.packet(bea, voice(yard.now, kind=Kind.TALK), yard.now)
    yard.say(bea, m.Talk(on=True))
    yard.room.packet(bea, voice(yard.now, kind=Kind.TALK), yard.now)
    yard.settle()
    assert yard.events(ev.Talked) == []
