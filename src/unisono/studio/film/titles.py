"""Titles: what is written over the picture: the title, the words as they are sung, everybody's name at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unisono.studio.film import words
from unisono.studio.film.brief import Film, Voice
from unisono.studio.film.lettering import Lettered, write
from unisono.studio.film.lettering import width as width_of
from unisono.studio.film.planes import F32, Patch, patch_of

_CREDIT_ROWS = 13
_CREAM = (1.0, 0.965, 0.89)
_GOLD = (1.0, 0.84, 0.56)
_SOFT = (0.86, 0.82, 0.86)


@dataclass(frozen=True, slots=True, kw_only=True)
class SungLine:
    """A line as drawn: all of it quiet, all of it lit, and where each word ends, in the picture's pixels."""

    quiet: Patch
    lit: Patch
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def small_side(film: Film) -> int:
    """Sizes of letters go by the frame's smaller side."""
    return min(film.shape.width, film.shape.height)


def title(film: Film) -> tuple[Patch, ...]:
    """Title, then place and date, in the middle of the frame."""
    unit, width, height = small_side(film), film.shape.width, film.shape.height
    lines = []
    if film.title:
        lines.append((write(film.title, unit * 0.105, _CREAM, weight=700, fit=width * 0.86, shadow=0.9), 0.0))
    below = " · ".join(text for text in (film.place, film.date) if text)
    if below:
        lines.append((write(below, unit * 0.042, _GOLD, weight=500, fit=width * 0.86, shadow=0.9), unit * 0.085))
    return _placed([(line, width / 2, height * 0.46 + down) for line, down in lines])


def _placed(lines: Sequence[tuple[Lettered, float, float]]) -> tuple[Patch, ...]:
    """Lines with their middle and their baseline in the frame."""
    found = (
        patch_of(line.picture, round(middle - line.width / 2) - line.left, round(baseline) - line.baseline)
        for line, middle, baseline in lines
    )
    return tuple(patch for patch in found if patch is not None)


def sung_lines(film: Film) -> tuple[SungLine | None, ...]:
    """Every line of the words, ready to be laid at the bottom of the frame; None where nothing can be drawn."""
    unit, width = small_side(film), film.shape.width
    found: list[SungLine | None] = []
    for line in words.lines(film):
        size, weight, fit = unit * 0.05, 600, width * 0.9
        baseline = film.shape.height - unit * 0.05
        quiet = write(line.text, size, _SOFT, weight=weight, fit=fit, shadow=0.95)
        lit = write(line.text, size, _GOLD, weight=weight, fit=fit, shadow=0.95)
        patches = _placed([(quiet, width / 2, baseline), (lit, width / 2, baseline)])
        starts, ends = _word_edges(line, quiet.width, width)
        drawn = len(patches) == 2
        found.append(SungLine(quiet=patches[0], lit=patches[1], starts=starts, ends=ends) if drawn else None)
    return tuple(found)


def _word_edges(line: words.Line, drawn_width: float, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where each word begins and ends, in the frame's pixels."""
    whole = width_of(line.text, 100.0, 600) or 1.0
    left = width / 2 - drawn_width / 2
    starts, ends = [], []
    for number, word in enumerate(line.words):
        until = width_of(words.joined(line.words[: number + 1]), 100.0, 600)
        ends.append(round(left + until / whole * drawn_width))
        starts.append(round(ends[-1] - width_of(word.text, 100.0, 600) / whole * drawn_width))
    return tuple(starts), tuple(ends)


def shade_below(film: Film) -> Patch | None:
    """The soft shade that words stand on."""
    unit, width, height = small_side(film), film.shape.width, film.shape.height
    deep = round(unit * 0.17)
    share = (np.linspace(0, 1, deep, dtype=np.float32) ** 1.3 * 0.72)[:, None]
    return patch_of(_shade(np.repeat(share, width, axis=1)), 0, height - deep)


def shade_whole(film: Film, middle: float, edge: float) -> Patch | None:
    """Night over the whole frame: how dark it is in its middle band and at its upper and lower edges."""
    width, height = film.shape.width, film.shape.height
    away = np.abs(np.linspace(-1, 1, height, dtype=np.float32))
    share = (middle + (edge - middle) * away**1.5)[:, None]
    return patch_of(_shade(np.repeat(share, width, axis=1)), 0, 0)


def _shade(alpha: F32) -> F32:
    night = np.array([0.035, 0.03, 0.075], dtype=np.float32)
    return np.dstack([alpha[..., None] * night, alpha]).astype(np.float32)


def credit_pages(film: Film) -> tuple[tuple[Patch, ...], ...]:
    """Everybody's name as they wish it, then thanks, in pages that are shown one after another."""
    unit, width = small_side(film), film.shape.width
    named = [voice for voice in film.voices if voice.name.strip()]
    columns_most = max(1, round(width / (unit * 0.44)))
    rows = (
        _CREDIT_ROWS
        if film.shape.width >= film.shape.height
        else round(_CREDIT_ROWS * film.shape.height / width * 0.86)
    )
    per_page = rows * columns_most
    count = max(1, -(-len(named) // per_page))
    each = -(-len(named) // count) if named else 0
    return tuple(
        _credit_page(film, named[page * each : (page + 1) * each], columns_most, last=page == count - 1)
        for page in range(count)
    )


def _credit_page(film: Film, named: Sequence[Voice], columns_most: int, *, last: bool) -> tuple[Patch, ...]:
    unit, width, height = small_side(film), film.shape.width, film.shape.height
    size = unit * (0.05 if len(named) <= 6 else 0.04 if len(named) <= 16 else 0.032)
    columns = min(columns_most, max(1, -(-len(named) // (6 if len(named) <= 24 else _CREDIT_ROWS))))
    rows = -(-len(named) // columns) if named else 0
    step = size * 1.62
    thanks = film.thanks if last else ()
    tall = rows * step + unit * 0.13 + len(thanks) * unit * 0.04
    top = (height - tall) / 2
    heading = film.credits_heading or film.title
    placed = []
    if heading:
        line = write(heading, unit * 0.05, _GOLD, weight=700, fit=width * 0.8, shadow=0.8)
        placed.append((line, width / 2, top + unit * 0.05))
    across = width * 0.9 / columns
    for number, voice in enumerate(named):
        column, row = divmod(number, rows)
        told = f"{voice.name} · {voice.place}" if voice.place else voice.name
        line = write(told, size, _CREAM, weight=500, fit=across * 0.94, shadow=0.8)
        placed.append((line, width * 0.05 + across * (column + 0.5), top + unit * 0.13 + row * step + size * 0.6))
    for number, text in enumerate(thanks):
        line = write(text, unit * 0.025, _SOFT, weight=400, fit=width * 0.86, shadow=0.8)
        placed.append((line, width / 2, top + unit * 0.17 + rows * step + number * unit * 0.04))
    return _placed(placed)
