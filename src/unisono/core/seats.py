"""Seats: who is in the room, where, and how to find them by number, socket or key.

A seat outlives its socket: after a lost connection its balcony stays dark for a while, then it is `gone` from sight,
and still its key brings the same person back to the same number. Whoever sings in the song that runs stays dark until
its end, unless the balcony is needed. Numbers nobody remembers are given away again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from unisono.core.limits import Bucket
from unisono.core.messages import Check, Flag, Method, Output, Role, SeatInfo
from unisono.core.rows import Member
from unisono.errors import RoomFull
from unisono.units import Position, samples_of_ms

DARK_SAMPLES = samples_of_ms(60_000)
"""How long a balcony stays dark after its socket is lost, before it is free."""
REMEMBERED_MAX = 2000
"""So many seats that are gone are remembered; then the oldest is forgotten."""
_SEAT_MAX = 65_535


def _bucket(per_second: float, burst: float) -> Bucket:
    return Bucket(per_second=per_second, burst=burst)


@dataclass(slots=True, kw_only=True)
class Seat:
    """One person's place. `connection` is None while they are away; `gone` once the balcony is free."""

    number: int
    key_hash: str
    role: Role
    link: int
    name: str = ""
    flag: Flag | None = None
    place: str = ""
    part: str = ""
    connection: int | None = None
    left_at: Position | None = None
    gone: bool = False
    hand: bool = False
    talking: bool = False
    check: Check | None = None
    up_samples: float | None = None
    down_samples: float | None = None
    decodes: str = "opus"
    late_said_at: Position | None = None
    waves: Bucket = field(default_factory=lambda: _bucket(2, 6))
    lines: Bucket = field(default_factory=lambda: _bucket(0.5, 6))
    changes: Bucket = field(default_factory=lambda: _bucket(4, 20))

    @property
    def present(self) -> bool:
        """Whether a socket is open for it."""
        return self.connection is not None

    @property
    def sings(self) -> bool:
        """Whether its role stands on a balcony."""
        return self.role != "listener"

    @property
    def method(self) -> Method | None:
        """How the round trip was found; None before the sound check."""
        return self.check.method if self.check else None

    @property
    def output(self) -> Output | None:
        """What the sound comes out of; None before the sound check."""
        return self.check.output if self.check else None

    def info(self, row: int | None) -> SeatInfo:
        """As everybody sees it."""
        return SeatInfo(
            seat=self.number,
            name=self.name,
            flag=self.flag,
            place=self.place,
            role=self.role,
            present=self.present,
            hand=self.hand,
            talking=self.talking,
            row=row,
            method=self.method,
            output=self.output,
            part=self.part,
        )

    def member(self) -> Member:
        """As the seating sees it; without a sound check it does not sing."""
        return Member(
            seat=self.number,
            up_samples=self.up_samples,
            down_samples=self.down_samples,
            method=self.method or "none",
            output=self.output or "headphones",
            spread_samples=(self.check.spread_samples or 0.0) if self.check else 0.0,
        )


class Seats:
    """All seats of a room, those gone but remembered included."""

    def __init__(self, *, performers_max: int, listeners_max: int) -> None:
        self._performers_max = performers_max
        self._listeners_max = listeners_max
        self._seats: dict[int, Seat] = {}
        self._by_key: dict[str, Seat] = {}
        self._by_connection: dict[int, Seat] = {}

    def __iter__(self) -> Iterator[Seat]:
        """Everybody on a balcony or listening, dark balconies included, gone ones not; by number."""
        return (seat for seat in self._seats.values() if not seat.gone)

    def find(self, number: int) -> Seat | None:
        """The seat of this number, gone ones included."""
        return self._seats.get(number)

    def at(self, connection: int) -> Seat | None:
        """The seat that this socket speaks for."""
        return self._by_connection.get(connection)

    def with_key(self, key_hash: str | None) -> Seat | None:
        """The seat that this key opens."""
        return self._by_key.get(key_hash) if key_hash else None

    def present(self) -> list[Seat]:
        """Everybody with a socket, by number."""
        return [seat for seat in self._seats.values() if seat.present]

    def singers(self) -> list[Seat]:
        """Everybody present who stands on a balcony."""
        return [seat for seat in self.present() if seat.sings]

    def make(self, *, key_hash: str, role: Role, link: int) -> Seat:
        """A new seat. Raises RoomFull."""
        self.check_room_for(role)
        seat = Seat(number=self._free_number(), key_hash=key_hash, role=role, link=link)
        self.put_back(seat)
        return seat

    def check_room_for(self, role: Role) -> None:
        """Raises RoomFull if there is no place for one more of this role; dark balconies keep nobody out."""
        sings = role != "listener"
        capacity = self._capacity(sings=sings)
        if role != "host" and sum(1 for seat in self.present() if seat.sings == sings) >= capacity:
            raise RoomFull(capacity=capacity)

    def _capacity(self, *, sings: bool) -> int:
        return self._performers_max if sings else self._listeners_max

    def crowded_out(self, *, last: frozenset[int], keep: int | None) -> list[Seat]:
        """The dark seats beyond capacity: their balconies are free at once; what the seats are known for stays.

        Those dark for longest go first, those in `last` after all others, the seat `keep` never.
        """
        found = []
        for sings in (True, False):
            standing = [seat for seat in self if seat.sings == sings]
            dark = [seat for seat in standing if not seat.present and seat.number != keep]
            dark.sort(key=lambda seat: (seat.number in last, seat.left_at or 0))
            found += dark[: max(0, len(standing) - self._capacity(sings=sings))]
        return found

    def put_back(self, seat: Seat) -> None:
        """A seat as it was, from the ledger."""
        self._seats[seat.number] = seat
        self._by_key[seat.key_hash] = seat

    def connect(self, seat: Seat, connection: int) -> int | None:
        """`connection` speaks for this seat now; returns the one that did before, if any."""
        before = seat.connection
        if before is not None:
            del self._by_connection[before]
        self._by_connection[connection] = seat
        seat.connection, seat.left_at, seat.gone = connection, None, False
        return before

    def disconnect(self, connection: int, now: Position) -> Seat | None:
        """The seat stays, dark; returns it if this socket spoke for one."""
        seat = self._by_connection.pop(connection, None)
        if seat is not None:
            seat.connection, seat.left_at, seat.talking, seat.hand = None, now, False, False
        return seat

    def darkened(self, now: Position) -> list[Seat]:
        """Seats whose balcony has been dark for long enough to be free; they are marked gone by whoever asks."""
        return [seat for seat in self if seat.left_at is not None and now >= seat.left_at + DARK_SAMPLES]

    def next_gone(self, keep: frozenset[int]) -> Position | None:
        """When the next dark balcony becomes free, `keep` not counted."""
        dark = (seat for seat in self if seat.left_at is not None and seat.number not in keep)
        return min((Position((seat.left_at or 0) + DARK_SAMPLES) for seat in dark), default=None)

    def forget_oldest(self, keep: frozenset[int]) -> list[int]:
        """Forget gone seats beyond what is remembered, oldest first, except `keep`; returns their numbers."""
        gone = [seat for seat in self._seats.values() if seat.gone and seat.number not in keep]
        gone.sort(key=lambda seat: seat.left_at or 0)
        forgotten = gone[: max(0, len(gone) - REMEMBERED_MAX)]
        for seat in forgotten:
            del self._seats[seat.number]
            del self._by_key[seat.key_hash]
        return [seat.number for seat in forgotten]

    def _free_number(self) -> int:
        highest = max(self._seats, default=0)
        if highest < _SEAT_MAX:
            return highest + 1
        return next(number for number in range(1, _SEAT_MAX + 1) if number not in self._seats)
