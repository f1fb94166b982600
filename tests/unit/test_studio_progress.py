"""How far a run is, inside one long step too: the share rises, the time that is left falls, the terminal shows both."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from unisono.studio import files
from unisono.studio.decoded import decoded
from unisono.studio.progress import Screen
from unisono.studio.steps import Course, Told, Work
from unisono.units import SAMPLE_RATE

LONG_SECONDS = 600.0
TENTHS = [tenth / 10 for tenth in range(1, 10)]


def decoding(*, seconds_each: float = 1.0) -> list[Told]:
    """What is told of a ten-minute clip whose decoding takes ten times `seconds_each`."""
    course = Course({"ada": LONG_SECONDS}, LONG_SECONDS, hands=1)
    told = [course.hear("decode", "begun", now=0.0, clip="ada")]
    for number, share in enumerate(TENTHS, 1):
        told.append(course.hear("decode", "going", now=number * seconds_each, clip="ada", step_share=share))
    return [*told, course.hear("decode", "done", now=10 * seconds_each, clip="ada")]


@pytest.mark.parametrize("seconds_each", [0.1, 0.5, 5.0])
def test_inside_one_step_the_share_rises_and_the_time_left_falls(seconds_each: float) -> None:
    told = decoding(seconds_each=seconds_each)
    shares = [one.share for one in told[:-1]]
    assert shares == sorted(set(shares)), "each is more than the one before"
    assert told[-1].share >= shares[-1], "what was told is not taken back when the step turns out cheap"
    going = [one for one in told if one.state == "going"]
    assert [one.step_share for one in going] == TENTHS
    left = [one.seconds_left for one in going]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]


def test_what_a_step_took_so_far_says_what_the_rest_of_it_takes() -> None:
    half_slow, half_quick = (decoding(seconds_each=each)[5] for each in (20.0, 0.5))
    assert half_slow.seconds_left - half_quick.seconds_left == pytest.approx(100.0 - 2.5, abs=0.2)


def test_a_share_that_goes_back_or_too_far_moves_nothing_back() -> None:
    course = Course({"ada": LONG_SECONDS}, LONG_SECONDS, hands=1)
    told = [course.hear("decode", "going", now=1.0, clip="ada", step_share=share) for share in (0.5, 0.2, 7.0)]
    assert [one.step_share for one in told] == [0.5, 0.5, 1.0]
    assert told[0].share == told[1].share < told[2].share < 1.0


def test_decoding_tells_its_share_to_who_waits_for_it(tmp_path: Path) -> None:
    """The decoder's own process is asked: it tells at least where it began."""
    clip = tmp_path / "ada.wav"
    files.write(clip, np.zeros((SAMPLE_RATE, 1), dtype=np.float32) + np.float32(0.1), files.WAV_24)
    heard: list[float] = []
    decoded(clip, Work(tmp_path / "work"), on_progress=heard.append)
    assert heard
    assert all(0.0 <= share <= 1.0 for share in heard)


def test_a_terminal_shows_how_far_the_step_is() -> None:
    out = io.StringIO()
    screen = Screen("en", Console(file=out, force_terminal=True, width=100))
    with screen:
        for told in decoding(seconds_each=20.0)[:6]:
            screen.hear(told)
        assert screen._bar is not None
        row = screen._bar.tasks[screen._rows["ada"]]
        assert (row.completed, row.total) == (0.5, 1.0)
        whole = screen._bar.tasks[0]
        assert 0 < whole.completed < 1
        assert "left" in whole.fields["left"]


def test_elsewhere_a_step_under_way_is_no_line() -> None:
    out = io.StringIO()
    screen = Screen("en", Console(file=out, force_terminal=False))
    for told in decoding():
        screen.hear(told)
    assert out.getvalue() == ""
