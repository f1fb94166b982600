"""The mix: loudness by the standard's own signals, places by arithmetic, a ceiling that is never crossed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.studio import courtyard, loudness
from unisono.studio.courtyard import impulse_response, reverberation
from unisono.studio.limiter import ATTACK_DB_PER_MS, limit, settled
from unisono.studio.loudness import block_peaks, integrated_lufs, ratio_of, true_peak_dbtp
from unisono.studio.mixdown import Measured, Mixed, MixSettings, Voice, honest, measure, mix, panned
from unisono.units import SAMPLE_RATE, Audio

PLAIN = MixSettings(courtyard_db=None, width=1.0)


def sine(hertz: float, seconds: float, *, dbfs: float = -20.0, turns: float = 0.0) -> Audio:
    """Float32, shape (samples,), peak at `dbfs`, begun at a share of a turn."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave: Audio = (10 ** (dbfs / 20) * np.sin(2 * np.pi * (hertz * time + turns))).astype(np.float32)
    return wave


def mono(sound: Audio) -> Audio:
    return sound[:, np.newaxis]


def both(sound: Audio) -> Audio:
    return np.stack([sound, sound], axis=1)


def strength(sound: Audio, hertz: float) -> float:
    """The amplitude of one frequency, over whole seconds."""
    whole = sound[: len(sound) // SAMPLE_RATE * SAMPLE_RATE]
    turn = np.exp(-2j * np.pi * hertz * np.arange(len(whole)) / SAMPLE_RATE)
    return float(2 * abs(np.dot(turn, whole)) / len(whole))


def mixed(*voices: Voice, samples: int, chosen: MixSettings = PLAIN, backing: Audio | None = None) -> Mixed:
    return mix([measure(voice, chosen) for voice in voices], samples, backing=backing, settings=chosen)


# Loudness and peaks: EBU Tech 3341's signals, made by arithmetic.


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ([(20, -23)], -23.0),
        ([(20, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),
    ],
)
def test_loudness_of_the_standards_signals(levels: list[tuple[float, float]], wanted: float) -> None:
    sound = np.concatenate([sine(1000, seconds, dbfs=dbfs) for seconds, dbfs in levels])
    assert integrated_lufs(both(sound)) == pytest.approx(wanted, abs=0.1)


def test_one_channel_is_three_decibels_below_two_and_silence_is_nothing() -> None:
    assert integrated_lufs(sine(997, 5, dbfs=0)) == pytest.approx(-3.01, abs=0.05)
    assert integrated_lufs(both(sine(997, 5, dbfs=0))) == pytest.approx(0.0, abs=0.05)
    for nothing in (np.zeros(0), np.zeros(1), np.zeros(SAMPLE_RATE), sine(997, 2, dbfs=-90)):
        assert integrated_lufs(nothing.astype(np.float32)) == -math.inf


def test_loudness_agrees_with_another_meter() -> None:
    """Music-like noise in phrases and rests, against pyloudnorm."""
    chance = np.random.default_rng(12)
    for seconds, channels in ((0.5, 1), (7.33, 2), (15.0, 1), (31.7, 2)):
        samples = round(seconds * SAMPLE_RATE)
        phrases = np.repeat(chance.random(samples // 9600 + 1) ** 3, 9600)[:samples, np.newaxis]
        noise = np.cumsum(chance.normal(0, 1, (samples, channels)), axis=0)
        sound = (0.05 * np.diff(noise, axis=0, prepend=0) * phrases).astype(np.float32)
        other = float(pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(sound.astype(np.float64)))
        assert integrated_lufs(sound) == pytest.approx(other, abs=0.1), seconds


def test_who_was_too_loud_for_the_microphone_is_marked() -> None:
    loud = np.clip(4 * sine(300, 1, dbfs=0), -1, 1)
    assert measure(Voice(seat=1, sound=mono(loud))).clipped
    assert not measure(Voice(seat=1, sound=mono(sine(300, 1, dbfs=-1)))).clipped


@pytest.mark.parametrize(("hertz", "turns"), [(12_000, 0.125), (8_000, 1 / 12), (6_000, 0.0625), (997, 0.0)])
def test_true_peaks_between_samples_are_found(hertz: float, turns: float) -> None:
    sound = both(sine(hertz, 1, dbfs=-6.0, turns=turns)) * np.hanning(SAMPLE_RATE)[:, np.newaxis].astype(np.float32)
    assert -6.4 <= true_peak_dbtp(sound) <= -5.8


def test_peaks_do_not_depend_on_the_chunks_they_are_found_in(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, (10_007, 2)).astype(np.float32)
    whole = block_peaks(sound)
    monkeypatch.setattr(loudness, "_CHUNK_SAMPLES", 512)
    assert np.allclose(block_peaks(sound), whole, atol=1e-6)
    assert len(whole) == math.ceil(10_007 / 16)
    assert np.all(whole + 1e-6 >= np.abs(np.pad(sound, [(0, 9), (0, 0)])).reshape(-1, 32).max(axis=1))


# The limiter.


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(1, 20_000),
    gain_db=st.floats(-20, 40),
    ceiling_dbtp=st.floats(-12, -0.1),
)
def test_nothing_ever_crosses_the_ceiling(seed: int, samples: int, gain_db: float, ceiling_dbtp: float) -> None:
    chance = np.random.default_rng(seed)
    bursts = np.repeat(chance.random(samples // 100 + 1) ** 6, 100)[:samples, np.newaxis]
    sound = (chance.normal(0, 1, (samples, 2)) * bursts).astype(np.float32)
    limited = limit(sound, gain_db=gain_db, ceiling_dbtp=ceiling_dbtp)
    assert np.max(np.abs(limited.sound)) <= ratio_of(ceiling_dbtp) * 1.0001
    done = settled(limited.sound, ceiling_dbtp)
    assert true_peak_dbtp(done) <= ceiling_dbtp + 1e-3
    assert done.shape == sound.shape


def test_what_is_under_the_ceiling_is_only_raised() -> None:
    sound = both(sine(440, 1, dbfs=-30))
    limited = limit(sound, gain_db=12, ceiling_dbtp=-1)
    assert limited.reduction_db == 0
    assert np.allclose(limited.sound, sound * ratio_of(12), atol=1e-6)


def test_a_steady_tone_comes_out_clean() -> None:
    """Ten decibels over the ceiling and still a sine: everything else is 70 dB below it."""
    sound = limit(both(sine(1000, 3, dbfs=0)), gain_db=9, ceiling_dbtp=-1).sound[:, 0]
    middle = sound[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + SAMPLE_RATE]
    tone = strength(middle, 1000)
    assert tone == pytest.approx(ratio_of(-1), rel=0.01)
    rest = float(np.mean(np.square(middle, dtype=np.float64)) - tone**2 / 2)
    assert 10 * math.log10(max(rest, 1e-12) / (tone**2 / 2)) < -70


def test_it_turns_down_ahead_of_a_peak_and_comes_back_slowly() -> None:
    sound = both(np.full(SAMPLE_RATE, 0.1, dtype=np.float32))
    sound[24_000] = 2.0
    gain = limit(sound, gain_db=0, ceiling_dbtp=-1).sound[:, 0] / sound[:, 0]
    needed_db = -20 * math.log10(2.0) - 1
    ahead = round(-needed_db / ATTACK_DB_PER_MS * 48)
    assert gain[24_000 - ahead - 100] == pytest.approx(1)
    assert np.all(np.diff(gain[24_000 - ahead - 100 : 23_990]) <= 1e-6)
    assert np.all(np.diff(gain[24_050:]) >= -1e-6)
    assert gain[-1] == pytest.approx(1)
    assert np.max(np.abs(np.diff(gain))) < 0.004


# Places and levels.


@pytest.mark.parametrize("pan", [-1.0, -0.5, 0.0, 0.3, 1.0])
def test_pan_keeps_the_power(pan: float) -> None:
    sound = sine(440, 1)
    left, right = panned(mono(sound), pan).T
    angle = (pan + 1) * math.pi / 4
    assert strength(left, 440) == pytest.approx(strength(sound, 440) * math.cos(angle), abs=1e-6)
    assert strength(right, 440) == pytest.approx(strength(sound, 440) * math.sin(angle), abs=1e-6)
    power = np.sum(np.square(left)) + np.sum(np.square(right))
    assert power == pytest.approx(np.sum(np.square(sound)), rel=1e-4)


def test_a_stereo_voice_in_the_middle_stays_as_it_is() -> None:
    sound = np.stack([sine(440, 1), sine(1330, 1)], axis=1)
    assert np.allclose(panned(sound, 0.0), sound, atol=1e-6)
    assert not np.any(panned(sound, -1.0)[:, 1] > 1e-6)


def test_every_voice_comes_to_one_loudness_and_the_leader_above() -> None:
    voices = [
        Voice(seat=1, sound=mono(sine(500, 4, dbfs=-6)), leader=True),
        Voice(seat=2, sound=mono(sine(700, 4, dbfs=-40)), pan=-1),
        Voice(seat=3, sound=mono(sine(1100, 4, dbfs=-25)), pan=1),
    ]
    for voice, lift in zip(voices, (2, 0, 0), strict=True):
        found = measure(voice, PLAIN)
        assert found.lufs is not None
        assert found.lufs + found.gain_db == pytest.approx(-23 + lift, abs=0.01)
    left, right = mixed(*voices, samples=4 * SAMPLE_RATE).sound.T
    assert strength(left, 700) > 300 * strength(right, 700)
    assert strength(right, 1100) > 300 * strength(left, 1100)
    assert strength(left, 500) == pytest.approx(strength(right, 500), rel=1e-3)


def test_a_rest_does_not_make_a_voice_louder() -> None:
    sung = np.concatenate([np.zeros(6 * SAMPLE_RATE, dtype=np.float32), sine(500, 8), sine(500, 5, dbfs=-75)])
    assert measure(Voice(seat=1, sound=mono(sung))).gain_db == pytest.approx(
        measure(Voice(seat=1, sound=mono(sine(500, 8)))).gain_db, abs=0.3
    )


def test_who_did_not_sing_is_not_raised_and_who_whispers_only_so_far() -> None:
    noise = np.random.default_rng(1).normal(0, 0.0005, (3 * SAMPLE_RATE, 1)).astype(np.float32)
    found = measure(Voice(seat=1, sound=noise))
    assert (found.quiet, found.gain_db) == (True, 0.0)
    whisper = measure(Voice(seat=1, sound=mono(sine(500, 3, dbfs=-50))))
    assert (whisper.quiet, whisper.gain_db) == (False, 24.0)


def test_the_backing_lies_under_the_voices_and_its_count_in_is_softer() -> None:
    backing = sine(300, 6, dbfs=-3)
    voice = np.concatenate([np.zeros(2 * SAMPLE_RATE, dtype=np.float32), sine(900, 4, dbfs=-30)])
    one = measure(Voice(seat=1, sound=mono(voice)), PLAIN)
    done = mix([one], 6 * SAMPLE_RATE, backing=backing, count_in_samples=2 * SAMPLE_RATE, settings=PLAIN)
    song = done.sound[2 * SAMPLE_RATE : 5 * SAMPLE_RATE]
    apart_db = 20 * math.log10(strength(song[:, 0], 900) / strength(song[:, 0], 300))
    weighting_db = integrated_lufs(sine(900, 3)) - integrated_lufs(sine(300, 3))
    assert apart_db + weighting_db == pytest.approx(7, abs=0.3)
    count_in = done.sound[: 2 * SAMPLE_RATE]
    assert 20 * math.log10(strength(song[:, 0], 300) / strength(count_in[:, 0], 300)) == pytest.approx(10, abs=0.1)
    assert strength(song[:, 0], 300) == pytest.approx(strength(song[:, 1], 300), rel=1e-3)


def test_the_room_is_soft_and_moves_nothing() -> None:
    click = np.zeros((SAMPLE_RATE, 1), dtype=np.float32)
    click[4800] = 0.5
    soft = replace(PLAIN, target_lufs=-60.0)
    dry = mixed(Voice(seat=1, sound=click), samples=SAMPLE_RATE, chosen=soft).sound
    wet = mixed(Voice(seat=1, sound=click), samples=SAMPLE_RATE, chosen=replace(soft, courtyard_db=-15.0)).sound
    assert np.argmax(np.abs(wet[:, 0])) == np.argmax(np.abs(dry[:, 0])) == 4800
    after = wet[4801:, 0] / wet[4800, 0]
    assert np.max(np.abs(after[:120])) < 1e-3
    assert np.max(np.abs(after)) < 0.05
    assert 10 * math.log10(np.sum(np.square(after, dtype=np.float64))) == pytest.approx(-15, abs=1)
    room = impulse_response()
    assert not np.allclose(room[:, 0], room[:, 1])
    assert np.allclose(np.sum(room**2, axis=0), 1, rtol=1e-3)
    late = room[int(0.6 * SAMPLE_RATE) :]
    assert np.sum(late**2) < 1e-5
    assert not np.any(reverberation(np.zeros((100, 2), dtype=np.float32)))


def test_the_room_does_not_depend_on_the_chunks_it_is_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(2).normal(0, 0.1, (60_000, 2)).astype(np.float32)
    whole = np.stack([np.convolve(sound[:, side], impulse_response()[:, side])[:60_000] for side in (0, 1)], axis=1)
    monkeypatch.setattr(courtyard, "_CHUNK_SAMPLES", 7_001)
    assert np.allclose(reverberation(sound), whole, atol=1e-4)


# The whole.


def test_the_whole_is_at_its_loudness_under_its_ceiling() -> None:
    chance = np.random.default_rng(8)
    voices = []
    for seat in range(1, 7):
        tremble = 0.5 + 0.5 * np.sin(2 * np.pi * (3 + seat / 5) * np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE)
        sound = sine(130 * seat, 5) * tremble + chance.normal(0, 0.003, 5 * SAMPLE_RATE)
        voices.append(Voice(seat=seat, sound=mono(sound.astype(np.float32)), pan=seat / 3.5 - 1))
    for chosen in (PLAIN, MixSettings()):
        done = mixed(*voices, samples=5 * SAMPLE_RATE, chosen=chosen, backing=sine(220, 5))
        assert done.lufs == pytest.approx(-16, abs=0.2)
        assert true_peak_dbtp(done.sound) <= -1.29
        assert integrated_lufs(done.sound) == pytest.approx(done.lufs, abs=0.05)


def test_all_peaks_and_no_body_stays_under_the_ceiling() -> None:
    clicks = np.zeros((5 * SAMPLE_RATE, 1), dtype=np.float32)
    clicks[::SAMPLE_RATE] = 0.9
    done = mixed(Voice(seat=1, sound=clicks), samples=5 * SAMPLE_RATE)
    assert true_peak_dbtp(done.sound) <= -1.29
    assert np.max(np.abs(done.sound)) > 0.5


@pytest.mark.parametrize("samples", [0, 1, 2, 479, 5000])
def test_tiny_and_silent_performances(samples: int) -> None:
    nothing = mixed(samples=samples)
    assert (nothing.sound.shape, nothing.lufs, nothing.reduction_db) == ((samples, 2), None, 0.0)
    silent = mixed(Voice(seat=1, sound=np.zeros((samples, 1), dtype=np.float32)), samples=samples)
    assert (silent.sound.shape, silent.lufs) == ((samples, 2), None)
    one = mixed(Voice(seat=1, sound=np.full((1, 1), 0.5, dtype=np.float32)), samples=samples)
    assert one.sound.shape == (samples, 2)
    assert np.all(np.isfinite(one.sound))
    assert true_peak_dbtp(one.sound) <= -1.29


def test_numbers_that_are_none_are_cleaned_and_told() -> None:
    sound = mono(sine(500, 2))
    sound[1000:1010] = np.nan
    sound[2000] = np.inf
    sound[3000] = 1e30
    found = measure(Voice(seat=1, sound=sound))
    assert found.damaged
    assert np.all(np.isfinite(found.voice.sound))
    done = mix([found], 2 * SAMPLE_RATE)
    assert np.all(np.isfinite(done.sound))
    clean = mono(sine(500, 2))
    assert honest(clean)[0] is clean


def test_a_hundred_voices_one_at_a_time() -> None:
    alive = 0
    most = 0
    chance = np.random.default_rng(100)

    def voices() -> Iterator[Measured]:
        nonlocal alive, most
        for seat in range(100):
            alive += 1
            most = max(most, alive)
            sound = mono(sine(100.0 + 7 * seat, 1, turns=chance.random()))
            yield measure(Voice(seat=seat, sound=sound, pan=seat / 49.5 - 1))
            alive -= 1

    done = mix(voices(), SAMPLE_RATE)
    assert most == 1
    assert done.lufs == pytest.approx(-16, abs=0.5)
    assert true_peak_dbtp(done.sound) <= -1.29


def test_a_song_stopped_in_the_middle_ends_without_a_click() -> None:
    done = mixed(Voice(seat=1, sound=mono(sine(200, 1))), samples=SAMPLE_RATE)
    assert np.max(np.abs(done.sound[-10:])) < 0.01
    assert np.max(np.abs(done.sound[-5000:-3000])) > 0.1
