"""What of a room comes back when its server was restarted: people on dark balconies, who leads, what was picked."""

from __future__ import annotations

from tests.sim.courtyard import ODE, Courtyard, mixing, singing
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.memory import memory_of, recall
from unisono.core.song import SongRun
from unisono.units import SAMPLE_RATE


def restarted(yard: Courtyard, song: SongRun | None = None) -> Courtyard:
    """The same room on a server that was started anew, nobody back yet."""
    memory, other = memory_of(yard.room), Courtyard(now=yard.now)
    for seat in yard.room.seats:
        seat.connection, seat.gone, seat.check = None, True, None
        other.room.seats.put_back(seat)
    if song is not None:
        other.room.singing.restore(song, {})
    recall(other.room, memory, other.now)
    return other


def key(yard: Courtyard, number: int) -> str | None:
    return yard.heard(number, m.Welcome)[0].key


def test_people_stand_on_dark_balconies_until_they_are_back(yard: Courtyard) -> None:
    ada, bea = yard.sing_in("host", "Ada"), yard.sing_in(name="Bea")
    other = restarted(yard)
    back = other.come(key=key(yard, bea))
    seats = {seat.name: seat.present for seat in other.heard(back, m.Welcome)[0].seats}
    assert seats == {"Ada": False, "Bea": True}
    other.wait(61)
    assert [gone.seat for gone in other.heard(back, m.Gone)] == [yard.seat(ada)]


def test_who_led_leads_and_what_was_picked_is_picked(yard: Courtyard) -> None:
    ada, bea = yard.sing_in("host", "Ada"), yard.sing_in(name="Bea")
    yard.say(ada, m.Lead(seat=yard.seat(bea)))
    yard.say(bea, m.Pick(piece=ODE.id, key=2, tempo_bpm=100))
    other = restarted(yard)
    welcome = other.heard(other.come("host", key=key(yard, ada)), m.Welcome)[0]
    assert welcome.leader == yard.seat(bea)
    assert welcome.piece == m.Picked(piece=ODE.id, key=2, tempo_bpm=100, by=yard.seat(bea))
    assert [ready.key for ready in other.events(ev.PrepareBacking)] == [2], "its backing is ready for the start"


def test_a_leader_who_does_not_come_back_makes_room_for_a_host(yard: Courtyard) -> None:
    ada, bea = yard.sing_in("host", "Ada"), yard.sing_in(name="Bea")
    yard.say(ada, m.Lead(seat=yard.seat(bea)))
    other = restarted(yard)
    host = other.come("host", key=key(yard, ada))
    other.wait(61)
    assert [leader.seat for leader in other.heard(host, m.LeaderChanged)][-1] == yard.seat(ada)


def test_a_song_that_was_being_mixed_gets_its_premiere(yard: Courtyard) -> None:
    ada, _ = mixing(yard)
    other = restarted(yard, yard.song)
    back = other.come("host", key=key(yard, ada))
    song = other.heard(back, m.Welcome)[0].song
    assert song is not None
    assert (song.performance, song.state) == (yard.song.performance, "mixing")
    other.room.singing.mix_ready(song.performance, page="/p", url="/m", samples=SAMPLE_RATE, now=other.now)
    other.settle()
    assert len(other.heard(back, m.Premiere)) == 1


def test_a_premiere_is_not_begun_again(yard: Courtyard) -> None:
    """Pages in the middle of it play on; who comes hears the rest; it ends when it was heard and is all there."""
    ada, _ = mixing(yard)
    performance = yard.song.performance
    yard.room.singing.first_file_ready(performance, url="/m", samples=10 * SAMPLE_RATE, now=yard.now)
    yard.wait(4)
    premiere = yard.heard(ada, m.Premiere)
    other = restarted(yard, yard.song)
    back = other.come("host", key=key(yard, ada))
    assert other.heard(back, m.Premiere) == premiere
    other.room.singing.mix_ready(performance, page="/p", url="/m", samples=10 * SAMPLE_RATE, now=other.now)
    other.wait(1)
    assert other.state == "premiere"
    assert other.heard(back, m.Premiere) == premiere
    other.wait(10)
    assert other.state == "done"


def test_singers_of_a_song_under_way_are_there_whatever_was_remembered(yard: Courtyard) -> None:
    numbers = singing(yard, voices=3)
    yard.wait(3)
    song, other = yard.song, Courtyard(now=yard.now)
    for seat in yard.room.seats:
        seat.connection, seat.gone = None, True
        other.room.seats.put_back(seat)
    other.room.singing.restore(song, {})
    recall(other.room, memory_of(Courtyard().room), other.now)
    back = other.come(key=key(yard, numbers[1]))
    assert len(other.heard(back, m.Welcome)[0].seats) == 3
