"""Evening: the sky behind the roofs, the light outside, how uneven walls are. Asked in rows, as a level is drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import skia

from unisono.studio.film.facade import rgb
from unisono.studio.film.lettering import svg_drawing
from unisono.studio.film.planes import F32

if TYPE_CHECKING:
    from unisono.studio.film.level import Level

_NOISE_SEED = 5
_BACKDROP_SHARE = 0.52
"""How much of a backdrop's height, from below, should be seen."""


def _roof_line(level: Level) -> float:
    """Where the sky ends, in pixels from the top."""
    return max(level.top - 0.27 * level.bay, 1.0)


def sky_of(level: Level, band: slice) -> F32:
    facts = level.drawn.facts
    at = np.clip(np.arange(level.height, dtype=np.float32)[band] / _roof_line(level), 0, 1)
    stops = np.array([stop for stop, _ in facts.sky.stops])
    colours = np.array([rgb(colour) for _, colour in facts.sky.stops], dtype=np.float32)
    column = np.stack([np.interp(at, stops, colours[:, i]) for i in range(3)], axis=1).astype(np.float32)
    sky = np.repeat(column[:, None], level.width, axis=1)
    _add_stars(level, sky, band)
    return sky


def backdrop_of(level: Level) -> skia.Surface:
    """What stands behind the roofs: as wide as the picture where there is sky enough, else small, then mirrored."""
    surface = skia.Surface(level.width, level.height)
    name = level.drawn.facts.backdrop
    if name is None:
        return surface
    drawing = svg_drawing(level.drawn.folder / name)
    size, low = drawing.containerSize(), _roof_line(level)
    scale = min(1.8 * level.width / size.width(), low * 0.94 / (size.height() * _BACKDROP_SHARE))
    canvas = surface.getCanvas()
    for number in range(math.ceil(level.width / (size.width() * scale))):
        canvas.save()
        canvas.translate(number * size.width() * scale, low + level.bay * 0.06 - size.height() * scale)
        canvas.scale(scale, scale)
        canvas.clipRect(skia.Rect.MakeWH(size.width(), size.height()))
        if number % 2:  # mirrored, so that the hills go on where the last ones ended
            canvas.translate(size.width(), 0)
            canvas.scale(-1, 1)
        drawing.render(canvas)
        canvas.restore()
    return surface


def _add_stars(level: Level, sky: F32, band: slice) -> None:
    chance = np.random.default_rng(_NOISE_SEED)
    count, low = int(260 * level.drawn.facts.sky.stars), _roof_line(level)
    size = 1 + level.width // (level.layout.width * 2)
    for x, y, bright in zip(chance.random(count), chance.random(count) ** 1.6, chance.random(count) ** 3, strict=True):
        px, py, across = int(x * level.width), int(y * low) - band.start, size + int(bright > 0.5)
        sky[max(py, 0) : max(py + across, 0), px : px + across] += (0.25 + 0.6 * bright) * (1 - y)


def ambient_of(level: Level) -> F32:
    ambient = level.drawn.facts.ambient
    top, bottom = (np.array(rgb(colour), dtype=np.float32) for colour in (ambient.top, ambient.bottom))
    # By rows of the façade, so that all sizes of it have the same light.
    share = np.linspace(0, 1, level.height, dtype=np.float32)[:, None, None]
    return top * (1 - share) + bottom * share


class Plaster:
    """Unevenness of walls: soft stains and fine grain, around 1."""

    def __init__(self, level: Level) -> None:
        chance = np.random.default_rng(_NOISE_SEED)
        self._width = level.width
        self._grids = []
        for units, strength in ((1.4, 0.05), (0.35, 0.035), (0.06, 0.03), (0.012, 0.03)):
            cell = max(2.0, units * level.bay)
            h, w = int(level.height / cell) + 3, int(level.width / cell) + 3
            self._grids.append((chance.normal(0, strength, (h, w)).astype(np.float32), cell))

    def rows(self, band: slice) -> F32:
        """What some rows of the walls are multiplied with."""
        whole = np.ones((band.stop - band.start, self._width), dtype=np.float32)
        for grid, cell in self._grids:
            whole += _stretched(grid, band, self._width, cell)
        return np.clip(whole, 0.75, 1.2)


def _stretched(rough: F32, band: slice, width: int, cell: float) -> F32:
    """Some rows of a coarse grid drawn out, linear between its points."""
    ys, xs = np.arange(band.start, band.stop) / cell, np.arange(width) / cell
    y0, x0 = ys.astype(int), xs.astype(int)
    fy, fx = (ys - y0).astype(np.float32)[:, None], (xs - x0).astype(np.float32)[None]
    rows = rough[y0] * (1 - fy) + rough[y0 + 1] * fy
    drawn: F32 = rows[:, x0] * (1 - fx) + rows[:, x0 + 1] * fx
    return drawn
