"""The way to the server and back: the room's clock, and how long things take, from probes. Pure."""

from __future__ import annotations

from collections import deque

from unisono.client.device import BLOCK_FRAMES, CardSpec
from unisono.client.varispeed import MARGIN_SAMPLES
from unisono.core.clock import RoomClock
from unisono.core.wire import Echo
from unisono.units import FRAME_SAMPLES, OPUS_LOOKAHEAD_SAMPLES, samples_of_ms

_TRIPS = 40
"""How many of the last round trips count: less than a minute's."""
_READY_ECHOES = 5
_WAKE_MS = 10.0
"""How late this process may notice that a block is due."""


class Ways:
    """What the probes told: feed echoes, ask for positions and for the two measures of the `link` message."""

    def __init__(self) -> None:
        self._clock = RoomClock()
        self._trips_ms: deque[float] = deque(maxlen=_TRIPS)

    def echoed(self, echo: Echo, *, received_ms: float) -> None:
        """Learn from an echo that came at `received_ms`; one that came before it left is none."""
        if received_ms < echo.sent_ms:
            return
        self._trips_ms.append(received_ms - echo.sent_ms)
        self._clock.add(sent_ms=echo.sent_ms, position=echo.position, received_ms=received_ms)

    @property
    def is_ready(self) -> bool:
        """Whether enough echoes came for the clock to be trusted."""
        return len(self._trips_ms) >= _READY_ECHOES

    @property
    def drift_ppm(self) -> float:
        """By how much the room's clock runs faster than this process's."""
        return self._clock.drift_ppm

    def position_at(self, local_ms: float) -> float:
        """The room's position, with its fraction, when the local clock shows `local_ms`."""
        return self._clock.position_at(local_ms)

    @property
    def one_way_ms(self) -> float:
        """One way over the network, the slowest of twenty: half the quickest round trip, and what the slow ones add."""
        trips = sorted(self._trips_ms)
        return trips[0] / 2 + trips[(len(trips) - 1) * 95 // 100] - trips[0] if trips else 0.0

    def arrival_position(self, sent_ms: float) -> float | None:
        """Where the room's clock stands when what is sent at `sent_ms` arrives; None while that is not known."""
        if not self.is_ready:
            return None
        return max(0.0, self._clock.position_at(sent_ms + min(self._trips_ms) / 2))

    def up_samples(self, card: CardSpec) -> int:
        """From a position at the ear until its packet is written at the server: card, frame, codec, network."""
        gathered = FRAME_SAMPLES + OPUS_LOOKAHEAD_SAMPLES + MARGIN_SAMPLES
        return samples_of_ms(card.latency_ms + _WAKE_MS + self.one_way_ms) + 2 * BLOCK_FRAMES + gathered

    def down_samples(self) -> int:
        """From the server until a position can be played: network, and the block it is played in."""
        return samples_of_ms(self.one_way_ms + _WAKE_MS) + BLOCK_FRAMES
