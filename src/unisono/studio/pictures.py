"""Pictures: what was done to a take, as SVG that stands alone, in the page's colours, with the same told in words.

`shape` makes of a sound the few numbers that are drawn; the rest is arithmetic on them, so that a picture can be drawn
again in any language from a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from unisono.studio.alignment import Lag
from unisono.units import SAMPLE_RATE, Audio

COLUMNS = 480
"""A shape has so many columns."""

_TALLEST = 255
_WIDTH = 960
_LANE_HEIGHT = 74
_LANE_GAP = 26
_LEFT = 8
_NIGHT, _CREAM, _DIM, _GOLD, _GREEN, _LINE, _PLUM = (
    "#17132f",
    "#fff4de",
    "#d6c8c9",
    "#ffcf7a",
    "#7ee0a1",
    "#4c4460",
    "#8d7f9c",
)
_LAG_HEIGHT = 210
_CONFIDENCE_HEIGHT = 46
_MS_PER_SAMPLE = 1000 / SAMPLE_RATE


def shape(sound: Audio) -> tuple[int, ...]:
    """The largest sample of each of COLUMNS equal stretches, full scale 255; float32, shape (samples, channels)."""
    if not len(sound):
        return (0,) * COLUMNS
    edges = np.linspace(0, len(sound), COLUMNS + 1).astype(int)[:-1]
    loudest = np.max(np.abs(sound), axis=1) if sound.ndim == 2 else np.abs(sound)
    peaks = np.maximum.reduceat(loudest, np.minimum(edges, len(sound) - 1))
    return tuple(np.clip(np.round(peaks * _TALLEST), 0, _TALLEST).astype(int).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One sound in a picture: its label, its shape, and where on the guide's axis it begins and ends, in samples."""

    label: str
    shape: Sequence[int]
    start: float
    stop: float
    colour: str = _PLUM
    missing: tuple[tuple[int, int], ...] = ()


def guide_lane(label: str, shape: Sequence[int], samples: int) -> Lane:
    """What was sung to."""
    return Lane(label=label, shape=shape, start=0, stop=samples)


def before_lane(label: str, shape: Sequence[int], samples: int) -> Lane:
    """The take as it came: as if somebody had pressed play on it and on the guide at once."""
    return Lane(label=label, shape=shape, start=0, stop=samples, colour=_DIM)


def after_lane(label: str, shape: Sequence[int], samples: int, missing: tuple[tuple[int, int], ...] = ()) -> Lane:
    """The voice as it is mixed."""
    return Lane(label=label, shape=shape, start=0, stop=samples, colour=_GOLD, missing=missing)


def waves(lanes: Sequence[Lane], *, title: str, description: str, unique: str) -> str:
    """The lanes under each other on one time axis. `unique` makes the ids of this picture its own."""
    stop = max([lane.stop for lane in lanes] + [SAMPLE_RATE])
    per_sample = (_WIDTH - 2 * _LEFT) / stop
    height = len(lanes) * (_LANE_HEIGHT + _LANE_GAP) + 32
    parts = [*_ruler(stop, per_sample, height)]
    for index, lane in enumerate(lanes):
        top = index * (_LANE_HEIGHT + _LANE_GAP) + 8
        parts += _lane(lane, top, per_sample)
    return _svg(height, title, description, unique, parts)


def _lane(lane: Lane, top: float, per_sample: float) -> Iterator[str]:
    """A label, and the shape mirrored on its middle line; each lane is as tall as its own loudest sample."""
    yield _text(_LEFT, top + 15, lane.label, _CREAM, size=16)
    middle = top + 20 + (_LANE_HEIGHT - 4) / 2
    reach = (_LANE_HEIGHT - 4) / 2
    left = _LEFT + lane.start * per_sample
    width = (lane.stop - lane.start) * per_sample
    for start, stop in lane.missing:
        x = _LEFT + start * per_sample
        yield (
            f'<rect x="{x:.1f}" y="{middle - reach:.1f}" width="{(stop - start) * per_sample:.1f}" '
            f'height="{2 * reach:.1f}" fill="#ff9d8a" fill-opacity="0.22" rx="4"/>'
        )
    loudest = max([*lane.shape, 1])
    step = width / max(1, len(lane.shape))
    tall = [max(0.6, peak / loudest * reach) for peak in lane.shape]
    upper = [f"{left + (i + 0.5) * step:.1f},{middle - y:.1f}" for i, y in enumerate(tall)]
    lower = [f"{left + (i + 0.5) * step:.1f},{middle + y:.1f}" for i, y in reversed(list(enumerate(tall)))]
    yield f'<polygon fill="{lane.colour}" points="{" ".join(upper + lower)}"/>'


def lags(
    looks: Sequence[Lag], samples: int, *, title: str, description: str, unique: str, labels: tuple[str, str]
) -> str:
    """Lags over time against their middle, thrown-out looks hollow; below them how sure each look was.

    labels: of the upper and the lower part. samples: the take's length.
    """
    used = [look for look in looks if look.used] or list(looks)
    middle = float(np.median([look.lag_samples for look in used])) if used else 0.0
    off_ms = [(look.lag_samples - middle) * _MS_PER_SAMPLE for look in looks]
    near = [ms for ms, look in zip(off_ms, looks, strict=True) if look.used] or off_ms or [0.0]
    reach_ms = _round_up(max(max(abs(ms) for ms in near) * 1.15, 0.5))
    per_sample = (_WIDTH - 2 * _LEFT) / max(samples, SAMPLE_RATE)
    parts = [_text(_LEFT, 22, labels[0], _CREAM, size=16)]
    top, floor = 32.0, 32.0 + _LAG_HEIGHT
    for share, text in ((0.0, f"+{reach_ms:g} ms"), (0.5, "0"), (1.0, f"-{reach_ms:g} ms")):
        y = top + share * _LAG_HEIGHT
        parts += [_line(_LEFT, y, _WIDTH - _LEFT, y, _LINE), _text(_WIDTH - _LEFT, y - 5, text, _DIM, anchor="end")]
    bars = floor + 38
    parts.append(_text(_LEFT, bars - 8, labels[1], _CREAM, size=16))
    wide = max(2.0, (_WIDTH - 2 * _LEFT) / max(len(looks), 1) - 2)
    for look, ms in zip(looks, off_ms, strict=True):
        x = _LEFT + look.at * per_sample
        y = top + (0.5 - max(-1.0, min(1.0, ms / reach_ms)) / 2) * _LAG_HEIGHT
        paint = f'fill="{_GOLD}"' if look.used else f'fill="none" stroke="{_PLUM}" stroke-width="2"'
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {paint}/>')
        tall = max(1.0, look.confidence * _CONFIDENCE_HEIGHT)
        parts.append(
            f'<rect x="{x - min(wide, 14) / 2:.1f}" y="{bars + _CONFIDENCE_HEIGHT - tall:.1f}" '
            f'width="{min(wide, 14):.1f}" height="{tall:.1f}" rx="2" fill="{_GREEN if look.used else _PLUM}"/>'
        )
    height = round(bars + _CONFIDENCE_HEIGHT + 28)
    parts += _ruler(max(samples, SAMPLE_RATE), per_sample, height)
    return _svg(height, title, description, unique, parts)


def _round_up(number: float) -> float:
    """The next of 1, 2, 5, 10..."""
    power = 10 ** np.floor(np.log10(number))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= number * (1 - 1e-9)))


def _ruler(samples: float, per_sample: float, height: float) -> Iterator[str]:
    """Minutes and seconds at the foot."""
    seconds = samples / SAMPLE_RATE
    step = next((each for each in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if seconds / each <= 10), 1200)
    for at in range(0, int(seconds) + 1, step):
        x = _LEFT + at * SAMPLE_RATE * per_sample
        yield _line(x, 4, x, height - 22, _LINE, opacity=0.5)
        anchor = "start" if at == 0 else "end" if x > _WIDTH - 30 else "middle"
        yield _text(x, height - 5, f"{at // 60}:{at % 60:02d}", _DIM, anchor=anchor)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, opacity: float = 1.0) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-opacity="{opacity:g}"/>'


def _text(x: float, y: float, words: str, colour: str, *, anchor: str = "start", size: int = 14) -> str:
    paint = f'fill="{colour}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {paint}>{escape(words)}</text>'


def _svg(height: float, title: str, description: str, unique: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{unique}-t {unique}-d" font-family="system-ui, sans-serif">'
        f'<title id="{unique}-t">{escape(title)}</title><desc id="{unique}-d">{escape(description)}</desc>'
        f'<rect width="{_WIDTH}" height="{height:g}" rx="14" fill="{_NIGHT}"/>{"".join(parts)}</svg>'
    )
