"""The way to the server and back: the room's clock, and how long to wait for what jitters, from probes. Pure.

The arithmetic is the page's (engine/jitter.js): of what was seen lately, the wait that all but a stated share keep to
(core/lateness.py), worked out for what happens one after the other together.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from unisono.client.device import BLOCK_FRAMES, CardSpec
from unisono.client.sights import ROUGH_MS, Sights
from unisono.client.varispeed import MARGIN_SAMPLES
from unisono.core.clock import RoomClock
from unisono.core.lateness import wait_for_sum
from unisono.core.wire import Echo
from unisono.units import FRAME_SAMPLES, OPUS_LOOKAHEAD_SAMPLES, samples_of_ms

_READY_ECHOES: Final = 5
_WAKES: Final = 250
_UNKNOWN_WAKE_MS: Final = 10.0
_WORK_MS: Final = 2.0
"""To mix and encode a frame, or to decode one."""


class Ways:
    """What the probes told: feed echoes, ask for positions and for the two measures of the `link` message."""

    def __init__(self) -> None:
        self._clock = RoomClock()
        self._echoes = 0
        self.sights = Sights()
        self._wakes_ms: deque[float] = deque(maxlen=_WAKES)

    def echoed(self, echo: Echo, *, received_ms: float) -> None:
        """Learn from an echo that came at `received_ms`; one that came before it left is none."""
        if received_ms < echo.sent_ms:
            return
        self._echoes += 1
        self._clock.add(sent_ms=echo.sent_ms, position=echo.position, received_ms=received_ms)
        self.sights.echoed(echo.sent_ms, received_ms, echo.position)

    def woke(self, late_ms: float) -> None:
        """This process noticed `late_ms` late that something was due: so it will with its sound."""
        self._wakes_ms.append(max(0.0, late_ms))

    @property
    def is_ready(self) -> bool:
        """Whether enough echoes came for the clock to be trusted."""
        return self._echoes >= _READY_ECHOES

    @property
    def drift_ppm(self) -> float:
        """By how much the room's clock runs faster than this process's."""
        return self._clock.drift_ppm

    def position_at(self, local_ms: float) -> float:
        """The room's position, with its fraction, when the local clock shows `local_ms`."""
        return self._clock.position_at(local_ms)

    def arrival_position(self, sent_ms: float) -> float | None:
        """Where the room's clock stands when what is sent at `sent_ms` arrives; None while that is not known."""
        if not self.is_ready:
            return None
        return max(0.0, self._clock.position_at(sent_ms + self._clock.round_trip_ms / 2))

    def up_samples(self, card: CardSpec) -> int:
        """From a position at the ear until its packet is at the server: card, frame, codec, process, network.

        0, which is not known, before the first echo.
        """
        wait_ms = wait_for_sum(self.sights.up_ms(self.position_at), self._wakes, rough=ROUGH_MS)
        if wait_ms != wait_ms:
            return 0
        gathered = FRAME_SAMPLES + OPUS_LOOKAHEAD_SAMPLES + MARGIN_SAMPLES
        return max(0, samples_of_ms(card.latency_ms + wait_ms + _WORK_MS)) + 2 * BLOCK_FRAMES + gathered

    def down_samples(self) -> int:
        """From the server until a position can be played: network, process, and the block it is played in.

        0 before the first echo.
        """
        wait_ms = wait_for_sum(self.sights.down_ms(self.position_at), self._wakes, rough=ROUGH_MS)
        return 0 if wait_ms != wait_ms else max(0, samples_of_ms(wait_ms + _WORK_MS)) + BLOCK_FRAMES

    @property
    def _wakes(self) -> list[float]:
        return list(self._wakes_ms) or [_UNKNOWN_WAKE_MS]
