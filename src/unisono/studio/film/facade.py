"""Façades: folders of drawings (SVG) and one `facade.toml` that says where in them the windows are.

Another façade is another folder; no code knows what is drawn (docs/film.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from unisono.errors import FilmFailed

FACADES = Path(__file__).parent / "facades"

UNITS = 1000
"""Drawings of a bay are this wide."""

Hex = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")]
Share = Annotated[float, Meta(ge=0, le=1)]
Box = tuple[int, int, int, int]


class Sky(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Colours from the top (0) to the roofs (1), and how many stars."""

    stops: tuple[tuple[Share, Hex], ...]
    stars: Share = 0.0


class Ambient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The light outside, at the top and at the bottom of the picture: drawn colours are multiplied by it."""

    top: Hex
    bottom: Hex


class House(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The façade is a row of houses: how many bays wide each is, their walls' colours, what is drawn between two."""

    widths: tuple[Annotated[int, Meta(ge=1)], ...]
    walls: tuple[Hex, ...]
    joint: str | None = None


class Light(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The light in windows, and how strongly it falls on the wall around them."""

    colours: tuple[Hex, ...]
    spill: Share = 0.5


class Names(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where names stand in a bay: their baseline, an em, in units of the drawing."""

    baseline: int
    size: int
    colour: Hex


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of window: `back` is drawn behind the picture in its `opening` (x, y, w, h), `front` before it.

    wide: for pictures that are wider than high. flag: (middle, top, width) of a cloth below a picture, flag_alone where
    there is no picture.
    """

    back: str
    front: str | None = None
    opening: Box
    wide: bool = False
    flag: tuple[int, int, int]
    flag_alone: tuple[int, int, int]


class Empty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A window of somebody who does not sing."""

    back: str


class Facade(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `facade.toml` says. `pavement` is what lies below the drawing of the ground floor."""

    bay_height: Annotated[float, Meta(ge=0.4, le=2.5)]
    sky: Sky
    ambient: Ambient
    house: House
    light: Light
    names: Names
    interior: str
    window: tuple[Window, ...]
    empty: tuple[Empty, ...]
    roofs: tuple[str, ...]
    ground: str
    pavement: Hex
    storey: str | None = None
    backdrop: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A façade and the folder with its drawings."""

    facts: Facade
    folder: Path
    fingerprint: str


@lru_cache(maxsize=16)
def read(name: str, folder: Path | None = None) -> Drawn:
    """The façade `name`, one of Unisono's or a folder in `folder`. Raises FilmFailed if it cannot be used."""
    home = (folder or FACADES) / name
    if Path(name).name != name or not home.is_dir():
        raise FilmFailed(reason=f"there is no façade {name!r}")
    try:
        facts = msgspec.toml.decode((home / "facade.toml").read_bytes(), type=Facade)
    except (OSError, msgspec.DecodeError) as error:
        raise FilmFailed(reason=f"façade {name}: {error}") from error
    missing = [part for part in sorted(_parts(facts)) if not (home / part).is_file()]
    if missing or not facts.window or not facts.empty or not facts.roofs:
        raise FilmFailed(reason=f"façade {name}: it lacks {', '.join(missing) or 'windows, empty windows or roofs'}")
    whole = hashlib.sha256()
    for path in sorted(home.iterdir()):
        whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return Drawn(facts=facts, folder=home, fingerprint=whole.hexdigest())


def names(folder: Path | None = None) -> tuple[str, ...]:
    """The façades there are."""
    return tuple(sorted(path.parent.name for path in (folder or FACADES).glob("*/facade.toml")))


def _parts(facts: Facade) -> set[str]:
    optional = (facts.storey, facts.backdrop, facts.house.joint, *(window.front for window in facts.window))
    always = (facts.interior, facts.ground, *facts.roofs, *(window.back for window in facts.window))
    return {part for part in (*optional, *always, *(empty.back for empty in facts.empty)) if part is not None}


def rgb(colour: str) -> tuple[float, float, float]:
    """`#rrggbb` as three shares."""
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)
