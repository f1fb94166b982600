"""What a camera of arithmetic (flashing.js) took: which of its pictures is seen, and whether it is bright."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

CAMERA: Final = Path(__file__).with_name("flashing.js")
NUMBERS: Final = 1024
"""Pictures are numbered modulo this."""
_WIDTH, _HEIGHT = 640, 360
_LEFT, _TOP, _CELL, _COLUMNS, _BITS = 160, 60, 80, 4, 12
_CONTRAST_MIN = 60


def number_of(luma: NDArray[np.uint8]) -> int | None:
    """The number that a picture bears; None where none can be read. luma: all of it, of any size, or cut to a window's
    shape as a film cuts it: from the middle, a little above it where it is higher.
    """
    height, width = luma.shape
    scale = max(width / _WIDTH, height / _HEIGHT)
    left, top = (width - _WIDTH * scale) / 2, (height - _HEIGHT * scale) * 0.4
    levels = []
    for bit in range(_BITS):
        x = left + scale * (_LEFT + _CELL * (bit % _COLUMNS + 0.5))
        y = top + scale * (_TOP + _CELL * (bit // _COLUMNS + 0.5))
        reach = max(1, round(scale * _CELL / 4))
        levels.append(luma[round(y) - reach : round(y) + reach, round(x) - reach : round(x) + reach].mean())
    *bits, white, black = levels
    if not white - black > _CONTRAST_MIN:
        return None
    middle, margin = (white + black) / 2, (white - black) / 4
    if any(abs(level - middle) < margin for level in bits):
        return None  # two pictures, one fading into the other
    return sum(1 << bit for bit, level in enumerate(bits) if level > middle)


def taken_s(numbers: NDArray[np.int64], all_taken_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """When pictures of these numbers, in rising order, were taken. all_taken_s: of each picture there was, up to one
    that was taken less than half a minute after the last of these.
    """
    whole = np.concatenate(([0], np.cumsum(np.diff(numbers) < -NUMBERS // 2))) * NUMBERS + numbers
    whole += max(0, len(all_taken_s) - 1 - int(whole[-1])) // NUMBERS * NUMBERS
    found: NDArray[np.float64] = all_taken_s[whole]
    return found
