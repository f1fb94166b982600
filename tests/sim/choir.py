"""A choir of the imagination: pages that sing what can be told apart afterwards, a room that mixes it, a virtual clock.

Every seat sings its own digit of a number written in base 64, at every position another one, in 16-bit PCM. So whatever
a row heard can be taken apart sample by sample: who was in it, and whether exactly in place.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from tests.sim.weather import Way
from unisono.core.inlet import Ask, Conceal, Decode, Inlet, Late, Reset
from unisono.core.rows import Seating
from unisono.core.timeline import FrameKey, Timeline
from unisono.core.wire import Codec, Kind, Packet, pack, unpack
from unisono.units import FRAME_SAMPLES, Audio, Position, span

START = Position(960_000)
FULL_SCALE = 32_768
BASE = 64
DIGIT_MAX = 7

Digits = NDArray[np.int64]

SCORE: Digits = np.random.default_rng(64).choice([*range(-DIGIT_MAX, 0), *range(1, DIGIT_MAX + 1)], size=65_521)
"""Sung over and over: of prime length, so that no delay made of frames brings it back on itself."""


def digits_sung(start: int, samples: int) -> Digits:
    """What every seat sings over a stretch, before it is shifted to its own digit: 1..7 or -1..-7, never 0."""
    return SCORE[(start + np.arange(samples)) % len(SCORE)]


def taken_apart(heard: Audio, voices: int) -> list[Digits]:
    """The digits of each voice in one channel of a mix."""
    rest = np.rint(heard.astype(np.float64) * FULL_SCALE).astype(np.int64)
    apart = []
    for _ in range(voices):
        digit = (rest + BASE // 2) % BASE - BASE // 2
        apart.append(digit)
        rest = (rest - digit) // BASE
    return apart


@dataclass(slots=True)
class Page:
    """One singer's page: hears `delay_samples` behind the room, sings frame by frame on a grid of its own."""

    seat: int
    voice: int
    row: int
    delay_samples: int
    way: Way
    device_samples: int = 1200
    jump_chance: float = 0.0
    position: int = START
    epoch: int = 0
    kept: list[Packet] = field(default_factory=list)

    def sing(self, chance: random.Random) -> tuple[int, bytes]:
        """The next frame, and the moment it is sent."""
        if chance.random() < self.jump_chance:
            self.position += chance.randint(-2 * FRAME_SAMPLES, 4 * FRAME_SAMPLES)
            self.epoch += 1
        sound = (digits_sung(self.position, FRAME_SAMPLES) * BASE**self.voice).astype("<i2").tobytes()
        packet = Packet(
            kind=Kind.VOICE,
            seat=self.seat,
            epoch=self.epoch,
            position=Position(self.position),
            frames=(sound,),
            codec=Codec.PCM,
        )
        self.kept = [*self.kept[-99:], packet]
        self.position += FRAME_SAMPLES
        return self.position + self.delay_samples + self.device_samples, pack(packet)

    def sing_again(self, ask: Ask) -> list[bytes]:
        """What is asked for, as far as it was sung."""
        return [pack(packet) for packet in self.kept if packet.span.overlaps(ask.span)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one row heard from START on, both channels alike, and the orders the inlets gave on the way."""

    sound: Audio
    voices: tuple[int, ...]

    def samples_of(self, voice: int, *, after: int = 0) -> tuple[int, int]:
        """(samples where the voice is silent, samples where it is out of place); all others are exactly in place.

        Where epochs overlap the same digit may be heard two or three times; it must still be that of its position.
        """
        expected = digits_sung(START, len(self.sound))
        digit = taken_apart(self.sound, max(self.voices) + 1)[voice]
        in_place = np.any([digit == times * expected for times in (1, 2, 3)], axis=0)
        return int(np.sum(digit[after:] == 0)), int(np.sum((digit != 0) & ~in_place))


class Choir:
    """The room and its pages on one virtual clock."""

    def __init__(
        self, seating: Seating, pages: list[Page], *, seed: int, asks: Callable[[], int] | None = None
    ) -> None:
        """`asks`, when given, tells how long a request to sing something again is on its way."""
        self._chance = random.Random(seed)
        self._pages = {page.seat: page for page in pages}
        self._timeline = Timeline(start=START, singing_rows=seating.last_row)
        cuts = [*seating.cuts_samples[1:], seating.listener_cut_samples]
        self._inlets = {page.seat: Inlet(hold_samples=cuts[page.row] - seating.mix_samples) for page in pages}
        self._mix_samples = seating.mix_samples
        self._cuts = {row: cuts[row - 1] for row in range(2, seating.last_row + 2)}
        self._read_until = dict.fromkeys(self._cuts, START)
        self._heard: dict[int, list[Audio]] = {row: [] for row in self._cuts}
        self._asks = asks
        self._events: list[tuple[int, int, Callable[[Position], None]]] = []
        self._order = count()
        self.late_frames = 0
        self.concealed_frames = 0
        self.memory_bytes = 0

    def sing(self, seconds: float) -> dict[int, Heard]:
        """Let everybody sing for so long; returns what each row from 2 on, and after them listeners, heard."""
        stop = START + round(seconds * 48_000)
        for page in self._pages.values():
            self._send_next(page)
        self._at(START, self._tick)
        while self._events and self._events[0][0] < stop:
            moment, _, happen = heapq.heappop(self._events)
            happen(Position(moment))
        return {
            row: Heard(
                sound=np.concatenate(blocks)[:, 0],
                voices=tuple(page.voice for page in self._pages.values() if page.row < row),
            )
            for row, blocks in self._heard.items()
        }

    def _at(self, moment: int, happen: Callable[[Position], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), happen))

    def _send_next(self, page: Page) -> None:
        sent, data = page.sing(self._chance)
        self._send(page, sent, data)
        self._at(sent, lambda _: self._send_next(page))

    def _send(self, page: Page, sent: int, data: bytes) -> None:
        for arrival in page.way.arrivals(sent):
            self._at(arrival, lambda now: self._receive(page.seat, data, now))

    def _receive(self, seat: int, data: bytes, now: Position) -> None:
        packet = unpack(data)
        assert isinstance(packet, Packet)
        self._inlets[seat].feed(packet, now=now)
        self._follow(seat, now)

    def _follow(self, seat: int, now: Position) -> None:
        """Do what the inlet orders: decode onto the timeline, or ask the page."""
        for order in self._inlets[seat].drain():
            match order:
                case Decode():
                    for index, frame in enumerate(order.frames):
                        sound = np.frombuffer(frame, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)
                        position = Position(order.position + index * FRAME_SAMPLES)
                        key = FrameKey(seat=seat, epoch=order.epoch, position=position)
                        self._timeline.add(key, sound, row=self._pages[seat].row)
                case Ask():
                    self._ask(seat, order, now)
                case Late():
                    self.late_frames += 1
                case Conceal():
                    self.concealed_frames += 1
                case Reset():
                    pass

    def _ask(self, seat: int, ask: Ask, now: Position) -> None:
        if self._asks is None:
            return
        page = self._pages[seat]

        def sing_again(then: Position) -> None:
            for data in page.sing_again(ask):
                self._send(page, then, data)

        self._at(now + self._asks(), sing_again)

    def _tick(self, now: Position) -> None:
        for seat, inlet in self._inlets.items():
            inlet.tick(now=now)
            self._follow(seat, now)
        for row, cut in self._cuts.items():
            while self._read_until[row] + cut - self._mix_samples + FRAME_SAMPLES <= now:
                start = self._read_until[row]
                self._heard[row].append(self._timeline.read(row, span(start, start + FRAME_SAMPLES)))
                self._read_until[row] = Position(start + FRAME_SAMPLES)
        self.memory_bytes = max(self.memory_bytes, self._timeline.memory_bytes)
        self._at(now + FRAME_SAMPLES // 2, self._tick)
