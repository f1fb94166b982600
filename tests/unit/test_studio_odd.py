"""Clips that are hardly any: a blink of sound, a single tone, an offset. None is placed for sure, none is emptied."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.unit.clips import backing, sung_to, write_guide
from unisono.errors import TakeUnreadable
from unisono.studio import files
from unisono.studio.align import Guide, align
from unisono.studio.clean import clean
from unisono.studio.clip import Clip, ClipReport, ClipSettings, analyse
from unisono.studio.guides import read_guide
from unisono.studio.outcome import outcome_of, state_of
from unisono.studio.report import in_words, said_of
from unisono.studio.steps import Work
from unisono.studio.take import read as read_path
from unisono.units import SAMPLE_RATE, Audio
from unisono.web.i18n import words
from unisono.web.take_words import sentence

SECONDS = 16
TIME = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
PHRASES = np.clip(3 * np.sin(2 * np.pi * TIME / 3.7), 0, 1).astype(np.float32)


def tone(hertz: float) -> Audio:
    sound: Audio = (0.2 * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)
    return sound


TONES = {
    "held": tone(300),
    "in phrases": tone(300) * PHRASES,
    "two in turn": tone(300) * PHRASES + tone(400) * (1 - PHRASES),
    "with hiss": tone(300) * PHRASES + np.random.default_rng(3).normal(0, 1e-3, len(TIME)).astype(np.float32),
}
GUIDES = {
    "the same tone": tone(300),
    "the same phrases": tone(300) * PHRASES,
    "a chord": tone(300) + tone(400) + tone(500),
    "a band": backing(SECONDS),
}


def worked_on(sound: Audio, folder: Path) -> ClipReport:
    """A clip through all steps, a warning being an error."""
    path = folder / "odd.wav"
    files.write(path, sound[:, np.newaxis], files.WAV_24)
    clip, work = Clip(key="odd", path=str(path), name="Odd"), Work(folder / "work")
    guide = read_guide(write_guide(folder), work)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = analyse(clip, guide, work, ClipSettings(samples=guide.samples))
        assert in_words(said_of(outcome_of(clip, state_of(report), report=report)), "it")
    return report


@pytest.mark.parametrize("seconds", [0.0005, 0.02, 0.05, 0.2, 0.5])
def test_a_blink_of_sound_is_worked_on_without_a_warning_and_not_certain(seconds: float, tmp_path: Path) -> None:
    sound = sung_to(backing(), seed=1, late_samples=0)[: round(seconds * SAMPLE_RATE)]
    report = worked_on(sound, tmp_path)
    assert not report.alignment.certain
    assert report.take.samples == len(sound)


@pytest.mark.parametrize("sound", [np.full(SAMPLE_RATE, 0.3), np.zeros(SAMPLE_RATE), np.full(SAMPLE_RATE, 1e-7)])
def test_what_is_no_sound_is_worked_on_without_a_warning(sound: Audio, tmp_path: Path) -> None:
    assert not worked_on(sound.astype(np.float32), tmp_path).alignment.certain


@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize("sound", TONES)
def test_a_single_tone_is_not_emptied(sound: str, guide: str) -> None:
    """Who sings the one note that the guide has cannot be told from it."""
    sung = TONES[sound][:, np.newaxis]
    cleaned = clean(sung, guide=GUIDES[guide]).sound
    assert np.sqrt(np.mean(np.square(cleaned)) / np.mean(np.square(sung))) > 0.94


@pytest.mark.parametrize("sound", ["held", "in phrases"])
def test_a_single_tone_is_nowhere_for_sure(sound: str) -> None:
    for guide in ("the same tone", "the same phrases", "a band"):
        assert not align(TONES[sound], Guide(sound=GUIDES[guide])).certain, guide


def test_why_a_clip_cannot_be_read_is_said_in_the_reader_s_language(tmp_path: Path) -> None:
    path = tmp_path / "letter.m4a"
    path.write_text("Dear all, here is my voice.")
    with pytest.raises(TakeUnreadable) as caught:
        read_path(path)
    reason = str(caught.value.facts()["reason"])
    said = sentence("take_unreadable", {"reason": reason}, "it")
    assert reason in sentence("take_unreadable", {"reason": reason}, "en")
    assert reason not in said
    assert words("it").gettext(reason) in said
    assert "moov" in sentence("take_unreadable", {"reason": "moov"}, "it"), "what nobody knows is told as it is"
