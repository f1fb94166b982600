"""Evenings in bad weather: what is heard, what is kept, what goes first. tests/sim/evening.py states the measures."""

import numpy as np
import pytest

from tests.sim.air import Air
from tests.sim.evening import BEFORE_MS, BREAK_WINDOWS, Evening, Outcome
from tests.sim.line import Weather
from tests.sim.tones import stretches
from tests.sim.weathers import DATAGRAMS, EVERYBODY, NAMES, ONE_IN_A_STORM, evening
from unisono.units import SAMPLE_RATE

WINDOWS_A_SECOND = 200
SONG_BEGAN_S = 21.5


def songs(night: Evening, *, seconds: float = 15.0, count: int = 1) -> list[Outcome]:
    """Some songs of an evening, after pages had time to find out about their ways."""
    night.wait(BEFORE_MS)
    sung = []
    for _ in range(count):
        sung.append(night.sing(seconds))
        night.wait(5_000)
    return sung


@pytest.mark.parametrize("name", [*NAMES, DATAGRAMS.name])
def test_every_recording_is_complete_and_in_place_in_every_weather(name: str) -> None:
    (song,) = songs(evening(name, seed=2, singers=3), seconds=32.0 if "stall" in name or "storm" in name else 12.0)
    assert song.lost_ms == 0
    assert song.unsung_ms == 0 or name == "loss 20 %", "who hears of a song late begins late"
    assert song.error_ms.size > 3 * 12 * WINDOWS_A_SECOND * 0.9
    assert np.quantile(np.abs(song.error_ms), 0.999) < 0.01
    assert np.abs(song.error_ms).max() < 0.5, "the last window of an epoch is cut short"


def test_in_fair_weather_rows_are_close_and_nothing_is_missing_in_two_songs() -> None:
    first, second = songs(evening("fair", seed=3), count=2)
    for song in (first, second):
        assert song.breaks_per_minute == (0.0,) * 4
        assert max(song.missing_share) == 0.0
    assert np.quantile(first.hop_ms, 0.95) < 220
    assert second.delays_ms[3] < first.delays_ms[3] + 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_at_5_per_cent_loss_and_100_ms_jitter_nothing_breaks_at_the_delays_the_room_chose(seed: int) -> None:
    """Both of each way, below TCP. By the bench, over minutes, the worst ear has one in three of them, at outages."""
    for song in songs(evening("loss 5 %, jitter 100 ms", seed=seed), count=2, seconds=12.0):
        assert song.worst_breaks == 0.0
        assert max(song.missing_share) < 0.01
        assert len(song.seating.rows) >= 2
        assert song.hop_ms.max() < 2_600, "and nobody waits for ever"


def test_beyond_that_it_degrades_gently() -> None:
    (song,) = songs(evening("jitter 300 ms", seed=1))
    assert max(song.missing_share) < 0.05
    assert max(song.breaks_per_minute) < 30


def test_after_a_stall_of_five_seconds_all_is_heard_again_without_anybody_doing_anything() -> None:
    (song,) = songs(evening("stall of 5 s", seed=1), seconds=30.0)
    assert 0.05 < max(song.missing_share) < 0.35
    back = round((35 - SONG_BEGAN_S + 6) * WINDOWS_A_SECOND)
    assert [int(missing[back:].sum()) for missing in song.missing] == [0] * len(song.missing)
    assert song.repaired_frames > 100
    assert song.lost_ms == 0


def test_a_page_whose_address_changes_comes_back_by_itself() -> None:
    night = evening("address changes", seed=1, singers=3)
    (song,) = songs(night, seconds=32.0)
    assert song.reconnections == len(night.pages)
    back = round((30 - SONG_BEGAN_S + 13) * WINDOWS_A_SECOND)
    assert [int(missing[back:].sum()) for missing in song.missing] == [0] * len(song.missing)
    assert song.lost_ms == 0


def test_who_stands_in_a_storm_sits_behind_and_disturbs_nobody_in_front() -> None:
    (song,) = songs(evening(ONE_IN_A_STORM, seed=1))
    assert song.breaks_per_minute[:2] == (0.0, 0.0)
    assert song.delays_ms[2] < 400


def test_repair_never_starves_live_sound_on_a_narrow_uplink() -> None:
    """A leader on a line for little more than a voice owes five seconds: all of it comes, and nothing live breaks."""
    narrow = Air(rate_kbps=256, jitter_ms=5, dead_ms=((30_000.0, 35_000.0),))
    host = Weather(name="narrow", up=narrow, down=Air(jitter_ms=5))
    fair = Weather.both("fair", Air())
    night = Evening([host, fair, fair], seed=5)
    (song,) = songs(night, seconds=32.0)
    owed = sum(packet.repair for packet in night.house.stems[night.pages[0].seat])
    assert owed > 150
    back = round((35 - SONG_BEGAN_S + 7) * WINDOWS_A_SECOND)
    assert [int(np.sum(stretches(missing[back:]) >= BREAK_WINDOWS)) for missing in song.missing] == [0, 0]
    assert song.lost_ms == 0


def test_simulated_minutes_are_seeded() -> None:
    one, other = (songs(evening("loss 20 %", seed=9, singers=2), seconds=6.0)[0] for _ in range(2))
    assert one.delays_ms == other.delays_ms
    assert one.complete_after_s == other.complete_after_s
    assert all(np.array_equal(a, b) for a, b in zip(one.missing, other.missing, strict=True))


def test_the_names_of_the_weathers_are_all_different() -> None:
    assert len(set(NAMES)) == len(EVERYBODY) + 1
    assert SAMPLE_RATE // 240 == WINDOWS_A_SECOND
