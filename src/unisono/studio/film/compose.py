"""Compose: one frame of the film after another, in planes. What is drawn was drawn before; what has not changed stays.

Each size of the façade has a canvas that lives as long as its process. For a frame, windows whose light has changed are
pasted anew, clips are pasted into their openings, and a rectangle of the canvas becomes the frame, over which flags and
words are laid. On the camera's way between two sizes the rectangle is scaled.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from unisono.studio.film import camera, planes, words
from unisono.studio.film.brief import FRAME_RATE
from unisono.studio.film.camera import Shot, View
from unisono.studio.film.layout import Rect
from unisono.studio.film.level import Level
from unisono.studio.film.lights import STEPS
from unisono.studio.film.plan import CREDIT_FRAMES, LAST_FADE_FRAMES, Plan
from unisono.studio.film.planes import Patch, Planes
from unisono.studio.film.proxies import frame_of, is_made, planes_of, proxy_path
from unisono.studio.film.store import load_drawing, load_patches
from unisono.studio.film.tiles import Tile
from unisono.studio.film.titles import SungLine

_LIT_KEPT_BYTES = 160 * 2**20
_ARRIVE_SHARE = 0.86
"""From here on the way, what is seen at rest shows through, so that it does not snap sharp."""


class Stage:
    """The façade at one size, as it looks now."""

    def __init__(self, plan: Plan, level: Level, drawn: Path, proxies: Path) -> None:
        self.level = level
        self._plan = plan
        self._drawing = load_drawing(drawn / f"level-{level.bay}")
        self._flags = load_patches(drawn / f"flags-{level.bay}.npz")
        self.canvas = self._drawing.base
        self._base = load_drawing(drawn / f"level-{level.bay}").base
        self._shown: dict[int, int] = {}
        self._lit: OrderedDict[tuple[int, int], Planes] = OrderedDict()
        self._lit_bytes = 0
        self._tiles = {voice: tile for voice in range(len(level.spots)) if (tile := self._tile(voice, proxies))}

    def _tile(self, voice: int, proxies: Path) -> Tile | None:
        clip = self._plan.film.voices[voice].seen
        if clip is None:
            return None
        path = proxy_path(proxies, clip, *self.level.spots[voice].opening[2:])
        return Tile(path) if is_made(path) else None

    def show(self, frame: int, x: int, y: int, w: int, h: int) -> Planes:
        """The rectangle as it looks at `frame`: a picture of its own, with flags. Its size is even."""
        dx, dy = x % 2, y % 2
        if dx or dy:
            return self.show(frame, x - dx, y - dy, w + 2 * dx, h + 2 * dy).cut(dx, dy, w, h)
        seen = [voice for voice, spot in enumerate(self.level.spots) if _meets(spot.bay, x, y, w, h)]
        for voice in seen:
            self._light(voice, frame)
            self._clip(voice, frame)
        picture = self.canvas.crop(x, y, w, h).copy()
        for voice in seen:
            cycle = self._flags[voice] if voice < len(self._flags) else ()
            if cycle:
                patch = cycle[(frame + 17 * voice) % len(cycle)]
                across, down, _ = self.level.spots[voice].flag
                planes.lay(picture, patch.moved((across - x) // 2 * 2, (down - y) // 2 * 2))
        return picture

    def rest(self) -> None:
        """Close what is open; the camera is elsewhere."""
        for tile in self._tiles.values():
            tile.close()

    def _light(self, voice: int, frame: int) -> None:
        step = round(float(self._plan.light[voice, frame]) * STEPS)
        if self._shown.get(voice) != step:
            self._shown[voice] = step
            self.canvas.crop(*self.level.spots[voice].bay).paste(self._lit_bay(voice, step))

    def _lit_bay(self, voice: int, step: int) -> Planes:
        key = (voice, step)
        if key in self._lit:
            self._lit.move_to_end(key)
            return self._lit[key]
        x, y, w, h = self.level.spots[voice].bay
        parts = []
        for plane, light, half in zip(self._base.parts, self._drawing.light, (1, 2, 2), strict=True):
            cut = np.s_[y // half : (y + h) // half, x // half : (x + w) // half]
            lit = plane[cut].astype(np.int16) + light[cut] * step // STEPS
            parts.append(np.clip(lit, 0, 255).astype(np.uint8))
        made = Planes(*parts)
        self._lit[key] = made
        self._lit_bytes += w * h * 3 // 2
        while self._lit_bytes > _LIT_KEPT_BYTES:
            _, old = self._lit.popitem(last=False)
            self._lit_bytes -= old.y.size * 3 // 2
        return made

    def _clip(self, voice: int, frame: int) -> None:
        clip, tile = self._plan.film.voices[voice].seen, self._tiles.get(voice)
        if clip is None or tile is None:
            return
        sample = clip.take_sample(self._plan.film.position(frame))
        strength = tile.strength(sample)
        picture = tile.at(sample) if strength else None
        spot = self.level.spots[voice]
        x, y, w, h = spot.opening
        inside = self.canvas.crop(x, y, w, h)
        if picture is not None and strength >= 256:
            inside.paste(picture)
        else:
            step = self._shown[voice]
            dx, dy = x - spot.bay[0], y - spot.bay[1]
            inside.paste(self._lit_bay(voice, step).crop(dx, dy, w, h))
            if picture is None:
                return
            planes.blend(inside, picture, strength)
        for patch in self._drawing.fronts[spot.window]:
            planes.lay(inside, patch)


def _meets(box: Sequence[int], x: int, y: int, w: int, h: int) -> bool:
    return box[0] < x + w and x < box[0] + box[2] and box[1] < y + h and y < box[1] + box[3]


class Composer:
    """Makes frames of a film. drawn: the folder of what was drawn; proxies: of the clips' proxies."""

    def __init__(self, plan: Plan, drawn: Path, proxies: Path) -> None:
        self._plan, self._drawn, self._proxies = plan, drawn, proxies
        self._stages: dict[int, Stage] = {}
        self._scaler = VideoReformatter()
        groups = load_patches(drawn / "titles.npz")
        (self._title, (self._below,), (self._title_night,), (self._night,), (self._black,)) = groups[:5]
        self._pages = load_patches(drawn / "credits.npz")
        self._lines = words.lines(plan.film)
        drawn_lines = load_patches(drawn / "words.npz")
        edges = np.load(drawn / "edges.npy")
        self._sung = [_sung_line(group, edges[edges[:, 0] == number]) for number, group in enumerate(drawn_lines)]
        self._shot = -1

    def frame(self, number: int) -> Planes:
        """The film's frame `number`."""
        view = camera.view(self._plan.shots, number)
        picture = self._at_rest(view.shot, number) if view.onto is None else self._on_the_way(view, number)
        self._write(picture, number)
        return picture

    def _stage(self, bay: int) -> Stage:
        if bay not in self._stages:
            self._stages[bay] = Stage(self._plan, self._plan.level(bay), self._drawn, self._proxies)
        return self._stages[bay]

    def _at_rest(self, shot: int, number: int) -> Planes:
        rests = self._plan.shots[shot]
        bay = self._plan.bays[-1] if rests.close else self._plan.bays[0]
        stage = self._stage(bay)
        if shot != self._shot:
            self._shot = shot
            for other in self._stages.values():
                if other is not stage:
                    other.rest()
        shape = self._plan.film.shape
        return stage.show(number, *corner(stage.level, rests, number), shape.width, shape.height)

    def _on_the_way(self, view: View, number: int) -> Planes:
        assert view.onto is not None
        moved = self._scaled(view.rect, number)
        if view.share > _ARRIVE_SHARE:
            there = self._at_rest(view.onto, number)
            planes.blend(moved, there, round(256 * (view.share - _ARRIVE_SHARE) / (1 - _ARRIVE_SHARE)))
        elif view.share < 1 - _ARRIVE_SHARE:
            here = self._at_rest(view.shot, number)
            planes.blend(moved, here, round(256 * (1 - _ARRIVE_SHARE - view.share) / (1 - _ARRIVE_SHARE)))
        return moved

    def _scaled(self, rect: Rect, number: int) -> Planes:
        """What the way's own size shows of a rectangle, at the frame's size."""
        stage = self._stage(self._plan.bays[1])
        level, shape = stage.level, self._plan.film.shape
        rect = camera.strayed(rect, level.layout, number)
        w = min(round(rect.w * level.bay / 2) * 2, level.width)
        h = min(round(rect.h * level.bay / 2) * 2, level.height)
        x, y = (at // 2 * 2 for at in _corner(level, rect, w, h))
        picture = stage.show(number, x, y, w, h)
        scaled = self._scaler.reformat(
            frame_of(picture, 0), width=shape.width, height=shape.height, interpolation=Interpolation.BICUBIC
        )
        return planes_of(scaled).copy()

    def _write(self, picture: Planes, number: int) -> None:
        plan = self._plan
        position = plan.film.position(number)
        lead = plan.film.lead_frames
        if self._title and number < lead:
            shown = min(_ramp(number, 8, 20), _ramp(lead - number, 4, 20))
            planes.lay(picture, self._title_night, shown)
            for patch in self._title:
                planes.lay(picture, patch, shown)
        self._write_words(picture, position)
        after = number - plan.credits_start
        if after >= -FRAME_RATE:
            planes.lay(picture, self._night, _ramp(after + FRAME_RATE, 0, FRAME_RATE))
        if after >= 0 and self._pages:
            page, at = divmod(after, CREDIT_FRAMES)
            if page < len(self._pages):
                for patch in self._pages[page]:
                    planes.lay(picture, patch, min(_ramp(at, 0, 14), _ramp(CREDIT_FRAMES - at, 0, 14)))
        dark = max(256 - _ramp(number + 1, 0, 15), 256 - _ramp(plan.frames - 1 - number, 0, LAST_FADE_FRAMES))
        planes.lay(picture, self._black, dark)

    def _write_words(self, picture: Planes, position: int) -> None:
        for number, line in enumerate(self._lines):
            sung = self._sung[number] if number < len(self._sung) else None
            if not line.start <= position < line.stop or sung is None:
                continue
            frames = 1920
            shown = min(_ramp((position - line.start) // frames, 0, 6), _ramp((line.stop - position) // frames, 0, 5))
            planes.lay(picture, self._below, shown)
            planes.lay(picture, sung.quiet, shown)
            done, share = line.sung(position)
            edge = sung.ends[done - 1] if done else sung.lit.x
            if share > 0 and done < len(sung.ends):
                edge = round(sung.starts[done] + share * (sung.ends[done] - sung.starts[done]))
            if edge > sung.lit.x:
                planes.lay(picture, _left_of(sung.lit, edge), shown)


def _sung_line(group: tuple[Patch, ...], edges: np.ndarray) -> SungLine | None:
    if len(group) != 2:
        return None
    starts, ends = (tuple(int(at) for at in edges[:, column]) for column in (1, 2))
    return SungLine(quiet=group[0], lit=group[1], starts=starts, ends=ends)


def _left_of(patch: Patch, edge: int) -> Patch:
    """The part of a patch left of a column of the frame."""
    w = min(max(0, edge - patch.x) // 2 * 2, patch.over.width)
    over = patch.over.crop(0, 0, w, patch.over.height)
    return Patch(patch.x, patch.y, over, patch.keep[:, :w], patch.keep_half[:, : w // 2])


def _ramp(at: float, start: float, length: float) -> int:
    """0 until `start`, then up to 256 within `length`."""
    return round(256 * min(1.0, max(0.0, (at - start) / length)))


def corner(level: Level, shot: Shot, frame: int) -> tuple[int, int]:
    """Where in the level that a shot rests on the picture begins at `frame`."""
    layout = level.layout
    return _corner(level, camera.strayed(shot.rect, layout, frame), layout.width, layout.height)


def _corner(level: Level, rect: Rect, w: int, h: int) -> tuple[int, int]:
    """The pixel of a level where a view begins, so that the view and a pixel more lie within the level."""
    stage = level.layout.stage
    x, y = round((rect.x - stage.x) * level.bay), round((rect.y - stage.y) * level.bay)
    return min(max(x, 0), level.width - w - x % 2), min(max(y, 0), level.height - h - y % 2)
