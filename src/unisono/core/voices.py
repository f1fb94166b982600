"""Voices: which of the packets that performers send belong to the song, to an earlier one, or to none."""

from __future__ import annotations

from typing import Final

from unisono.core.events import Outbox, Sang
from unisono.core.messages import Written
from unisono.core.past import Past
from unisono.core.rows import Seating
from unisono.core.seats import Seat
from unisono.core.song import SongRun
from unisono.core.sungways import SungWays
from unisono.core.wire import Packet
from unisono.errors import ImpossiblePosition, NotAllowed
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position

AHEAD_SAMPLES_MAX: Final = SAMPLE_RATE
"""A voice stamped further ahead of the room's clock than this was never sung."""
_FRAMES_AT_LEAST: Final = 1500


class Voices:
    """Takes packets in and says where they go; counts what each seat has sent in the song that runs."""

    def __init__(self, *, outbox: Outbox) -> None:
        self._outbox = outbox
        self._frames: dict[int, int] = {}
        self._seating: Seating | None = None
        self._places: dict[int, tuple[bool, int]] = {}
        self.past = Past()
        self.ways = SungWays()

    @property
    def sang(self) -> frozenset[int]:
        """Seats that sent a voice in the song that runs."""
        return frozenset(self._frames)

    def begin(self, sang: frozenset[int] = frozenset()) -> None:
        """Another song, or none; after a restart one in which `sang` already have stems."""
        self._frames = dict.fromkeys(sang, 0)
        self.ways.begin()

    def take(self, song: SongRun | None, seat: Seat, packet: Packet, now: Position) -> bool:
        """Whether this packet belongs to the song that runs. Raises ImpossiblePosition, NotAllowed."""
        if not seat.sings:
            raise NotAllowed(what="singing")
        if song is None or not song.running:
            self._came_too_late(seat, packet, now)
            return False
        if packet.position > now + AHEAD_SAMPLES_MAX:
            raise ImpossiblePosition(position=packet.position, now=now)
        if not song.takes(packet.position, packet.stop, now):
            self._came_too_late(seat, packet, now)
            return False
        if not self._within_measure(song, seat.number, packet, now):
            return False
        audible, behind_samples = self._place_of(song, seat.number)
        if packet.repair:
            audible = False
        elif packet.position >= song.start + song.count_in_samples:
            self.ways.heard(seat, packet, behind_samples=behind_samples, now=now)
        self._outbox.put(Sang(performance=song.performance, seat=seat.number, packet=packet, audible=audible))
        return True

    def _place_of(self, song: SongRun, seat: int) -> tuple[bool, int]:
        """Whether others may hear this seat live, and how far behind it hears; worked out once per seating."""
        if self._seating is not song.seating:
            self._seating, self._places = song.seating, {}
        place = self._places.get(seat)
        if place is None:
            seating = song.seating
            heard = seating.row_of(seat) is not None and seat not in seating.unheard
            place = self._places[seat] = (heard, seating.delay_of(seat))
        return place

    def _came_too_late(self, seat: Seat, packet: Packet, now: Position) -> None:
        """Repair for no song that runs: an earlier performance's stem grows, or the page is told to forget it."""
        if not packet.repair or packet.span.stop > now:
            return
        performance = self.past.performance_of(seat.number, packet)
        if performance is not None:
            self._outbox.put(Sang(performance=performance, seat=seat.number, packet=packet, audible=False))
        else:
            spans = ((int(packet.span.start), int(packet.span.stop)),)
            self._outbox.send(seat.connection, Written(epoch=packet.epoch, spans=spans))

    def _within_measure(self, song: SongRun, seat: int, packet: Packet, now: Position) -> bool:
        """Nobody's stem grows beyond a few times the song's length, however often its page sends it."""
        frames = self._frames.get(seat, 0) + len(packet.frames)
        allowed = _FRAMES_AT_LEAST + 4 * max(0, now - song.start) // FRAME_SAMPLES
        if frames > allowed:
            return False
        self._frames[seat] = frames
        return True
