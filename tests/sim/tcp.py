"""TCP of the imagination: one direction of a connection over lossy air, as an application sees it.

Nothing is lost and nothing overtakes; what is lost below holds up all behind it. Modelled: segments of up to 1448 bytes
(small writes go out at once and are joined while the window is full), a congestion window (10 at first, slow start,
one more a round trip, times 0.7 at a loss as CUBIC, 1 after a timeout), selective acknowledgements on a lossy way back,
fast retransmission and tail loss probes as RFC 8985 (RACK-TLP) has them, retransmissions that were lost too included,
and the retransmission timeout of RFC 6298 with Linux's least 200 ms on top of the smoothed round trip, doubled each
time. Not modelled: delayed acknowledgements, a receiver's window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.sim.air import Path
from tests.sim.world import World

Message = TypeVar("Message")

SEGMENT_BYTES = 1448
WINDOW_AT_FIRST = 10.0
ACK_BYTES = 0
DUPLICATES = 3
TIMEOUT_MS_AT_FIRST, TIMEOUT_MS_LEAST, TIMEOUT_MS_MAX = 1000.0, 200.0, 60_000.0
SLOWER = 0.7


@dataclass(slots=True)
class _Segment:
    """Bytes [start, stop), when and as the how-manieth transmission they last went out."""

    start: int
    stop: int
    sent_ms: float = 0.0
    number: int = 0
    arrived: bool = False
    lost: bool = False


class Tcp(Generic[Message]):
    """One direction: `send` here, `deliver` there, in order."""

    def __init__(self, world: World, there: Path, back: Path, deliver: Callable[[Message], None]) -> None:
        self._world = world
        self._there, self._back = there, back
        self._deliver = deliver
        self._messages: deque[tuple[int, Message]] = deque()
        self._written = self._sent = self._acked = 0
        self._segments: dict[int, _Segment] = {}
        self._window = WINDOW_AT_FIRST
        self._threshold = float("inf")
        self._recover = 0
        self._number = self._latest = 0
        self._latest_trip_ms = self._least_trip_ms = 0.0
        self._reorders = False
        self._smooth_ms: float | None = None
        self._spread_ms = 0.0
        self._backoff = 0
        self._deadline_ms: float | None = None
        self._probe_ms: float | None = None
        self._timer_ms: float | None = None
        self._received = 0
        self._islands: dict[int, int] = {}
        self.closed = False
        self.timeouts = 0
        self.retransmissions = 0

    @property
    def unsent_bytes(self) -> int:
        """What the application wrote and has not left yet."""
        return self._written - self._sent

    @property
    def unacknowledged_bytes(self) -> int:
        """What the system's send buffer holds."""
        return self._written - self._acked

    def send(self, message: Message, size_bytes: int) -> None:
        """Write one message."""
        if self.closed:
            return
        self._written += size_bytes
        self._messages.append((self._written, message))
        self._push()

    def close(self) -> None:
        """Nothing is sent or delivered any more."""
        self.closed = True

    # ------------------------------------------------------------------------------------ sending

    def _in_flight(self) -> int:
        return sum(1 for segment in self._segments.values() if not segment.arrived and not segment.lost)

    def _push(self) -> None:
        """Send what the window allows: what was lost first."""
        allowed = max(1, int(self._window)) - self._in_flight()
        if allowed <= 0:
            return
        for segment in [segment for segment in self._segments.values() if segment.lost][:allowed]:
            self.retransmissions += 1
            self._transmit(segment)
            allowed -= 1
        while allowed > 0 and self._sent < self._written:
            self._send_new()
            allowed -= 1

    def _send_new(self) -> None:
        stop = min(self._sent + SEGMENT_BYTES, self._written)
        segment = self._segments[self._sent] = _Segment(self._sent, stop)
        self._sent = stop
        self._transmit(segment)
        self._set_probe()

    def _transmit(self, segment: _Segment) -> None:
        now = self._world.now_ms
        self._number += 1
        segment.sent_ms, segment.number, segment.lost = now, self._number, False
        start, stop, number = segment.start, segment.stop, self._number
        for at_ms in self._there.arrivals(now, stop - start):
            self._world.at(at_ms, lambda: self._arrived(start, stop, number, now))
        if self._deadline_ms is None:
            self._set_deadline()

    # ------------------------------------------------------------------------------------ at the other end

    def _arrived(self, start: int, stop: int, number: int, sent_ms: float) -> None:
        if self.closed:
            return
        if start >= self._received:
            self._islands[start] = stop
        while self._received in self._islands:
            self._received = self._islands.pop(self._received)
        received, islands = self._received, frozenset(self._islands)
        for at_ms in self._back.arrivals(self._world.now_ms, ACK_BYTES):
            self._world.at(at_ms, lambda: self._acknowledged(received, islands, number, sent_ms))
        while self._messages and self._messages[0][0] <= self._received and not self.closed:
            self._deliver(self._messages.popleft()[1])

    # ------------------------------------------------------------------------------------ acknowledgements

    def _acknowledged(self, received: int, islands: frozenset[int], number: int, sent_ms: float) -> None:
        if self.closed:
            return
        self._measure(number, self._world.now_ms - sent_ms)
        limited = self._in_flight() >= int(self._window) - 1
        gone = [start for start, segment in self._segments.items() if segment.stop <= received]
        for start in gone:
            del self._segments[start]
        for start in islands & self._segments.keys():
            self._segments[start].arrived = True
            self._segments[start].lost = False
        if received > self._acked:
            self._acked, self._backoff = received, 0
            self._deadline_ms = None
            self._set_deadline()
        if gone and limited and not self._recovering:
            self._window += len(gone) if self._window < self._threshold else len(gone) / self._window
        self._find_lost()
        self._push()

    @property
    def _recovering(self) -> bool:
        return self._acked < self._recover

    def _find_lost(self) -> None:
        """A segment is lost when a later transmission has arrived and it had a round trip, and some more, to do so."""
        if self.closed:
            return
        now = self._world.now_ms
        waiting = [s for s in self._segments.values() if not s.arrived and not s.lost and s.number < self._latest]
        if not waiting:
            return
        late_ms = self._latest_trip_ms + self._patience_ms()
        for segment in waiting:
            segment.lost = now >= segment.sent_ms + late_ms - 1e-6
        if any(segment.lost for segment in waiting):
            self._slow_down()
        again_ms = min((segment.sent_ms for segment in waiting if not segment.lost), default=None)
        if again_ms is not None:
            self._world.at(again_ms + late_ms, self._find_lost_and_push)

    def _find_lost_and_push(self) -> None:
        if not self.closed:
            self._find_lost()
            self._push()

    def _patience_ms(self) -> float:
        """For what may only have been overtaken; none where nothing ever was, once losses are sure."""
        sure = sum(segment.arrived for segment in self._segments.values()) >= DUPLICATES
        return 0.0 if not self._reorders and (self._recovering or sure) else self._least_trip_ms / 4

    def _slow_down(self) -> None:
        """Once for all that is lost within one window."""
        if not self._recovering:
            self._recover = self._sent
            self._threshold = self._window = max(2.0, self._window * SLOWER)

    def _measure(self, number: int, trip_ms: float) -> None:
        if number > self._latest:
            self._latest, self._latest_trip_ms = number, trip_ms
        elif number < self._latest:
            self._reorders = True
        if self._smooth_ms is None:
            self._smooth_ms, self._spread_ms, self._least_trip_ms = trip_ms, trip_ms / 2, trip_ms
            return
        self._least_trip_ms = min(self._least_trip_ms, trip_ms)
        self._spread_ms += (abs(trip_ms - self._smooth_ms) - self._spread_ms) / 4
        self._smooth_ms += (trip_ms - self._smooth_ms) / 8

    # ------------------------------------------------------------------------------------ the timers

    def _set_deadline(self) -> None:
        """The retransmission timeout, from now."""
        if all(segment.arrived for segment in self._segments.values()):
            return
        wait_ms = TIMEOUT_MS_AT_FIRST
        if self._smooth_ms is not None:
            wait_ms = self._smooth_ms + max(TIMEOUT_MS_LEAST, 4 * self._spread_ms)
        self._deadline_ms = self._world.now_ms + min(TIMEOUT_MS_MAX, wait_ms * 2**self._backoff)
        self._wake_at(self._deadline_ms)

    def _set_probe(self) -> None:
        """New data has left: if nothing comes back for two round trips, one more segment asks what became of it."""
        if self._recovering or self._backoff or self._smooth_ms is None:
            return
        alone_ms = TIMEOUT_MS_LEAST if len(self._segments) == 1 else 2.0
        self._probe_ms = self._world.now_ms + 2 * self._smooth_ms + alone_ms
        self._wake_at(self._probe_ms)

    def _wake_at(self, then_ms: float) -> None:
        """One timer a connection: the earlier one wins."""
        if self._timer_ms is None or then_ms < self._timer_ms:
            self._timer_ms = then_ms
            self._world.at(then_ms, lambda: self._look(then_ms))

    def _look(self, then_ms: float) -> None:
        if self.closed or self._timer_ms != then_ms:
            return
        self._timer_ms = None
        now = self._world.now_ms
        if self._deadline_ms is not None and now >= self._deadline_ms:
            self._time_out()
        elif self._probe_ms is not None and now >= self._probe_ms:
            self._probe()
        for due_ms in (self._deadline_ms, self._probe_ms):
            if due_ms is not None:
                self._wake_at(due_ms)

    def _time_out(self) -> None:
        self.timeouts += 1
        self._backoff += 1
        self._threshold = max(2.0, self._window / 2)
        self._window = 1.0
        self._recover = self._sent
        for segment in self._segments.values():
            segment.lost = not segment.arrived
        self._deadline_ms = self._probe_ms = None
        self._push()

    def _probe(self) -> None:
        self._probe_ms = None
        waiting = [segment for segment in self._segments.values() if not segment.arrived]
        if self._recovering or not waiting:
            return
        if self._sent < self._written:
            self._send_new()
        else:
            self._transmit(waiting[-1])
        self._probe_ms = None
