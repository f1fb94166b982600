"""Assets: everything of a film that is drawn once, in a folder: levels, flags, titles, words, credits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unisono.studio.film import cloth, facade, level, titles
from unisono.studio.film.brief import Film
from unisono.studio.film.facade import rgb
from unisono.studio.film.plan import Plan
from unisono.studio.film.planes import Patch
from unisono.studio.film.store import has_drawing, save_drawing, save_patches

_LAMPS = 0.42
"""How much of the windows' light falls on flags, besides what light there is outside."""


def draw_level(plan: Plan, bay: int, folder: Path) -> None:
    """Draw the façade at one size, and its flags, unless that is there."""
    here = folder / f"level-{bay}"
    if has_drawing(here):
        return
    at = plan.level(bay)
    save_patches(folder / f"flags-{bay}.npz", _flags(plan, at))
    save_drawing(here, level.draw(at))


def _flags(plan: Plan, at: level.Level) -> list[tuple[Patch, ...]]:
    """Each voice's flag as it moves; those who hang out the same one share it."""
    light = _flag_light(plan.film)
    made: dict[tuple[str, int], tuple[Patch, ...]] = {}
    found = []
    for voice, spot in zip(plan.film.voices, at.spots, strict=True):
        key = (voice.flag, spot.flag[2])
        if key not in made:
            made[key] = cloth.loop(voice.flag, spot.flag[2], light) if cloth.is_flag(voice.flag) else ()
        found.append(made[key])
    return found


def _flag_light(film: Film) -> tuple[float, float, float]:
    facts = facade.read(film.facade).facts
    outside = (np.array(rgb(facts.ambient.top)) + np.array(rgb(facts.ambient.bottom))) / 2
    light = np.clip(outside + _LAMPS * np.array(rgb(facts.light.colours[0])), 0, 1)
    return (float(light[0]), float(light[1]), float(light[2]))


def draw_titles(film: Film, folder: Path) -> None:
    """Draw what is written over the picture."""
    nights = (titles.shade_below(film), titles.shade_whole(film, 0.5, 0.12), titles.shade_whole(film, 0.7, 0.66))
    black = titles.shade_whole(film, 1.0, 1.0)
    single = [(patch,) for patch in (*nights, black) if patch is not None]
    save_patches(folder / "titles.npz", [titles.title(film), *single])
    lines = titles.sung_lines(film)
    save_patches(folder / "words.npz", [() if line is None else (line.quiet, line.lit) for line in lines])
    edges = [
        (number, start, end)
        for number, line in enumerate(lines)
        if line is not None
        for start, end in zip(line.starts, line.ends, strict=True)
    ]
    np.save(folder / "edges.npy", np.array(edges, np.int64).reshape(-1, 3))
    save_patches(folder / "credits.npz", titles.credit_pages(film))
