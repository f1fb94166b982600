"""Inlet: one seat's packets as they come, late, lost, doubled or shuffled, made into orders for a decoder.

It only says what to decode, what to conceal and when to begin afresh; the stateful decoder lives outside. Every frame
may be waited for until the room's clock is `hold_samples` past its position (the live cut); then the song goes on
without it. Three steps: `feed` a packet or `tick`, `drain` the orders, wake again at `wakes_at`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from unisono.core.wire import Codec, Packet
from unisono.errors import ImpossiblePosition
from unisono.units import FRAME_SAMPLES, POSITION_END, Position, Span, samples_of_ms, span

CONCEALED_FRAMES_MAX: Final = 3
"""60 ms: longer than that, invented sound is worse than none."""

EARLY_SAMPLES_MAX: Final = samples_of_ms(500)
"""How far a page's idea of the room's clock may run ahead before its stamps are nonsense."""

ASK_AGAIN_SAMPLES: Final = samples_of_ms(100)
"""How long an answer may take before the same span is asked for again."""

HELD_FRAMES_MAX: Final = 256
GAPS_REMEMBERED: Final = 32


class Decode(Struct, frozen=True, kw_only=True, gc=False):
    """Decode `frames`, one after the other; what comes out begins at `position`."""

    epoch: int
    position: Position
    frames: tuple[bytes, ...]
    codec: Codec
    stereo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conceal:
    """Let the decoder invent one frame at `position`: the real one did not come in time."""

    epoch: int
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Forget the decoder's past: what follows does not continue it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """This span is missing between frames that are here: ask for it again."""

    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A frame came `late_samples` after the song went on without it. It is for the recording only."""

    position: Position
    late_samples: int


Order = Decode | Conceal | Reset | Ask | Late


class Inlet:
    """The orders of one seat's stream within one song.

    `now` is always the room's position. Frames are decoded as soon as all before them were; the first ones of a stream,
    before which anything may still come, at their cut. A later epoch ends the earlier: what comes of it afterwards is
    for the recording only.
    """

    def __init__(self, *, hold_samples: int, stop: Position | None = None) -> None:
        self._hold = hold_samples
        self._stop = stop
        self._epoch = -1
        self._next: int | None = None
        self._floor = 0
        self._held: dict[int, Decode] = {}
        self._asked_until = 0
        self._ask_again_at: int | None = None
        self._concealed = 0
        self._gaps: deque[Span] = deque(maxlen=GAPS_REMEMBERED)
        self._orders: list[Order] = []

    def end_at(self, stop: Position) -> None:
        """The song stops at `stop`: nothing at or after it is waited for or concealed."""
        self._stop = stop

    def feed(self, packet: Packet, *, now: Position) -> None:
        """`take` one packet and `tick`; raises ImpossiblePosition when it cannot have been sung yet."""
        self.take(packet, now=now)
        self.tick(now=now)

    def take(self, packet: Packet, *, now: Position) -> None:
        """For several that came meanwhile: nothing is given up while the next one may bring it. Raises as `feed`."""
        if packet.stop > now + EARLY_SAMPLES_MAX:
            raise ImpossiblePosition(position=packet.position, now=now)
        if packet.epoch > self._epoch:
            self._turn_to(packet.epoch)
        if packet.epoch == self._epoch:
            if packet.position == self._next and not self._held:
                self._go_on(packet)
            else:
                for position, frame in packet.positioned_frames():
                    self._hold_frame(position, frame, packet, now)

    def tick(self, *, now: Position) -> None:
        """Go on as far as `now` allows."""
        while self._step(now):
            pass

    def drain(self) -> list[Order]:
        """The orders since the last call, in the order in which to follow them."""
        orders, self._orders = self._orders, []
        return orders

    @property
    def wakes_at(self) -> Position | None:
        """When `tick` will have something to do if nothing comes before; None when it will not."""
        if not self._held:
            return None if self._next is None else Position(self._next + self._hold)
        cut = (min(self._held) if self._next is None else self._next) + self._hold
        return Position(cut if self._ask_again_at is None else min(cut, self._ask_again_at))

    def _turn_to(self, epoch: int) -> None:
        """Begin a new epoch; what was held back of the old one is decoded as far as it goes."""
        for position in sorted(self._held):
            if position >= (self._floor if self._next is None else self._next):
                if position != self._next:
                    self._begin_at(position)
                self._decode(position)
        self._epoch = epoch
        self._held.clear()
        self._gaps.clear()
        self._next, self._floor, self._asked_until, self._ask_again_at = None, 0, 0, None

    def _go_on(self, packet: Packet) -> None:
        """What nearly always comes: the next frames, while nothing is held back."""
        self._orders.append(
            Decode(
                epoch=self._epoch,
                position=packet.position,
                frames=packet.frames,
                codec=packet.codec,
                stereo=packet.stereo,
            )
        )
        self._next, self._concealed = packet.stop, 0

    def _hold_frame(self, position: Position, frame: bytes, packet: Packet, now: Position) -> None:
        passed = self._floor if self._next is None else self._next
        if position < passed:
            if any(position in gap for gap in self._gaps):
                self._orders.append(Late(position=position, late_samples=max(0, now - position - self._hold)))
        elif len(self._held) < HELD_FRAMES_MAX:
            self._held.setdefault(
                position,
                Decode(epoch=self._epoch, position=position, frames=(frame,), codec=packet.codec, stereo=packet.stereo),
            )

    def _step(self, now: Position) -> bool:
        """Do one thing; False when there is nothing to do until more comes or time passes.

        A frame that begins less than a frame ahead is off the stream's grid: its place is kept, the stream's is not.
        """
        if self._next is None:
            return self._begin(now)
        if self._next in self._held:
            self._decode(self._next)
            return True
        if self._stop is not None and self._next >= self._stop:
            return self._rest()
        if now < self._next + self._hold:
            if self._held:
                self._ask(self._next, now)
            return False
        if (
            self._concealed >= CONCEALED_FRAMES_MAX
            or min(self._held, default=POSITION_END) < self._next + FRAME_SAMPLES
        ):
            return self._rest()
        return self._conceal(self._next)

    def _begin(self, now: Position) -> bool:
        """Start at the earliest frame that is here, once nothing earlier is waited for."""
        for position in [held for held in self._held if held < self._floor]:
            del self._held[position]
        first = min(self._held, default=None)
        if first is None:
            return False
        if now < first + self._hold:
            self._ask(first, now)
            return False
        self._begin_at(first)
        return True

    def _begin_at(self, position: int) -> None:
        if self._floor and self._floor < position:
            self._gaps.append(span(self._floor, position))
        self._orders.append(Reset())
        self._next, self._concealed = position, 0

    def _decode(self, position: int) -> None:
        self._orders.append(self._held.pop(position))
        self._next, self._concealed = position + FRAME_SAMPLES, 0

    def _conceal(self, position: int) -> bool:
        self._orders.append(Conceal(epoch=self._epoch, position=Position(position)))
        self._gaps.append(span(position, position + FRAME_SAMPLES))
        self._next = position + FRAME_SAMPLES
        self._concealed += 1
        return True

    def _rest(self) -> bool:
        """Stop inventing; whatever comes next begins afresh."""
        assert self._next is not None
        self._floor, self._next = self._next, None
        return bool(self._held)

    def _ask(self, first: int, now: Position) -> None:
        """Ask for every gap from `first` to the last frame held: for new ones at once, for all when no answer comes."""
        everything = self._ask_again_at is None or now >= self._ask_again_at
        at = first if everything else max(first, self._asked_until)
        gaps = []
        for position in sorted(held for held in self._held if held >= at):
            if position > at:
                gaps.append(Ask(span=span(at, position)))
            at = position + FRAME_SAMPLES
        self._orders.extend(gaps)
        self._asked_until = at
        if everything:
            self._ask_again_at = now + ASK_AGAIN_SAMPLES if gaps else None
