"""What one person may do how often, and what a full disk or going back in time brings: nothing that spoils the room."""

from __future__ import annotations

import pytest

from tests.sim.courtyard import Courtyard, singing
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.lights import Lights
from unisono.errors import NotAllowed
from unisono.units import SAMPLE_RATE, Position

TIRED = 25
"""More changes than anybody makes at once: 20 are allowed, and 4 a second after that."""


def codes(yard: Courtyard, number: int) -> list[str]:
    return [problem.code for problem in yard.heard(number, m.Problem)]


# ---------------------------------------------------------------------------------------- too much, too fast


def test_a_balcony_is_not_repainted_without_end(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("performer", "Bea")
    before = len(yard.heard(ada, m.SeatChanged))
    for index in range(TIRED):
        yard.say(bea, m.Who(name=f"Bea {index}"))
    assert [told.seat.name for told in yard.heard(ada, m.SeatChanged)[before:]] == [f"Bea {n}" for n in range(20)]
    assert codes(yard, bea) == ["too_fast"] * 5
    yard.wait(1)
    yard.say(bea, m.Who(name="Bea again"))
    assert yard.heard(ada, m.SeatChanged)[-1].seat.name == "Bea again"


def test_a_check_said_again_unchanged_costs_nothing(yard: Courtyard) -> None:
    bea = yard.come("performer", "Bea")
    check = m.Check(method="acoustic", output="headphones", round_trip_samples=3600, spread_samples=5)
    for _ in range(100):
        yard.say(bea, check)
    assert codes(yard, bea) == []
    yard.say(bea, m.Who(name="Beatrice"))
    assert codes(yard, bea) == []


def test_hands_and_microphones_tire_and_a_microphone_can_always_be_closed(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("performer", "Bea")
    for index in range(TIRED):
        yard.say(bea, m.Hand(up=index % 2 == 0))
    assert len(yard.heard(ada, m.SeatHand)) == 20
    yard.wait(0.25)
    yard.say(bea, m.Talk(on=True))
    yard.say(bea, m.Talk(on=False))
    yard.say(bea, m.Talk(on=True))
    assert [(opened.seat, opened.on) for opened in yard.events(ev.TalkOpened)] == [
        (yard.seat(bea), True),
        (yard.seat(bea), False),
    ]


def test_a_leader_who_tires_of_picking_can_still_stop(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(4)
    for _ in range(TIRED):
        yard.say(ada, m.Pick(piece="ode"))
    assert 0 < len(yard.heard(bea, m.PiecePicked)) <= 20
    assert "too_fast" in codes(yard, ada)
    yard.say(ada, m.Stop(position=yard.now))
    assert yard.state == "ending"


def test_one_who_floods_takes_nothing_from_the_others(yard: Courtyard) -> None:
    _, bea, cio = yard.come("host", "Ada"), yard.come("listener", "Bea"), yard.come("listener", "Cio")
    for _ in range(50):
        yard.say(bea, m.Write(text="!"))
        yard.say(bea, m.Wave())
    yard.say(cio, m.Write(text="a quiet word"))
    yard.say(cio, m.Wave())
    assert yard.heard(bea, m.SeatWrote)[-1].text == "a quiet word"
    assert yard.heard(bea, m.SeatWaved)[-1] == m.SeatWaved(seat=yard.seat(cio))


def test_names_places_and_lines_are_harmless_before_anybody_sees_them(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("performer", "\u202eaeB\u0007")
    yard.say(bea, m.Who(name=" Bea\n\u2066 ", place="\tVia  Roma\u200b "))
    shown = yard.heard(ada, m.SeatChanged)
    assert [(told.seat.name, told.seat.place) for told in shown[-2:]] == [("aeB", ""), ("Bea", "Via Roma")]
    yard.say(bea, m.Write(text="\u202e\n\u0007"))
    assert yard.heard(ada, m.SeatWrote) == [], "nothing is left of it"


# ---------------------------------------------------------------------------------------- a disk that is full


FULL = "No space left on device"


def test_a_full_disk_is_told_to_hosts_and_not_all_the_time(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    for _ in range(40):
        yard.room.disk_trouble("disk_full", FULL, yard.now)
        yard.wait(0.2)
    told = yard.heard(ada, m.Problem)
    assert [(problem.code, problem.text, problem.fatal) for problem in told] == [("disk_full", FULL, False)]
    assert codes(yard, bea) == [], "a singer can do nothing about it"
    cio = yard.come("host", "Cio")
    assert codes(yard, cio) == ["disk_full"], "a host who comes now must know too"
    yard.wait(3)
    yard.room.disk_trouble("disk_full", FULL, yard.now)
    yard.settle()
    assert (codes(yard, ada), codes(yard, cio)) == (["disk_full"] * 2, ["disk_full"] * 2)
    assert yard.state == "singing", "the song goes on: pages keep what is sung"


def test_hosts_are_told_when_all_troubles_are_over(yard: Courtyard) -> None:
    ada, _ = singing(yard)
    yard.room.disk_trouble("disk_full", FULL, yard.now)
    yard.room.disk_trouble("ledger_trouble", "database or disk is full", yard.now)
    yard.room.disk_well(["disk_full", "disk_trouble", "disk_slow"])
    yard.settle()
    assert codes(yard, ada) == ["disk_full", "ledger_trouble"]
    yard.room.disk_well(["ledger_trouble"])
    yard.room.disk_well(["ledger_trouble"])
    yard.settle()
    assert codes(yard, ada)[2:] == ["disk_well"]


def test_a_disk_that_is_almost_full_is_a_warning_and_no_trouble(yard: Courtyard) -> None:
    ada, _ = singing(yard)
    for _ in range(30):
        yard.room.disk_trouble("disk_low", "300 MB are free", yard.now)
        yard.wait(1)
    yard.room.disk_well(["disk_full"])
    yard.settle()
    assert codes(yard, ada) == ["disk_low"]


def test_stems_are_waited_for_while_the_server_cannot_write(yard: Courtyard) -> None:
    """Pages have it all: that nothing gets through to the disk is no reason to mix without it."""
    ada, bea = singing(yard)
    yard.wait(3)
    yard.sing(bea, yard.now - 20_000)
    yard.say(ada, m.Stop(position=yard.now))
    for number in (ada, bea):
        yard.say(number, m.Sent(performance=yard.song.performance, epoch=0, start=yard.song.start, stop=yard.now))
    for _ in range(60):
        yard.wait(1)
        yard.room.disk_trouble("disk_full", FULL, yard.now)
    assert yard.state == "ending"
    yard.wait(40)
    assert yard.state == "mixing", "when the disk says nothing any more, patience ends as ever"


# ---------------------------------------------------------------------------------------- lights


def test_who_goes_back_in_time_lights_nothing() -> None:
    lights = Lights()
    lights.sounded(1, Position(48_000), 30)
    lights.sounded(1, Position(960), 5)
    lights.sounded(2, Position(47_000), 20)
    told = lights.tell(Position(60_000))
    assert [(levels.position, levels.levels) for levels in told] == [(43_200, {2: 20}), (48_000, {1: 30})]
    lights.sounded(1, Position(1_920), 5)
    assert not lights.waiting


def test_one_page_cannot_make_the_room_tell_of_thousands_of_moments() -> None:
    lights = Lights()
    for tenth in range(5000):
        lights.sounded(1, Position(tenth * SAMPLE_RATE // 10), 20)
    assert len(lights.tell(Position(5000 * SAMPLE_RATE // 10))) <= 64


# ---------------------------------------------------------------------------------------- links


def test_who_came_by_a_revoked_link_is_gone_from_song_and_talk(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(3)
    yard.room.revoke([2], yard.now)
    yard.settle()
    assert yard.closed == {bea: 4401}
    assert [left.seat for left in yard.heard(ada, m.Left)] == [yard.seat(bea)]
    done = len(yard.done)
    yard.say(bea, m.Write(text="still here?"))
    with pytest.raises(NotAllowed):
        yard.sing(bea, yard.now - 20_000)
    assert yard.done[done:] == [], "what its socket still sends reaches nobody"
