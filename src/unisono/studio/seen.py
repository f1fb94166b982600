"""Seen: the pictures that seats recorded of themselves while they sang, where the live server and the film meet.

    pictures/<seat>/<id>.part     on its way
    pictures/<seat>/<id>.json     PictureFacts: how long it will be, and whose it is; the live server writes it
    pictures/<seat>/<id>.mkv      whole; its timestamps count from the performance's start
    pictures/<seat>/consent.json  whether this seat agreed to be seen in the film; without it nothing here is read

A page that was reloaded in mid-song leaves two files; the film shows the longer one. Pages stamp pictures by what was
heard when they were taken, so a picture needs no alignment: it stands on the performance's own axis.
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


def picture_of(folder: Path, seat: int) -> Path | None:
    """What a film may show of a seat: its longest file, if it agreed and there is one."""
    if not consents(folder, seat):
        return None
    whole = [path for path in seat_folder(folder, seat).glob(f"*{WHOLE_SUFFIX}") if _ID.fullmatch(path.stem)]
    return max(whole, key=lambda path: (path.stat().st_size, path.name), default=None)


def seats_seen(folder: Path) -> tuple[int, ...]:
    """Every seat whose pictures a film may show, in order."""
    found = (path.name for path in (folder / PICTURES_FOLDER).glob("*"))
    seats = sorted(int(name) for name in found if name.isascii() and name.isdigit())
    return tuple(seat for seat in seats if picture_of(folder, seat) is not None)
