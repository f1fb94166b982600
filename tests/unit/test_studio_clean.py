"""Cleaning: taken out where it is there, left alone bit for bit where it is not; by arithmetic and on a real voice."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
from scipy.signal import oaconvolve

from unisono.studio.clean import NOTHING, CleanSettings, clean
from unisono.studio.debleed import without_guide
from unisono.studio.facts import Fact
from unisono.studio.hum import without_hum
from unisono.studio.levels import frame_powers, sounding_power
from unisono.studio.noise import softened
from unisono.studio.rumble import without_rumble
from unisono.units import SAMPLE_RATE, Audio

DATA = Path(os.environ.get("UNISONO_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
SECONDS = 16
SAMPLES = SECONDS * SAMPLE_RATE
TIME = np.arange(SAMPLES) / SAMPLE_RATE


def column(wave: np.ndarray) -> Audio:
    return np.asarray(wave, dtype=np.float32).reshape(-1, 1)


def sung(hertz: float = 220.0, *, vibrato: float = 0.01, seed: int = 1) -> Audio:
    """A voice of arithmetic in phrases of three seconds with rests of one, in a silent room; shape (samples, 1)."""
    chance = np.random.default_rng(seed)
    steps = np.repeat(chance.integers(0, 8, SAMPLES // 24_000 + 1), 24_000)[:SAMPLES] if vibrato else 0
    pitch = hertz * 2 ** (steps / 12) * (1 + vibrato * np.sin(2 * np.pi * 5.5 * TIME))
    turns = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    phrase = np.clip(8 * (1.5 - np.abs(TIME % 4 - 2)) / 1.5, 0, 1)
    wave = 0.1 * phrase * sum(np.sin(number * turns) / number for number in range(1, 12))
    return column(wave + chance.normal(0, 2e-5, SAMPLES))


def at_db(noise: np.ndarray, below_db: float, voice: Audio) -> Audio:
    """`noise` at a level below what the voice has while it sounds."""
    power = sounding_power(frame_powers(voice)) * 10 ** (-below_db / 10)
    return column(noise * np.sqrt(power / np.mean(np.square(noise))))


def buzz(mains_hz: float, *, wander_hz: float = 0.0, lines: int = 10) -> np.ndarray:
    turns = 2 * np.pi * np.cumsum(mains_hz + wander_hz * np.sin(2 * np.pi * TIME / 11)) / SAMPLE_RATE
    wave: np.ndarray = np.sum([np.sin(k * turns + k * k) / k**0.7 for k in range(1, lines + 1)], axis=0)
    return wave


def hiss(seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, SAMPLES)


def band(seed: int = 3) -> Audio:
    """A guide that is no voice: chords and beats in noise; shape (samples,)."""
    chance = np.random.default_rng(seed)
    beats = np.exp(-8 * (TIME % 0.5)) * chance.normal(0, 0.2, SAMPLES)
    roots = np.repeat(chance.choice([220, 247, 294, 330], SAMPLES // 48_000 + 1), 48_000)[:SAMPLES]
    chords = sum(np.sin(2 * np.pi * np.cumsum(roots * share) / SAMPLE_RATE) for share in (0.5, 1, 1.25, 1.5))
    return (beats + 0.05 * chords).astype(np.float32)


def room(seed: int = 4) -> Audio:
    """A loudspeaker in a room: float32, shape (samples,), its direct sound at sample 40."""
    chance = np.random.default_rng(seed)
    time = np.arange(5000) / SAMPLE_RATE
    taps = 0.15 * chance.normal(0, 1, 5000) * np.exp(-time / 0.02)
    taps[:40] = 0
    taps[40] = 1
    return taps.astype(np.float32)


def level_db(sound: Audio, against: Audio) -> float:
    return float(10 * np.log10((np.mean(np.square(sound, dtype=np.float64)) + 1e-30) / np.mean(np.square(against))))


def only(facts: tuple[Fact, ...]) -> list[str]:
    return [one.name for one in facts]


# Nothing there: nothing done.


def test_a_clean_voice_is_left_alone_bit_for_bit() -> None:
    voice = sung()
    done = clean(voice, guide=band())
    assert only(done.did) == ["rumble.left_alone", "guide.not_heard", "hum.not_heard", "noise.left_alone"]
    assert np.array_equal(done.sound, voice)


def test_every_step_can_be_switched_off() -> None:
    voice = sung()
    dirty = voice + at_db(buzz(50.0), 25, voice) + at_db(hiss(), 10, voice) + np.float32(0.05)
    done = clean(dirty, NOTHING, band())
    assert done.did == ()
    assert done.sound is dirty
    alone_on = {
        "rumble": replace(NOTHING, rumble_hz=40.0),
        "guide": replace(NOTHING, guide=True),
        "hum": replace(NOTHING, hum=True),
        "noise": replace(NOTHING, noise=True),
    }
    for step, chosen in alone_on.items():
        alone = clean(dirty, chosen, band())
        assert [one.step for one in alone.did] == [step]


@pytest.mark.parametrize("samples", [0, 1, 63, 1000, 5000, 48_001])
@pytest.mark.parametrize("channels", [1, 2])
def test_tiny_sounds_and_silence_pass_through(samples: int, channels: int) -> None:
    silent = np.zeros((samples, channels), dtype=np.float32)
    assert only(clean(silent, guide=band()).did) == ["clean.silent"]
    noise = np.random.default_rng(1).normal(0, 0.1, (samples, channels)).astype(np.float32)
    kept = noise.copy()
    done = clean(noise, guide=band()[:700])
    assert done.sound.shape == noise.shape
    assert done.sound.dtype == np.float32
    assert np.all(np.isfinite(done.sound))
    assert np.array_equal(noise, kept)


# Rumble.


def test_what_lies_below_every_voice_is_taken_out_and_a_bass_is_not() -> None:
    voice = sung(65.4, vibrato=0)
    steps = 0.1 * np.sin(2 * np.pi * 12 * TIME) + 0.2
    heard, done = without_rumble(voice + column(steps), below_hz=40)
    assert done.name == "rumble.taken_out"
    inside = slice(SAMPLE_RATE, -SAMPLE_RATE)
    assert level_db(heard[inside] - voice[inside], column(steps)) < -30
    assert level_db(heard[inside] - voice[inside], voice) < -25


# Hum.


@pytest.mark.parametrize(
    ("mains_hz", "wander_hz", "under_db", "left_db"),
    [(50.0, 0.0, 20, -20), (60.0, 0.0, 35, -20), (49.93, 0.02, 25, -12), (60.05, 0.02, 12, -12)],
)
def test_hum_is_taken_out(mains_hz: float, wander_hz: float, under_db: float, left_db: float) -> None:
    voice = sung()
    hum = at_db(buzz(mains_hz, wander_hz=wander_hz), under_db, voice)
    heard, done = without_hum(voice + hum)
    assert done.name == "hum.taken_out"
    assert done.numbers["hertz"] == pytest.approx(mains_hz, abs=0.05)
    assert done.numbers["under_voice_db"] == pytest.approx(under_db, abs=1)
    assert done.numbers["lines"] == 10
    assert level_db(heard - voice, hum) < left_db


@pytest.mark.parametrize("cut", [5, 9])
def test_hum_is_taken_out_of_a_sound_of_any_length(cut: int) -> None:
    voice = sung()
    sound = (voice + at_db(buzz(50.0), 30, voice))[: len(voice) - cut]
    heard, done = without_hum(sound)
    assert done.name == "hum.taken_out"
    assert heard.shape == sound.shape


@pytest.mark.parametrize("hertz", [50.0, 60.0, 100.0, 150.0])
@pytest.mark.parametrize("vibrato", [0.0, 0.008])
def test_a_note_on_the_mains_own_frequency_is_no_hum(hertz: float, vibrato: float) -> None:
    voice = sung(hertz, vibrato=vibrato)
    assert without_hum(voice)[0] is voice
    hum = at_db(buzz(50.0), 30, voice)
    heard, done = without_hum(voice + hum)
    assert done.name == "hum.taken_out"
    assert level_db(heard - voice, voice) < -40


def test_a_note_held_without_a_rest_is_no_hum() -> None:
    held = column(0.1 * np.sin(2 * np.pi * 100 * TIME) + 0.03 * np.sin(2 * np.pi * 200 * TIME))
    assert without_hum(held)[0] is held


# Noise.


@pytest.mark.parametrize("under_db", [3.0, 6.0, 9.0, 12.0])
def test_steady_noise_is_softer_and_the_voice_nearer_to_itself(under_db: float) -> None:
    voice = sung()
    noise = at_db(hiss(), under_db, voice)
    heard, done = softened(voice + noise, reduction_db=10, snr_db_max=20)
    assert done.name == "noise.softened"
    assert done.numbers["under_voice_db"] == pytest.approx(under_db, abs=2.5)
    rest = slice(0, SAMPLE_RATE // 4)
    assert -10.5 < level_db(heard[rest], noise[rest]) < -8.5
    assert level_db(heard - voice, noise) < -5


def test_what_is_left_of_noise_is_the_same_noise_without_musical_tones() -> None:
    """Loud lone cells in time and frequency are what one hears as tones: there are hardly more of them than before."""
    voice = sung()
    noise = at_db(hiss(), 8, voice)
    heard, _ = softened(voice + noise, reduction_db=10, snr_db_max=20)
    rests = [slice(4 * SAMPLE_RATE * k - 20_000, 4 * SAMPLE_RATE * k + 20_000) for k in (1, 2, 3)]

    def lone_cells(sound: Audio) -> float:
        spectra = [
            np.abs(np.fft.rfft(sound[rest, 0].reshape(-1, 1000) * np.hanning(1000), axis=1)) ** 2 for rest in rests
        ]
        power = np.concatenate(spectra)
        return float(np.mean(power > 12 * np.mean(power)))

    assert lone_cells(heard) < lone_cells(noise) + 2e-4


def test_noise_far_under_the_voice_is_left_alone() -> None:
    voice = sung()
    loud = voice + at_db(hiss(), 21.5, voice)
    heard, done = softened(loud, reduction_db=10, snr_db_max=20)
    assert done.name == "noise.left_alone"
    assert done.numbers["under_voice_db"] == pytest.approx(21.5, abs=1)
    assert heard is loud


def test_a_voice_without_rests_teaches_nothing() -> None:
    turns = np.cumsum(220 * (1 + 0.2 * np.sin(2 * np.pi * TIME / 3) + 0.01 * np.sin(2 * np.pi * 5.5 * TIME)))
    held = column(0.1 * np.sin(2 * np.pi * turns / SAMPLE_RATE) * (1 + 0.7 * np.sin(2 * np.pi * TIME / 5)))
    heard, done = softened(held, reduction_db=10, snr_db_max=200)
    assert done.name == "noise.no_rests"
    assert heard is held


def test_a_gap_teaches_no_silence() -> None:
    voice = sung()
    noisy = voice + at_db(hiss(), 10, voice)
    noisy[: 3 * SAMPLE_RATE] = 0
    heard, done = softened(noisy, reduction_db=10, snr_db_max=20)
    assert done.name == "noise.softened"
    assert done.numbers["under_voice_db"] == pytest.approx(10, abs=2.5)
    assert not np.any(np.abs(heard[: 2 * SAMPLE_RATE]) > 1e-6)


# Leaked guide.


@pytest.mark.parametrize(("under_db", "left_db"), [(5.0, -15), (15.0, -15), (25.0, -10)])
def test_leaked_guide_is_taken_out_while_somebody_sings(under_db: float, left_db: float) -> None:
    voice, guide = sung(), band()
    leak = at_db(oaconvolve(guide, room())[:SAMPLES], under_db, voice)
    heard, done = without_guide(voice + leak, guide)
    assert done.name == "guide.taken_out"
    assert done.numbers["under_voice_db"] == pytest.approx(under_db, abs=1)
    assert level_db(heard - voice, leak) < left_db


def test_leak_into_two_channels_and_a_take_longer_than_its_guide() -> None:
    voice, guide = np.hstack([sung(), 0.5 * sung()]), band()[: 12 * SAMPLE_RATE]
    heard_guide = np.pad(guide, (0, SAMPLES - len(guide)))
    leak = np.hstack([at_db(oaconvolve(heard_guide, room(seed))[:SAMPLES], 12, voice) for seed in (4, 6)])
    heard, done = without_guide(voice + leak, np.stack([guide, guide], axis=1))
    assert done.name == "guide.taken_out"
    assert level_db(heard - voice, leak) < -12


def test_leak_with_what_drift_an_alignment_leaves_is_taken_out() -> None:
    voice, guide = sung(), band()
    late = soxr.resample(oaconvolve(guide, room())[:SAMPLES].astype(np.float32), 1_000_000, 1_000_003)
    leak = at_db(np.pad(late, (0, 100))[:SAMPLES], 12, voice)
    heard, _ = without_guide(voice + leak, guide)
    assert level_db(heard - voice, leak) < -10


@pytest.mark.parametrize("seed", [11, 12])
def test_a_guide_that_did_not_leak_takes_nothing(seed: int) -> None:
    """Another song, and the very notes that are sung, by an instrument in unison."""
    voice = sung(seed=seed)
    assert without_guide(voice, band(seed + 50))[0] is voice
    unison = in_unison(220 * 2 ** (np.random.default_rng(seed).integers(0, 8, SAMPLES // 24_000 + 1) / 12), seed)
    heard, _ = without_guide(voice, unison)
    assert level_db(heard - voice, voice) < -35


def in_unison(notes_hz: np.ndarray, seed: int) -> Audio:
    """An instrument that plays half-second notes, each begun where its string happens to be; shape (samples,)."""
    chance = np.random.default_rng(seed + 100)
    pitch = np.repeat(notes_hz * 2 ** (chance.normal(0, 3, len(notes_hz)) / 1200), 24_000)[:SAMPLES]
    turns = np.cumsum(pitch) / SAMPLE_RATE + np.repeat(chance.random(len(notes_hz)), 24_000)[:SAMPLES]
    tones = sum(np.sin(2 * np.pi * number * turns) / number for number in range(1, 8))
    return (0.1 * np.exp(-3 * (TIME % 0.5)) * tones).astype(np.float32)


# All together, on a real voice.


@pytest.fixture(scope="module")
def singer() -> Audio:
    path = DATA / "vocadito" / "vocadito_1.flac"
    if not path.exists():
        pytest.skip("no recordings here")
    import av

    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
        blocks = [out.to_ndarray()[0] for frame in file.decode(stream) for out in resampler.resample(frame)]
    return column(np.concatenate(blocks)[:SAMPLES])


def test_a_real_singer_alone_is_left_alone(singer: Audio) -> None:
    done = clean(singer, CleanSettings(rumble_hz=None), guide=band())
    assert np.array_equal(done.sound, singer)
    assert "noise.softened" not in only(done.did)
    assert "guide.taken_out" not in only(done.did)
    assert "hum.taken_out" not in only(done.did)


def test_a_real_singer_is_nearer_to_herself_afterwards(singer: Audio) -> None:
    leak = at_db(oaconvolve(band(), room())[:SAMPLES], 20, singer)
    dirt = leak + at_db(buzz(50.02, wander_hz=0.01), 20, singer) + at_db(hiss(), 9, singer)
    done = clean(singer + dirt, CleanSettings(), band())
    assert only(done.did)[2:] == ["hum.taken_out", "noise.softened"]
    assert level_db(done.sound - singer, dirt) < -4
