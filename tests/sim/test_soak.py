"""An evening of hours on simulated time: what a room and a live mix remember stays as small as in the first minutes."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np

from tests.sim.courtyard import Courtyard, singing
from unisono.core.inlet import Inlet
from unisono.core.messages import Discard, Start, Stop, Write
from unisono.core.room import RoomLimits
from unisono.core.timeline import FrameKey, Timeline
from unisono.core.wire import Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position, Span

HOUR_SAMPLES = 3600 * SAMPLE_RATE


def kept_bytes() -> int:
    """What Python keeps now, garbage left out."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_the_live_mix_of_two_hours_takes_no_more_than_that_of_a_minute() -> None:
    """Two voices, frame by frame, one of them with a hole in every ten seconds."""
    timeline = Timeline(start=Position(0), singing_rows=2)
    inlets = {seat: Inlet(hold_samples=FRAME_SAMPLES * 4) for seat in (1, 2)}
    sound = np.zeros(FRAME_SAMPLES, dtype=np.float32)
    tracemalloc.start()
    try:
        after: list[int] = []
        for index in range(2 * HOUR_SAMPLES // FRAME_SAMPLES // 4):
            # Four frames at a time: the same positions in a quarter of the steps.
            start = Position(index * 4 * FRAME_SAMPLES)
            now = Position(start + 5 * FRAME_SAMPLES)
            for seat, inlet in inlets.items():
                if seat == 1 or index % 125:
                    inlet.feed(packet(start), now=now)
                for order in inlet.drain():
                    if hasattr(order, "frame"):
                        key = FrameKey(seat=seat, epoch=0, position=order.position)
                        timeline.add(key, sound, row=seat)
            span = Span(start=start, stop=Position(start + 4 * FRAME_SAMPLES))
            for row in (2, timeline.listeners):
                timeline.read(row, span)
            if index in (750, 2 * HOUR_SAMPLES // FRAME_SAMPLES // 4 - 1):
                after.append(kept_bytes())
    finally:
        tracemalloc.stop()
    assert after[1] - after[0] < 100_000, f"grew from {after[0]} to {after[1]} bytes"


def packet(start: Position) -> Packet:
    return Packet(
        kind=Kind.VOICE, seat=0, epoch=0, position=start, frames=(b"\xf8" * 100,) * 4, codec=Codec.OPUS, level=20
    )


def test_an_evening_of_songs_leaves_nothing_behind_in_the_room() -> None:
    """Two dozen songs, discarded like rehearsals, with lines written in between: the last one costs what the eighth did."""
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
