"""What is missing of a stem: span arithmetic, against sets of integers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unisono.core.limits import Bucket
from unisono.core.repair import SpanSet, StemCover
from unisono.core.texts import clean
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, span

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: span(pair[0], sum(pair))))


@given(spans, spans)
def test_a_span_set_is_a_set_of_positions(added: list, asked: list) -> None:  # type: ignore[type-arg]
    """In whatever order, however they overlap."""
    kept, model = SpanSet(added), {p for one in added for p in range(one.start, one.stop)}
    assert {p for one in kept for p in range(one.start, one.stop)} == model
    assert kept.samples == len(model)
    starts = [one.start for one in kept]
    stops = [one.stop for one in kept]
    assert all(stop < start for stop, start in zip(stops, starts[1:], strict=False)), "separate, in order"
    for one in asked:
        holes = {p for hole in kept.holes(one) for p in range(hole.start, hole.stop)}
        assert holes == set(range(one.start, one.stop)) - model


def test_a_stem_is_whole_when_all_promised_is_written() -> None:
    cover = StemCover()
    assert not cover.complete(), "nothing promised is not whole"
    cover.promise(0, span(0, 10 * FRAME_SAMPLES))
    cover.promise(1, span(10 * FRAME_SAMPLES, 20 * FRAME_SAMPLES))
    cover.wrote(0, span(0, 20 * FRAME_SAMPLES))
    assert cover.missing() == [span(10 * FRAME_SAMPLES, 20 * FRAME_SAMPLES)], "each epoch for itself"
    cover.wrote(1, span(10 * FRAME_SAMPLES, 20 * FRAME_SAMPLES - 100))
    assert cover.complete(), "a hole shorter than a frame cannot be sent"


def test_a_bucket_fills_with_time_up_to_its_brim() -> None:
    bucket = Bucket(per_second=2, burst=3)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(SAMPLE_RATE // 2)
    assert not bucket.take(SAMPLE_RATE // 2)
    assert [bucket.take(100 * SAMPLE_RATE) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(0), "time that goes back fills nothing"


@given(st.text(max_size=200), st.integers(0, 50))
def test_no_text_can_do_harm(text: str, most: int) -> None:
    line = clean(text, characters_max=most)
    assert len(line) <= most
    assert line == line.strip()
    assert not any(character in line for character in "\n\r\t\x00\x1b\u202e\u2066\ufeff")
    assert clean(line, characters_max=most) == line


def test_names_of_the_world_stay_as_they_are() -> None:
    for name in ("Zoë", "李雷", "Şule", "می‌خواهم", "👩‍👩‍👧", "O'Brien", "Ðặng"):
        assert clean(name, characters_max=40) == name
    assert clean("a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307", characters_max=40).count("\u0307") == 0
