"""An evening of hours on simulated time: what a room and a live mix remember stays as small as in the first minutes."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from types import FunctionType, ModuleType

import numpy as np

from tests.sim.courtyard import Courtyard, singing
from unisono.core.inlet import Conceal, Decode, Inlet
from unisono.core.messages import Discard, Start, Stop, Write
from unisono.core.room import RoomLimits
from unisono.core.timeline import FrameKey, Timeline
from unisono.core.wire import FRAMES_MAX, Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position, Span

HOUR_SAMPLES = 3600 * SAMPLE_RATE


def kept_bytes() -> int:
    """What Python keeps now, garbage left out."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def size_bytes(*roots: object) -> int:
    """All that these hold, to the last integer."""
    seen: dict[int, object] = {}
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, type | ModuleType | FunctionType):
            seen[id(thing)] = thing
            waiting += gc.get_referents(thing)
    return sum(sys.getsizeof(thing) for thing in seen.values())


def test_the_live_mix_of_two_hours_takes_no_more_than_that_of_a_minute() -> None:
    """A voice in packets of ten frames, with a hole in every half minute, and one row that hears it."""
    timeline, inlet = Timeline(start=Position(0), singing_rows=2), Inlet(hold_samples=FRAME_SAMPLES * 4)
    sound = np.zeros(FRAME_SAMPLES, dtype=np.float32)
    after = []
    packets = 2 * HOUR_SAMPLES // (FRAMES_MAX * FRAME_SAMPLES)
    for index in range(packets):
        start = Position(index * FRAMES_MAX * FRAME_SAMPLES)
        now = Position(start + (FRAMES_MAX + 1) * FRAME_SAMPLES)
        if index % 150:
            inlet.feed(packet(start), now=now)
        inlet.tick(now=now)
        for order in inlet.drain():
            if isinstance(order, Decode | Conceal):
                for frame in range(len(order.frames) if isinstance(order, Decode) else 1):
                    position = Position(order.position + frame * FRAME_SAMPLES)
                    timeline.add(FrameKey(seat=1, epoch=order.epoch, position=position), sound, row=1)
        span = Span(start=start, stop=Position(start + FRAMES_MAX * FRAME_SAMPLES))
        for row in (2, timeline.listeners):
            timeline.read(row, span)
        if index in (301, packets - 1):
            after.append(size_bytes(inlet, timeline))
    assert after[1] - after[0] < 20_000, f"grew from {after[0]} to {after[1]} bytes"


def packet(start: Position) -> Packet:
    return Packet(
        kind=Kind.VOICE,
        seat=0,
        epoch=0,
        position=start,
        frames=(b"\xf8" * 100,) * FRAMES_MAX,
        codec=Codec.OPUS,
        level=20,
    )


def test_an_evening_of_songs_leaves_nothing_behind_in_the_room() -> None:
    """Two dozen songs, discarded like rehearsals, and lines written in between: the last costs what the eighth did."""
    courtyard = Courtyard(limits=RoomLimits(performers_max=10))
    numbers = singing(courtyard, voices=3)
    tracemalloc.start()
    try:
        after = []
        for song in range(24):
            if song:
                courtyard.say(numbers[0], Start())
            courtyard.wait(2.0)
            one = courtyard.song
            for index in range(20):
                for number in numbers:
                    courtyard.sing(number, one.start + index * FRAME_SAMPLES)
            courtyard.wait(1.0)
            courtyard.say(numbers[0], Stop(position=courtyard.now))
            courtyard.wait(40.0)
            courtyard.say(numbers[0], Discard(performance=one.performance))
            courtyard.say(numbers[1], Write(text=f"song {song}"))
            courtyard.wait(120.0)
            courtyard.done.clear()
            courtyard.inboxes.clear()
            if song in (7, 23):
                after.append(kept_bytes())
    finally:
        tracemalloc.stop()
    assert after[1] - after[0] < 60_000, f"grew from {after[0]} to {after[1]} bytes"
