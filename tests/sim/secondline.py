"""A simulated page's second line, after web/static/engine/secondline.js."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from statistics import median_high

from tests.sim.line import Data, Line, Place, open_line
from tests.sim.world import World
from unisono.client.sights import Sights
from unisono.core import messages as say
from unisono.core.lateness import OUTAGE_SAMPLES
from unisono.core.twice import Twice
from unisono.core.wire import Echo, Packet, Probe, pack, unpack
from unisono.units import ms_of_samples

STUMBLE_MS, SAME_MS = 80.0, 2000.0
STALL_MS = ms_of_samples(OUTAGE_SAMPLES)
USUAL_OF, ENOUGH = 100, 40
NARROW_FACTOR, NARROW_MS, MEASURED, APART_MS = 2.0, 100.0, 5, 250.0
AFTER_NARROW_MS, AGAIN_MS = 300_000.0, 5_000.0


class Unanswered:
    """Probes of one line that have no echo yet."""

    def __init__(self) -> None:
        self._sent: dict[float, None] = {}

    def sent(self, sent_ms: float) -> None:
        """A probe leaves."""
        self._sent[sent_ms] = None

    def echoed(self, sent_ms: float) -> None:
        """An echo; what went before it need not be waited for."""
        for sent in [sent for sent in self._sent if sent <= sent_ms]:
            del self._sent[sent]

    def stalled_ms(self, now_ms: float) -> float:
        """How long the oldest has been on its way; 0 if none is."""
        return now_ms - next(iter(self._sent)) if self._sent else 0.0


class Stumbles:
    """Whether what comes one after the other was more than once much later than usual."""

    def __init__(self) -> None:
        self._late: dict[str, deque[float]] = {}
        self._once_ms = math.nan
        self.seen = False

    def add(self, what: str, late_ms: float, now_ms: float) -> None:
        """Sound of a kind, or an echo."""
        late = self._late.setdefault(what, deque(maxlen=USUAL_OF))
        if len(late) >= ENOUGH and late_ms > median_high(late) + STUMBLE_MS:
            self.stumbled(now_ms)
        late.append(late_ms)

    def stumbled(self, now_ms: float) -> None:
        """Once is not enough, and what is still the same stumble does not count."""
        if now_ms - self._once_ms > SAME_MS:
            self.seen = True
        if math.isnan(self._once_ms):
            self._once_ms = now_ms

    def forget(self) -> None:
        """Another distance: nothing is usual yet."""
        self._late.clear()


def nearly_longest(trips_ms: list[float]) -> float:
    """All but one in ten are shorter; 0 when none is known."""
    return sorted(trips_ms)[len(trips_ms) * 9 // 10] if trips_ms else 0.0


class SecondLine:
    """Opened when it is needed; when it goes, that is all."""

    def __init__(
        self,
        world: World,
        place: Place,
        attend: Callable[[Line], None],
        on_sound: Callable[[Packet], None],
        on_echo: Callable[[Echo], None],
    ) -> None:
        self._world, self._place, self._attend = world, place, attend
        self._on_sound, self._on_echo = on_sound, on_echo
        self.stumbles = Stumbles()
        self._not_before_ms = float("-inf")
        self._before_ms = 0.0
        self._forget()

    def _forget(self) -> None:
        self._line: Line | None = None
        self._opening: Callable[[], None] | None = None
        self._answers = False
        self._unanswered = Unanswered()
        self._twice: Twice | None = None
        self._trips_ms: deque[float] = deque(maxlen=MEASURED)
        self._tripped_ms = float("-inf")

    def took(self, what: str, ms: float, now_ms: float) -> None:
        """By whichever line it came first."""
        self.stumbles.add(what, ms, now_ms)
        if what == "echo" and self._twice is not None and now_ms - self._tripped_ms >= APART_MS:
            self._tripped_ms = now_ms
            self._trips_ms.append(ms)

    def again(self, packet: Packet) -> bool:
        """Whether it has come before, by the other line."""
        return self._twice is not None and self._twice.again(packet)

    def mind(self, hello: say.Hello, ways: Sights, now_ms: float, chance: random.Random) -> None:
        """Open it where it is needed, leave it where it makes things worse."""
        measured = len(self._trips_ms) >= MEASURED
        if measured and min(self._trips_ms) > NARROW_FACTOR * self._before_ms + NARROW_MS:
            self.close()
            self.stumbles = Stumbles()
            self._not_before_ms = now_ms + AFTER_NARROW_MS
        needed = self.stumbles.seen or ways.rough
        if self._twice is not None or now_ms < self._not_before_ms or not needed:
            return
        self._not_before_ms = now_ms + AGAIN_MS
        self._twice = Twice()
        self._before_ms = nearly_longest(ways.trips_ms)
        self._opening = open_line(self._world, self._place, lambda: self._opened(hello, chance.randrange(10**9)))

    def _opened(self, hello: say.Hello, number: int) -> None:
        line = self._line = Line(self._world, self._place, number)
        line.to_page = lambda data: self._receive(data) if self._line is line else None
        self._attend(line)
        line.send_up(say.encode(hello))

    def _receive(self, data: Data) -> None:
        if isinstance(data, str):
            return
        self._answers = True
        packet = unpack(data)
        if isinstance(packet, Echo):
            self._unanswered.echoed(packet.sent_ms)
            self._on_echo(packet)
        elif isinstance(packet, Packet):
            self._on_sound(packet)

    def flows(self, now_ms: float) -> bool:
        """Whether more may be given to it."""
        line = self._line
        if line is None or not self._answers or line.buffered_bytes:
            return False
        return self._unanswered.stalled_ms(now_ms) < STALL_MS

    def send(self, packet: Packet) -> None:
        """The same as on the first line."""
        if self._line is not None:
            self._line.send_up(pack(packet))

    def probe(self, sent_ms: float) -> None:
        """The same as on the first line."""
        if self._line is not None:
            self._line.send_up(pack(Probe(sent_ms=sent_ms)))
            self._unanswered.sent(sent_ms)

    def close(self) -> None:
        """The first line is gone, and with it this one."""
        if self._opening is not None:
            self._opening()
        if self._line is not None:
            self._line.close()
        self._forget()
