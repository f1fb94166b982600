"""The network may cut, shuffle and double a voice; the timeline must not be able to tell."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core.timeline import FrameKey, Timeline
from unisono.units import FRAME_SAMPLES, POSITION_END, Audio, Position, Span, span

START = Position(480_013)
SMALL_RING = 16 * FRAME_SAMPLES


def key(position: int, *, seat: int = 2, epoch: int = 0) -> FrameKey:
    return FrameKey(seat=seat, epoch=epoch, position=Position(position))


def noise(samples: int, seed: int) -> Audio:
    return np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)


def frame(value: float = 1.0) -> Audio:
    return np.full(FRAME_SAMPLES, value, dtype=np.float32)


def frames_of(voice: Audio, first: int) -> list[tuple[int, Audio]]:
    return [
        (first + at, voice[at : at + FRAME_SAMPLES]) for at in range(0, len(voice) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    ]


def shifted(position: int, samples: int) -> Span:
    return span(position, position + samples)


@given(st.data())
def test_order_doubling_and_block_size_change_nothing(data: st.DataObject) -> None:
    """Three seats on grids of their own, frames in any order, some twice, read in any blocks: the plain sum."""
    length = 6 * FRAME_SAMPLES
    voices = {seat: noise(length, seat) for seat in (2, 3, 4)}
    offsets = {seat: data.draw(st.integers(0, FRAME_SAMPLES)) for seat in voices}
    gains = {seat: (0.25 * seat, 1.0 - 0.125 * seat) for seat in voices}
    sent = [(seat, at, sound) for seat in voices for at, sound in frames_of(voices[seat], START + offsets[seat])]
    doubled = data.draw(st.lists(st.sampled_from(sent), max_size=8))
    timeline = Timeline(start=START, singing_rows=2, ring_samples=SMALL_RING)
    for seat, at, sound in data.draw(st.permutations(sent + doubled)):
        left, right = gains[seat]
        timeline.add(key(at, seat=seat), sound, row=1, left_gain=left, right_gain=right)
    expected = np.zeros((length + FRAME_SAMPLES, 2))
    for seat, voice in voices.items():
        expected[offsets[seat] : offsets[seat] + length] += np.outer(voice, gains[seat])
    cuts = sorted(data.draw(st.sets(st.integers(1, len(expected) - 1), max_size=6)) | {0, len(expected)})
    heard = [timeline.read(2, span(START + a, START + b)) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_allclose(np.concatenate(heard), expected, atol=1e-5)


def test_each_row_hears_the_rows_before_it_and_listeners_hear_all() -> None:
    timeline = Timeline(start=START, singing_rows=3)
    for row, value in ((1, 1.0), (2, 10.0), (3, 100.0)):
        timeline.add(key(START, seat=row), frame(value), row=row, left_gain=1.0, right_gain=2.0)
    whole = shifted(START, FRAME_SAMPLES)
    heard = {row: timeline.read(row, whole) for row in (1, 2, 3, timeline.listeners)}
    assert {row: sound[0].tolist() for row, sound in heard.items()} == {
        1: [0.0, 0.0],
        2: [1.0, 2.0],
        3: [11.0, 22.0],
        4: [111.0, 222.0],
    }
    assert all(np.ptp(sound, axis=0).max() == 0 for sound in heard.values())


def test_a_stereo_voice_keeps_its_sides() -> None:
    timeline = Timeline(start=START, singing_rows=1)
    stereo = np.column_stack((frame(0.5), frame(-0.25)))
    timeline.add(key(START), stereo, row=1, left_gain=2.0, right_gain=1.0)
    np.testing.assert_array_equal(timeline.read(timeline.listeners, shifted(START, 1)), [[1.0, -0.25]])


def test_a_row_that_has_heard_past_a_voice_misses_it_and_later_rows_do_not() -> None:
    timeline = Timeline(start=START, singing_rows=3)
    timeline.read(2, shifted(START, 1000))
    timeline.read(3, shifted(START, 100))
    missed = timeline.add(key(START), frame(), row=1)
    assert missed.late_samples == (0, 0, FRAME_SAMPLES, 100, 0)
    assert missed.worst_samples == FRAME_SAMPLES
    assert not missed.doubled
    heard = timeline.read(timeline.listeners, shifted(START, FRAME_SAMPLES))
    np.testing.assert_array_equal(heard, np.ones((FRAME_SAMPLES, 2)))


def test_what_is_left_of_a_voice_that_comes_half_too_late_is_in_place() -> None:
    timeline = Timeline(start=START, singing_rows=1)
    timeline.read(timeline.listeners, shifted(START, 100))
    assert timeline.window.start == START + 100, "row 1 hears no bus and holds nothing back"
    voice = noise(FRAME_SAMPLES, 3)
    missed = timeline.add(key(START + 30), voice, row=1)
    assert missed.late_samples == (0, 0, 70)
    heard = timeline.read(timeline.listeners, shifted(START + 100, FRAME_SAMPLES))
    np.testing.assert_array_equal(heard[: FRAME_SAMPLES - 70, 0], voice[70:])
    assert not heard[FRAME_SAMPLES - 70 :].any()


def test_rows_before_the_singer_miss_nothing() -> None:
    timeline = Timeline(start=START, singing_rows=3)
    for row in (1, 2, 3):
        timeline.skip(row, Position(START + 5000))
    assert timeline.add(key(START), frame(), row=3).late_samples == (0, 0, 0, 0, 0)
    assert timeline.add(key(START), frame(), row=2).late_samples[3] == 0, "the same key again"
    assert timeline.add(key(START, seat=9), frame(), row=2).late_samples == (0, 0, 0, FRAME_SAMPLES, 0)


def test_a_frame_that_comes_twice_sounds_once_and_says_so() -> None:
    timeline = Timeline(start=START, singing_rows=1)
    assert not timeline.add(key(START), frame(), row=1).doubled
    assert timeline.add(key(START), frame(), row=1).doubled
    assert timeline.read(2, shifted(START, 1)).tolist() == [[1.0, 1.0]]
    assert timeline.add(key(START), frame(), row=1).doubled, "after it was heard"


def test_a_later_epoch_sounds_beside_the_earlier_and_the_earlier_comes_too_late_after_it() -> None:
    timeline = Timeline(start=START, singing_rows=1)
    assert not timeline.add(key(START, epoch=1), frame(), row=1).doubled
    assert timeline.add(key(START, epoch=0), frame(5.0), row=1).doubled
    assert not timeline.add(key(START, epoch=2), frame(), row=1).doubled


def test_frames_that_overlap_within_an_epoch_are_not_added_up() -> None:
    timeline = Timeline(start=Position(0), singing_rows=1)
    refused = [timeline.add(key(at), frame(), row=1).doubled for at in range(0, FRAME_SAMPLES, 10)]
    assert refused.count(False) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, POSITION_END - FRAME_SAMPLES), st.integers(0, 65_534), st.integers(1, 2)),
        max_size=50,
    )
)
def test_claimed_positions_and_epochs_take_no_memory(claims: list[tuple[int, int, int]]) -> None:
    timeline = Timeline(start=START, singing_rows=2, ring_samples=SMALL_RING)
    for row in (1, 2):
        timeline.add(key(START, seat=row), frame(), row=row)
    before = timeline.memory_bytes
    for position, epoch, seat in claims:
        timeline.add(key(position, seat=seat, epoch=epoch), frame(), row=seat)
    assert timeline.memory_bytes == before


def test_a_voice_from_beyond_the_ring_is_refused_and_harms_nothing() -> None:
    timeline = Timeline(start=START, singing_rows=1, ring_samples=SMALL_RING)
    last = START + SMALL_RING - FRAME_SAMPLES
    assert timeline.add(key(last + 1), frame(), row=1).ahead
    assert not timeline.add(key(last), frame(), row=1).ahead
    assert not timeline.read(2, shifted(START, SMALL_RING - FRAME_SAMPLES)).any()
    np.testing.assert_array_equal(timeline.read(2, shifted(last, FRAME_SAMPLES)), np.ones((FRAME_SAMPLES, 2)))


@pytest.mark.parametrize("block", [1, 127, 960, 4000])
def test_the_ring_goes_round_and_forgets_what_was_heard(block: int) -> None:
    """A voice four rings long, written one frame ahead of where it is read, comes out whole and only once."""
    timeline = Timeline(start=START, singing_rows=1, ring_samples=SMALL_RING)
    voice = noise(4 * SMALL_RING, 7)
    read, heard = START, []
    for at, sound in frames_of(voice, START):
        assert not timeline.add(key(at), sound, row=1).ahead
        while read + block <= at:
            heard.append(timeline.read(2, shifted(read, block)))
            read = Position(read + block)
    together = np.concatenate(heard)
    np.testing.assert_array_equal(together[:, 0], voice[: len(together)])
    assert len(together) > 3.5 * SMALL_RING


def test_a_reader_that_falls_far_behind_is_dragged_along() -> None:
    timeline = Timeline(start=START, singing_rows=2, ring_samples=SMALL_RING)
    at = START
    while at < START + 3 * SMALL_RING:
        assert not timeline.add(key(at), frame(), row=1).ahead, "row 2 never listens, and must not stop the song"
        at = Position(at + FRAME_SAMPLES)
        timeline.read(timeline.listeners, shifted(at - FRAME_SAMPLES, FRAME_SAMPLES))
    assert timeline.window.start == at - SMALL_RING // 2
    assert not timeline.read(2, shifted(START, FRAME_SAMPLES)).any(), "forgotten is silent"


@given(st.data())
def test_voices_that_begin_together_are_added_as_each_by_itself(data: st.DataObject) -> None:
    """Some of their frames were there already, some have been heard past, some reach out of the ring."""
    frames, seats = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    begins = Position(START + data.draw(st.integers(-2 * FRAME_SAMPLES, SMALL_RING)))
    heard_until = data.draw(st.integers(0, 3 * FRAME_SAMPLES))
    early = data.draw(st.sets(st.tuples(st.integers(0, seats - 1), st.integers(0, frames - 1))))
    voices = np.stack([noise(frames * FRAME_SAMPLES, seat) for seat in range(seats)])
    gains = np.array([(0.25 * seat, 1 - 0.125 * seat) for seat in range(seats)], dtype=np.float32)
    lines = [Timeline(start=START, singing_rows=3, ring_samples=SMALL_RING) for _ in range(2)]

    def add_frame(timeline: Timeline, seat: int, at: int) -> int:
        left, right = map(float, gains[seat])
        sound = voices[seat, at * FRAME_SAMPLES : (at + 1) * FRAME_SAMPLES]
        where = key(begins + at * FRAME_SAMPLES, seat=seat)
        missed = timeline.add(where, sound, row=2, left_gain=left, right_gain=right)
        return 0 if missed.doubled else missed.worst_samples

    for timeline in lines:
        timeline.read(3, shifted(START, heard_until))
        for seat, at in early:
            add_frame(timeline, seat, at)
    makers = [(seat, 0) for seat in range(seats)]
    missed = lines[0].add_together(makers, begins, voices, row=2, gains=gains)
    if missed.ahead:
        assert begins + frames * FRAME_SAMPLES > START + SMALL_RING
        return
    worst = [add_frame(lines[1], seat, at) for seat in range(seats) for at in range(frames)]
    assert missed.worst_samples >= max(worst)
    for row in (3, lines[0].listeners):
        together, alone = (timeline.read(row, shifted(START, SMALL_RING // 2)) for timeline in lines)
        np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_choir_in_one_multiplication() -> None:
    timeline = Timeline(start=START, singing_rows=2)
    voices, gains = np.ones((600, 2 * FRAME_SAMPLES), np.float32), np.tile(np.array([1.0, 0.5], np.float32), (600, 1))
    for row in (1, 2):
        makers = [(seat + 600 * row, 0) for seat in range(600)]
        assert not timeline.add_together(makers, START, voices, row=row, gains=gains).worst_samples
    heard = timeline.read(timeline.listeners, shifted(START, 2 * FRAME_SAMPLES))
    np.testing.assert_array_equal(heard, np.tile([1200.0, 600.0], (2 * FRAME_SAMPLES, 1)))
    with pytest.raises(ValueError, match="100 samples"):
        timeline.add_together([(1, 0)], START, voices[:1, :100], row=1, gains=gains[:1])


def test_silence_where_the_tape_does_not_reach() -> None:
    timeline = Timeline(start=START, singing_rows=1, ring_samples=SMALL_RING)
    timeline.add(key(START), frame(), row=1)
    heard = timeline.read(2, span(START - 100, START + 2 * SMALL_RING))
    assert heard.shape == (100 + 2 * SMALL_RING, 2)
    assert heard[:, 0].sum() == FRAME_SAMPLES
    assert heard[100, 0] == 1.0


def test_a_seat_that_left_is_forgotten() -> None:
    timeline = Timeline(start=START, singing_rows=1)
    timeline.add(key(START), frame(), row=1)
    taken = timeline.memory_bytes
    timeline.leave(2)
    assert timeline.memory_bytes < taken
    timeline.leave(2)


def test_a_leader_alone_needs_no_buses() -> None:
    timeline = Timeline(start=START, singing_rows=0)
    assert not timeline.read(timeline.listeners, shifted(START, 960)).any()
    with pytest.raises(ValueError, match="row 1 of 0"):
        timeline.add(key(START), frame(), row=1)
