"""Networks of the imagination, seeded, in samples of the room's clock.

`Datagrams` lose, delay, double and reorder each message on its own. `Stream` is what a WebSocket rides on: nothing is
lost and nothing overtakes, but a lost segment holds up all that comes after it until it was sent again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from unisono.units import samples_of_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a way behaves: at least `base_ms`, `jitter_ms` more on average, and so many of 1 lost or doubled."""

    base_ms: float = 20.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    doubled: float = 0.0

    def delay_samples(self, chance: random.Random) -> int:
        """One message's way."""
        more_ms = chance.expovariate(1 / self.jitter_ms) if self.jitter_ms else 0.0
        return samples_of_ms(self.base_ms + more_ms)


@dataclass(slots=True)
class Datagrams:
    """Every message for itself."""

    conditions: Conditions
    chance: random.Random

    def arrivals(self, sent: int) -> Iterator[int]:
        """When a message sent at `sent` arrives: never, once or twice."""
        if self.chance.random() < self.conditions.loss:
            return
        yield sent + self.conditions.delay_samples(self.chance)
        if self.chance.random() < self.conditions.doubled:
            yield sent + self.conditions.delay_samples(self.chance)


@dataclass(slots=True)
class Stream:
    """All messages in their order; a lost one stalls those behind it by a retransmission of at least 200 ms."""

    conditions: Conditions
    chance: random.Random
    _last: int = field(default=0)

    def arrivals(self, sent: int) -> Iterator[int]:
        """When a message sent at `sent` arrives: once."""
        delay = self.conditions.delay_samples(self.chance)
        while self.chance.random() < self.conditions.loss:
            delay += samples_of_ms(200.0) + self.conditions.delay_samples(self.chance)
        self._last = max(self._last, sent + delay)
        yield self._last


Way = Datagrams | Stream
