"""The room in a song: start, rows, stop, again, the stems' repair, mix and premiere."""

from __future__ import annotations

import msgspec
import pytest

from tests.sim.courtyard import ODE, Courtyard, singing, voice
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.core.room import RoomLimits
from unisono.core.song import START_AHEAD_SAMPLES, SongRun
from unisono.core.wire import Kind
from unisono.errors import ImpossiblePosition, NotAllowed
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position, span

CHECK = m.Check(method="acoustic", output="headphones", round_trip_samples=3600, spread_samples=5)


@pytest.fixture
def yard() -> Courtyard:
    return Courtyard()


def states(yard: Courtyard, number: int) -> list[str]:
    told = [song.state for song in yard.heard(number, m.SongChanged)]
    return [state for index, state in enumerate(told) if index == 0 or told[index - 1] != state]


def state(yard: Courtyard) -> str:
    return yard.song.state


def whole(yard: Courtyard) -> tuple[int, int]:
    assert yard.song.stop is not None
    return yard.song.start - 312, yard.song.stop + 312


def send_all(yard: Courtyard, number: int, epoch: int = 0) -> None:
    start, stop = whole(yard)
    message = m.Sent(performance=yard.song.performance, epoch=epoch, start=start, stop=stop)
    yard.say(number, message)


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


# ---------------------------------------------------------------------------------------- stop and again


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
    assert state(yard) == "singing"
    yard.sing(bea, yard.now - 20_000)
    assert len(yard.events(ev.Sang)) == 1
    yard.say(cio, m.Stop(position=yard.now - 20_000))
    assert state(yard) == "ending"


def test_a_free_song_ends_when_nobody_is_left_to_end_it(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wait(5)
    yard.go(ada)
    yard.wait(19)
    assert state(yard) == "singing"
    yard.wait(2)
    assert state(yard) == "ending"
    assert states(yard, bea)[-1] == "ending"


def test_no_song_is_longer_than_allowed() -> None:
    yard = Courtyard(limits=RoomLimits(song_samples_max=10 * SAMPLE_RATE))
    singing(yard)
    yard.wait(12)
    assert yard.song.stop is not None
    assert yard.song.stop - yard.song.start <= 10 * SAMPLE_RATE + FRAME_SAMPLES


# ---------------------------------------------------------------------------------------- the stems


def ended(yard: Courtyard, numbers: list[int], seconds: float = 6.0) -> None:
    """The song is stopped, and everybody has heard its end."""
    yard.wait(seconds)
    yard.say(numbers[0], m.Stop(position=yard.now))
    assert yard.song.heard_at is not None
    yard.wait((yard.song.heard_at - yard.now) / SAMPLE_RATE + 0.6)


def test_when_every_stem_is_whole_it_is_mixed_at_once(yard: Courtyard) -> None:
    numbers = singing(yard)
    yard.wait(6)
    yard.say(numbers[0], m.Stop(position=yard.now))
    for number in numbers:
        send_all(yard, number)
        yard.wrote(yard.seat(number), whole(yard))
    assert yard.song.heard_at is not None
    yard.wait((yard.song.heard_at - yard.now) / SAMPLE_RATE + 0.4)
    assert state(yard) == "ending"
    yard.wait(0.3)
    assert state(yard) == "mixing"
    assert yard.events(ev.SongHeard) == [ev.SongHeard(performance="p1")]
    assert yard.events(ev.SongComplete) == [ev.SongComplete(performance="p1")]


def test_what_is_missing_is_asked_for_until_it_comes(yard: Courtyard) -> None:
    numbers = singing(yard)
    ada, bea = numbers
    yard.wait(6)
    yard.say(ada, m.Stop(position=yard.now))
    start, stop = whole(yard)
    hole = (start + 9600, start + 9600 + 1920)
    for number in numbers:
        send_all(yard, number)
    yard.wrote(yard.seat(ada), (start, stop))
    yard.wrote(yard.seat(bea), (start, hole[0]), (hole[1], stop))
    yard.wait(10)
    assert state(yard) == "ending"
    assert yard.heard(ada, m.Missing) == []
    asked = yard.heard(bea, m.Missing)
    assert {missing.spans for missing in asked} == {(hole,)}
    assert len(asked) == 4
    yard.wrote(yard.seat(bea), hole)
    yard.wait(0.1)
    assert state(yard) == "mixing"


def test_written_is_told_to_the_page_that_sang(yard: Courtyard) -> None:
    ada, bea = singing(yard)
    yard.wrote(yard.seat(bea), (0, 960), (1920, 2880), epoch=2)
    assert yard.heard(bea, m.Written) == [m.Written(epoch=2, spans=((0, 960), (1920, 2880)))]
    assert yard.heard(ada, m.Written) == []


def test_a_hole_shorter_than_a_frame_is_none(yard: Courtyard) -> None:
    numbers = singing(yard)
    yard.wait(6)
    yard.say(numbers[0], m.Stop(position=yard.now))
    start, stop = whole(yard)
    for number in numbers:
        send_all(yard, number)
        yard.wrote(yard.seat(number), (start + 500, start + 9600), (start + 10_000, stop))
    yard.wait(4)
    assert state(yard) == "mixing"


def test_what_was_sung_beyond_the_stop_is_not_asked_for(yard: Courtyard) -> None:
    numbers = singing(yard, voices=1)
    ended(yard, numbers)
    start, stop = whole(yard)
    yard.say(numbers[0], m.Sent(performance=yard.song.performance, epoch=0, start=start, stop=stop + 480_000))
    yard.wrote(yard.seat(numbers[0]), (start, stop + 960))
    yard.wait(1)
    assert yard.heard(numbers[0], m.Missing) == []
    assert state(yard) == "mixing"


def test_every_epoch_must_be_whole(yard: Courtyard) -> None:
    numbers = singing(yard, voices=1)
    yard.wait(6)
    yard.say(numbers[0], m.Stop(position=yard.now))
    start, stop = whole(yard)
    performance = yard.song.performance
    yard.say(numbers[0], m.Sent(performance=performance, epoch=0, start=start, stop=start + 48_000))
    yard.say(numbers[0], m.Sent(performance=performance, epoch=1, start=start + 48_000, stop=stop))
    yard.wrote(yard.seat(numbers[0]), (start, stop), epoch=0)
    yard.wait(4)
    assert yard.heard(numbers[0], m.Missing)[-1].spans == ((start + 48_000, stop),)
    yard.wrote(yard.seat(numbers[0]), (start + 48_000, stop), epoch=1)
    yard.wait(0.1)
    assert state(yard) == "mixing"


def test_who_left_is_waited_for_only_so_long(yard: Courtyard) -> None:
    numbers = singing(yard)
    bea = numbers[1]
    yard.wait(3)
    yard.sing(bea, yard.song.start)
    yard.wrote(yard.seat(bea), (yard.song.start, yard.song.start + 960))
    yard.go(bea)
    ended(yard, numbers)
    send_all(yard, numbers[0])
    yard.wrote(yard.seat(numbers[0]), whole(yard))
    yard.wait(9)
    assert state(yard) == "ending"
    yard.wait(2)
    assert state(yard) == "mixing"


def test_who_came_back_in_time_completes_the_stem(yard: Courtyard) -> None:
    numbers = singing(yard)
    ada, bea = numbers
    key, seat = yard.heard(bea, m.Welcome)[0].key, yard.seat(bea)
    yard.wait(3)
    yard.wrote(seat, (yard.song.start - 312, yard.song.start + 960))
    yard.go(bea)
    ended(yard, numbers)
    send_all(yard, ada)
    yard.wrote(yard.seat(ada), whole(yard))
    yard.wait(8)
    back = yard.come(key=key)
    send_all(yard, back)
    yard.wait(1)
    assert yard.heard(back, m.Missing)[0].spans == ((yard.song.start + 960, whole(yard)[1]),)
    yard.wrote(seat, whole(yard))
    yard.wait(0.1)
    assert state(yard) == "mixing"


def test_progress_buys_time(yard: Courtyard) -> None:
    numbers = singing(yard, voices=1)
    ended(yard, numbers)
    send_all(yard, numbers[0])
    start, _ = whole(yard)
    for at in range(start, start + 3 * 48_000, 48_000):
        yard.wait(15)
        yard.wrote(yard.seat(numbers[0]), (at, at + 48_000))
        assert state(yard) == "ending"
    yard.wait(21)
    assert state(yard) == "mixing"


def test_repair_after_the_song_grows_its_stem_or_is_forgotten(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    start = yard.song.start
    yard.sing(bea, start, repair=True)
    assert yard.events(ev.Sang)[-1] == ev.Sang(
        performance="p1", seat=yard.seat(bea), packet=voice(start, repair=True), audible=False
    )
    yard.room.wrote(yard.seat(bea), "p1", 0, [span(start, start + 960)])
    yard.say(ada, m.Start())
    yard.wait(3)
    yard.sing(bea, start + 960, repair=True)
    assert yard.events(ev.Sang)[-1].performance == "p1", "the next song does not hide the one before"
    stranger = yard.sing_in()
    yard.sing(stranger, start, repair=True)
    yard.say(ada, m.Discard(performance="p1"))
    yard.sing(bea, start + 1920, repair=True)
    assert len(yard.events(ev.Sang)) == 2
    assert [told.spans for told in yard.heard(stranger, m.Written)] == [((start, start + 960),)]
    assert [told.spans for told in yard.heard(bea, m.Written)] == [
        ((start, start + 960),),
        ((start + 1920, start + 2880),),
    ]


def test_a_trickle_buys_five_minutes_at_most(yard: Courtyard) -> None:
    numbers = singing(yard, voices=1)
    ended(yard, numbers)
    send_all(yard, numbers[0])
    start, waited = whole(yard)[0], 0
    while state(yard) == "ending" and waited < 1000:
        yard.wrote(yard.seat(numbers[0]), (start + 960 * waited, start + 960 * waited + 960))
        yard.wait(4)
        waited += 4
    assert 290 <= waited <= 310


def test_a_singer_who_leaves_keeps_the_seat_while_stems_are_waited_for(yard: Courtyard) -> None:
    numbers = singing(yard)
    yard.wait(3)
    yard.sing(numbers[1], yard.song.start)
    yard.go(numbers[1])
    yard.wait(70)
    assert yard.heard(numbers[0], m.Gone) == []
    yard.say(numbers[0], m.Stop(position=yard.now))
    yard.wait(40)
    assert [gone.seat for gone in yard.heard(numbers[0], m.Gone)] == [yard.seat(numbers[1])]


# ---------------------------------------------------------------------------------------- mix and premiere


def mixing(yard: Courtyard) -> list[int]:
    numbers = singing(yard)
    ended(yard, numbers)
    yard.wait(25)
    assert state(yard) == "mixing"
    return numbers


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
    assert state(yard) == "premiere"
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
    assert state(yard) == "premiere"
    yard.room.singing.mix_ready("p1", page="/p", url="/m", samples=1, now=yard.now)
    yard.wait(0.1)
    assert state(yard) == "done"
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
    assert state(yard) == "done"
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
