"""What nobody would call music still comes out of every file as loud as it should and under the ceiling; and a live
performance goes through cleaning, parts and faders as takes do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.test_studio_clean import at_db, buzz, sung
from tests.unit.test_studio_jobs import START, performance, quiet, sing
from tests.unit.test_studio_stem import opus_packets, pcm_packets
from unisono.studio import files
from unisono.studio.clean import NOTHING
from unisono.studio.deliver import deliver_mix
from unisono.studio.judge import judge
from unisono.studio.mixdown import Fader, MixSettings, Voice, measure, mix
from unisono.studio.produce import produce
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio

TIME = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
CHANCE = np.random.default_rng(1)
NOISE = CHANCE.normal(0, 1, len(TIME))


def tone(hertz: float, peak: float, seconds: float = 3.0) -> np.ndarray:
    wave: np.ndarray = peak * np.sin(2 * np.pi * hertz * TIME[: round(seconds * SAMPLE_RATE)])
    return wave


REACHABLE: dict[str, Callable[[], np.ndarray]] = {
    "a third of a second": lambda: tone(440, 0.1, 0.3),
    "half a second": lambda: tone(440, 0.1, 0.5),
    "very quiet": lambda: tone(440, 0.0008),
    "one loud moment": lambda: 0.003 * NOISE + (np.abs(TIME - 1.5) < 0.05) * 0.5 * NOISE,
    "the lowest bass": lambda: tone(30, 0.3),
    "a square": lambda: 0.9 * np.sign(tone(333, 1)),
    "all highs": lambda: np.diff(0.3 * NOISE, append=0),
    "beats": lambda: NOISE * np.exp(-10 * (TIME % 0.5)) * 0.2,
}


@pytest.mark.parametrize("name", REACHABLE)
@pytest.mark.parametrize("form", files.MIX_FORMS, ids=lambda form: form.kind)
def test_loudness_and_peaks_of_hostile_sound(tmp_path: Path, name: str, form: files.Form) -> None:
    sound = REACHABLE[name]().astype(np.float32)[:, np.newaxis]
    mixed = mix([measure(Voice(seat=1, sound=sound))], len(sound))
    report = deliver_mix(tmp_path, mixed.sound, form, {})
    verdict = judge(tmp_path / report.name)
    assert verdict.lufs == pytest.approx(-16, abs=0.5)
    assert verdict.true_peak_dbtp <= -1


@pytest.mark.parametrize("form", files.MIX_FORMS, ids=lambda form: form.kind)
def test_clicks_cannot_be_that_loud_and_what_lies_between_them_is_not_raised(tmp_path: Path, form: files.Form) -> None:
    sound = (1e-3 * NOISE).astype(np.float32)[:, np.newaxis]
    sound[:: SAMPLE_RATE // 2] = 0.9
    mixed = mix([measure(Voice(seat=1, sound=sound))], len(sound), settings=MixSettings(courtyard_db=None))
    report = deliver_mix(tmp_path, mixed.sound, form, {})
    assert judge(tmp_path / report.name).true_peak_dbtp <= -1
    assert np.max(np.abs(mixed.sound)) > 0.5
    assert mixed.reduction_db < 50


def folder_of(tmp_path: Path, sounds: list[Audio], more: list[dict[str, object]]) -> Path:
    seats = [{"seat": seat, "row": int(seat > 1), "method": "acoustic", **facts} for seat, facts in enumerate(more, 1)]
    folder = performance(tmp_path, len(sounds[0]) / SAMPLE_RATE, len(sounds), more={"seats": seats})
    for seat, sound in enumerate(sounds, 1):
        sing(folder, seat, opus_packets(sound[:, 0], start=START))
    return folder


def test_a_live_voice_is_cleaned_for_the_mix_and_its_stem_is_as_it_was_sung(tmp_path: Path) -> None:
    voice = sung()
    humming = voice + at_db(buzz(50.0), 20, voice)
    folder = folder_of(tmp_path, [humming], [{}])
    report = produce(folder, quiet)
    assert "hum.taken_out" in [one.name for one in report.stems[0].did]
    stem = files.read_back(folder / "stems/1.wav")
    (folder / "mix.json").unlink()
    untouched = produce(folder, quiet, cleaning=NOTHING)
    assert untouched.stems[0].did == ()
    assert np.array_equal(files.read_back(folder / "stems/1.wav"), stem)


def test_what_loudspeakers_played_is_taken_out_of_who_heard_it_by_them(tmp_path: Path) -> None:
    choir = sung(330, seed=21) + sung(440, seed=22)
    alone = sung(196, seed=23)
    aloud = (alone + 0.2 * np.roll(choir, 40, axis=0)).astype(np.float32)
    folder = folder_of(tmp_path, [choir, aloud], [{"output": "headphones"}, {"output": "loudspeakers"}])
    report = produce(folder, quiet)
    assert [stem.seat for stem in report.stems] == [1, 2]
    did = {stem.seat: [one.step for one in stem.did] for stem in report.stems}
    assert "guide" in did[2]
    assert "guide" not in did[1]


def test_parts_and_faders_of_a_performance(tmp_path: Path) -> None:
    samples = 100 * FRAME_SAMPLES
    time = np.arange(samples) / SAMPLE_RATE
    facts: list[dict[str, object]] = [{"part": "bass"}, {"part": "alto"}, {"part": "alto"}]
    seats = [{"seat": seat, "row": 1, **one} for seat, one in enumerate(facts, 1)]
    folder = performance(tmp_path, samples / SAMPLE_RATE, 3, more={"seats": seats})
    for seat in (1, 2, 3):
        wave = (0.1 * np.sin(2 * np.pi * 150.0 * seat * time)).astype(np.float32)
        sing(folder, seat, pcm_packets(wave, start=START))
    gains = produce(folder, quiet).part_gains_db
    assert gains["bass"] - gains["alto"] == pytest.approx(3, abs=0.1)
    (folder / "mix.json").unlink()
    muted = MixSettings(faders=tuple(Fader(seat=seat, muted=True) for seat in (1, 2, 3)))
    assert produce(folder, quiet, settings=muted).lufs is None
