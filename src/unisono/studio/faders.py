"""Faders: how the host set a performance's mix, voice by voice, over what the studio would do by itself.

The live server writes `faders.json` beside `performance.json` before each mix; the mix is a function of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

FADERS_FILE = "faders.json"
GAIN_DB_MIN, GAIN_DB_MAX = -24.0, 12.0
Gain = Annotated[float, Meta(ge=GAIN_DB_MIN, le=GAIN_DB_MAX)]


class Fader(Struct, frozen=True, kw_only=True):
    """One voice: so much louder than the studio would have it, or not at all."""

    seat: Annotated[int, Meta(ge=0, le=65_535)]
    gain_db: Gain = 0.0
    muted: bool = False


class Faders(Struct, frozen=True, kw_only=True):
    """All that differ from what the studio would do."""

    voices: Annotated[tuple[Fader, ...], Meta(max_length=1200)] = ()
    backing_db: Gain = 0.0
    backing_muted: bool = False


def read_faders(folder: Path) -> Faders:
    """The faders of the performance in `folder`; all at rest when nobody touched them or they cannot be read."""
    try:
        return msgspec.json.decode((folder / FADERS_FILE).read_bytes(), type=Faders)
    except (OSError, msgspec.MsgspecError):
        return Faders()


def write_faders(folder: Path, faders: Faders) -> None:
    """Write `faders.json`, whole or not at all."""
    part = folder / f"{FADERS_FILE}.part"
    part.write_bytes(msgspec.json.encode(faders))
    part.replace(folder / FADERS_FILE)
