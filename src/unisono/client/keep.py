"""Everything a performer sent and the server has not written yet: what makes a stem whole in any weather. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from unisono.core.wire import Packet, bundled
from unisono.units import Position, Span


class Keep:
    """Packets of one frame each by (epoch, stamped position), from when they are made until they are on disk."""

    def __init__(self) -> None:
        self._packets: dict[tuple[int, Position], Packet] = {}
        self.key: str | None = None
        """The seat's secret of an earlier visit, where that is remembered."""
        self.performance = ""
        self.sung: dict[int, Span] = {}
        """What was sung in this performance, written or not, by epoch."""

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def next_epoch(self) -> int:
        """The first epoch that nothing kept here was sung in."""
        return 1 + max([-1, *self.sung, *(epoch for epoch, _ in self._packets)])

    def remember_key(self, key: str) -> None:
        """The seat's secret is this."""
        self.key = key

    def close(self) -> None:
        """The seat is left."""

    def begin(self, performance: str) -> None:
        """What is sung from now on belongs to `performance`."""
        if performance != self.performance:
            self.performance, self.sung = performance, {}

    def add(self, packet: Packet) -> None:
        """Keep a packet of one frame."""
        assert len(packet.frames) == 1
        self._packets[packet.epoch, packet.position] = packet
        seen = self.sung.get(packet.epoch, packet.span)
        start, stop = min(seen.start, packet.position), max(seen.stop, packet.span.stop)
        self.sung[packet.epoch] = Span(start=start, stop=stop)

    def written(self, epoch: int, spans: Iterable[tuple[int, int]]) -> None:
        """Forget what the server has on disk."""
        spans = tuple(spans)
        self._packets = {
            key: packet
            for key, packet in self._packets.items()
            if key[0] != epoch or not any(start <= key[1] and packet.span.stop <= stop for start, stop in spans)
        }

    def repairs(self, spans: Iterable[tuple[int, int]] | None = None) -> list[Packet]:
        """What is still kept, of `spans` or of all, bundled and flagged as repair, oldest first."""
        wanted = None if spans is None else tuple(spans)
        due = [packet for key, packet in sorted(self._packets.items()) if wanted is None or _touches(packet, wanted)]
        return bundled(replace(packet, repair=True) for packet in due)

    def forget_from(self, position: Position) -> None:
        """Forget what begins at `position` or after it: the song ended there."""
        self._packets = {key: packet for key, packet in self._packets.items() if key[1] < position}

    def clear(self) -> None:
        """Forget everything: the performance was discarded."""
        self._packets.clear()
        self.sung.clear()


def _touches(packet: Packet, spans: tuple[tuple[int, int], ...]) -> bool:
    return any(packet.position < stop and start < packet.span.stop for start, stop in spans)
