"""Pages that are gone: their balconies keep nobody out, and whoever comes back is still themselves, in a song too."""

from __future__ import annotations

import pytest

from tests.sim.courtyard import Courtyard, ended, send_all, singing, whole
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.room import RoomLimits
from unisono.core.seats import Seats
from unisono.errors import RoomFull
from unisono.units import Position


@pytest.fixture
def small() -> Courtyard:
    """A courtyard with three balconies."""
    return Courtyard(limits=RoomLimits(performers_max=3))


def key_of(yard: Courtyard, number: int) -> str | None:
    return yard.heard(number, m.Welcome)[0].key


def free(yard: Courtyard, number: int) -> list[int]:
    """The seats that a socket was told are free."""
    return [gone.seat for gone in yard.heard(number, m.Gone)]


def test_a_singer_who_comes_back_after_minutes_has_their_seat_their_row_and_their_voice(yard: Courtyard) -> None:
    ada, bea, cio = singing(yard, voices=3)
    yard.wait(3)
    yard.sing(bea, yard.now - 20_000)
    seat, row = yard.seat(bea), yard.song.row_of(yard.seat(bea))
    yard.go(bea)
    yard.wait(150)
    assert free(yard, ada) == []
    again = yard.come(key=key_of(yard, bea))
    welcome = yard.heard(again, m.Welcome)[0]
    assert welcome.seat == seat
    assert welcome.song is not None
    assert [index for index, seats in enumerate(welcome.song.rows) if seat in seats] == [row]
    assert [one.row for one in welcome.seats if one.seat == seat] == [row]
    yard.sing(again, yard.now - 20_000, epoch=1)
    sang = yard.events(ev.Sang)[-1]
    assert (sang.seat, sang.packet.epoch, sang.audible) == (seat, 1, True)
    assert yard.heard(cio, m.SeatChanged)[-1].seat.present


def test_one_who_sat_down_to_sing_and_has_not_sung_yet_keeps_the_row_too(yard: Courtyard) -> None:
    _, bea = singing(yard)
    row = yard.song.row_of(yard.seat(bea))
    yard.go(bea)
    yard.wait(90)
    again = yard.come(key=key_of(yard, bea))
    assert yard.seat(again) == yard.seat(bea)
    assert yard.song.row_of(yard.seat(again)) == row


def test_a_courtyard_full_of_ghosts_is_not_full_even_in_a_song(small: Courtyard) -> None:
    ada, bea, cio = singing(small, voices=3)
    small.wait(3)
    for number in (bea, cio):
        small.sing(number, small.now - 20_000)
        small.go(number)
        small.wait(1)
    newcomers = [small.sing_in(name="Dan"), small.sing_in(name="Eva")]
    assert free(small, ada) == [small.seat(bea), small.seat(cio)], "whoever is away for longest makes room first"
    assert [seat.name for seat in small.heard(newcomers[1], m.Welcome)[0].seats] == ["Ada", "Voice 2", "Dan", "Eva"]
    with pytest.raises(RoomFull):
        small.come(name="Fred")


def test_one_whose_balcony_was_needed_is_still_themselves_in_the_song_and_complete_in_the_recording(
    small: Courtyard,
) -> None:
    numbers = singing(small, voices=3)
    ada, bea, cio = numbers
    small.wait(3)
    for number in (bea, cio):
        small.sing(number, small.now - 20_000)
    row = small.song.row_of(small.seat(bea))
    small.go(bea)
    small.come(name="Dan")
    assert free(small, ada) == [small.seat(bea)]
    again = small.come(key=key_of(small, bea))
    assert small.seat(again) == small.seat(bea)
    assert small.song.row_of(small.seat(again)) == row
    assert small.heard(ada, m.SeatChanged)[-1].seat.name == "Voice 1"
    ended(small, [ada])
    for number in (ada, again, cio):
        send_all(small, number)
        small.wrote(small.seat(number), whole(small))
    small.wait(1)
    assert small.state == "mixing"


def test_those_who_do_not_sing_make_room_before_those_who_do(small: Courtyard) -> None:
    ada, bea = singing(small)
    small.wait(3)
    small.sing(bea, small.now - 20_000)
    small.go(bea)
    small.wait(2)
    cio = small.come(name="Cio")
    small.go(cio)
    small.come(name="Dan")
    assert free(small, ada) == [small.seat(cio)], "away for a shorter time, but not in the song"


def test_the_leaders_balcony_stays_through_the_song(small: Courtyard) -> None:
    ada, bea, cio = singing(small, voices=3)
    small.wait(3)
    small.go(ada)
    small.come("host", "Dan")
    small.come("host", "Eva")
    assert free(small, bea) == []
    again = small.come("host", key=key_of(small, ada))
    assert small.room.singing.leader == small.seat(again)
    assert small.heard(cio, m.LeaderChanged) == [], "nobody else ever led"


def test_ghosts_are_gone_when_the_song_is_over(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(3)
    yard.sing(bea, yard.now - 20_000)
    yard.go(bea)
    yard.wait(70)
    assert free(yard, ada) == []
    ended(yard, [ada], seconds=0)
    yard.wait(30)
    assert free(yard, ada) == [yard.seat(bea)]
    again = yard.come(key=key_of(yard, bea))
    assert yard.seat(again) == yard.seat(bea)


def test_a_ghost_in_a_song_does_not_keep_the_room_awake() -> None:
    seats = Seats(performers_max=3, listeners_max=3)
    bea = seats.make(key_hash="bea", role="performer", link=1)
    seats.connect(bea, 7)
    seats.disconnect(7, Position(0))
    assert seats.next_gone(frozenset()) == 60 * 48_000
    assert seats.next_gone(frozenset({bea.number})) is None
