"""Mix and premiere, songs that are discarded, and a song after a restart."""

from __future__ import annotations

import msgspec

from tests.sim.courtyard import ODE, Courtyard, mixing, send_all, singing, states, whole
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.song import START_AHEAD_SAMPLES, SongRun
from unisono.units import SAMPLE_RATE, Position, span


def test_the_mix_is_told_and_played_to_everybody(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    yard.room.singing.mix_progress("p1", 0.5, "voices")
    yard.room.singing.mix_ready("p1", page="/performance#x", url="/media/k/mix.wav", samples=96_000, now=yard.now)
    yard.settle()
    told = yard.heard(bea, m.MixProgress)
    assert [(mix.share, mix.page) for mix in told] == [(0.5, None), (1.0, "/performance#x")]
    premiere = yard.heard(bea, m.Premiere)[0]
    assert premiere.start == yard.now + START_AHEAD_SAMPLES + 96_000 // 20
    assert yard.heard(yard.come(), m.Premiere) == [premiere], "who comes in the middle hears the rest"
    yard.wait(3)
    assert yard.state == "premiere"
    yard.wait(1)
    assert states(yard, ada)[-3:] == ["mixing", "premiere", "done"]


def test_the_premiere_begins_with_the_first_file_and_ends_with_the_last(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    yard.room.singing.first_file_ready("p1", url="/m", samples=60 * 60 * SAMPLE_RATE, now=yard.now)
    yard.settle()
    assert [told.start for told in yard.heard(bea, m.Premiere)] == [yard.now + 15 * SAMPLE_RATE]
    assert yard.room.singing.premiere is not None
    yard.now = Position(yard.room.singing.premiere.start + 60 * 60 * SAMPLE_RATE)
    yard.wait(0.1)
    assert yard.state == "premiere"
    yard.room.singing.mix_ready("p1", page="/p", url="/m", samples=1, now=yard.now)
    yard.wait(0.1)
    assert yard.state == "done"
    assert len(yard.heard(ada, m.Premiere)) == 1
    assert yard.heard(yard.come(), m.Premiere) == []


def test_a_new_song_goes_before_an_old_premiere(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    yard.say(ada, m.Start())
    yard.room.singing.mix_ready("p1", page="/performance#x", url="/m", samples=1, now=yard.now)
    yard.settle()
    assert yard.heard(bea, m.MixProgress)[-1].page == "/performance#x"
    assert yard.heard(bea, m.Premiere) == []
    assert yard.song.performance == "p2"


def test_a_failed_mix_is_said_and_the_room_goes_on(yard: Courtyard) -> None:
    ada, _ = mixing(yard)
    yard.room.singing.mix_failed("p1")
    yard.settle()
    assert yard.heard(ada, m.Problem)[-1].code == "mix_failed"
    assert yard.state == "done"
    yard.say(ada, m.Start())
    assert yard.song.performance == "p2"


def test_a_performance_is_discarded_whenever_its_leader_wants(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    yard.say(ada, m.Discard(performance="p1"))
    assert states(yard, bea)[-1] == "discarded"
    yard.say(ada, m.Discard(performance="older"))
    assert [delete.performance for delete in yard.events(ev.Delete)] == ["p1", "older"]


def test_a_song_is_gone_on_with_after_a_restart(yard: Courtyard) -> None:
    numbers = singing(yard)
    yard.wait(3)
    song = yard.song
    start = song.start - 312
    other = Courtyard(now=yard.now)
    for seat in yard.room.seats:
        seat.connection, seat.gone = None, True
        other.room.seats.put_back(seat)
    other.room.singing.restore(song, {2: {0: [span(start, start + 48_000)]}})
    back = other.come(key=yard.heard(numbers[1], m.Welcome)[0].key)
    assert other.heard(back, m.Welcome)[0].song == song.snapshot()
    host = other.come("host", key=yard.heard(numbers[0], m.Welcome)[0].key)
    other.wait(3)
    other.sing(back, other.now - 20_000)
    assert len(other.events(ev.Sang)) == 1
    other.say(host, m.Stop(position=other.now))
    send_all(other, back)
    other.wait(2)
    assert other.heard(back, m.Missing)[0].spans == ((start + 48_000, whole(other)[1]),)


def test_a_song_survives_the_ledger(yard: Courtyard) -> None:
    singing(yard, voices=4, piece=ODE.id)
    assert msgspec.json.decode(msgspec.json.encode(yard.song), type=SongRun) == yard.song
