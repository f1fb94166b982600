"""Songbook: the pieces a courtyard can sing, as JSON files, and the backing rendered from their notes.

Anybody can add a song: a file `<id>.json` in the data folder's `songbook/`, written as `songs/ode-to-joy.json` is.
`notation.py` reads notes and syllables, `piece.py` says what a good piece is, `shelf.py` finds the files,
`backing.py` makes them sound.
"""

from unisono.songbook.backing import count_in_samples, render_backing, tempo_of
from unisono.songbook.piece import Note, Part, Piece, Word
from unisono.songbook.shelf import Shelf, piece, pieces, read_shelf

__all__ = [
    "Note",
    "Part",
    "Piece",
    "Shelf",
    "Word",
    "count_in_samples",
    "piece",
    "pieces",
    "read_shelf",
    "render_backing",
    "tempo_of",
]
