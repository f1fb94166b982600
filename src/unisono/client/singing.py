"""Singing one song: from a source, through a card's ear and microphone, into packets at the right positions. Pure.

The singer is perfect and the card is not: at each moment they make the sound that belongs to the position they hear,
and the card brings it in a round trip later, on a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unisono.client.device import BLOCK_FRAMES, CardSpec, VirtualCard
from unisono.client.ear import Ear
from unisono.client.pace import Pace, Placement
from unisono.client.varispeed import read_at
from unisono.client.voice import Voice
from unisono.core.wire import Kind, Packet
from unisono.units import Audio, Position

Positions = NDArray[np.float64]

Source = Callable[[Positions], Audio]
"""What is sung at the positions heard, float64 (n,), absolute and rising: float32 (n,)."""


def recording(sound: Audio, *, start: Position) -> Source:
    """A source that sings `sound`, float32 (samples,), with its first sample at `start`, and is silent after it."""

    def sing(positions: Positions) -> Audio:
        return read_at(sound, positions - start)

    return sing


def echo(ear: Ear, *, backing: Source | None = None) -> Source:
    """A source that repeats what it hears: the leader, the rows before it, and the backing if there is one."""

    def sing(positions: Positions) -> Audio:
        heard = np.zeros(positions.size, dtype=np.float32)
        for kind in (Kind.LEADER, Kind.MIX):
            heard += _read_tape(ear, kind, positions)
        if backing is not None:
            heard += backing(positions)
        return heard

    return sing


def _read_tape(ear: Ear, kind: Kind, positions: Positions) -> Audio:
    """What a tape holds at fractional positions, both sides averaged; float32 (n,)."""
    start, stop = Position(int(positions[0]) - 32), Position(int(positions[-1]) + 33)
    sound = ear.tape(kind).read(start, stop).mean(axis=1, dtype=np.float32)
    return read_at(sound, positions - start)


class Performer:
    """One seat singing one song. Give it the time as often as you like; it returns the packets that are due."""

    def __init__(self, *, voice: Voice, source: Source, card: CardSpec, opened_ms: float) -> None:
        self.voice = voice
        self._source = source
        self._card = VirtualCard(card, opened_ms=opened_ms)
        self._pace = Pace()
        self._placement = Placement(round_trip_frames=card.round_trip_frames)
        self._finished = False

    @property
    def is_done(self) -> bool:
        """Whether all up to the stop is packed."""
        return self._finished

    @property
    def jumps(self) -> int:
        """How often what is heard had to jump: each began an epoch."""
        return self._pace.epoch

    @property
    def next_ms(self) -> float:
        """When the card will have frames again."""
        return self._card.ms_of(self._card.frames + BLOCK_FRAMES)

    def step(self, now_ms: float, heard_at: Callable[[float], float]) -> list[Packet]:
        """All packets due by `now_ms`; `heard_at` gives the position to be heard at a time, in ms of the same clock."""
        packets: list[Packet] = []
        while not self._finished and self._card.due_frames(now_ms) >= BLOCK_FRAMES:
            packets += self._block(heard_at)
            if self.voice.is_past_stop():
                packets += self.finish()
        return packets

    def stall(self, ms: float) -> None:
        """The card stands still for so long; behind it, what is heard jumps and an epoch begins if it was long."""
        self._card.stand_still(ms)

    def finish(self) -> list[Packet]:
        """End here, whatever the song does; the last packets."""
        self._finished = True
        return self.voice.finish()

    def _block(self, heard_at: Callable[[float], float]) -> list[Packet]:
        segment = self._pace.play(BLOCK_FRAMES, heard_at(self._card.ms_of(self._card.frames)))
        self._placement.played(segment)
        recorded = self._card.exchange(self._source(segment.positions()))
        return [
            packet for run in self._placement.recorded(recorded) for packet in self.voice.sing(run.position, run.sound)
        ]
