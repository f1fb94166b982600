"""Who sits where: steady singers in front, everybody able to be in time, nobody slowing the rest."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core.messages import Method, Output
from unisono.core.rows import (
    BUNDLE_SAMPLES,
    CROWDED_ROWS_MAX,
    FORWARD_SAMPLES,
    LINK_SAMPLES_MAX,
    PAIRED_FROM,
    SINGING_ROWS_MAX,
    UNKNOWN_DOWN_SAMPLES,
    UNKNOWN_UP_SAMPLES,
    Member,
    Seating,
    heard_by,
    hears,
    mix_samples,
    rows_for_late_comer,
    seat_rows,
)
from unisono.units import FRAME_SAMPLES, samples_of_ms

UP, DOWN = samples_of_ms(90), samples_of_ms(40)


def singer(
    seat: int,
    *,
    up: float | None = UP,
    down: float | None = DOWN,
    method: Method = "acoustic",
    output: Output = "headphones",
) -> Member:
    return Member(seat=seat, up_samples=up, down_samples=down, method=method, output=output)


def seated(*members: Member, leader: int = 1) -> Seating:
    return seat_rows(members, leader=leader)


METHODS: st.SearchStrategy[Method] = st.sampled_from(("acoustic", "tapped", "none"))
OUTPUTS: st.SearchStrategy[Output] = st.sampled_from(("headphones", "bluetooth", "loudspeakers"))
WAYS = st.none() | st.floats(-1e6, 1e7) | st.just(float("nan"))


@st.composite
def choirs(draw: st.DrawFn) -> list[Member]:
    """Seat 1 leads up to thirty others of any kind."""
    return [
        Member(
            seat=seat,
            up_samples=draw(WAYS),
            down_samples=draw(WAYS),
            method=draw(METHODS),
            output=draw(OUTPUTS),
            spread_samples=draw(st.floats(0, 1000)),
        )
        for seat in range(1, draw(st.integers(1, 30)) + 1)
    ]


@given(choirs())
def test_any_choir_is_seated_soundly(choir: list[Member]) -> None:
    seating = seat_rows(choir, leader=1)
    of = {member.seat: member for member in choir}
    seats = [seat for row in seating.rows for seat in row]
    assert sorted(seats) == sorted(m.seat for m in choir if m.method != "none" or m.seat == 1)
    assert seating.rows[0] == (1,)
    assert all(seating.rows)
    assert len(seating.rows) - 1 <= SINGING_ROWS_MAX
    assert len(seating.delays_samples) == len(seating.cuts_samples) == len(seating.rows)
    for number in range(1, len(seating.rows)):
        before = [of[seat] for seat in seating.rows[number - 1]]
        up = max([member.up for member in before if number == 1 or member.heard_live], default=0)
        server = FORWARD_SAMPLES if number == 1 else seating.mix_samples
        assert seating.cuts_samples[number] - seating.delays_samples[number - 1] == up + server
        slowest_down = max(of[seat].down for seat in seating.rows[number])
        assert seating.delays_samples[number] - seating.cuts_samples[number] == slowest_down
    assert seating.listener_delay_samples >= seating.delays_samples[-1] + seating.mix_samples + BUNDLE_SAMPLES
    assert all(delay <= 6 * (2 * LINK_SAMPLES_MAX + seating.mix_samples) for delay in seating.delays_samples)


@given(choirs(), st.data())
def test_the_seating_does_not_depend_on_the_order_of_arrival(choir: list[Member], data: st.DataObject) -> None:
    assert seat_rows(data.draw(st.permutations(choir)), leader=1) == seat_rows(choir, leader=1)


@given(choirs())
def test_only_steady_singers_sit_before_the_last_row(choir: list[Member]) -> None:
    seating = seat_rows(choir, leader=1)
    of = {member.seat: member for member in choir}
    for row in seating.rows[1:-1]:
        assert all(of[seat].method == "acoustic" and of[seat].heard_live for seat in row)


@given(choirs())
def test_hearing_and_being_heard_are_the_same_thing(choir: list[Member]) -> None:
    seating = seat_rows(choir, leader=1)
    heard = {
        (hearer, seat) for row, seats in enumerate(seating.rows) for hearer in seats for seat in hears(seating, row)
    }
    being_heard = {(hearer, seat) for row in seating.rows for seat in row for hearer in heard_by(seating, seat)}
    assert heard == being_heard
    assert all(hearer != seat for hearer, seat in heard)
    assert set(hears(seating, None)) == {s for row in seating.rows for s in row} - seating.unheard


@pytest.mark.parametrize("others", [0, 1, 2, 5])
def test_a_few_sit_in_rows_of_their_own(others: int) -> None:
    seating = seated(*(singer(seat) for seat in range(1, others + 2)))
    assert seating.rows == tuple((seat,) for seat in range(1, others + 2))
    assert seating.delays_samples[0] == 0
    if others:
        assert seating.delays_samples[1] == UP + FORWARD_SAMPLES + DOWN
    hops = [b - a for a, b in itertools.pairwise(seating.delays_samples)]
    assert hops[1:] == [UP + mix_samples(others) + DOWN] * max(0, others - 1)


def test_a_choir_is_spread_evenly_over_five_rows() -> None:
    seating = seated(*(singer(seat) for seat in range(1, 24)))
    assert [len(row) for row in seating.rows] == [1, 4, 4, 5, 4, 5]
    assert seating.last_row == SINGING_ROWS_MAX


def test_who_has_the_shorter_way_sits_further_in_front() -> None:
    seating = seated(singer(1), singer(2, up=5000), singer(3, up=3000), singer(4, up=4000))
    assert seating.rows == ((1,), (3,), (4,), (2,))
    assert seating.row_of(2) == 3
    assert seating.row_of(77) is None
    assert seating.delay_of(2) == seating.delays_samples[3]
    assert seating.delay_of(77) == seating.listener_delay_samples


def test_bluetooth_sits_behind_cable_and_tapped_and_loudspeakers_share_the_last_row() -> None:
    seating = seated(
        singer(1),
        singer(2, output="loudspeakers", up=10, down=10),
        singer(3, method="tapped", up=10, down=10),
        singer(4, output="bluetooth", up=10, down=10),
        singer(5),
    )
    assert seating.rows == ((1,), (5,), (4,), (3, 2))
    assert seating.unheard == {2}
    assert hears(seating, 3) == (1, 5, 4)
    assert hears(seating, None) == (1, 5, 4, 3)
    assert heard_by(seating, 2) == ()
    assert heard_by(seating, 5) == (4, 3, 2)


def test_loudspeakers_slow_nobody_with_their_way_up() -> None:
    seating = seated(singer(1), singer(2), singer(3, output="loudspeakers", up=90_000))
    quick = seated(singer(1), singer(2), singer(3, output="loudspeakers", up=0))
    assert seating == quick


def test_a_leader_on_loudspeakers_is_heard_and_waited_for_all_the_same() -> None:
    seating = seated(singer(1, output="loudspeakers"), singer(2))
    assert seating.delays_samples == (0, UP + FORWARD_SAMPLES + DOWN)
    assert hears(seating, 1) == (1,)


def test_one_bad_link_sits_last_and_the_others_do_not_wait_for_it() -> None:
    good = [singer(seat) for seat in range(1, 12)]
    seating = seated(*good, singer(12, up=samples_of_ms(1500), down=samples_of_ms(300)))
    assert seating.rows[-1] == (12,)
    without = seat_rows(good, leader=1, rows_max=SINGING_ROWS_MAX - 1)
    assert seating.rows[:-1] == without.rows
    one_more_to_mix = SINGING_ROWS_MAX * (mix_samples(2) - mix_samples(1) + 1)
    assert seating.delays_samples[:-1] == pytest.approx(without.delays_samples, abs=one_more_to_mix)


def test_a_bad_link_among_two_is_no_outlier_but_sits_behind() -> None:
    assert seated(singer(1), singer(2, up=20_000), singer(3)).rows == ((1,), (3,), (2,))


def test_what_was_never_measured_is_assumed() -> None:
    seating = seated(singer(1, up=None), singer(2, down=None))
    assert seating.delays_samples == (0, UNKNOWN_UP_SAMPLES + FORWARD_SAMPLES + UNKNOWN_DOWN_SAMPLES)


def test_absurd_measures_are_limited() -> None:
    seating = seated(singer(1, up=1e12), singer(2, down=-5.0))
    assert seating.delays_samples == (0, LINK_SAMPLES_MAX + FORWARD_SAMPLES)


def test_listeners_wait_for_the_last_row_and_their_own_way() -> None:
    members = (singer(1), singer(2))
    near = seat_rows(members, leader=1, listener_down_samples=0)
    far = seat_rows(members, leader=1, listener_down_samples=4800)
    assert far.listener_delay_samples - near.listener_delay_samples == 4800
    assert near.listener_cut_samples == near.delays_samples[-1] + UP + near.mix_samples


def test_a_late_comer_joins_the_last_row_and_moves_nobody() -> None:
    seating = seated(singer(1), singer(2), singer(3))
    joined = rows_for_late_comer(seating, singer(9))
    assert joined == replace(seating, rows=((1,), (2,), (3, 9)))
    assert rows_for_late_comer(joined, singer(9)) == joined
    loud = rows_for_late_comer(seating, singer(9, output="loudspeakers", up=90_000))
    assert loud == replace(seating, rows=((1,), (2,), (3, 9)), unheard=frozenset({9}))


@pytest.mark.parametrize("late", [singer(9, up=UP + 1), singer(9, down=DOWN + 1)], ids=["up", "down"])
def test_a_late_comer_with_a_longer_way_is_recorded_beside_the_rows(late: Member) -> None:
    seating = seated(singer(1), singer(2), singer(3))
    beside = rows_for_late_comer(seating, late)
    assert beside == replace(seating, beside=(9,))
    assert rows_for_late_comer(beside, late) == beside
    assert beside.delay_of(9) == seating.listener_delay_samples
    assert hears(beside, beside.row_of(9)) == (1, 2, 3)
    assert heard_by(beside, 9) == ()
    assert 9 in heard_by(beside, 3)


def test_a_late_comer_to_a_leader_alone_is_recorded_as_a_listener() -> None:
    assert rows_for_late_comer(seated(singer(1)), singer(2)).beside == (2,)
    assert rows_for_late_comer(seated(singer(1)), singer(2, up=0, down=0)).beside == (2,), "however near"


def test_a_late_comer_without_a_sound_check_only_listens() -> None:
    seating = seated(singer(1), singer(2))
    assert rows_for_late_comer(seating, singer(3, method="none")) == seating


def test_in_a_large_room_frames_travel_in_pairs_and_every_row_allows_for_it() -> None:
    choir = [singer(seat) for seat in range(1, PAIRED_FROM + 1)]
    few, many = seated(*choir[:-1]), seated(*choir)
    assert (few.frames_a_packet, many.frames_a_packet) == (1, 2)
    assert many.delays_samples[1] - few.delays_samples[1] == FRAME_SAMPLES  # the leader's second frame is waited for
    for row in range(2, many.last_row + 1):
        one_voice_more = mix_samples(PAIRED_FROM - 1) - mix_samples(PAIRED_FROM - 2)
        hops = [seating.delays_samples[row] - seating.delays_samples[row - 1] for seating in (few, many)]
        assert hops[1] - hops[0] == 2 * FRAME_SAMPLES + one_voice_more  # on the way up, and on the way down


def test_a_late_comer_to_a_large_room_fits_if_their_second_frame_does() -> None:
    seating = seated(*(singer(seat) for seat in range(1, PAIRED_FROM + 1)))
    assert rows_for_late_comer(seating, singer(900)).row_of(900) == seating.last_row
    assert rows_for_late_comer(seating, singer(900, up=UP + 1)).beside == (900,)


def test_while_many_songs_are_sung_the_next_has_fewer_rows_and_packets() -> None:
    choir = [singer(seat) for seat in range(1, 9)]
    crowded = seat_rows(choir, leader=1, crowded=True)
    assert (crowded.last_row, crowded.frames_a_packet) == (CROWDED_ROWS_MAX, 2)
    assert sorted(seat for row in crowded.rows for seat in row) == list(range(1, 9))
    assert crowded.delays_samples[1] - seated(*choir).delays_samples[1] == FRAME_SAMPLES
