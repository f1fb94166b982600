"""Who sings what: said by oneself or a host, kept, and what was sung stays what was said then."""

from __future__ import annotations

import msgspec
import pytest

from tests.sim.courtyard import Courtyard, singing
from tests.unit.test_memory import key, restarted
from tests.unit.test_room import codes
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.parts import name_of_part
from unisono.core.song import SongRun
from unisono.errors import BadPart


def parts(yard: Courtyard, number: int) -> dict[str, str]:
    """What a newcomer and `number` agree on: who sings what."""
    shown = yard.heard(yard.come("listener"), m.Welcome)[0].seats
    told = {told.seat.seat: told.seat.part for told in yard.heard(number, m.SeatChanged)}
    for seat in shown:
        assert told.get(seat.seat, seat.part) == seat.part
    return {seat.name: seat.part for seat in shown if seat.role != "listener"}


def test_what_somebody_sings_is_shown_to_all_and_kept(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come(name="Bea")
    yard.done.clear()
    yard.say(bea, m.Part(part="  alto "))
    assert parts(yard, ada) == {"Ada": "", "Bea": "alto"}
    assert ev.Remember(seat=yard.seat(bea)) in yard.done
    yard.say(bea, m.Part(part=""))
    assert parts(yard, ada) == {"Ada": "", "Bea": ""}


def test_saying_the_same_again_tells_nobody(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come(name="Bea")
    for _ in range(100):
        yard.say(bea, m.Part(part="alto"))
    assert len(yard.heard(ada, m.SeatChanged)) == 2, "she came, and she sings alto"
    assert codes(yard, bea) == []


def test_a_host_says_it_for_somebody_and_nobody_else_does(yard: Courtyard) -> None:
    ada, bea, leo = yard.come("host", "Ada"), yard.come(name="Bea"), yard.come("listener", "Leo")
    yard.say(ada, m.Part(part="tenor", seat=yard.seat(bea)))
    yard.say(bea, m.Part(part="bass", seat=yard.seat(ada)))
    yard.say(ada, m.Part(part="bass", seat=65_000))
    yard.say(ada, m.Part(part="bass", seat=yard.seat(leo)))
    yard.say(leo, m.Part(part="bass"))
    assert parts(yard, ada) == {"Ada": "", "Bea": "tenor"}
    assert (codes(yard, bea), codes(yard, ada), codes(yard, leo)) == (
        ["not_allowed"],
        ["nobody_there", "not_allowed"],
        ["not_allowed"],
    )


@pytest.mark.parametrize("text", ["a" * 41, "al\x00to", "alto\nbass", "\x1b[31m", "\u202e", "\ud800", "x" * 16_000])
def test_what_can_be_no_name_is_a_kind_word_and_changes_nothing(yard: Courtyard, text: str) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come(name="Bea")
    yard.say(bea, m.Part(part="alto"))
    yard.say(bea, m.Part(part=text))
    assert codes(yard, bea) == ["bad_part"]
    assert codes(yard, ada) == []
    assert parts(yard, ada) == {"Ada": "", "Bea": "alto"}


@pytest.mark.parametrize(
    ("text", "name"), [("Violín  2", "Violín 2"), ("女高音", "女高音"), (" ", ""), ("\ufeffalto", "alto")]
)
def test_any_name_that_can_be_read_is_one(text: str, name: str) -> None:
    assert name_of_part(text) == name


def test_the_name_of_a_part_is_as_long_as_that_of_a_clips() -> None:
    assert len(name_of_part("ß" * 40)) == 40
    with pytest.raises(BadPart):
        name_of_part("ß" * 41)


def test_too_many_changes_are_too_fast(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come(name="Bea")
    for number in range(60):
        yard.say(bea, m.Part(part=f"voice {number}"))
    assert "too_fast" in codes(yard, bea)
    assert codes(yard, ada) == []


def test_who_knows_nothing_of_parts_keeps_theirs(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come(name="Bea")
    yard.say(bea, m.Part(part="alto"))
    yard.say(bea, m.Who(name="Beatrice"))
    assert parts(yard, ada) == {"Ada": "", "Beatrice": "alto"}
    told = m.encode(yard.heard(bea, m.SeatChanged)[-2])
    without = told.replace(',"part":"alto"', "")
    assert without != told
    older = m.decode_from_room(without)
    assert isinstance(older, m.SeatChanged)
    assert older.seat.part == "", "an older server says nothing of parts"


def test_it_comes_back_with_its_seat_after_a_reload_and_a_restart(yard: Courtyard) -> None:
    bea = yard.come(name="Bea")
    yard.say(bea, m.Part(part="alto"))
    yard.go(bea)
    back = yard.come(name="Bea", key=key(yard, bea))
    assert yard.heard(back, m.Welcome)[0].seats[0].part == "alto"
    other = restarted(yard)
    assert other.heard(other.come(key=key(yard, bea)), m.Welcome)[0].seats[0].part == "alto"


def test_what_was_sung_is_what_was_said_before_the_song_ended(yard: Courtyard) -> None:
    ada, _bea = singing(yard)
    seat = yard.seat(ada)
    yard.say(ada, m.Part(part="alto"))
    yard.say(ada, m.Part(part="tenor"))
    assert yard.song.parts == {}, "while it is sung, the last word counts"
    yard.wait(3)
    yard.say(ada, m.Stop(position=yard.now))
    assert yard.state == "ending"
    yard.done.clear()
    yard.say(ada, m.Part(part="bass"))
    yard.say(ada, m.Part(part="soprano"))
    assert yard.song.parts == {seat: "tenor"}
    assert yard.events(ev.SongStateChanged) == [ev.SongStateChanged(performance=yard.song.performance)]
    kept = msgspec.convert(msgspec.json.decode(msgspec.json.encode(yard.song)), SongRun, strict=False)
    assert kept.parts == {seat: "tenor"}, "a restart forgets nothing"
