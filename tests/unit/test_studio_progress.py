"""How far a run is, inside one long step too: the share rises, the time that is left falls, the terminal shows both."""

from __future__ import annotations

import io
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.unit.clips import backing, sung_to, write_clip, write_guide
from unisono.live.works import Progress
from unisono.studio import clip as clips_steps
from unisono.studio import files, guides, whole
from unisono.studio.clip import Clip, ClipSettings, analyse
from unisono.studio.clips import produce_clips
from unisono.studio.decoded import Decoded, decoded
from unisono.studio.guides import read_guide
from unisono.studio.progress import Screen
from unisono.studio.shares import OnShare, paced, weighed, within
from unisono.studio.steps import Cancelled, Course, Step, Told, Work
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


def test_parts_of_a_work_are_told_as_parts_of_the_whole() -> None:
    heard: list[float] = []
    first, nothing, last = weighed(heard.append, 1.0, 0.0, 3.0)
    for told, share in ((first, 0.5), (first, 1.0), (nothing, 0.5), (last, 0.5), (last, 7.0)):
        told(share)
    assert heard == pytest.approx([0.125, 0.25, 0.25, 0.625, 1.0])
    within(heard.append, 0.2, 0.4)(0.5)
    assert heard[-1] == pytest.approx(0.3)


def test_nobody_is_told_more_than_can_be_read() -> None:
    heard: list[float] = []
    often, seldom = paced(heard.append, every_s=0.0), paced(heard.append, every_s=60.0)
    for share in (0.1, 0.2, 0.3):
        often(share)
    assert heard == [0.1, 0.2, 0.3]
    for share in (0.4, 0.5):
        seldom(share)
    assert heard[3:] == [0.4]


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every share is told, however fast this machine is."""

    def each(on_share: OnShare) -> OnShare:
        return on_share

    monkeypatch.setattr(clips_steps, "paced", each)
    monkeypatch.setattr(whole, "paced", each)
    monkeypatch.setattr(guides, "paced", each)


@pytest.mark.usefixtures("unhurried")
def test_every_step_of_a_clip_tells_how_far_it_is(tmp_path: Path) -> None:
    guide = read_guide(write_guide(tmp_path), Work(tmp_path / "work"))
    path = write_clip(tmp_path / "ada.wav", sung_to(backing(), seed=1, late_samples=0))
    heard: dict[Step, list[float]] = defaultdict(list)
    told: list[Step] = []

    def hear(step: Step, share: float) -> None:
        heard[step].append(share)
        told.append(step)

    settings = ClipSettings(samples=guide.samples)
    analyse(Clip(key="ada", path=str(path)), guide, Work(tmp_path / "work"), settings, on_share=hear)
    assert list(dict.fromkeys(told)) == ["decode", "align", "clean", "measure"]
    for step, shares in heard.items():
        assert shares == sorted(shares), step
        assert all(0 <= share <= 1 for share in shares), step
        if step != "decode":
            assert len(set(shares)) >= 4, step
            assert min(shares) < 0.5, step
            assert max(shares) > 0.6, step


@pytest.mark.usefixtures("unhurried")
def test_the_mix_and_its_files_tell_how_far_they_are_and_end_when_nobody_wants_them(tmp_path: Path) -> None:
    guide = write_guide(tmp_path)
    path = write_clip(tmp_path / "ada.wav", sung_to(backing(), seed=1, late_samples=0))
    clips, told = [Clip(key="ada", path=str(path))], list[Told]()

    def enough() -> bool:
        return bool(told) and told[-1].step == "mix" and told[-1].step_share > 0.1

    with pytest.raises(Cancelled):
        produce_clips(clips, guide, tmp_path / "out", on_told=told.append, cancelled=enough)
    assert not [*(tmp_path / "out").rglob("*.part"), *(tmp_path / "out").glob("mix.*")]
    told.clear()
    produce_clips(clips, guide, tmp_path / "out", on_told=told.append)
    for step in ("mix", "files"):
        shares = [each.step_share for each in told if each.step == step and each.state == "going"]
        assert shares == sorted(shares), step
        assert shares, step
    assert len({each.step_share for each in told if each.step == "mix"}) >= 4


@pytest.mark.usefixtures("unhurried")
def test_a_guide_is_read_before_everything_else_and_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(path: Path, work: Work, *, on_progress: OnShare) -> Decoded:
        """What a decoder tells of a guide that is an hour long."""
        for share in (0.25, 0.5, 0.75):
            on_progress(share)
        return decoded(path, work, on_progress=on_progress)

    monkeypatch.setattr(guides, "decoded", slowly)
    guide = write_guide(tmp_path)
    path = write_clip(tmp_path / "ada.wav", sung_to(backing(), seed=1, late_samples=0))
    clips, told = [Clip(key="ada", path=str(path))], list[Told]()

    def enough() -> bool:
        return len(told) > 2

    with pytest.raises(Cancelled):
        produce_clips(clips, guide, tmp_path / "out", on_told=told.append, cancelled=enough)
    assert {each.step for each in told} == {"guide"}
    assert not [*(tmp_path / "out").rglob("*.part")]
    told.clear()
    produce_clips(clips, guide, tmp_path / "out", on_told=told.append)
    reading = [each for each in told if each.step == "guide"]
    assert told[: len(reading)] == reading
    assert [each.state for each in reading][:: len(reading) - 1] == ["begun", "done"]
    going = [each.step_share for each in reading if each.state == "going"]
    assert len(set(going)) >= 6
    assert going == sorted(going)
    assert all(each.seconds_left > 0 for each in reading)
    assert told[-1].share == 1.0


def test_a_page_is_told_the_worker_s_own_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What took long so far says little: decoding is slow, and what follows it is not."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress, left = Progress(), list[float | None]()
    progress.begin()
    for wait_s, forecast_s in ((50, None), (0, 12.0), (4, None), (60, None)):
        if forecast_s is not None or not left:
            progress.tell(0.5, "align", forecast_s)
        now += wait_s
        left.append(progress.seconds_left)
    assert left == [None, 12.0, 8.0, 0.0]
    progress.begin()
    assert progress.seconds_left is None, "once more"


def test_a_terminal_shows_how_far_the_mix_is() -> None:
    out = io.StringIO()
    screen = Screen("en", Console(file=out, force_terminal=True, width=100))
    course = Course({"ada": LONG_SECONDS}, LONG_SECONDS, hands=1)
    with screen:
        screen.hear(course.hear("mix", "begun", now=0.0))
        screen.hear(course.hear("mix", "going", now=2.0, step_share=0.4))
        assert screen._bar is not None
        row = screen._bar.tasks[screen._rows[""]]
        assert (row.completed, row.total, row.description) == (0.4, 1.0, "mixing")
        screen.hear(course.hear("mix", "done", now=5.0))
        assert "" not in screen._rows
