"""A film is watched together: at one announced position, by who wants to, and by nobody while a song is sung."""

from __future__ import annotations

from msgspec import structs

from tests.sim.courtyard import Courtyard, mixing, singing
from unisono.core import messages as m
from unisono.core.screening import AHEAD_SAMPLES
from unisono.units import SAMPLE_RATE, Position


def film(performance: str = "p1", url: str | None = "/media/k/film/wide.mp4?v=1") -> m.Film:
    return m.Film(performance=performance, share=1.0, step="ready" if url else "", url=url, samples=20 * SAMPLE_RATE)


def told(yard: Courtyard, one: m.Film) -> None:
    yard.room.screenings.tell(one)
    yard.settle()


def test_everybody_hears_how_far_the_film_is_and_who_comes_later_too(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    making = m.Film(performance="p1", share=0.4, step="render", seconds_left=30.0)
    told(yard, making)
    assert yard.heard(ada, m.Film) == yard.heard(bea, m.Film) == [making]
    assert yard.heard(yard.come(), m.Film) == [making]


def test_a_screening_has_one_position_for_who_begins_it_and_who_comes_later(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    yard.room.singing.mix_failed("p1")
    told(yard, film())
    now = yard.now
    yard.say(bea, m.Watch(performance="p1"))
    [shown] = yard.heard(ada, m.Screening)
    assert shown.start == now + AHEAD_SAMPLES
    assert shown.by == 2
    yard.wait(8)
    assert yard.heard(yard.come(), m.Screening) == [shown]
    yard.say(ada, m.Watch(performance="p1"))
    assert yard.heard(ada, m.Screening) == [shown, shown], "she watches where the others are"
    yard.now = Position(shown.start + shown.samples)
    yard.say(ada, m.Watch(performance="p1"))
    assert yard.heard(bea, m.Screening)[-1].start > shown.start, "it is over: it begins again"


def test_who_plays_no_mp4_is_told_of_the_webm_that_was_made_while_others_watched(yard: Courtyard) -> None:
    ada, bea = mixing(yard)
    yard.room.singing.mix_failed("p1")
    told(yard, film())
    yard.say(ada, m.Watch(performance="p1"))
    [first] = yard.heard(bea, m.Screening)
    told(yard, structs.replace(film(), webm="/media/k/film/webm.webm?v=2"))
    yard.say(bea, m.Watch(performance="p1"))
    second = yard.heard(bea, m.Screening)[-1]
    assert (first.webm, second.webm) == (None, "/media/k/film/webm.webm?v=2")
    assert (second.start, second.url) == (first.start, first.url)


def test_no_film_is_watched_while_a_song_is_sung_or_when_it_is_gone(yard: Courtyard) -> None:
    ada, _ = singing(yard)[:2]
    told(yard, film())
    yard.say(ada, m.Watch(performance="p1"))
    assert yard.heard(ada, m.Problem)[-1].code == "song_running"
    assert yard.heard(ada, m.Screening) == []


def test_a_film_that_was_taken_away_is_shown_to_nobody(yard: Courtyard) -> None:
    ada, _ = mixing(yard)
    yard.room.singing.mix_failed("p1")
    told(yard, film())
    yard.say(ada, m.Watch(performance="p1"))
    told(yard, film(url=None))
    late = yard.come()
    assert not yard.heard(late, m.Screening)
    assert not yard.heard(late, m.Film)
    yard.say(ada, m.Watch(performance="p1"))
    assert yard.heard(ada, m.Problem)[-1].code == "no_film"
