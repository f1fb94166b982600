"""After a song: stems are waited for, asked for, and kept growing by late repair."""

from __future__ import annotations

from tests.sim.courtyard import Courtyard, ended, mixing, send_all, singing, voice, whole
from unisono.core import events as ev
from unisono.core import messages as m
from unisono.units import SAMPLE_RATE, span


def test_when_every_stem_is_whole_it_is_mixed_at_once(yard: Courtyard) -> None:
    numbers = singing(yard)
    yard.wait(6)
    yard.say(numbers[0], m.Stop(position=yard.now))
    for number in numbers:
        send_all(yard, number)
        yard.wrote(yard.seat(number), whole(yard))
    assert yard.song.heard_at is not None
    yard.wait((yard.song.heard_at - yard.now) / SAMPLE_RATE + 0.4)
    assert yard.state == "ending"
    yard.wait(0.3)
    assert yard.state == "mixing"
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
    assert yard.state == "ending"
    assert yard.heard(ada, m.Missing) == []
    asked = yard.heard(bea, m.Missing)
    assert {missing.spans for missing in asked} == {(hole,)}
    assert len(asked) == 4
    yard.wrote(yard.seat(bea), hole)
    yard.wait(0.1)
    assert yard.state == "mixing"


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
    assert yard.state == "mixing"


def test_what_was_sung_beyond_the_stop_is_not_asked_for(yard: Courtyard) -> None:
    numbers = singing(yard, voices=1)
    ended(yard, numbers)
    start, stop = whole(yard)
    yard.say(numbers[0], m.Sent(performance=yard.song.performance, epoch=0, start=start, stop=stop + 480_000))
    yard.wrote(yard.seat(numbers[0]), (start, stop + 960))
    yard.wait(1)
    assert yard.heard(numbers[0], m.Missing) == []
    assert yard.state == "mixing"


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
    assert yard.state == "mixing"


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
    assert yard.state == "ending"
    yard.wait(2)
    assert yard.state == "mixing"


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
    assert yard.state == "mixing"


def test_progress_buys_time(yard: Courtyard) -> None:
    numbers = singing(yard, voices=1)
    ended(yard, numbers)
    send_all(yard, numbers[0])
    start, _ = whole(yard)
    for at in range(start, start + 3 * 48_000, 48_000):
        yard.wait(15)
        yard.wrote(yard.seat(numbers[0]), (at, at + 48_000))
        assert yard.state == "ending"
    yard.wait(21)
    assert yard.state == "mixing"


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
    while yard.state == "ending" and waited < 1000:
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
