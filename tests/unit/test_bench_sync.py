"""The sync bench on songs made by arithmetic: planted errors, hops, holes and jumps are found, and no others."""

from functools import lru_cache

import numpy as np
import pytest

from bench import lags, sync_measure
from bench.lags import Audio
from tests.unit.test_bench_lags import noise
from unisono.units import SAMPLE_RATE

MS = SAMPLE_RATE / 1000


def late(sound: np.ndarray, by_ms: float, samples: int | None = None) -> np.ndarray:
    """`sound`, `by_ms` later."""
    return lags.shifted(sound, -by_ms * MS, samples or len(sound))


@lru_cache
def opening(errors_ms: tuple[float, ...] = (0.0, 0.0, 0.0), *, jump_ms: float = 0) -> sync_measure.Opening:
    """Ten seconds sung by three rows 300 ms apart: the leader hears the backing, the others also all those before."""
    backing, voice = noise(20, 10), noise(21, 8)
    sung = late(voice, 1000, len(backing))
    stems = {0: late(backing, errors_ms[0]) + late(sung, errors_ms[0])}
    rng = np.random.default_rng(22)
    for row in (1, 2):
        heard = backing + sum(stems.values())
        stems[row] = late(heard, errors_ms[row]) + 0.01 * rng.standard_normal(len(backing))
    tapes = {}
    for row in (0, 1, 2):
        tape = late(backing + sung, 500 + row * 300, len(backing) + 2 * SAMPLE_RATE)
        half = len(tape) // 2
        tapes[row] = np.concatenate([tape[:half], late(tape, jump_ms)[half:]])
    return sync_measure.Opening(
        backing=backing.astype(np.float32), voice=voice.astype(np.float32),
        stems={row: stem.astype(np.float32) for row, stem in stems.items()},
        tapes={row: tape.astype(np.float32) for row, tape in tapes.items()},
        tape_starts_s={0: 100.0, 1: 100.25, 2: 100.0})


def test_planted_errors_are_found_with_their_sign() -> None:
    found = sync_measure.stem_windows(opening((0.1, 0.2, -0.4)))
    assert all(window.sure for window in found)
    error = {(window.row, window.against): window.error_ms for window in found if window.start_s == 5}
    assert error[0, "backing"] == pytest.approx(0.1, abs=0.02)
    # Row 1 hears the backing itself and, as loud, 0.1 ms late inside the leader's stem.
    assert error[1, "backing"] == pytest.approx(0.2 + 0.05, abs=0.02)
    assert error[1, "leader"] == pytest.approx(0.2, abs=0.02)
    # Row 2 hears the leader, and again in row 1's stem 0.2 ms later.
    assert error[2, "leader"] == pytest.approx(-0.4 + 0.1, abs=0.05)


def test_what_others_sing_back_of_a_marked_leader_is_no_unmarked_error() -> None:
    """As loud as the backing itself, the leader's echo of it may be what is found in their stems."""
    found = sync_measure.stem_windows(opening((9.13, 0.0, 0.0)))
    against_leader = [abs(window.error_ms) for window in found if window.row == 1 and window.against == "leader"]
    assert max(against_leader) < 0.05
    aside = [window for window in found if abs(window.error_ms) > 1 and window.row < 2]
    assert {window.row for window in aside} >= {0}
    assert all(sync_measure.is_marked(window, {0}) for window in aside)
    assert not any(sync_measure.is_marked(window, {2}) for window in aside)
    assert not any(sync_measure.is_marked(window, {0}) for window in found if window.against == "leader")


def test_a_gross_error_is_told_and_not_taken_for_noise() -> None:
    found = sync_measure.stem_windows(opening((0.0, 37.0, 0.0)))
    worst = [window for window in found if window.row == 1 and window.against == "leader"]
    assert [window.error_ms for window in worst] == pytest.approx([37.0, 37.0], abs=0.1)


def test_hops_are_sink_to_sink_on_one_clock() -> None:
    sung = opening()
    found = sync_measure.hops(sung, sync_measure.follow_ears(sung))
    # Row 1's tape began 250 ms after the others': its sounds were later by as much.
    assert [hop.hop_ms for hop in found if hop.row == 1] == pytest.approx([550.0] * 4, abs=0.1)
    assert [hop.hop_ms for hop in found if hop.row == 2] == pytest.approx([50.0] * 4, abs=0.1)
    assert all(hop.sure for hop in found)


def test_a_whole_stem_has_lost_nothing_and_a_hole_is_measured() -> None:
    sung = opening((0.1, 0.0, 0.0))
    source: Audio = late(sung.stems[0], 700, len(sung.backing) + SAMPLE_RATE).astype(np.float32)
    assert sync_measure.lost_frames_s(source, sung.stems[0]) == []
    holed = sung.stems[0].copy()
    holed[5 * SAMPLE_RATE + 4_800:5 * SAMPLE_RATE + 6_720] = 0
    lost = sync_measure.lost_frames_s(source, holed)
    assert len(lost) == pytest.approx(4, abs=1)
    assert all(5.08 < start < 5.15 for start in lost)


def test_sound_from_elsewhere_does_not_fill_a_hole() -> None:
    sung = opening()
    forged = sung.stems[0].copy()
    forged[3 * SAMPLE_RATE:3 * SAMPLE_RATE + 4_800] = sung.stems[0][6 * SAMPLE_RATE:6 * SAMPLE_RATE + 4_800]
    assert len(sync_measure.lost_frames_s(sung.stems[0], forged)) >= 8


@pytest.mark.parametrize(("jump_ms", "count"), [(0.0, 0), (12.0, 1), (-5.0, 1)])
def test_a_break_of_the_sound_system_is_seen_on_the_tape(jump_ms: float, count: int) -> None:
    sung = opening(jump_ms=jump_ms)
    found = sync_measure.dropouts(1, sync_measure.follow_ears(sung)[1])
    assert len(found) == count
    assert [jump.moved_ms for jump in found] == pytest.approx([jump_ms] * count, abs=0.1)
