"""Plan: a film worked out to its last frame: where everybody is, what the camera shows, what is written when. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.film import facade, lights
from unisono.studio.film.brief import FRAME_RATE, Film
from unisono.studio.film.camera import Shot, close_bay, shots
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


def work_out(film: Film, sung: NDArray[np.float32], landscape: tuple[bool | None, ...], credit_pages: int) -> Plan:
    """The plan of a film. sung: `lights.lights(film)`; landscape: of each voice's clip."""
    shape = film.shape
    height = facade.read(film.facade).facts.bay_height
    layout = lay_out(film.voices, shape.width, shape.height, height, words=bool(film.words))
    credits_start = film.lead_frames + film.sung_frames + film.breath_frames
    frames = credits_start + credit_pages * CREDIT_FRAMES + LAST_FADE_FRAMES
    light = lights.in_film(film, sung, frames)
    first, stop = film.lead_frames, film.lead_frames + film.sung_frames
    found = shots(layout, light, first, stop)
    close = close_bay(layout)
    bays: tuple[int, ...] = (layout.bay,)
    if close is not None and len(found) > 1:
        way = round((layout.bay * close) ** 0.5 / 2) * 2
        bays = (layout.bay, way, close)
    return Plan(
        film=film,
        layout=layout,
        landscape=landscape,
        shots=found,
        light=light,
        frames=frames,
        credits_start=credits_start,
        bays=bays,
    )
