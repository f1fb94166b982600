"""Kept: what each piece of a film is called, by all that is seen in it. Pure, but for the times of the files it names.

When somebody's clip comes late, or a fader moves, most of a film of many voices stays as it was: a piece is made again
only if something in it changes. What may be seen is reckoned generously: a bay more than the camera shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from unisono.studio.film import camera, facade
from unisono.studio.film.brief import FRAME_RATE, Voice
from unisono.studio.film.layout import Layout, Rect
from unisono.studio.film.lights import STEPS
from unisono.studio.film.plan import Plan
from unisono.studio.film.proxies import proxy_path

RECIPE = "4"
"""Another number makes every film anew."""


def piece_name(plan: Plan, frames: range, proxies: Path) -> str:
    """What the piece of these frames is called: another name whenever anything in it may look different."""
    film = plan.film
    views = [camera.view(plan.shots, frame) for frame in frames]
    ends = [[plan.shots[n] for n in (view.shot, view.onto) if n is not None] for view in views]
    shown = [
        (view.rect, view.share, tuple((shot.rect, shot.close) for shot in shots))
        for view, shots in zip(views, ends, strict=True)
    ]
    rects = {view.rect for view in views} | {shot.rect for shots in ends for shot in shots}
    whole = hashlib.sha256(RECIPE.encode() + facade.read(film.facade).fingerprint.encode())
    whole.update(msgspec.json.encode(msgspec.structs.replace(film, voices=(), sound=None)))
    whole.update(repr((plan.layout, plan.bays, plan.frames, plan.credits_start, frames, shown)).encode())
    for number in seen(plan.layout, tuple(rects)):
        voice = film.voices[number]
        made = [proxy_path(proxies, voice.seen, *size).name for size in plan.sizes(number)] if voice.seen else []
        whole.update(repr((number, plan.landscape[number], made)).encode() + msgspec.json.encode(_as_drawn(voice)))
        whole.update(np.round(plan.light[number, frames.start : frames.stop] * STEPS).astype(np.int16).tobytes())
    if frames.stop > plan.credits_start - FRAME_RATE:
        whole.update(msgspec.json.encode([_as_drawn(voice) for voice in film.voices]))
    return whole.hexdigest()[:24]


def seen(layout: Layout, rects: Sequence[Rect]) -> tuple[int, ...]:
    """Whose bay, or one beside it, is in any of these views, wherever the camera strays."""
    at = np.array([(rect.x, rect.y, rect.x + rect.w, rect.y + rect.h) for rect in rects])
    around = layout.drift * (at[:, 2:3] - at[:, :1]) / layout.width + np.array([[1.0, layout.bay_height]])
    low, high = at[:, :2] - around, at[:, 2:] + around
    found = []
    for number in range(len(layout.bays)):
        cell = layout.cell(number)
        inside = (low < (cell.x + cell.w, cell.y + cell.h)).all(axis=1) & (high > (cell.x, cell.y)).all(axis=1)
        if inside.any():
            found.append(number)
    return tuple(found)


def _as_drawn(voice: Voice) -> Voice:
    """Without what is only heard."""
    return msgspec.structs.replace(voice, sound=None)
