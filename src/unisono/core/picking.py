"""Picking: what is sung next, and the backing it needs. Part of `core/singing.py`."""

from __future__ import annotations

from collections.abc import Mapping

from unisono.core.events import Outbox, PrepareBacking
from unisono.core.messages import Backing, NoteSounded, Pick, Picked, PiecePicked
from unisono.core.seats import Seat
from unisono.core.song import PieceFacts


class Picking:
    """The piece picked, its key and tempo, its backing once that is rendered, and who waits for it to start."""

    def __init__(self, *, outbox: Outbox, pieces: Mapping[str, PieceFacts]) -> None:
        self._outbox = outbox
        self._pieces = pieces
        self.picked: Picked | None = None
        self.backing: Backing | None = None
        self._start_waits_for: int | None = None

    @property
    def piece(self) -> PieceFacts | None:
        """The piece picked; None is free singing."""
        return self._pieces.get(self.picked.piece) if self.picked and self.picked.piece else None

    @property
    def along(self) -> bool:
        """Whether this room sings along to what was sung elsewhere, and to nothing else."""
        return any(piece.fixed for piece in self._pieces.values())

    @property
    def key(self) -> int:
        """Semitones from the written key."""
        return self.picked.key if self.picked else 0

    @property
    def tempo_bpm(self) -> int:
        """The tempo picked; 0 in free singing."""
        return self.picked.tempo_bpm if self.picked else 0

    def pick(self, by: Seat, message: Pick) -> bool:
        """What is sung next; False if there is no such piece."""
        piece = self._pieces.get(message.piece) if message.piece else None
        if piece is None and (message.piece or self.along):
            return False
        key = piece.key(message.key) if piece else message.key
        tempo = piece.tempo(message.tempo_bpm) if piece else 0
        self.picked = Picked(piece=message.piece, key=key, tempo_bpm=tempo, by=by.number)
        self.backing = None
        self._start_waits_for = None
        self._outbox.send_all(PiecePicked(piece=message.piece, key=key, tempo_bpm=tempo, by=by.number))
        self._prepare()
        return True

    def recall(self, picked: Picked | None) -> None:
        """What was picked before a restart, if the songbook still has it."""
        if picked is not None and (picked.piece is None or picked.piece in self._pieces):
            self.picked = picked
            self._prepare()

    def note(self, by: Seat) -> None:
        """The starting note, for everybody; free singing has none."""
        piece = self.piece
        if piece:
            self._outbox.send_all(NoteSounded(midi=piece.first_midi + self.key, by=by.number))

    def must_wait(self, starter: Seat) -> bool:
        """Whether a start must wait for the backing; `starter` starts then."""
        if self.piece is None or self.backing is not None:
            return False
        self._start_waits_for = starter.number
        self._prepare()
        return True

    def _prepare(self) -> None:
        piece = self.piece
        if piece:
            self._outbox.put(PrepareBacking(piece=piece.id, key=self.key, tempo_bpm=self.tempo_bpm))

    def backing_ready(self, *, piece: str, key: int, tempo_bpm: int, backing: Backing | None) -> int | None:
        """The backing was rendered (or cannot be: None); the seat whose start waited for it, if any."""
        picked = self.picked
        if picked is None or (picked.piece, picked.key, picked.tempo_bpm) != (piece, key, tempo_bpm):
            return None
        self.backing = backing
        waited, self._start_waits_for = self._start_waits_for, None
        return waited
