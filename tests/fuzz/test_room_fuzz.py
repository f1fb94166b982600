"""Hostile pages against the room: whatever they send, in whatever order, costs at most their own seat.

Messages are drawn from the wire's own structs, so that they are well-formed and still absurd; packets from the whole
axis. After each run an honest page must find the room as it should be.
"""

from __future__ import annotations

import random
from typing import get_args

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sim.courtyard import Courtyard
from unisono.core import messages as m
from unisono.core.wire import Codec, Kind, Packet, unpack_from_page
from unisono.errors import PeerError, RoomFull, UserError
from unisono.units import FRAME_SAMPLES, POSITION_END, Position

WHOLE = [2**53 - 1, 2**31, 10**9, 96_000, 48_000, 1000, 3, 2, 1, 0]
_small = st.sampled_from(WHOLE)
_texts = st.text(max_size=20)


def _message(kind: type[m.FromPage]) -> st.SearchStrategy[m.FromPage]:
    """Any message of this kind that its own checks let through."""
    fields = {
        m.Hello: {"version": st.just(1), "token": _texts, "decodes": st.sampled_from(["opus", "pcm"])},
        m.Who: {"name": _texts, "place": _texts},
        m.Part: {"part": st.text(max_size=60), "seat": st.none() | st.integers(0, 5)},
        m.Check: {
            "method": st.sampled_from(get_args(m.Method)),
            "output": st.sampled_from(get_args(m.Output)),
            "round_trip_samples": st.none() | st.floats(-1e9, 1e9),
            "spread_samples": st.none() | st.floats(-1e9, 1e9),
        },
        m.Link: {"up_samples": st.floats(-2e9, 2e9), "down_samples": st.floats(-2e9, 2e9)},
        m.Hand: {"up": st.booleans()},
        m.Write: {"text": st.text(min_size=1, max_size=30)},
        m.Talk: {"on": st.booleans()},
        m.Pick: {
            "piece": st.sampled_from([None, "ode", "ghost"]),
            "key": st.integers(-6, 6),
            "tempo_bpm": st.sampled_from([0, 40, 208]),
        },
        m.Lead: {"seat": st.integers(0, 5)},
        m.Stop: {"position": _small},
        m.Sent: {
            "performance": st.sampled_from(["p1", "p2", "x"]),
            "epoch": st.integers(0, 65_534),
            "start": st.integers(0, 10**6),
            "stop": st.integers(10**6, POSITION_END - 1),
        },
        m.Discard: {"performance": st.sampled_from(["p1", "p2", "x"])},
    }.get(kind, {})
    return st.builds(kind, **fields)  # type: ignore[arg-type]


messages = st.one_of([_message(kind) for kind in get_args(m.FromPage)])
packets = st.builds(
    Packet,
    kind=st.sampled_from([Kind.VOICE, Kind.TALK]),
    seat=st.integers(0, 65_535),
    epoch=st.integers(0, 65_534),
    position=st.one_of(st.integers(0, 400_000), st.integers(0, POSITION_END - 20_000)).map(Position),
    frames=st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=10).map(tuple),
    level=st.integers(0, 127),
    codec=st.just(Codec.OPUS),
    repair=st.booleans(),
)
waits = st.sampled_from([0.02, 0.5, 3.0])
steps = st.lists(st.tuples(st.integers(0, 3), st.one_of(messages, packets, waits, st.just("go"))), max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_no_page_breaks_the_room(script: list[tuple[int, object]]) -> None:
    yard = Courtyard()
    roles: tuple[m.Role, ...] = ("host", "performer", "listener", "performer")
    pages = [yard.come(role, f"page {role}", watch=index == 3) for index, role in enumerate(roles)]
    for who, what in script:
        try:
            _do(yard, pages, roles, who, what)
        except (PeerError, UserError):
            yard.go(pages[who])
            pages[who] = yard.come(roles[who])
    _still_a_room(yard)


def _do(yard: Courtyard, pages: list[int], roles: tuple[m.Role, ...], who: int, what: object) -> None:
    match what:
        case float():
            yard.wait(what)
        case Packet():
            yard.room.packet(pages[who], what, yard.now)
            yard.settle()
        case "go":
            yard.go(pages[who])
            pages[who] = yard.come(roles[who])
        case _:
            assert isinstance(what, msgspec.Struct)
            yard.say(pages[who], what)  # type: ignore[arg-type]


def _still_a_room(yard: Courtyard) -> None:
    """A host comes, sings, and everybody hears of it; what the room ever said can be put on the wire."""
    yard.wait(2)
    ada = yard.sing_in("host", "Ada")
    yard.wait(2)
    yard.say(ada, m.Again() if yard.room.singing.running else m.Start())
    yard.wait(3)
    assert yard.song.state in ("count_in", "singing")
    yard.sing(ada, yard.now - 2 * FRAME_SAMPLES)
    for inbox in yard.inboxes.values():
        for message in inbox:
            m.decode_from_room(m.encode(message))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_bytes_are_a_packet_or_a_peers_fault(data: bytes) -> None:
    yard = Courtyard()
    number = yard.come("performer")
    try:
        thing = unpack_from_page(data)
        if isinstance(thing, Packet):
            yard.room.packet(number, thing, yard.now)
    except (PeerError, UserError):
        pass
    assert yard.room.seats.at(number) is not None


def test_a_crowd_comes_and_goes_and_the_room_stays_bounded() -> None:
    """Ten thousand comings leave no more behind than the room promises to remember."""
    yard = Courtyard()
    chance = random.Random(3)
    here: list[int] = []
    for index in range(10_000):
        if index % 100 == 0:
            yard.now = Position(yard.now + 61 * 48_000)
            yard.room.tick(yard.now)
            yard.settle()
        try:
            here.append(yard.come("listener"))
        except RoomFull:
            pass
        while here and chance.random() < 0.5:
            yard.go(here.pop(chance.randrange(len(here))))
        yard.done.clear()
        yard.inboxes.clear()
    assert len(list(yard.room.seats)) <= 500
    assert len(yard.room.seats._seats) <= 500 + 2100
