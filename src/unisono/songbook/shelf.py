"""Where pieces stand: the folder that comes with the program, and one more that an operator may fill.

A broken file hides only itself: it is listed with its reason (`unisono check` shows it), the other pieces stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from unisono.errors import BadPiece, NoSuchPiece
from unisono.songbook.piece import Piece, PieceFile, build

SONGS = Path(__file__).parent / "songs"
_FILE_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """All readable pieces by id, in the order of their titles, and what is wrong with the others."""

    pieces: dict[str, Piece]
    broken: dict[str, BadPiece]


def read_piece(path: Path) -> Piece:
    """The piece of one file; its id is the file's name. Raises BadPiece."""
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise ValueError(f"the file is larger than {_FILE_BYTES_MAX} bytes")
        return build(path.stem, msgspec.json.decode(path.read_bytes(), type=PieceFile))
    except (ValueError, msgspec.DecodeError, OSError) as error:
        raise BadPiece(file=path.name, reason=str(error)) from error


def read_shelf(extra: Path | None = None) -> Shelf:
    """Every piece of the program's folder and of `extra` (if it is there); a name used twice is `extra`'s mistake."""
    found: dict[str, Piece] = {}
    broken: dict[str, BadPiece] = {}
    folders = [SONGS] if extra is None else [SONGS, extra]
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        try:
            if path.stem in found:
                raise BadPiece(file=path.name, reason="a piece of this name is there already")
            found[path.stem] = read_piece(path)
        except BadPiece as error:
            broken[path.name] = error
    ordered = sorted(found.values(), key=lambda piece: (piece.title.casefold(), piece.id))
    return Shelf(pieces={piece.id: piece for piece in ordered}, broken=broken)


def pieces(extra: Path | None = None) -> list[Piece]:
    """All readable pieces, by title."""
    return list(read_shelf(extra).pieces.values())


def piece(piece_id: str, extra: Path | None = None) -> Piece:
    """One piece. Raises NoSuchPiece, or BadPiece if its file is there but cannot be read."""
    shelf = read_shelf(extra)
    if piece_id in shelf.pieces:
        return shelf.pieces[piece_id]
    if f"{piece_id}.json" in shelf.broken:
        raise shelf.broken[f"{piece_id}.json"]
    raise NoSuchPiece(piece=piece_id)
