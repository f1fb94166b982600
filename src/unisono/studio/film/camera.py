"""Camera: what the frame shows when. It rests, then glides to whoever sings; with few windows it hardly moves. Pure.

A film has two distances at most: all windows, and close enough that a face is a face. What is close is chosen by who
sounds; where everybody sounds, those come first who were seen least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unisono.studio.film.brief import FRAME_RATE
from unisono.studio.film.layout import Layout, Rect

GLIDE_FRAMES = 2 * FRAME_RATE
REST_FRAMES = 7 * FRAME_RATE
_FIRST_WIDE_FRAMES = 6 * FRAME_RATE
_LAST_WIDE_FRAMES = 9 * FRAME_RATE
SHORTEST_FRAMES = _FIRST_WIDE_FRAMES + REST_FRAMES + _LAST_WIDE_FRAMES
"""In a shorter song the camera never comes near."""
_NEARER_MIN, _NEARER_MAX = 1.3, 4.0
_BAY_SHARE, _BAY_SHARE_OF_FEW = 0.44, 0.78
"""In a close shot a bay is about this part of the frame's height, so that two stand above each other."""
_FEW = 6
_SOUNDING = 0.12
_DRIFT_S, _DRIFT_DOWN = 23, 0.5
"""Seconds of one turn of the drift, a flat ellipse, and how much lower than wide that is."""
_FOCUS = 0.85
"""Where so much of all that sounds fits into one close shot, it is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """From `start` on the camera rests on `rect` (units), until it leaves for the next. `close`: which distance."""

    start: int
    rect: Rect
    close: bool = False


def close_bay(layout: Layout) -> int | None:
    """Pixels across a bay in close shots, even, or None where the wide shot is close enough."""
    wanted = min(layout.height, layout.width) * (_BAY_SHARE_OF_FEW if len(layout.bays) <= _FEW else _BAY_SHARE)
    bay = round(min(wanted / layout.bay_height, layout.bay * _NEARER_MAX) / 2) * 2
    return bay if bay >= layout.bay * _NEARER_MIN else None


def shots(layout: Layout, levels: NDArray[np.float32], first: int, stop: int) -> tuple[Shot, ...]:
    """What is shown from frame 0 on. levels: loudness 0..1 of each voice, shape (voices, frames of the film).

    first, stop: the frames between which there is singing; before and after all windows are seen.
    """
    wide = Shot(start=0, rect=layout.wide)
    bay = close_bay(layout)
    found = [wide]
    if bay is None:
        return tuple(found)
    candidates = _candidates(layout, bay)
    inside = _inside(layout, candidates)
    seen = np.zeros(len(levels))
    at = first + _FIRST_WIDE_FRAMES
    while at + REST_FRAMES <= stop - _LAST_WIDE_FRAMES:
        heard = levels[:, at : at + REST_FRAMES].mean(axis=1) if len(levels) else seen
        shot = _next(found, candidates, inside, heard, seen, layout)
        if shot is None:
            at += REST_FRAMES // 2
            continue
        found.append(Shot(start=at, rect=shot.rect, close=shot.close))
        if shot.close:
            seen += REST_FRAMES * inside[candidates.index(shot.rect)]
        at += REST_FRAMES
    if found[-1].close:
        found.append(Shot(start=max(at, stop - _LAST_WIDE_FRAMES), rect=layout.wide))
    return tuple(found)


def _next(
    before: Sequence[Shot],
    candidates: Sequence[Rect],
    inside: NDArray[np.float64],
    heard: NDArray[np.floating],
    seen: NDArray[np.floating],
    layout: Layout,
) -> Shot | None:
    """Where to go now, or None to stay."""
    total = float(heard[heard > _SOUNDING].sum())
    if total <= 0:
        return None if not before[-1].close else Shot(start=0, rect=layout.wide)
    sounding = np.where(heard > _SOUNDING, heard, 0.0)
    shares = inside @ sounding / total
    alone = (sounding > 0).sum() < len(heard)
    if shares.max() >= _FOCUS and (alone or (len(heard) <= _FEW and not before[-1].close)):
        best = candidates[int((shares - 0.02 * _aside(layout, candidates, sounding)).argmax())]
        return None if before[-1].rect == best else Shot(start=0, rect=best, close=True)
    if len(heard) <= 8 or sum(shot.close for shot in before[-2:]) == 2:
        return None if not before[-1].close else Shot(start=0, rect=layout.wide)
    fair = inside @ (sounding / (1.0 + seen / REST_FRAMES) ** 2)
    order = np.argsort(-fair, kind="stable")
    others = [candidates[int(number)] for number in order if candidates[int(number)] != before[-1].rect]
    return Shot(start=0, rect=others[0], close=True) if others else None


def _inside(layout: Layout, views: Sequence[Rect]) -> NDArray[np.float64]:
    """1 for every voice whose whole bay is in a view, else 0; shape (views, voices)."""
    cells = [layout.cell(voice) for voice in range(len(layout.bays))]
    return np.array([[float(view.holds(cell)) for cell in cells] for view in views])


def _aside(layout: Layout, views: Sequence[Rect], sounding: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far the middle of all that sounds is from each view's middle, in units."""
    cells = [layout.cell(voice) for voice in range(len(layout.bays))]
    middles = np.array([(cell.x + cell.w / 2, cell.y + cell.h / 2) for cell in cells])
    middle = sounding @ middles / sounding.sum()
    at = np.array([(view.x + view.w / 2, view.y + view.h / 2) for view in views])
    away: NDArray[np.float64] = np.hypot(*(at - middle).T)
    return away


def _candidates(layout: Layout, bay: int) -> list[Rect]:
    """Every close view: centred on a bay or between two, kept inside of what the wide view shows."""
    w, h = layout.width / bay, layout.height / bay
    wide = layout.wide
    found: dict[Rect, None] = {}
    for row in np.arange(0.5, layout.rows, 0.5):
        for column in np.arange(0.5, layout.columns, 0.5):
            # A little above the middle, so that balcony and name are well inside.
            left = column - w / 2
            top = (row + 0.06) * layout.bay_height - h / 2
            found[_on_pixels(_keep(left, wide.x, wide.w, w), _keep(top, wide.y, wide.h, h), w, h, bay)] = None
    return list(found)


def _keep(at: float, low: float, room: float, size: float) -> float:
    return min(max(at, low), low + room - size) if size <= room else low + (room - size) / 2


def _on_pixels(x: float, y: float, w: float, h: float, bay: int) -> Rect:
    """Moved onto even pixels of the close distance, inwards of nothing: half a pixel is not seen."""
    return Rect(x=round(x * bay / 2) * 2 / bay, y=round(y * bay / 2) * 2 / bay, w=w, h=h)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one frame shows: the shot it rests on, or `rect` somewhere on the way from `shot` to `onto`.

    share: how much of the way is done, 0 at rest.
    """

    shot: int
    rect: Rect
    onto: int | None = None
    share: float = 0.0


def view(plan: Sequence[Shot], frame: int) -> View:
    """What `frame` shows. The way to a shot ends when the shot starts."""
    now = max(index for index, shot in enumerate(plan) if shot.start <= frame or index == 0)
    if now + 1 < len(plan) and frame > plan[now + 1].start - GLIDE_FRAMES:
        share = 1 - (plan[now + 1].start - frame) / GLIDE_FRAMES
        return View(
            shot=now, rect=_between(plan[now].rect, plan[now + 1].rect, _eased(share)), onto=now + 1, share=share
        )
    return View(shot=now, rect=plan[now].rect)


def strayed(rect: Rect, layout: Layout, frame: int) -> Rect:
    """A view as the camera really has it at `frame`: it breathes a little, so that no picture ever stands still."""
    turn, pixel = 2 * math.pi * frame / (FRAME_RATE * _DRIFT_S), rect.w / layout.width
    across, down = layout.drift * math.sin(turn), layout.drift * _DRIFT_DOWN * math.cos(turn)
    return Rect(x=rect.x + pixel * across, y=rect.y + pixel * down, w=rect.w, h=rect.h)


def _eased(share: float) -> float:
    return share * share * share * (share * (share * 6 - 15) + 10)


def _between(a: Rect, b: Rect, share: float) -> Rect:
    """Zooms evenly: sizes go geometrically, and the middle goes as the sizes do."""
    w = a.w * (b.w / a.w) ** share
    # Where the size changes, the middle moves in proportion to it, so that one point of the picture stands still.
    part = share if abs(b.w - a.w) < 1e-9 else (w - a.w) / (b.w - a.w)
    h = w * a.h / a.w
    cx = a.x + a.w / 2 + part * (b.x + b.w / 2 - a.x - a.w / 2)
    cy = a.y + a.h / 2 + part * (b.y + b.h / 2 - a.y - a.h / 2)
    return Rect(x=cx - w / 2, y=cy - h / 2, w=w, h=h)
