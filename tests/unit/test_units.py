"""Spans, conversions, and the tree of errors as errors.py draws it."""

import re

import pytest

from unisono import errors
from unisono.errors import MalformedPacket, PeerError, RoomFull, UnisonoError, UserError
from unisono.units import ms_of_samples, samples_of_ms, span


def test_a_span_holds_its_start_and_not_its_stop() -> None:
    stretch = span(10, 20)
    assert stretch.samples == 10
    assert 10 in stretch
    assert 19 in stretch
    assert 20 not in stretch
    assert 9 not in stretch
    assert span(5, 5).samples == 0


def test_spans_that_only_touch_do_not_overlap() -> None:
    assert span(0, 10).overlaps(span(9, 12))
    assert not span(0, 10).overlaps(span(10, 12))
    assert not span(0, 10).overlaps(span(4, 4))


def test_a_span_is_never_reversed() -> None:
    with pytest.raises(ValueError, match=r"\[7, 6\)"):
        span(7, 6)


def test_milliseconds_are_whole_samples() -> None:
    assert samples_of_ms(20) == 960
    assert samples_of_ms(0.01) == 0
    assert samples_of_ms(-1.0) == -48
    assert ms_of_samples(480) == 10.0


def leaves() -> list[type[UnisonoError]]:
    return [
        error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, UnisonoError) and not error.__subclasses__()
    ]


def test_an_error_says_its_facts_and_whose_fault_it_is() -> None:
    error = RoomFull(capacity=40)
    assert isinstance(error, UserError)
    assert str(error) == "the courtyard is full: it has room for 40"
    assert error.facts() == {"capacity": 40}
    assert (error.code, error.close_code) == ("room_full", 4413)
    assert issubclass(MalformedPacket, PeerError)
    assert MalformedPacket(reason="x").close_code == 4400


def test_codes_are_stable_names_and_no_two_alike() -> None:
    codes = [error.code for error in leaves()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_error_says_a_sentence_with_its_own_facts() -> None:
    for error in leaves():
        facts = set(error.__dataclass_fields__)
        assert set(re.findall(r"\{(\w+)\}", error.says)) <= facts, error
        assert error.says != UnisonoError.says, f"{error.__name__} says nothing"


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^[ |]*\+-- (\w+)", errors.__doc__ or "", re.MULTILINE)
    coded = [
        error.__name__
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, UnisonoError) and error is not UnisonoError
    ]
    assert sorted(drawn) == sorted(coded)
