"""Memory: what of a room outlives the server's process, besides its song and everybody's keys.

Lines written, raised hands and open microphones do not: they belong to the moment.
"""

from __future__ import annotations

from msgspec import Struct

from unisono.core.messages import Picked
from unisono.core.room import Room
from unisono.units import Position


class Memory(Struct, frozen=True, kw_only=True):
    """Who led, what was picked, and which balconies were taken."""

    leader: int | None = None
    picked: Picked | None = None
    here: tuple[int, ...] = ()


def memory_of(room: Room) -> Memory:
    """The room as it is now."""
    here = tuple(seat.number for seat in room.seats)
    return Memory(leader=room.singing.leader, picked=room.singing.picked, here=here)


def recall(room: Room, memory: Memory, now: Position) -> None:
    """A room whose server was restarted: those who were here stand on dark balconies until they are back."""
    for number in {*memory.here, *room.singing.singers}:
        seat = room.seats.find(number)
        if seat is not None and not seat.present:
            seat.gone, seat.left_at = False, now
    room.singing.recall(memory.leader, memory.picked)
