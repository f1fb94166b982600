"""The inlet turns whatever weather into one clean order of decoding, and stops waiting at the cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core.inlet import (
    ASK_AGAIN_SAMPLES,
    CONCEALED_FRAMES_MAX,
    HELD_FRAMES_MAX,
    Ask,
    Conceal,
    Decode,
    Inlet,
    Late,
    Order,
    Reset,
)
from unisono.core.wire import Codec, Kind, Packet
from unisono.errors import ImpossiblePosition
from unisono.units import FRAME_SAMPLES, Position, span

START = 480_007
HOLD = 5 * FRAME_SAMPLES


def place(index: int) -> Position:
    return Position(START + index * FRAME_SAMPLES)


def packet(index: int, *, frames: int = 1, epoch: int = 0, shift: int = 0) -> Packet:
    coded = tuple(bytes((epoch + 1, (index + i) % 256)) for i in range(frames))
    return Packet(kind=Kind.VOICE, seat=3, epoch=epoch, position=Position(place(index) + shift), frames=coded)


def after(index: float) -> Position:
    """The moment at which frame `index` is waited for no longer."""
    return Position(round(START + index * FRAME_SAMPLES) + HOLD)


def decoded(orders: list[Order]) -> list[int]:
    """The numbers of the frames that are decoded, in order."""
    decodes = [order for order in orders if isinstance(order, Decode)]
    return [(order.position - START) // FRAME_SAMPLES + at for order in decodes for at in range(len(order.frames))]


def concealed(orders: list[Order]) -> list[int]:
    return [(order.position - START) // FRAME_SAMPLES for order in orders if isinstance(order, Conceal)]


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=6))
def test_a_shuffled_and_doubled_voice_is_decoded_in_order_once(order: list[int], doubled: list[int]) -> None:
    inlet = Inlet(hold_samples=100 * FRAME_SAMPLES)
    for index in [*order, *doubled]:
        inlet.feed(packet(index), now=place(12))
    inlet.tick(now=Position(place(0) + 100 * FRAME_SAMPLES))
    orders = inlet.drain()
    assert next(order for order in orders if not isinstance(order, Ask)) == Reset()
    assert decoded(orders) == list(range(12))
    assert orders.count(Reset()) == 1
    assert not concealed(orders)


@given(st.lists(st.integers(1, 10), min_size=1, max_size=6))
def test_how_frames_are_packed_does_not_matter(sizes: list[int]) -> None:
    inlet, first = Inlet(hold_samples=HOLD), 0
    orders: list[Order] = []
    for size in sizes:
        inlet.feed(packet(first, frames=size), now=place(first + size))
        first += size
    inlet.tick(now=after(0))
    orders = inlet.drain()
    assert decoded(orders) == list(range(first))
    coded = [frame[1] for order in orders if isinstance(order, Decode) for frame in order.frames]
    assert coded == [index % 256 for index in range(first)]


def test_the_first_frames_wait_for_earlier_ones_until_their_cut() -> None:
    inlet = Inlet(hold_samples=HOLD)
    inlet.feed(packet(1), now=place(2))
    assert inlet.drain() == []
    assert inlet.wakes_at == after(1)
    inlet.feed(packet(0), now=place(3))
    assert inlet.wakes_at == after(0)
    inlet.tick(now=after(0))
    assert decoded(inlet.drain()) == [0, 1]


def started(frames: int = 1) -> Inlet:
    """An inlet that has decoded frames 0..frames-1 and waits for the next."""
    inlet = Inlet(hold_samples=HOLD)
    inlet.feed(packet(0, frames=frames), now=place(frames))
    inlet.tick(now=after(0))
    assert decoded(inlet.drain()) == list(range(frames))
    return inlet


def test_a_running_stream_is_decoded_as_it_comes() -> None:
    inlet = started(8)
    inlet.feed(packet(8), now=place(9))
    assert decoded(inlet.drain()) == [8]
    assert inlet.wakes_at == after(9)


@pytest.mark.parametrize("order", [(8, 9, 10, 11), (10, 9, 11, 8)])
def test_what_came_while_nobody_looked_is_decoded_though_its_cut_has_passed(order: tuple[int, ...]) -> None:
    inlet = started(8)
    for index in order:
        inlet.take(packet(index), now=after(11))
    inlet.tick(now=after(11))
    orders = inlet.drain()
    assert decoded(orders) == [8, 9, 10, 11]
    assert not concealed(orders)


def test_a_gap_is_asked_for_once_and_concealed_only_at_its_cut() -> None:
    inlet = started(8)
    inlet.feed(packet(10), now=place(11))
    assert inlet.drain() == [Ask(span=span(place(8), place(10)))]
    inlet.feed(packet(11), now=place(12))
    assert inlet.drain() == []
    inlet.tick(now=Position(after(8) - 1))
    assert inlet.drain() == []
    inlet.tick(now=after(8))
    assert inlet.drain() == [Conceal(epoch=0, position=place(8))]
    inlet.feed(packet(9), now=after(8.5))
    assert decoded(inlet.drain()) == [9, 10, 11]


def test_a_gap_is_asked_for_again_when_no_answer_comes() -> None:
    inlet = Inlet(hold_samples=100 * FRAME_SAMPLES)
    inlet.feed(packet(0, frames=10), now=place(10))
    inlet.tick(now=place(100))
    inlet.drain()
    inlet.feed(packet(12), now=place(100))
    asked = Ask(span=span(place(10), place(12)))
    assert inlet.drain() == [asked]
    assert inlet.wakes_at == place(100) + ASK_AGAIN_SAMPLES
    inlet.feed(packet(13), now=place(101))
    assert inlet.drain() == []
    inlet.feed(packet(10), now=place(102))
    assert decoded(inlet.drain()) == [10]
    inlet.tick(now=Position(place(100) + ASK_AGAIN_SAMPLES))
    assert inlet.drain() == [Ask(span=span(place(11), place(12)))]
    assert inlet.wakes_at == place(100) + 2 * ASK_AGAIN_SAMPLES


def test_a_second_gap_behind_the_first_is_asked_for_too() -> None:
    inlet = started(8)
    inlet.feed(packet(9), now=place(10))
    inlet.feed(packet(12), now=place(11))
    assert inlet.drain() == [Ask(span=span(place(8), place(9))), Ask(span=span(place(10), place(12)))]
    inlet.feed(packet(14), now=place(12))
    assert inlet.drain() == [Ask(span=span(place(13), place(14)))]


def test_gaps_among_the_first_frames_are_asked_for_before_their_cut() -> None:
    inlet = Inlet(hold_samples=HOLD)
    inlet.feed(packet(3), now=place(4))
    inlet.feed(packet(1), now=place(4))
    assert inlet.drain() == [Ask(span=span(place(2), place(3)))]
    inlet.feed(packet(2), now=place(5))
    inlet.tick(now=Position(place(4) + ASK_AGAIN_SAMPLES))
    assert decoded(inlet.drain()) == [1, 2, 3]


def test_what_was_concealed_and_comes_after_all_is_late_and_not_decoded() -> None:
    inlet = started(8)
    inlet.tick(now=after(8))
    assert concealed(inlet.drain()) == [8]
    inlet.feed(packet(8), now=Position(after(8) + 100))
    assert inlet.drain() == [Late(position=place(8), late_samples=100)]
    inlet.feed(packet(7), now=Position(after(8) + 100))
    assert inlet.drain() == [], "doubled, not late"


def test_no_more_than_a_little_is_ever_invented_and_then_the_stream_begins_afresh() -> None:
    inlet = started(8)
    inlet.tick(now=after(200))
    assert concealed(inlet.drain()) == [8 + i for i in range(CONCEALED_FRAMES_MAX)]
    assert inlet.wakes_at is None
    inlet.feed(packet(100, frames=2), now=after(100))
    assert inlet.drain()[0] == Reset()
    inlet.feed(packet(102), now=after(100))
    assert decoded(inlet.drain()) == [102]
    inlet.feed(packet(50), now=after(101))
    assert isinstance(inlet.drain()[-1], Late)


def test_concealment_counts_afresh_after_every_frame_that_came() -> None:
    inlet, lost = started(8), []
    for index in range(8, 40, 2):
        inlet.tick(now=after(index))
        inlet.feed(packet(index + 1), now=after(index))
        lost += concealed(inlet.drain())
    assert lost == list(range(8, 40, 2))


def test_nothing_is_invented_after_the_song() -> None:
    inlet = started(8)
    inlet.end_at(Position(place(9) - 10))
    inlet.tick(now=after(200))
    assert concealed(inlet.drain()) == [8], "it begins inside the song"


def test_a_later_epoch_begins_afresh_and_ends_the_earlier() -> None:
    inlet = started(8)
    inlet.feed(packet(9), now=place(10))
    inlet.drain()
    inlet.feed(packet(8, epoch=1, shift=123), now=place(10))
    orders = inlet.drain()
    assert orders[0] == Reset()
    assert decoded(orders) == [9], "what was held back is not thrown away"
    inlet.feed(packet(8, epoch=0), now=place(10))
    assert inlet.drain() == []
    inlet.tick(now=Position(after(8) + 123))
    orders = inlet.drain()
    assert orders[0] == Reset()
    assert isinstance(orders[1], Decode)
    assert (orders[1].epoch, orders[1].position) == (1, place(8) + 123)


def test_an_epoch_may_jump_back() -> None:
    inlet = started(8)
    inlet.feed(packet(2, epoch=1), now=place(10))
    inlet.tick(now=after(4))
    assert decoded(inlet.drain()) == [2]


def test_a_stream_off_its_grid_is_placed_where_it_says_and_never_shifted() -> None:
    inlet = started(8)
    inlet.feed(packet(9, shift=5), now=place(11))
    inlet.tick(now=after(30))
    orders = inlet.drain()
    placed = [order for order in orders if isinstance(order, Decode)]
    assert [order.position for order in placed] == [place(9) + 5]
    assert orders[orders.index(placed[0]) - 1] == Reset()


def test_pcm_and_stereo_are_passed_on() -> None:
    inlet = Inlet(hold_samples=HOLD)
    sound = bytes(3840)
    inlet.feed(
        Packet(kind=Kind.VOICE, seat=3, epoch=0, position=place(0), frames=(sound,), codec=Codec.PCM, stereo=True),
        now=after(0),
    )
    assert inlet.drain()[1] == Decode(epoch=0, position=place(0), frames=(sound,), codec=Codec.PCM, stereo=True)


def test_a_sound_from_the_future_costs_its_sender_the_seat() -> None:
    inlet = Inlet(hold_samples=HOLD)
    with pytest.raises(ImpossiblePosition) as caught:
        inlet.feed(packet(1_000_000), now=place(0))
    assert caught.value.facts() == {"position": place(1_000_000), "now": place(0)}
    assert inlet.wakes_at is None


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 3), st.integers(0, 2), st.sampled_from([0, 0, 0, 1, 480, 959])),
        max_size=60,
    )
)
def test_any_packets_in_any_order_end_and_never_overlap_within_a_run(arrivals: list[tuple[int, int, int, int]]) -> None:
    """Between two resets positions follow each other frame by frame, whatever was sent; nothing is held for ever."""
    inlet = Inlet(hold_samples=HOLD)
    now = place(43)
    orders: list[Order] = []
    for step, (index, frames, epoch, shift) in enumerate(arrivals):
        now = Position(now + step * 100)
        inlet.feed(packet(index, frames=frames, epoch=epoch, shift=shift), now=now)
        orders += inlet.drain()
    for _ in range(3):
        now = Position(now + 100 * FRAME_SAMPLES)
        inlet.tick(now=now)
    orders += inlet.drain()
    assert inlet.wakes_at is None
    expected = None
    for order in orders:
        if isinstance(order, Reset):
            expected = None
        elif isinstance(order, Decode | Conceal):
            assert expected is None or order.position == expected
            expected = order.position + FRAME_SAMPLES


def test_memory_is_bounded_whatever_is_sent() -> None:
    inlet = Inlet(hold_samples=10**9)
    for index in range(0, 2000, 2):
        inlet.feed(packet(index, shift=index % 7), now=place(2000))
    inlet.drain()
    inlet.tick(now=Position(place(2000) + 2 * 10**9))
    assert len(decoded(inlet.drain())) == HELD_FRAMES_MAX
