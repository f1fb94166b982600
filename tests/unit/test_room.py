"""The room between songs: who comes and goes, who may do what, what is told to whom."""

from __future__ import annotations

import pytest

from tests.sim.courtyard import Courtyard, voice
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.room import RoomLimits
from unisono.core.wire import Kind
from unisono.errors import MalformedMessage, NotAllowed, RoomFull
from unisono.units import SAMPLE_RATE


def codes(yard: Courtyard, number: int) -> list[str]:
    return [problem.code for problem in yard.heard(number, m.Problem)]


def test_a_newcomer_is_welcomed_first_and_shown_to_the_others(yard: Courtyard) -> None:
    ada = yard.come("host", "Ada")
    bea = yard.come("performer", "Bea")
    welcome = yard.heard(bea, m.Welcome)[0]
    assert yard.inboxes[bea][0] is welcome
    assert welcome.room == m.RoomInfo(title="Via Roma", place="Siena", role="performer")
    assert [seat.name for seat in welcome.seats] == ["Ada", "Bea"]
    assert welcome.leader == yard.seat(ada)
    assert [told.seat.name for told in yard.heard(ada, m.SeatChanged)] == ["Bea"]
    assert yard.heard(bea, m.SeatChanged) == []


def test_the_first_host_leads_and_no_performer_does(yard: Courtyard) -> None:
    bea = yard.come("performer", "Bea")
    assert yard.room.singing.leader is None
    ada = yard.come("host", "Ada")
    assert yard.heard(bea, m.LeaderChanged)[-1].seat == yard.seat(ada)


def test_who_watches_has_no_seat_until_stepping_out(yard: Courtyard) -> None:
    ada = yard.come("host", "Ada")
    bea = yard.come("performer", watch=True)
    assert yard.heard(bea, m.Welcome)[0].seat == 0
    assert yard.heard(bea, m.Welcome)[0].key is None
    assert yard.heard(ada, m.SeatChanged) == []
    yard.say(bea, m.Who(name="Bea"))
    second = yard.heard(bea, m.Welcome)[1]
    assert second.seat != 0
    assert second.key is not None
    assert yard.heard(ada, m.SeatChanged)[0].seat.name == "Bea"


def test_who_watches_may_do_nothing_else(yard: Courtyard) -> None:
    bea = yard.come("performer", watch=True)
    yard.say(bea, m.Write(text="hello"))
    assert codes(yard, bea) == ["not_allowed"]
    with pytest.raises(NotAllowed):
        yard.sing(bea, yard.now)


def test_a_key_brings_back_the_same_seat_and_name(yard: Courtyard) -> None:
    bea = yard.come("performer", "Bea")
    key, seat = yard.heard(bea, m.Welcome)[0].key, yard.seat(bea)
    yard.go(bea)
    yard.wait(5)
    again = yard.come("performer", key=key)
    assert yard.seat(again) == seat
    assert yard.heard(again, m.Welcome)[0].seats[0].name == "Bea"
    assert yard.heard(again, m.Welcome)[0].key == key


def test_a_key_still_works_when_the_balcony_is_free(yard: Courtyard) -> None:
    ada = yard.come("host", "Ada")
    bea = yard.come("performer", "Bea")
    key, seat = yard.heard(bea, m.Welcome)[0].key, yard.seat(bea)
    yard.go(bea)
    assert yard.heard(ada, m.Left)[-1].seat == seat
    yard.wait(59)
    assert yard.heard(ada, m.Gone) == []
    yard.wait(2)
    assert yard.heard(ada, m.Gone)[-1].seat == seat
    assert yard.seat(yard.come("performer", key=key)) == seat


def test_a_second_tab_takes_the_seat_over(yard: Courtyard) -> None:
    bea = yard.come("performer", "Bea")
    again = yard.come("performer", key=yard.heard(bea, m.Welcome)[0].key)
    assert yard.closed == {bea: 4409}
    yard.go(bea)
    assert yard.heard(again, m.Left) == [], "the first tab's end is not the seat's"


def test_an_unknown_key_is_a_newcomer(yard: Courtyard) -> None:
    first, second = yard.come(name="Bea"), yard.come(name="Cio", key="made up")
    assert yard.seat(first) != yard.seat(second)


def test_a_full_room_says_so_and_hosts_still_come() -> None:
    yard = Courtyard(limits=RoomLimits(performers_max=2, listeners_max=1))
    yard.come("performer", "a")
    yard.come("performer", "b")
    yard.come("listener")
    for role in ("performer", "listener"):
        with pytest.raises(RoomFull):
            yard.come(role)
    yard.come("host", "Ada")


def test_who_comes_and_goes_again_and_again_keeps_nobody_out() -> None:
    yard = Courtyard(limits=RoomLimits(performers_max=2, listeners_max=1))
    ada = yard.come("host", "Ada")
    for _ in range(10):
        yard.go(yard.come("performer", "Ghost"))
    assert len(yard.heard(ada, m.Gone)) >= 8
    bea = yard.come("performer", "Bea")
    assert [gone.seat for gone in yard.heard(bea, m.Gone)] == [yard.seat(bea) - 1]
    assert [seat.name for seat in yard.room.seats] == ["Ada", "Bea"]


def test_only_so_many_watch() -> None:
    yard = Courtyard(limits=RoomLimits(performers_max=2, listeners_max=1))
    for _ in range(3):
        yard.come("performer", watch=True)
    with pytest.raises(RoomFull):
        yard.come("performer", watch=True)
    yard.come("host", watch=True)


def test_a_revoked_link_closes_those_who_came_by_it(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("performer", "Bea")
    cio = yard.come("performer", watch=True)
    yard.room.revoke([2], yard.now)
    yard.settle()
    assert yard.closed == {bea: 4401, cio: 4401}
    key_hash = f"hash of {yard.heard(ada, m.Welcome)[0].key}"
    dan = yard.come("host", "Dan")
    yard.room.revoke([1], yard.now, apart_from_key=key_hash)
    yard.settle()
    assert set(yard.closed) == {bea, cio, dan}


def test_waves_hands_and_lines_reach_everybody(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("listener", "Bea")
    yard.say(bea, m.Wave())
    yard.say(bea, m.Hand(up=True))
    yard.say(bea, m.Write(text=" so  \u202elovely\n\x07 "))
    seat = yard.seat(bea)
    for number in (ada, bea):
        assert yard.heard(number, m.SeatWaved) == [m.SeatWaved(seat=seat)]
        assert yard.heard(number, m.SeatHand) == [m.SeatHand(seat=seat, up=True)]
        assert yard.heard(number, m.SeatWrote) == [m.SeatWrote(seat=seat, text="so lovely", at=yard.now)]
    later = yard.come("listener", "Cio")
    assert [wrote.text for wrote in yard.heard(later, m.Welcome)[0].written] == ["so lovely"]


def test_only_the_last_fifty_lines_are_kept(yard: Courtyard) -> None:
    bea = yard.come("listener", "Bea")
    for index in range(60):
        yard.say(bea, m.Write(text=str(index)))
        yard.wait(2)
    written = yard.heard(yard.come("listener"), m.Welcome)[0].written
    assert [wrote.text for wrote in written] == [str(index) for index in range(10, 60)]


def test_too_many_lines_and_waves_are_not_passed_on(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("listener", "Bea")
    for _ in range(50):
        yard.say(bea, m.Write(text="!"))
        yard.say(bea, m.Wave())
    assert len(yard.heard(ada, m.SeatWrote)) == 6
    assert len(yard.heard(ada, m.SeatWaved)) == 6
    assert set(codes(yard, bea)) == {"too_fast"}
    assert codes(yard, ada) == []


@pytest.mark.parametrize(
    "message", [m.Pick(piece=None), m.Note(), m.Start(), m.Stop(position=1), m.Again(), m.Discard(performance="p1")]
)
def test_only_leader_and_hosts_conduct(yard: Courtyard, message: m.FromPage) -> None:
    yard.come("host", "Ada")
    for role in ("performer", "listener"):
        number = yard.come(role)
        yard.say(number, message)
        assert codes(yard, number) == ["not_allowed"]
    assert yard.room.singing.song is None


def test_only_hosts_choose_who_leads(yard: Courtyard) -> None:
    ada, bea, cio = yard.come("host", "Ada"), yard.come(name="Bea"), yard.come("listener", "Cio")
    yard.say(bea, m.Lead(seat=yard.seat(bea)))
    assert codes(yard, bea) == ["not_allowed"]
    yard.say(ada, m.Lead(seat=yard.seat(bea)))
    assert yard.heard(cio, m.LeaderChanged)[-1].seat == yard.seat(bea)
    yard.say(ada, m.Lead(seat=yard.seat(cio)))
    yard.say(ada, m.Lead(seat=999))
    assert codes(yard, ada) == ["not_allowed", "nobody_there"]
    yard.say(bea, m.Pick(piece=None))
    assert yard.heard(cio, m.PiecePicked)[-1].by == yard.seat(bea)


def test_the_lead_goes_to_a_host_when_the_leader_is_gone(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come(name="Bea")
    yard.say(ada, m.Lead(seat=yard.seat(bea)))
    yard.go(bea)
    yard.wait(61)
    assert yard.heard(ada, m.LeaderChanged)[-1].seat == yard.seat(ada)
    yard.go(ada)
    yard.wait(61)
    assert yard.room.singing.leader is None


def test_the_starting_note_follows_the_key(yard: Courtyard) -> None:
    ada, bea = yard.come("host", "Ada"), yard.come("listener")
    yard.say(ada, m.Note())
    yard.say(ada, m.Pick(piece="ode", key=-2, tempo_bpm=0))
    yard.say(ada, m.Note())
    assert [note.midi for note in yard.heard(bea, m.NoteSounded)] == [62]
    assert yard.heard(bea, m.PiecePicked)[-1].tempo_bpm == 120


def test_a_piece_nobody_knows_is_a_problem(yard: Courtyard) -> None:
    ada = yard.come("host", "Ada")
    yard.say(ada, m.Pick(piece="nessun-dorma"))
    assert codes(yard, ada) == ["unknown_piece"]


def test_the_rows_are_told_when_they_change_and_not_otherwise(yard: Courtyard) -> None:
    ada = yard.sing_in("host", "Ada")
    yard.wait(2)
    bea = yard.sing_in(name="Bea")
    yard.wait(2)
    yard.say(bea, m.Link(up_samples=3000, down_samples=2000))
    yard.wait(2)
    assert [told.rows for told in yard.heard(ada, m.Rows)] == [
        ((yard.seat(ada),),),
        ((yard.seat(ada),), (yard.seat(bea),)),
    ]


def test_talk_is_passed_on_while_the_microphone_is_open(yard: Courtyard) -> None:
    bea, cio = yard.come(name="Bea"), yard.come("listener")
    packet = voice(yard.now, kind=Kind.TALK)
    yard.room.packet(bea, packet, yard.now)
    yard.settle()
    assert yard.events(ev.Talked) == []
    yard.say(bea, m.Talk(on=True))
    assert yard.heard(cio, m.SeatChanged)[-1].seat.talking
    yard.room.packet(bea, packet, yard.now)
    yard.settle()
    assert [talked.seat for talked in yard.events(ev.Talked)] == [yard.seat(bea)]
    yard.wait(0.2)
    assert yard.heard(cio, m.Levels)[-1].levels == {yard.seat(bea): 20}
    yard.say(cio, m.Talk(on=True))
    assert codes(yard, cio) == ["not_allowed"]
    with pytest.raises(NotAllowed):
        yard.room.packet(cio, packet, yard.now)


def test_silence_lights_no_balcony(yard: Courtyard) -> None:
    bea = yard.come(name="Bea")
    yard.say(bea, m.Talk(on=True))
    yard.room.packet(bea, voice(yard.now, kind=Kind.TALK, level=127), yard.now)
    yard.wait(1)
    assert yard.heard(bea, m.Levels) == []


def test_a_second_hello_breaks_the_protocol(yard: Courtyard) -> None:
    hello = m.Hello(version=1, token="t", decodes="opus")
    for watch in (False, True):
        number = yard.come(watch=watch)
        with pytest.raises(MalformedMessage):
            yard.say(number, hello)


def test_an_empty_room_has_nothing_to_wait_for(yard: Courtyard) -> None:
    assert yard.room.next_due(yard.now) is None
    bea = yard.come(name="Bea")
    yard.go(bea)
    yard.wait(2)
    due = yard.room.next_due(yard.now)
    assert due is not None
    assert due - yard.now == 58 * SAMPLE_RATE
    yard.wait(60)
    assert yard.room.next_due(yard.now) is None


def test_gone_seats_are_forgotten_after_many_others(monkeypatch: pytest.MonkeyPatch, yard: Courtyard) -> None:
    monkeypatch.setattr("unisono.core.seats.REMEMBERED_MAX", 3)
    for _ in range(6):
        yard.go(yard.come("listener"))
    yard.wait(61)
    yard.come("listener")
    assert [forgotten.seat for forgotten in yard.events(ev.Forget)] == [1, 2, 3]
