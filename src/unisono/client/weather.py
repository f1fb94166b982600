"""Bad weather on a TCP connection, from a seed: jitter delays, loss stalls, nothing overtakes and nothing vanishes.

A lost segment is sent again by TCP, and everything behind it waits. So `loss` here is the share of messages that cost
the stream a retransmission, not of messages that never come. Pure: a seed and the time are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

RETRANSMISSION_MS = 200.0
"""How long a lost segment holds the stream up: the shortest retransmission timeout of common systems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherSpec:
    """How bad it is, each way."""

    jitter_ms: float = 0.0
    """Each message is late by an even chance of 0 to this."""
    loss: float = 0.0
    """Share of messages that stall the stream, 0..0.5."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.jitter_ms <= 5000.0:
            raise ValueError(f"jitter_ms must be 0..5000, not {self.jitter_ms}")
        if not 0.0 <= self.loss <= 0.5:
            raise ValueError(f"loss must be 0..0.5, not {self.loss}")

    @property
    def is_fair(self) -> bool:
        """True where there is no weather at all."""
        return self.jitter_ms == 0.0 and self.loss == 0.0


class Weather:
    """One direction of one connection."""

    def __init__(self, spec: WeatherSpec, *, seed: int) -> None:
        self._spec = spec
        self._random = Random(seed)
        self._clear_ms = float("-inf")

    def arrival_ms(self, sent_ms: float) -> float:
        """When a message sent at `sent_ms` arrives; never before the one asked about before it."""
        delay_ms = self._random.uniform(0.0, self._spec.jitter_ms)
        if self._random.random() < self._spec.loss:
            delay_ms += RETRANSMISSION_MS
        self._clear_ms = max(self._clear_ms, sent_ms + delay_ms)
        return self._clear_ms
