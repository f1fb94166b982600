"""A choir of three in rows one behind the other, in any weather: late or lost, perhaps, but never out of place."""

import random
from collections.abc import Callable

import pytest

from tests.sim.choir import Choir, Heard, Page
from tests.sim.weather import Conditions, Datagrams, Stream, Way
from unisono.core.rows import Member, Seating, seat_rows
from unisono.units import FRAME_SAMPLES, ms_of_samples, samples_of_ms

DEVICE_SAMPLES = 1200
SEEDS = [1, 20, 300]
SONG_SECONDS = 20.0


def seating_for(up_ms: float) -> Seating:
    """A leader and three singers in rows of their own, whose packets are written within `up_ms` of leaving the page."""
    up = FRAME_SAMPLES + DEVICE_SAMPLES + samples_of_ms(up_ms)
    return seat_rows(
        [Member(seat=seat, up_samples=up, down_samples=samples_of_ms(40)) for seat in (1, 2, 3, 4)], leader=1
    )


def choir(
    seating: Seating,
    way: Callable[[random.Random], Way],
    *,
    seed: int,
    jumps: float = 0.0,
    asks: Callable[[], int] | None = None,
) -> Choir:
    chance = random.Random(seed)
    pages = [
        Page(
            seat=seat,
            voice=seat - 2,
            row=seat - 1,
            delay_samples=seating.delays_samples[seat - 1],
            way=way(random.Random(chance.random())),
            device_samples=DEVICE_SAMPLES,
            jump_chance=jumps,
        )
        for seat in (2, 3, 4)
    ]
    for page in pages:
        page.position += chance.randrange(FRAME_SAMPLES)
    return Choir(seating, pages, seed=seed, asks=asks)


def missing(heard: dict[int, Heard], *, after_samples: int = 0) -> float:
    """The largest share of any voice that any row did not hear; fails when anything was heard out of place.

    Nobody knows of frames that were lost before the first that came: `after_samples` leaves the beginning out.
    """
    assert set(heard) == {2, 3, 4}
    worst = 0.0
    for row, sound in heard.items():
        assert sound.voices == tuple(range(row - 1))
        for voice in sound.voices:
            silent, out_of_place = sound.samples_of(voice, after=after_samples)
            assert out_of_place == 0, f"voice {voice} is out of place in row {row}"
            worst = max(worst, silent / (len(sound.sound) - after_samples))
    return worst


START_MISSES = FRAME_SAMPLES / (SONG_SECONDS * 48_000)
"""Everybody's grid begins up to a frame after the song: that much is silent in any weather."""


@pytest.mark.parametrize("seed", SEEDS)
def test_in_calm_weather_every_row_hears_every_sample(seed: int) -> None:
    calm = Conditions(base_ms=25, jitter_ms=0)
    room = choir(seating_for(up_ms=25.1), lambda chance: Stream(calm, chance), seed=seed)
    assert missing(room.sing(SONG_SECONDS)) <= START_MISSES * 1.2
    assert room.late_frames == room.concealed_frames == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_at_one_hop_less_than_the_way_takes_nothing_is_heard(seed: int) -> None:
    """The distances of core/rows.py are not generous: 25 ms are needed, 4 do not do."""
    calm = Conditions(base_ms=25, jitter_ms=0)
    room = choir(seating_for(up_ms=4), lambda chance: Stream(calm, chance), seed=seed)
    assert missing(room.sing(10.0)) > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_wireless_jitter_within_the_measured_way_loses_next_to_nothing(seed: int) -> None:
    wireless = Conditions(base_ms=10, jitter_ms=6)
    room = choir(seating_for(up_ms=70), lambda chance: Datagrams(wireless, chance), seed=seed)
    assert missing(room.sing(SONG_SECONDS)) < 0.003


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_that_stalls_is_heard_again_where_it_is_and_nowhere_else(seed: int) -> None:
    """2 % of segments lost, each stalling the socket for over 0.2 s: concealed, then on in place."""
    stalling = Conditions(base_ms=15, jitter_ms=4, loss=0.02)
    room = choir(seating_for(up_ms=60), lambda chance: Stream(stalling, chance), seed=seed)
    assert 0.001 < missing(room.sing(SONG_SECONDS)) < 0.4
    assert room.concealed_frames > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_five_per_cent_loss_and_jitter_vanish_at_a_row_delay_that_leaves_time_to_ask_again(seed: int) -> None:
    lossy = Conditions(base_ms=20, jitter_ms=10, loss=0.05, doubled=0.02)
    seating = seating_for(up_ms=250)
    assert ms_of_samples(seating.delays_samples[2] - seating.delays_samples[1]) < 400
    chance = random.Random(seed)
    room = choir(
        seating,
        lambda own: Datagrams(lossy, own),
        seed=seed,
        asks=lambda: lossy.delay_samples(chance),
    )
    assert missing(room.sing(SONG_SECONDS), after_samples=10 * FRAME_SAMPLES) < 0.002
    silent = choir(seating, lambda own: Datagrams(lossy, own), seed=seed)
    assert missing(silent.sing(SONG_SECONDS)) > 0.03, "what asking is for"


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_storm_with_jumping_clocks_nothing_is_ever_out_of_place(seed: int) -> None:
    storm = Conditions(base_ms=30, jitter_ms=150, loss=0.3, doubled=0.2)
    room = choir(seating_for(up_ms=300), lambda chance: Datagrams(storm, chance), seed=seed, jumps=0.01)
    assert missing(room.sing(60.0)) < 0.9
    assert room.late_frames > 0


def test_memory_does_not_grow_with_the_song() -> None:
    storm = Conditions(base_ms=30, jitter_ms=150, loss=0.1)
    short, long = (
        choir(seating_for(up_ms=300), lambda chance: Datagrams(storm, chance), seed=9, jumps=0.02) for _ in range(2)
    )
    short.sing(10.0)
    long.sing(40.0)
    assert long.memory_bytes == short.memory_bytes
