"""A song from its start to its stop: its rows, who joins late, who ends it."""

from __future__ import annotations

import pytest

from tests.sim.courtyard import Courtyard, singing, states
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.room import RoomLimits
from unisono.core.song import START_AHEAD_SAMPLES
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE

CHECK = m.Check(method="acoustic", output="headphones", round_trip_samples=3600, spread_samples=5)


def test_a_free_song_starts_a_little_ahead_and_has_no_end_yet(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    song = yard.heard(bea, m.SongChanged)[0]
    assert song.start == yard.now + START_AHEAD_SAMPLES
    assert (song.state, song.piece, song.stop, song.backing) == ("count_in", None, None, None)
    assert song.rows == ((yard.seat(ada),), (yard.seat(bea),))
    assert song.delays_samples[0] == 0 < song.delays_samples[1] < song.listener_delay_samples


def test_a_piece_has_its_beats_and_its_end(yard: Courtyard) -> None:
    _, bea = singing(yard, piece="ode")
    song = yard.heard(bea, m.SongChanged)[0]
    assert song.count_in_samples == 4 * SAMPLE_RATE // 2
    assert song.stop == song.start + (4 + 16) * SAMPLE_RATE // 2 + SAMPLE_RATE
    assert song.backing == m.Backing(url="/backing", samples=1)
    yard.wait(40)
    assert states(yard, bea) == ["count_in", "singing", "ending", "mixing"]


@pytest.mark.parametrize("piece", ["ode", None])
def test_of_a_song_never_more_is_counted_than_the_clock_has_passed(yard: Courtyard, piece: str | None) -> None:
    """In none of its states, though a start, and a piece's stop, are known ahead; and once it ends, its stop is."""
    ada, _ = singing(yard, piece=piece)
    counted: dict[str, int] = {}
    for moment in range(200):
        if piece is None and moment == 60:
            yard.say(ada, m.Stop(position=yard.now))
        song = yard.song
        assert song.counted <= yard.now, song.state
        counted[song.state] = song.counted
        yard.wait(0.2)
    assert list(counted)[:4] == ["count_in", "singing", "ending", "mixing"]
    assert counted["count_in"] < counted["singing"] < counted["ending"] == counted["mixing"] == yard.song.stop


def test_a_start_waits_for_its_backing(yard: Courtyard) -> None:
    yard.renders = False
    ada, _ = singing(yard, piece="ode")
    assert yard.room.singing.song is None
    yard.wait(1)
    yard.backing_ready()
    assert yard.song.start == yard.now + START_AHEAD_SAMPLES
    assert yard.song.leader == yard.seat(ada)


def test_a_new_pick_forgets_a_start_that_waited_for_the_old_one(yard: Courtyard) -> None:
    yard.renders = False
    ada, _ = singing(yard, piece="ode")
    yard.say(ada, m.Pick(piece="ode", key=2))
    yard.backing_ready()
    assert yard.room.singing.song is None


def test_two_songs_are_not_sung_at_once(yard: Courtyard) -> None:
    ada, _ = singing(yard)
    yard.say(ada, m.Start())
    assert [problem.code for problem in yard.heard(ada, m.Problem)] == ["song_running"]


def test_rows_do_not_change_inside_a_song(yard: Courtyard) -> None:
    ada, bea, cio = singing(yard, voices=3)
    before = yard.song.seating
    yard.say(bea, m.Link(up_samples=90_000, down_samples=90_000))
    yard.go(cio)
    yard.wait(5)
    assert yard.song.seating == before
    assert yard.heard(ada, m.Rows) == []


def test_a_way_of_no_length_was_not_measured(yard: Courtyard) -> None:
    _, bea = singing(yard)
    yard.wait(4)
    dan = yard.come("performer", "Dan")
    yard.say(dan, m.Link(up_samples=0, down_samples=960))
    yard.say(dan, CHECK)
    assert yard.song.seating.row_of(yard.seat(dan)) is None, "nobody is seated before their way is known"
    yard.say(dan, m.Link(up_samples=2400, down_samples=960))
    assert yard.song.seating.row_of(yard.seat(dan)) == yard.song.seating.row_of(yard.seat(bea))


def test_a_check_said_again_in_a_song_moves_nobody(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(4)
    seating, seat = yard.song.seating, yard.room.seats.find(yard.seat(bea))
    assert seat is not None
    seat.check = None  # as after the server's restart
    yard.say(bea, CHECK)
    told = len(yard.heard(ada, m.SongChanged)), len(yard.heard(ada, m.SeatChanged))
    yard.say(bea, CHECK)
    assert (len(yard.heard(ada, m.SongChanged)), len(yard.heard(ada, m.SeatChanged))) == told
    assert yard.song.seating == seating
    assert yard.way_up(bea) is not None
    yard.sing(bea, yard.now - 20_000)
    assert yard.events(ev.Sang)[-1].audible
    yard.say(bea, m.Check(method="acoustic", output="bluetooth", round_trip_samples=9000, spread_samples=5))
    assert yard.way_up(bea) is None
    assert yard.song.seating == seating


def test_a_late_comer_joins_the_last_row_and_moves_nobody(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(4)
    delays = yard.song.seating.delays_samples
    dan = yard.sing_in("performer", "Dan", up_ms=50, down_ms=30)
    assert yard.heard(dan, m.Welcome)[0].song is not None
    rows = yard.heard(ada, m.SongChanged)[-1].rows
    assert rows == ((yard.seat(ada),), (yard.seat(bea), yard.seat(dan)))
    assert yard.song.seating.delays_samples == delays
    yard.sing(dan, yard.now - 20_000)
    assert yard.events(ev.Sang)[-1].seat == yard.seat(dan)


def test_a_stop_acts_at_its_position(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(6)
    heard = yard.now - 2000
    yard.say(ada, m.Stop(position=heard))
    assert yard.heard(bea, m.SongChanged)[-1].stop == heard
    assert states(yard, bea)[-1] == "ending"


def test_nobody_stops_in_the_future(yard: Courtyard) -> None:
    ada, _ = singing(yard)
    yard.wait(6)
    yard.say(ada, m.Stop(position=yard.now + 10 * SAMPLE_RATE))
    assert yard.song.stop == yard.now


def test_a_stop_in_the_count_in_is_no_performance(yard: Courtyard) -> None:
    ada, bea = singing(yard, piece="ode")
    yard.wait(2)
    yard.say(ada, m.Stop(position=yard.now))
    assert states(yard, bea) == ["count_in", "discarded"]
    assert yard.events(ev.Delete) == [ev.Delete(performance="p1")]
    assert yard.heard(yard.come(), m.Welcome)[0].song is None


def test_a_stop_of_an_earlier_song_that_comes_late_ends_nothing(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(6)
    pressed = yard.now
    yard.say(ada, m.Again())
    yard.wait(1)
    yard.say(ada, m.Stop(position=pressed - 5 * SAMPLE_RATE))
    assert states(yard, bea)[-1] == "count_in"
    yard.say(ada, m.Stop(position=yard.now))
    assert states(yard, bea)[-1] == "discarded"


def test_again_discards_and_starts_anew(yard: Courtyard) -> None:
    ada, bea = singing(yard, piece="ode")
    yard.wait(5)
    yard.say(ada, m.Again())
    told = yard.heard(bea, m.SongChanged)
    assert [(song.performance, song.state) for song in told[-2:]] == [("p1", "discarded"), ("p2", "count_in")]
    assert told[-1].start == yard.now + START_AHEAD_SAMPLES
    assert yard.events(ev.Delete) == [ev.Delete(performance="p1")]


def test_a_song_goes_on_without_its_leader_and_a_host_may_stop_it(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    cio = yard.come("host", "Cio")
    yard.go(ada)
    yard.wait(30)
    assert yard.state == "singing"
    yard.sing(bea, yard.now - 20_000)
    assert len(yard.events(ev.Sang)) == 1
    yard.say(cio, m.Stop(position=yard.now - 20_000))
    assert yard.state == "ending"


def test_a_free_song_ends_when_nobody_is_left_to_end_it(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(5)
    yard.go(ada)
    yard.wait(19)
    assert yard.state == "singing"
    yard.wait(2)
    assert yard.state == "ending"
    assert states(yard, bea)[-1] == "ending"


def test_no_song_is_longer_than_allowed() -> None:
    yard = Courtyard(limits=RoomLimits(song_samples_max=10 * SAMPLE_RATE))
    singing(yard)
    yard.wait(12)
    assert yard.song.stop is not None
    assert yard.song.stop - yard.song.start <= 10 * SAMPLE_RATE + FRAME_SAMPLES
