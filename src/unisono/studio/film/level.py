"""Level: the whole façade drawn at one size, with what the lights in its windows add to it.

The walls are drawn in the colours they have by day, and multiplied by the light outside. The light of each window is
drawn apart and multiplied by the same walls: so lamplight shows the plaster and the flowers it falls on. What a voice
adds is then `base + light * loudness`, in planes, and nothing needs to be drawn while the film runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray

from unisono.studio.film import facade
from unisono.studio.film.brief import Film
from unisono.studio.film.evening import Plaster, ambient_of, backdrop_of, sky_of
from unisono.studio.film.facade import UNITS, Drawn, Window, rgb
from unisono.studio.film.layout import Layout
from unisono.studio.film.lettering import pixels, svg_drawing, write
from unisono.studio.film.planes import F32, Patch, Planes, empty, lay, patch_of, split

I16 = NDArray[np.int16]

NAME_PIXELS_MIN = 11.0
_PLACE_PIXELS_MIN = 15.0
_DIM = 0.13
"""How much of a window's inside is seen when nobody sounds."""
_LAMPS = 1.12
_BEHIND_ROOF = 0.06
"""How far walls go up behind the roofs' drawings, in bays."""
_BAND_PIXELS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where one voice is at this size, in pixels: its bay, its window's opening, its flag (middle, top, width)."""

    bay: tuple[int, int, int, int]
    opening: tuple[int, int, int, int]
    window: int
    flag: tuple[int, int, int]


class Level:
    """One size. bay: pixels across a bay, even. The grid's corner is at (`left`, `top`), all on even pixels."""

    def __init__(self, film: Film, layout: Layout, bay: int, landscape: tuple[bool | None, ...]) -> None:
        self.film, self.layout, self.bay = film, layout, bay
        self.drawn: Drawn = facade.read(film.facade)
        stage = layout.stage
        self.width = round(stage.w * bay / 2) * 2
        self.height = round(stage.h * bay / 2) * 2
        self.left = round(-stage.x * bay / 2) * 2
        self.top = round(-stage.y * bay / 2) * 2
        self.bay_high = -(-round(layout.bay_height * bay) // 2) * 2
        self.spots = tuple(self._spot(voice, landscape[voice]) for voice in range(len(film.voices)))

    def row_top(self, row: int) -> int:
        """Where a row of bays begins."""
        return self.top + round(row * self.layout.bay_height * self.bay / 2) * 2

    def _even(self, units: float) -> int:
        return round(units * self.bay / UNITS / 2) * 2

    def _spot(self, voice: int, landscape: bool | None) -> Spot:
        column, row = self.layout.bays[voice]
        kinds = self.drawn.facts.window
        fitting = [i for i, kind in enumerate(kinds) if landscape is None or kind.wide == landscape]
        number = _choice(column, row, fitting or list(range(len(kinds))))
        kind = kinds[number]
        x, y = self.left + column * self.bay, self.row_top(row)
        ox, oy, ow, oh = kind.opening
        flag = kind.flag if self.film.voices[voice].seen else kind.flag_alone
        inside = (x + self._even(ox), y + self._even(oy), max(2, self._even(ow)), max(2, self._even(oh)))
        middle, top, wide = (round(units * self.bay / UNITS) for units in flag)
        return Spot(
            bay=(x, y, self.bay, self.bay_high), opening=inside, window=number, flag=(x + middle, y + top, wide)
        )


def _choice(column: int, row: int, among: list[int]) -> int:
    """Always the same one for a bay, and never the same as its neighbour's where there is a choice."""
    return among[(column + 2 * row + (column * 7 + row * 13) // 11) % len(among)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A level as drawn: `base` is the picture without anybody's light, `light` what full light adds (Y, U, V)."""

    base: Planes
    light: tuple[I16, I16, I16]
    fronts: tuple[tuple[Patch, ...], ...]
    """For each kind of window what lies over the picture in its opening, from the opening's corner on."""


class _Stamps:
    """Drawings at this level's size, each made once."""

    def __init__(self, folder: Path, bay: int) -> None:
        self._folder, self._bay = folder, bay
        self._kept: dict[str, skia.Image] = {}

    def image(self, name: str) -> skia.Image:
        if name not in self._kept:
            drawing = svg_drawing(self._folder / name)
            size = drawing.containerSize()
            scale = self._bay / UNITS
            surface = skia.Surface(max(1, round(size.width() * scale)), max(1, round(size.height() * scale)))
            canvas = surface.getCanvas()
            canvas.scale(scale, scale)
            drawing.render(canvas)
            self._kept[name] = surface.makeImageSnapshot()
        return self._kept[name]


_SMOOTH = skia.SamplingOptions(skia.FilterMode.kLinear)


def draw(level: Level) -> Drawing:
    """Draw everything that does not move."""
    stamps = _Stamps(level.drawn.folder, level.bay)
    walls = skia.Surface(level.width, level.height)
    light = skia.Surface(level.width, level.height)
    light.getCanvas().clear(skia.ColorBLACK)
    _draw_walls(level, walls.getCanvas(), stamps)
    _draw_windows(level, walls.getCanvas(), light.getCanvas(), stamps)
    backdrop = backdrop_of(level)
    found = empty(level.width, level.height)
    light_planes = tuple(np.zeros(plane.shape, np.int16) for plane in found.parts)
    plaster, always = Plaster(level), _always_lit(level)
    # In bands, so that a façade of two hundred windows needs no more memory than one of two.
    for top in range(0, level.height, _BAND_PIXELS):
        band = slice(top, min(top + _BAND_PIXELS, level.height))
        base, added = _band(level, band, (walls, light, backdrop), plaster, always[band])
        half = slice(band.start // 2, band.stop // 2)
        for part, plane, rows in zip(found.parts, split(np.clip(base, 0, 1)), (band, half, half), strict=True):
            part[rows] = np.clip(np.round(plane), 0, 255)
        for lit, plane, rows in zip(light_planes, split(added, offset=False), (band, half, half), strict=True):
            lit[rows] = np.round(plane)
    _write_names(level, found)
    fronts = tuple(_front(level, kind, stamps) for kind in level.drawn.facts.window)
    return Drawing(base=found, light=(light_planes[0], light_planes[1], light_planes[2]), fronts=fronts)


def _band(
    level: Level,
    band: slice,
    surfaces: tuple[skia.Surface, skia.Surface, skia.Surface],
    plaster: Plaster,
    always: F32,
) -> tuple[F32, F32]:
    """Some rows of the picture without anybody's light, and what full light adds: RGB."""
    walls, light, backdrop = (pixels(surface, band) for surface in surfaces)
    walls[..., :3] *= plaster.rows(band)[..., None]
    sky = sky_of(level, band)
    sky = sky * (1 - backdrop[..., 3:]) + backdrop[..., :3]
    added = walls[..., :3] * light[..., :3] * _LAMPS
    base = sky * (1 - walls[..., 3:]) + walls[..., :3] * ambient_of(level)[band] + added * always[..., None]
    return base, added


# The walls


def _columns(level: Level) -> range:
    """Every column that is seen, empty ones at the sides among them."""
    return range(-(level.left // level.bay) - 1, -((level.left - level.width) // level.bay) + 1)


def _house(level: Level, column: int) -> tuple[int, bool]:
    """Which house a column belongs to, and whether it is its first."""
    widths = level.drawn.facts.house.widths
    whole = sum(widths)
    house, at = divmod(column + 1, whole)
    number = house * len(widths)
    for wide in widths:
        if at < wide:
            return number, at == 0
        at, number = at - wide, number + 1
    raise AssertionError


def _draw_walls(level: Level, canvas: skia.Canvas, stamps: _Stamps) -> None:
    facts, bay = level.drawn.facts, level.bay
    ground = level.row_top(level.layout.rows)
    for column in _columns(level):
        house, first = _house(level, column)
        x = level.left + column * bay
        roof = stamps.image(facts.roofs[house % len(facts.roofs)])
        wall = skia.Paint(Color=skia.Color4f(*rgb(facts.house.walls[house % len(facts.house.walls)]), 1).toColor())
        canvas.drawRect(skia.Rect.MakeLTRB(x, level.top - _BEHIND_ROOF * bay, x + bay, level.height), wall)
        canvas.drawImage(roof, x, level.top - roof.height() + 1, _SMOOTH)
        for row in range(level.layout.rows):
            if facts.storey is not None:
                canvas.drawImage(stamps.image(facts.storey), x, level.row_top(row), _SMOOTH)
        floor = stamps.image(facts.ground)
        canvas.drawImage(floor, x, ground, _SMOOTH)
        street = skia.Paint(Color=skia.Color4f(*rgb(facts.pavement), 1).toColor())
        canvas.drawRect(skia.Rect.MakeLTRB(x, ground + floor.height() - 1, x + bay, level.height), street)
        if first and facts.house.joint is not None:
            joint = stamps.image(facts.house.joint)
            for row in range(level.layout.rows + 1):
                canvas.drawImage(joint, x - joint.width() / 2, level.row_top(row), _SMOOTH)


def _draw_windows(level: Level, canvas: skia.Canvas, light: skia.Canvas, stamps: _Stamps) -> None:
    facts = level.drawn.facts
    owner = {bay: voice for voice, bay in enumerate(level.layout.bays)}
    for row in range(level.layout.rows):
        for column in _columns(level):
            voice = owner.get((column, row))
            if voice is not None:
                _draw_window(level, level.spots[voice], canvas, light, stamps)
                continue
            empty = facts.empty[_choice(column, row, list(range(len(facts.empty))))]
            at = (level.left + column * level.bay, level.row_top(row))
            _stamp(canvas, stamps.image(empty.back), *at, shadow=level.bay * 0.012)


def _draw_window(level: Level, spot: Spot, canvas: skia.Canvas, light: skia.Canvas, stamps: _Stamps) -> None:
    facts = level.drawn.facts
    kind = facts.window[spot.window]
    x, y, w, h = spot.opening
    _stamp(canvas, stamps.image(kind.back), spot.bay[0], spot.bay[1], shadow=level.bay * 0.012)
    opening = skia.Rect.MakeXYWH(x, y, w, h)
    canvas.save()
    canvas.clipRect(opening)
    interior = svg_drawing(level.drawn.folder / facts.interior)
    # Every other room the other way round.
    turned = (spot.bay[0] // level.bay + spot.bay[1] // level.bay_high) % 2
    canvas.translate(x + w * turned, y)
    canvas.scale((1 - 2 * turned) * w / UNITS, h / UNITS)
    interior.render(canvas)
    canvas.restore()
    _draw_reveal(canvas, spot.opening)
    _draw_light(level, spot, light)
    if kind.front is not None:
        front = stamps.image(kind.front)
        _stamp(canvas, front, spot.bay[0], spot.bay[1], shadow=level.bay * 0.016)
        inside = skia.Paint(ColorFilter=skia.ColorFilters.Blend(skia.ColorSetARGB(150, 0, 0, 0), skia.BlendMode.kSrcIn))
        light.save()
        light.clipRect(opening)
        light.drawImage(front, spot.bay[0], spot.bay[1], _SMOOTH, inside)
        light.restore()


def _stamp(canvas: skia.Canvas, image: skia.Image, x: float, y: float, *, shadow: float) -> None:
    """Draw with a soft shadow below: what stands out from the wall."""
    paint = skia.Paint(
        ImageFilter=skia.ImageFilters.DropShadow(
            shadow * 0.5, shadow, shadow, shadow, skia.ColorSetARGB(130, 30, 14, 30)
        )
    )
    canvas.drawImage(image, x, y, _SMOOTH, paint)


def _draw_reveal(canvas: skia.Canvas, opening: tuple[int, int, int, int]) -> None:
    """The shadow of the wall's thickness on what is in the window."""
    x, y, w, h = opening
    for points, start in (((0, y, 0, y + h * 0.12), 150), ((x, 0, x + w * 0.06, 0), 90)):
        colours = [skia.ColorSetARGB(start, 10, 6, 16), skia.ColorSetARGB(0, 10, 6, 16)]
        ends = [skia.Point(points[0], points[1]), skia.Point(points[2], points[3])]
        paint = skia.Paint(Shader=skia.GradientShader.MakeLinear(points=ends, colors=colours))
        canvas.drawRect(skia.Rect.MakeXYWH(x, y, w, h), paint)


def _draw_light(level: Level, spot: Spot, light: skia.Canvas) -> None:
    """Full light in the window, and what of it falls on the wall, on the balcony and below; it ends with the bay."""
    facts = level.drawn.facts
    x, y, w, h = spot.opening
    bay = skia.Rect.MakeXYWH(*spot.bay)
    colours = facts.light.colours
    colour = rgb(colours[(spot.bay[0] // level.bay * 5 + spot.bay[1] // level.bay_high * 3) % len(colours)])
    light.save()
    light.clipRect(bay)
    for reach, strength in ((0.6, 0.45), (0.2, 0.6)):
        blur = skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, level.bay * reach * 0.5)
        paint = skia.Paint(
            Color=skia.Color4f(*(c * strength * facts.light.spill for c in colour), 1).toColor(),
            MaskFilter=blur,
            BlendMode=skia.BlendMode.kPlus,
        )
        light.drawRect(skia.Rect.MakeXYWH(x, y + h * 0.06, w, h * 1.08), paint)
    light.restore()
    light.drawRect(skia.Rect.MakeXYWH(x, y, w, h), skia.Paint(Color=skia.Color4f(*colour, 1).toColor()))
    _fade_edges(level, spot, light)


def _fade_edges(level: Level, spot: Spot, light: skia.Canvas) -> None:
    """Towards the bay's edges light goes to nothing, so that bays can be lit apart."""
    x, y, w, h = spot.bay
    edge = level.bay * 0.1
    for x0, y0, x1, y1 in (
        (x, 0, x + edge, 0),
        (x + w, 0, x + w - edge, 0),
        (0, y, 0, y + edge),
        (0, y + h, 0, y + h - edge),
    ):
        ends = [skia.Point(x0, y0), skia.Point(x1, y1)]
        shader = skia.GradientShader.MakeLinear(points=ends, colors=[skia.ColorBLACK, skia.ColorSetARGB(0, 0, 0, 0)])
        light.drawRect(skia.Rect.MakeXYWH(x, y, w, h), skia.Paint(Shader=shader))


def _always_lit(level: Level) -> F32:
    """The share of each window's light that is there when nobody sounds."""
    share = np.zeros((level.height, level.width), dtype=np.float32)
    for spot in level.spots:
        x, y, w, h = spot.bay
        share[max(y, 0) : y + h, max(x, 0) : x + w] = _DIM
    return share


def _write_names(level: Level, base: Planes) -> None:
    """Everybody's name below their balcony, where the letters are large enough to be read."""
    names = level.drawn.facts.names
    size = names.size * level.bay / UNITS
    if size < NAME_PIXELS_MIN:
        return
    for voice, spot in zip(level.film.voices, level.spots, strict=True):
        lines = [(voice.name, size, 600)]
        if voice.place and size >= _PLACE_PIXELS_MIN and voice.name:
            lines = [(f"{voice.name} · {voice.place}", size, 600)]
        for text, em, weight in lines:
            if text.strip():
                line = write(text, em, rgb(names.colour), weight=weight, fit=spot.bay[2] * 0.94, shadow=0.85)
                x = round(spot.bay[0] + spot.bay[2] / 2 - line.width / 2) - line.left
                y = spot.bay[1] + round(names.baseline * level.bay / UNITS) - line.baseline
                patch = patch_of(line.picture, x, y)
                if patch is not None:
                    lay(base, patch)


# What is before the pictures


def _front(level: Level, kind: Window, stamps: _Stamps) -> tuple[Patch, ...]:
    """Shadow and railing over a picture, as strips along the opening's edges, from its corner on."""
    x, y, w, h = (max(2, level._even(units)) for units in kind.opening)
    surface = skia.Surface(w, h)
    canvas = surface.getCanvas()
    _draw_reveal(canvas, (0, 0, w, h))
    if kind.front is not None:
        dusk = ambient_of(level).mean(axis=(0, 1))
        tinted = skia.ColorFilters.Blend(skia.Color4f(*(float(c) for c in dusk), 1).toColor(), skia.BlendMode.kModulate)
        canvas.drawImage(stamps.image(kind.front), -x, -y, _SMOOTH, skia.Paint(ColorFilter=tinted))
    return strips(pixels(surface))


def strips(rgba: F32) -> tuple[Patch, ...]:
    """A picture that is empty in its middle, cut into the bands at its edges, so that only they need be laid."""
    h, w = rgba.shape[:2]
    seen = rgba[..., 3] > 1 / 255
    busy_rows = seen[:, w // 8 : -(w // 8) or None].any(axis=1)
    free = np.flatnonzero(~busy_rows)
    top, bottom = (int(free[0]), int(free[-1]) + 1) if len(free) else (h, h)
    columns = seen[top:bottom].any(axis=0) if bottom > top else np.zeros(w, bool)
    clear = np.flatnonzero(~columns)
    left, right = (int(clear[0]), int(clear[-1]) + 1) if len(clear) else (w, w)
    cuts = ((0, 0, w, top), (0, bottom, w, h), (0, top, left, bottom), (right, top, w, bottom))
    found = (patch_of(rgba[y0:y1, x0:x1], x0, y0) for x0, y0, x1, y1 in cuts if x1 > x0 and y1 > y0)
    return tuple(patch for patch in found if patch is not None)
