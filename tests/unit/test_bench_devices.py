"""The ruler of the devices bench, on stems whose faults are known."""

from dataclasses import replace

import numpy as np
import pytest

from bench.devices_measure import Sung, apart_ppm, judge
from tests.browser.singer import made_voice
from tests.browser.sounding import resampled
from unisono.core.wire import Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position

START = 4_800_000
SONG_S = 12
BACKING = np.tile(made_voice(), 2)[:SONG_S * SAMPLE_RATE]


def packets(epoch: int, from_s: float, to_s: float, *, unsure: bool = False) -> list[Packet]:
    """The packets of one epoch of a stem."""
    first, last = int(from_s * SAMPLE_RATE / FRAME_SAMPLES), int(to_s * SAMPLE_RATE / FRAME_SAMPLES)
    return [Packet(kind=Kind.VOICE, codec=Codec.OPUS, seat=1, epoch=epoch, level=30, unsure=unsure, frames=(b"x",),
                   position=Position(START + frame * FRAME_SAMPLES)) for frame in range(first, last)]


def sung(series: list[Packet], stem: np.ndarray) -> Sung:
    """A stem whose maker had a mishap between 4 and 6 s."""
    return Sung(name="mishap", packets=series, start=START, stem=np.asarray(stem, np.float32), backing=BACKING,
                heard=BACKING, marks=(), begun_s=4.0, over_s=6.0)


def moved(stem: np.ndarray, from_s: float, to_s: float, by_ms: float) -> np.ndarray:
    """The stem with one stretch moved."""
    a, b, by = (int(each * SAMPLE_RATE) for each in (from_s, to_s, by_ms / 1000))
    out = stem.copy()
    out[a:b] = stem[a - by:b - by]
    return out


def test_a_whole_stem_in_place() -> None:
    judged = judge(sung(packets(1, 0, SONG_S), BACKING))
    assert judged.error_ms_max is not None
    assert judged.error_ms_max < 0.01
    assert (judged.misfits, judged.lost_ms, judged.epochs, judged.windows_unsure) == (0, 0, 1, 0)
    assert judged.windows_sure >= SONG_S - 2
    assert judged.seconds_to_sing_again == judged.seconds_until_sure == 0


def test_what_is_moved_and_sure_is_an_error_and_what_is_moved_and_marked_is_none() -> None:
    for by_ms in (3.0, 150.0):
        stem = moved(BACKING, 7, 10, by_ms)
        told = judge(sung(packets(1, 0, SONG_S), stem)).error_ms_max
        assert told is not None
        assert abs(told - by_ms) < 0.1
        series = [*packets(1, 0, 7), *packets(2, 7, 10, unsure=True), *packets(3, 10, SONG_S)]
        marked = judge(sung(series, stem))
        assert marked.error_ms_max is not None
        assert marked.error_ms_max < 0.01
        assert marked.windows_unsure == 3
        assert marked.epochs == 3


def test_sound_that_is_nowhere_near_its_place_is_a_misfit() -> None:
    assert judge(sung(packets(1, 0, SONG_S), moved(BACKING, 7, 10, 2000))).misfits >= 2


@pytest.mark.parametrize("own_ms", [0.0, 0.4])
@pytest.mark.parametrize("stray_ms", [0.0, -9.0, 14.0])
def test_of_two_tabs_on_one_card_each_is_judged_by_its_own_sound(own_ms: float, stray_ms: float) -> None:
    """The other one's ear is on its way to its place, up to 20 ms from it."""
    behind = round(0.19 * SAMPLE_RATE)
    voice = np.asarray(BACKING, np.float64)
    both = moved(voice, 1, SONG_S, own_ms) + 0.8 * np.roll(voice, behind + round(stray_ms * SAMPLE_RATE / 1000))
    judged = judge(replace(sung(packets(1, 2, SONG_S), both), others_samples=(behind,)))
    assert judged.misfits == 0
    assert judged.windows_sure >= SONG_S - 4
    assert judged.error_ms_max is not None
    assert abs(judged.error_ms_max - own_ms) < 0.05


def test_a_later_epoch_that_is_sure_takes_the_mark_away() -> None:
    judged = judge(sung([*packets(1, 0, SONG_S, unsure=True), *packets(2, 0, SONG_S)], BACKING))
    assert judged.windows_unsure == 0
    assert judged.windows_sure >= SONG_S - 2


def test_silence_from_the_mishap_on_is_counted_in_seconds_and_other_silence_is_lost() -> None:
    stem = BACKING.copy()
    stem[4 * SAMPLE_RATE:9 * SAMPLE_RATE] = 0
    series = [*packets(1, 0, 4), *packets(2, 9, 10, unsure=True), *packets(2, 10, SONG_S)]
    judged = judge(sung(series, stem))
    assert judged.lost_ms == 0
    assert (judged.seconds_to_sing_again, judged.seconds_until_sure) == (3.0, 4.0)
    stem[2 * SAMPLE_RATE:int(2.5 * SAMPLE_RATE)] = 0
    lost_ms = judge(sung(series, stem)).lost_ms
    assert lost_ms is not None
    assert 300 <= lost_ms <= 500


def test_two_clocks_are_told_apart_by_their_sound() -> None:
    ears = np.tile(made_voice(), 2)[:40 * SAMPLE_RATE]
    assert abs(apart_ppm(ears, resampled(ears, SAMPLE_RATE, SAMPLE_RATE * (1 + 100e-6))) - 100) < 2
