"""The calibration bench: its loops are what they say, its judgement can fail, and the page's own modules run in it."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from bench import __main__ as bench
from bench import calibration, cancellers, conditions, loops

RATE = 48_000


@pytest.fixture(scope="module")
def page() -> Iterator[calibration.Page]:
    with calibration.Page() as running:
        yield running


@pytest.fixture(scope="module")
def probe(page: calibration.Page) -> conditions.Probe:
    return page.probe(RATE)


def delta(late: float, gain: float = 1.0) -> loops.Path:
    response = np.zeros(200)
    loops.place(response, 64 + late, gain)
    return loops.Path(response=response, direct_samples=64.0)


def test_a_travelled_sound_is_as_late_as_its_path_says() -> None:
    tone = np.sin(2 * np.pi * 1_000 / RATE * np.arange(4_800)) * np.hanning(4_800)
    heard = loops.travel(tone, delta(0.0), 1_000.0, 8_192)
    assert np.abs(heard[1_000:5_800] - tone).max() < 1e-3
    halfway = loops.travel(tone, delta(0.0), 1_000.5, 8_192)
    assert np.abs(halfway[1_001:5_800] - np.interp(np.arange(0.5, 4_799), np.arange(4_800), tone)).max() < 5e-3


@pytest.mark.parametrize("make", [loops.earpiece, loops.room])
def test_no_sound_arrives_before_the_direct_one(make: object) -> None:
    assert callable(make)
    for seed in range(5):
        path = make(np.random.default_rng(seed), RATE)
        energy = path.response**2
        # The impulses are band-limited: a little of each lies before its peak.
        assert energy[: int(path.direct_samples) - 8].sum() < 0.02 * energy.sum()


def test_the_room_decays_as_asked() -> None:
    path = loops.room(np.random.default_rng(1), RATE, decay_seconds=0.5)
    energy = np.cumsum(path.response[::-1] ** 2)[::-1]
    level = 10 * np.log10(energy / energy[0])
    from_db, to_db = (int(np.argmax(level < db)) for db in (-10, -30))
    assert 0.3 < 3 * (to_db - from_db) / RATE < 0.6


def test_drift_leaves_the_still_sample_where_it_is() -> None:
    tone = np.sin(2 * np.pi * 500 / RATE * np.arange(48_000))
    heard = loops.drift(tone, 100, 24_000)
    assert np.abs(heard[23_990:24_010] - tone[23_990:24_010]).max() < 1e-3
    assert (
        np.abs(
            heard[43_000:43_500]
            - np.sin(2 * np.pi * 500 / RATE * (np.arange(43_000, 43_500) + 1e-4 * (np.arange(43_000, 43_500) - 24_000)))
        ).max()
        < 1e-2
    )


def test_the_canceller_cancels_and_the_suppressor_suppresses() -> None:
    rng = np.random.default_rng(2)
    played = rng.normal(size=3 * RATE) * 0.1
    # The comfort noise is as loud as the quiet tenth of the recording.
    played[:RATE] = 0
    heard = loops.travel(played, delta(100.0, 0.3), 500.0, 3 * RATE)
    for strength in (0, 3):
        left = cancellers.cancel_echo(
            heard, played, RATE, known_delay_samples=450, rng=rng, strength=strength, rate=0.5, trained=False
        )
        assert left[2 * RATE :].std() < 0.1 * heard[2 * RATE :].std()


def test_the_noise_suppressor_keeps_what_stands_out() -> None:
    rng = np.random.default_rng(3)
    heard = 0.01 * rng.normal(size=2 * RATE)
    heard[RATE : RATE + 9_600] += 0.3 * np.sin(2 * np.pi * 2_000 / RATE * np.arange(9_600))
    left = cancellers.suppress_noise(heard, RATE, depth_db=20)
    assert left[RATE // 2 : RATE - 4_800].std() < 0.4 * heard[RATE // 2 : RATE - 4_800].std()
    assert left[RATE : RATE + 9_600].std() > 0.9 * heard[RATE : RATE + 9_600].std()


@pytest.mark.parametrize(
    ("late", "gain", "noise"), [(480.25, 0.1, 0.0), (14_400.5, -0.02, 0.001), (60_000.75, 0.1, 0.02)]
)
def test_the_page_finds_what_we_delayed(
    page: calibration.Page, probe: conditions.Probe, late: float, gain: float, noise: float
) -> None:
    heard = loops.travel(probe.sound, delta(0.0, gain), late, probe.listen_samples)
    heard += noise * np.random.default_rng(4).normal(size=heard.size)
    said = page.measure(RATE, heard)
    assert said["reason"] is None
    assert said["round_trip_frames"] == pytest.approx(late, abs=0.1 if noise < 0.01 else 2)
    assert calibration.peer_round_trip(heard, probe) == pytest.approx(late, abs=1)


def test_the_page_refuses_silence(page: calibration.Page, probe: conditions.Probe) -> None:
    said = page.measure(RATE, np.zeros(probe.listen_samples))
    assert said["round_trip_frames"] is None
    assert (said["accepted"], said["reason"]) == (False, "too_quiet")


@pytest.mark.parametrize(
    ("said", "truth", "wrong"),
    [(1_000.0, 1_047.0, False), (1_000.0, 1_049.0, True), (1_000.0, float("nan"), True), (None, 1_000.0, False)],
)
def test_more_than_a_millisecond_off_is_wrong(
    probe: conditions.Probe, said: float | None, truth: float, wrong: bool
) -> None:
    answer = {"accepted": said is not None, "reason": None if said else "noisy", "round_trip_frames": said}
    outcome = calibration.judge("headphone", 20, probe, np.zeros(probe.listen_samples), truth, answer)
    assert outcome.wrong is wrong
    assert calibration.summary([outcome])["wrong_accepted"] == int(wrong)


def test_the_rate_counts_only_what_should_be_accepted() -> None:
    def outcome(condition: str, snr_db: float, accepted: bool) -> calibration.Outcome:
        return calibration.Outcome(
            condition=condition, snr_db=snr_db, accepted=accepted, reason=None, error_ms=0.0, peer_error_ms=0.0
        )

    outcomes = [
        outcome("headphone", 20, True),
        outcome("narrow", 10, False),
        outcome("narrow", 5, False),
        outcome("bangs", 30, False),
    ]
    assert calibration.summary(outcomes)["accepted_rate"] == 0.5


def test_a_case_is_the_same_whatever_came_before(probe: conditions.Probe) -> None:
    make, snr_db = list(calibration.cases(6))[5]
    first, again = (calibration.make_case(5, 1, [probe], make, snr_db) for _ in range(2))
    assert np.array_equal(first[1], again[1])
    assert first[2] == again[2]
    other = calibration.make_case(5, 2, [probe], make, snr_db)
    assert not np.array_equal(first[1], other[1])


def test_every_condition_meets_every_noise_level() -> None:
    seen: dict[str, list[float]] = {}
    for make, snr_db in calibration.cases(calibration.CASES_LONG):
        seen.setdefault(make.__name__, []).append(snr_db)
    assert len(seen) == len(conditions.FAIR) + len(conditions.FOUL)
    for levels in seen.values():
        assert min(levels) < -6
        assert max(levels) > 26


def test_the_command_prints_one_json_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "CASES", 4)
    assert bench.main(["calibration", "--json", "--seed", "9"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["seed"], figures["cases"], figures["wrong_accepted"]) == (9, 4, 0)
    table = bench.table(figures)
    assert "wrong_accepted               0" in table
    assert "headphone" in table
