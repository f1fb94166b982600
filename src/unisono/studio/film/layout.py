"""Layout: which window is whose, and how large the façade stands in the frame. Pure.

Everything is in units of one window bay's width; a bay is `bay_height` high. Bay (0, 0) is the top left one of the
grid, y grows downwards. Left and right in the picture is left and right in the sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unisono.studio.film.brief import Voice

ROOF = 0.62
"""Room above the highest row, in bays' heights: the cornice and some sky."""

BASE = 0.22
"""Room below the lowest row, in bays' heights."""

WORDS = 0.1
"""Room for the words, at the bottom of the frame, in parts of its smaller side."""

SIDE = 0.12
"""Room beside the grid, in units, at each side."""

BAY_PIXELS_MIN = 16

DRIFT = 0.02
"""How far the camera strays from where it rests, in parts of the frame's smaller side."""

_NOTHING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    def overlaps(self, other: Rect) -> bool:
        """Whether the two share some area."""
        across = self.x < other.x + other.w - _NOTHING and other.x < self.x + self.w - _NOTHING
        return across and self.y < other.y + other.h - _NOTHING and other.y < self.y + self.h - _NOTHING

    def holds(self, other: Rect) -> bool:
        """Whether the other lies within this one."""
        across = self.x <= other.x + _NOTHING and other.x + other.w <= self.x + self.w + _NOTHING
        return across and self.y <= other.y + _NOTHING and other.y + other.h <= self.y + self.h + _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A façade for some voices in a frame of one shape.

    columns, rows: of the grid. bays: (column, row) of each voice. bay: pixels across one bay when all are seen, even.
    wide: what the frame shows then, in units; its edges fall on whole pixels.
    """

    columns: int
    rows: int
    bays: tuple[tuple[int, int], ...]
    bay: int
    bay_height: float
    wide: Rect
    width: int
    height: int

    @property
    def drift(self) -> int:
        """How far the camera strays, in pixels of the frame; even."""
        return round(min(self.width, self.height) * DRIFT / 2) * 2

    @property
    def stage(self) -> Rect:
        """What is drawn: all that can be seen, in units; its edges fall on whole pixels."""
        around, wide = self.drift / self.bay, self.wide
        return Rect(x=wide.x - around, y=wide.y - around, w=wide.w + 2 * around, h=wide.h + 2 * around)

    def cell(self, voice: int) -> Rect:
        """The bay of a voice, in units."""
        column, row = self.bays[voice]
        return Rect(x=column, y=row * self.bay_height, w=1.0, h=self.bay_height)


def lay_out(voices: Sequence[Voice], width: int, height: int, bay_height: float, *, words: bool = False) -> Layout:
    """Seats for everybody: the grid that lets the windows be largest in a frame of `width` x `height` pixels.

    With `words` there is room for them below the windows.
    """
    below = min(width, height) * WORDS if words else 0.0
    columns, rows = grid(max(len(voices), 1), width, height - below, bay_height)
    bay = max(BAY_PIXELS_MIN, int(_bay_pixels(columns, rows, width, height - below, bay_height)) // 2 * 2)
    frame_w, frame_h = width / bay, height / bay
    spare = frame_h - below / bay - (rows + BASE) * bay_height
    # What is left over is sky, but for a part below, so that few windows stand in the middle and not at the bottom.
    ground = below / bay + BASE * bay_height + max(0.0, spare - ROOF * bay_height) * 0.3
    # The grid's corner lies on an even pixel, where colour planes have one too.
    left = round((columns - frame_w) / 2 * bay / 2) * 2 / bay
    top = round((rows * bay_height + ground - frame_h) * bay / 2) * 2 / bay
    return Layout(
        columns=columns,
        rows=rows,
        bays=_seats(voices, columns, rows),
        bay=bay,
        bay_height=bay_height,
        wide=Rect(x=left, y=top, w=frame_w, h=frame_h),
        width=width,
        height=height,
    )


def grid(count: int, width: float, height: float, bay_height: float) -> tuple[int, int]:
    """Columns and rows that hold `count` bays as large as they can be; of equals, the one with fewest empty bays."""

    def worth(columns: int) -> tuple[int, int]:
        rows = -(-count // columns)
        return int(_bay_pixels(columns, rows, width, height, bay_height)) // 2, -(columns * rows - count)

    best = max(range(1, count + 1), key=worth)
    return best, -(-count // best)


def _bay_pixels(columns: int, rows: int, width: float, height: float, bay_height: float) -> float:
    return min(width / (columns + 2 * SIDE), height / ((rows + ROOF + BASE) * bay_height))


def _seats(voices: Sequence[Voice], columns: int, rows: int) -> tuple[tuple[int, int], ...]:
    """Columns from left to right as they are heard; in a column whoever leads stands lowest, nearest to the yard.

    Columns that are not full lack their highest bays, and lie outside.
    """
    fills = _fills(len(voices), columns, rows)
    from_left = sorted(range(len(voices)), key=lambda voice: (voices[voice].pan, voice))
    bays: list[tuple[int, int]] = [(0, 0)] * len(voices)
    taken = 0
    for column, filled in enumerate(fills):
        here = sorted(from_left[taken : taken + filled], key=lambda voice: (voices[voice].row, voice))
        for up, voice in enumerate(here):
            bays[voice] = (column, rows - 1 - up)
        taken += filled
    return tuple(bays)


def _fills(count: int, columns: int, rows: int) -> list[int]:
    """How many bays of each column are somebody's: all of them in the middle, one less towards the sides."""
    fills = [count // columns] * columns
    outwards = sorted(range(columns), key=lambda column: (abs(2 * column - columns + 1), column))
    for column in outwards[: count % columns]:
        fills[column] += 1
    assert max(fills) <= rows
    return fills
