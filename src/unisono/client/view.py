"""What a client knows of its room, kept up to date from the server's messages. Pure."""

from __future__ import annotations

import msgspec

from unisono.core.messages import (
    FromRoom,
    Gone,
    LeaderChanged,
    Left,
    Picked,
    PiecePicked,
    RoomInfo,
    SeatChanged,
    SeatHand,
    SeatInfo,
    Song,
    SongChanged,
    Welcome,
)

LIVE_STATES = frozenset({"count_in", "singing", "ending"})
"""States of a song in which performers send their voices."""


class RoomView:
    """The room as this client's seat sees it. Before the first `welcome` it is empty."""

    def __init__(self) -> None:
        self.room: RoomInfo | None = None
        self.seat = 0
        self.key: str | None = None
        self.seats: dict[int, SeatInfo] = {}
        self.leader: int | None = None
        self.piece: Picked | None = None
        self.song: Song | None = None
        self.capacity = 0

    def take(self, message: FromRoom) -> None:
        """Bring the view up to date with one message; those that change no state are fine."""
        match message:
            case Welcome():
                self._begin(message)
            case SeatChanged(seat=seat):
                self.seats[seat.seat] = seat
            case Left(seat=seat):
                self._change(seat, present=False)
            case Gone(seat=seat):
                self.seats.pop(seat, None)
            case SeatHand(seat=seat, up=up):
                self._change(seat, hand=up)
            case LeaderChanged(seat=seat):
                self.leader = seat
            case PiecePicked():
                self.piece = Picked(piece=message.piece, key=message.key, tempo_bpm=message.tempo_bpm, by=message.by)
            case SongChanged():
                self.song = message
            case _:
                pass

    @property
    def row(self) -> int | None:
        """This seat's row in the song; None outside songs, for listeners and for those beside the rows."""
        if self.song is None:
            return None
        return next((number for number, row in enumerate(self.song.rows) if self.seat in row), None)

    @property
    def delay_samples(self) -> int:
        """How far behind the room's clock this seat hears; 0 outside songs."""
        if self.song is None:
            return 0
        row = self.row
        return self.song.listener_delay_samples if row is None else self.song.delays_samples[row]

    @property
    def is_live(self) -> bool:
        """Whether a song is being sung, its count-in included."""
        return self.song is not None and self.song.state in LIVE_STATES

    def _begin(self, welcome: Welcome) -> None:
        self.room = welcome.room
        self.seat = welcome.seat
        self.key = welcome.key or self.key
        self.seats = {seat.seat: seat for seat in welcome.seats}
        self.leader = welcome.leader
        self.piece = welcome.piece
        self.song = welcome.song
        self.capacity = welcome.capacity

    def _change(self, seat: int, **changes: bool) -> None:
        if seat in self.seats:
            self.seats[seat] = msgspec.structs.replace(self.seats[seat], **changes)
