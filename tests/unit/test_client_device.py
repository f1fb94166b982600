"""The simulated sound card, and the way a voice takes through it: whatever the card, it lands where it was heard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.client.device import CardSpec, VirtualCard
from unisono.client.pace import JUMP_SAMPLES, STEER_PPM_MAX, Pace, Placement, Run
from unisono.client.varispeed import MARGIN_SAMPLES, read_at
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio

START = 5_000_000


def melody(samples: int) -> Audio:
    """Band-limited noise below 6 kHz: nothing in it repeats, so a slip of a sample shows."""
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(samples))
    spectrum[samples * 6000 // SAMPLE_RATE :] = 0
    noise = np.fft.irfft(spectrum, samples)
    sound: Audio = (0.2 * noise / noise.std()).astype(np.float32)
    return sound


def sing_through(
    spec: CardSpec, guide: Audio, *, behind: float = 0.0, jolt: tuple[int, int] | None = None
) -> list[Run]:
    """Play `guide` at the positions the room's clock gives and place what comes back; `jolt` moves the clock once."""
    card = VirtualCard(spec, opened_ms=0.0)
    pace = Pace()
    placement = Placement(round_trip_frames=spec.round_trip_frames)
    runs = []
    while card.frames < guide.size + SAMPLE_RATE // 2:
        target = START + card.ms_of(card.frames) * SAMPLE_RATE / 1000 - behind
        if jolt is not None and card.frames >= jolt[0]:
            target += jolt[1]
        segment = pace.play(FRAME_SAMPLES, target)
        placement.played(segment)
        runs += placement.recorded(card.exchange(read_at(guide, segment.positions() - START)))
    return runs


def residual_dbfs(runs: list[Run], guide: Audio) -> float:
    """How much of the runs is not `guide` at its place, in dB below full scale RMS."""
    left = []
    for run in runs:
        first = run.position - START
        if first >= MARGIN_SAMPLES and first + run.sound.size <= guide.size - MARGIN_SAMPLES:
            left.append(run.sound - guide[first : first + run.sound.size])
    return float(20 * np.log10(np.sqrt(np.mean(np.concatenate(left) ** 2)) + 1e-12))


def test_reading_between_samples_follows_a_sine() -> None:
    sine = np.sin(2 * np.pi * 10_000 / SAMPLE_RATE * np.arange(4800)).astype(np.float32)
    at = 100.3 + 1.0003 * np.arange(4000.0)
    assert np.abs(read_at(sine, at) - np.sin(2 * np.pi * 10_000 / SAMPLE_RATE * at)).max() < 2e-4


def test_reading_outside_the_sound_is_silence() -> None:
    assert not read_at(np.ones(100, np.float32), np.array([-50.5, -49.5])).any()
    assert read_at(np.ones(100, np.float32), np.array([50.5]))[0] == pytest.approx(1.0, abs=1e-3)


@given(latency_ms=st.floats(0, 300), drift_ppm=st.floats(-150, 150), behind=st.floats(0, 48_000))
@settings(max_examples=25, deadline=None)
def test_a_voice_lands_where_it_was_heard(latency_ms: float, drift_ppm: float, behind: float) -> None:
    guide = melody(2 * SAMPLE_RATE)
    runs = sing_through(CardSpec(latency_ms=latency_ms, drift_ppm=drift_ppm), guide, behind=behind)
    assert residual_dbfs(runs, guide) < -65.0


@pytest.mark.parametrize("drift_ppm", [-100.0, 0.0, 100.0])
def test_inside_an_epoch_nothing_is_lost_or_doubled(drift_ppm: float) -> None:
    runs = sing_through(CardSpec(latency_ms=60.0, drift_ppm=drift_ppm), melody(4 * SAMPLE_RATE))
    assert {run.epoch for run in runs} == {0}
    for before, after in pairwise(runs):
        assert after.position == before.position + before.sound.size


@pytest.mark.parametrize("jolt_samples", [-4000, 3000, JUMP_SAMPLES + 40])
def test_a_large_error_is_one_jump_and_both_sides_stay_in_place(jolt_samples: int) -> None:
    guide = melody(4 * SAMPLE_RATE)
    runs = sing_through(CardSpec(latency_ms=45.0, drift_ppm=30.0), guide, jolt=(SAMPLE_RATE, jolt_samples))
    assert [run.epoch for run in runs] == sorted(run.epoch for run in runs)
    assert {run.epoch for run in runs} == {0, 1}
    # The blocks whose echo was on its way hold the sound of both sides of the jump within a filter's length.
    clean = [run for run in runs if abs(run.position - START - SAMPLE_RATE) > FRAME_SAMPLES + abs(jolt_samples)]
    assert residual_dbfs(clean, guide) < -65.0


def test_a_small_error_is_steered_out_and_never_faster_than_allowed() -> None:
    pace = Pace()
    pace.play(FRAME_SAMPLES, 0.0)
    speeds, error = [], 900.0
    for block in range(1, 6000):
        segment = pace.play(FRAME_SAMPLES, block * FRAME_SAMPLES + 900.0)
        speeds.append(segment.speed)
        error = block * FRAME_SAMPLES + 900.0 - segment.position
    assert pace.epoch == 0
    assert abs(error) < 30.0
    assert max(abs(speed - 1.0) for speed in speeds) <= STEER_PPM_MAX * 1.0001e-6


def test_a_card_asks_for_frames_at_its_own_rate() -> None:
    card = VirtualCard(CardSpec(drift_ppm=100.0), opened_ms=1000.0)
    assert card.due_frames(1000.0) == 0
    assert card.due_frames(11_000.0) == 480_048
    card.exchange(np.zeros(480, np.float32))
    assert card.due_frames(11_000.0) == 480_048 - 480
    assert card.ms_of(card.frames) == pytest.approx(1000.0 + 480 / 48.0048)


def test_a_card_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        CardSpec(latency_ms=-1.0)
    with pytest.raises(ValueError, match="drift_ppm"):
        CardSpec(drift_ppm=float("nan"))
