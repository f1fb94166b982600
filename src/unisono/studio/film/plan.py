"""Plan: a film worked out to its last frame: where everybody is, what the camera shows, what is written when. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.film import facade, lights
from unisono.studio.film.brief import FRAME_RATE, Film
from unisono.studio.film.camera import SHORTEST_FRAMES, Shot, close_bay, shots
from unisono.studio.film.layout import Layout, lay_out
from unisono.studio.film.level import Level

CREDIT_FRAMES = round(4.6 * FRAME_RATE)
LAST_FADE_FRAMES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """frames: of the whole film. light: 0..1, shape (voices, frames). bays: their sizes: wide, on the way, close."""

    film: Film
    layout: Layout
    landscape: tuple[bool | None, ...]
    shots: tuple[Shot, ...]
    light: NDArray[np.float32]
    frames: int
    credits_start: int
    bays: tuple[int, ...]

    def level(self, bay: int) -> Level:
        """The façade at one of its sizes."""
        return Level(self.film, self.layout, bay, self.landscape)

    def sizes(self, voice: int) -> tuple[tuple[int, int], ...]:
        """The sizes at which a voice's clip is seen, in pixels."""
        return tuple(self.level(bay).spots[voice].opening[2:] for bay in self.bays)


def layout_of(film: Film) -> Layout:
    """Where everybody is."""
    height = facade.read(film.facade).facts.bay_height
    return lay_out(film.voices, film.shape.width, film.shape.height, height, words=bool(film.words))


def bays_of(layout: Layout, *, near: bool) -> tuple[int, ...]:
    """The sizes at which a façade is seen: wide, and where the camera comes `near`, on the way and close."""
    close = close_bay(layout) if near else None
    if close is None:
        return (layout.bay,)
    return (layout.bay, round((layout.bay * close) ** 0.5 / 2) * 2, close)


def sizes_ahead(film: Film, landscape: tuple[bool | None, ...], voice: int) -> tuple[tuple[int, int], ...]:
    """The sizes at which a voice's clip may be seen, before anybody knows who sounds when; as `Plan.sizes` at last."""
    layout = layout_of(film)
    bays = bays_of(layout, near=film.sung_frames >= SHORTEST_FRAMES)
    return tuple(Level(film, layout, bay, landscape).spots[voice].opening[2:] for bay in bays)


def work_out(film: Film, sung: NDArray[np.float32], landscape: tuple[bool | None, ...], credit_pages: int) -> Plan:
    """The plan of a film. sung: `lights.lights(film)`; landscape: of each voice's clip."""
    layout = layout_of(film)
    credits_start = film.lead_frames + film.sung_frames + film.breath_frames
    frames = credits_start + credit_pages * CREDIT_FRAMES + LAST_FADE_FRAMES
    light = lights.in_film(film, sung, frames)
    first, stop = film.lead_frames, film.lead_frames + film.sung_frames
    found = shots(layout, light, first, stop)
    return Plan(
        film=film,
        layout=layout,
        landscape=landscape,
        shots=found,
        light=light,
        frames=frames,
        credits_start=credits_start,
        bays=bays_of(layout, near=len(found) > 1),
    )
