"""Seen: the pictures that seats recorded of themselves while they sang, where the live server and the film meet.

    pictures/<seat>/<id>.part     on its way
    pictures/<seat>/<id>.json     PictureFacts: how long it will be, and whose it is; the live server writes it
    pictures/<seat>/<id>.mkv      whole; its timestamps count from the performance's start
    pictures/<seat>/consent.json  whether this seat agreed to be seen in the film; without it nothing here is read

A page that was reloaded in mid-song leaves two files; the film shows one after the other. Pages stamp pictures by what
was heard when they were taken, so a picture needs no alignment: it stands on the performance's own axis.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec import Struct

PICTURES_FOLDER = "pictures"
CONSENT_FILE = "consent.json"
WHOLE_SUFFIX, ARRIVING_SUFFIX, FACTS_SUFFIX = ".mkv", ".part", ".json"
_ID = re.compile(r"[0-9a-f]{16}")
_BEGINNING_BYTES = 4096
_CLUSTER_TIME = re.compile(rb"\x1f\x43\xb6\x75\x01\xff{7}\xe7\x10\x00\x00([\x01-\x08])(.{8})", re.DOTALL)
"""As engine/matroska.js writes it: a cluster of unknown size, a time of so many bytes."""
_NEVER = 1 << 63


class PictureFacts(Struct, frozen=True, kw_only=True):
    """One file of pictures. `key_hash` is of what opens it while it arrives."""

    size_bytes: int
    key_hash: str


class Consent(Struct, frozen=True, kw_only=True):
    """What a seat said of being seen in one performance's film."""

    pictures: bool


def seat_folder(folder: Path, seat: int) -> Path:
    """Where a seat's pictures of the performance in `folder` are."""
    return folder / PICTURES_FOLDER / str(seat)


def consents(folder: Path, seat: int) -> bool:
    """Whether a seat agreed to be seen, and has not taken that back."""
    try:
        said = (seat_folder(folder, seat) / CONSENT_FILE).read_bytes()
        return msgspec.json.decode(said, type=Consent).pictures
    except (OSError, msgspec.MsgspecError):
        return False


def pictures_of(folder: Path, seat: int) -> tuple[Path, ...]:
    """What a film may show of a seat: its whole files in the order of the song; none if it did not agree."""
    if not consents(folder, seat):
        return ()
    whole = [path for path in seat_folder(folder, seat).glob(f"*{WHOLE_SUFFIX}") if _ID.fullmatch(path.stem)]
    return tuple(sorted(whole, key=lambda path: (_first_tick(path), path.name)))


def seats_seen(folder: Path) -> tuple[int, ...]:
    """Every seat whose pictures a film may show, in order."""
    found = (path.name for path in (folder / PICTURES_FOLDER).glob("*"))
    seats = sorted(int(name) for name in found if name.isascii() and name.isdigit())
    return tuple(seat for seat in seats if pictures_of(folder, seat))


def _first_tick(path: Path) -> int:
    """When a page's file begins: its first cluster's time. What looks otherwise comes last."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES)
    except OSError:
        return _NEVER
    found = _CLUSTER_TIME.search(beginning)
    return int.from_bytes(found[2][: found[1][0]]) if found else _NEVER
