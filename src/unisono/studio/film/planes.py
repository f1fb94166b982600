"""Planes: pictures as a video has them, Y, U and V apart, colour at half the resolution (BT.709, limited range).

Composition happens here: copying rectangles and laying patches over them, in integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

BLACK = (16, 128, 128)
_TO_YUV = np.array(
    [
        [0.2126 * 219, 0.7152 * 219, 0.0722 * 219],
        [-0.2126 / 1.8556 * 224, -0.7152 / 1.8556 * 224, 0.5 * 224],
        [0.5 * 224, -0.7152 / 1.5748 * 224, -0.0722 / 1.5748 * 224],
    ],
    dtype=np.float32,
)
_ORIGIN = np.array(BLACK, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture: `y` (height, width), `u` and `v` (height / 2, width / 2), uint8; width and height are even."""

    y: U8
    u: U8
    v: U8

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.y.shape[0])

    def crop(self, x: int, y: int, w: int, h: int) -> Planes:
        """A rectangle of it, not copied; all four even."""
        half = np.s_[y // 2 : (y + h) // 2, x // 2 : (x + w) // 2]
        return Planes(self.y[y : y + h, x : x + w], self.u[half], self.v[half])

    def cut(self, x: int, y: int, w: int, h: int) -> Planes:
        """A rectangle of it at any pixel, a picture of its own; w and h even, and there is more on the right and below.

        Where it begins between two pixels of colour it has their mean.
        """
        around = self.crop(x // 2 * 2, y // 2 * 2, w + 2 * (x % 2), h + 2 * (y % 2))
        u, v = (_between(plane, x % 2, y % 2) for plane in (around.u, around.v))
        return Planes(around.y[y % 2 :, x % 2 :][:h, :w].copy(), u, v)

    def paste(self, other: Planes) -> None:
        """Copy another picture of the same size over this one."""
        self.y[:] = other.y
        self.u[:] = other.u
        self.v[:] = other.v

    def copy(self) -> Planes:
        """A picture of its own."""
        return Planes(self.y.copy(), self.u.copy(), self.v.copy())

    @property
    def parts(self) -> tuple[U8, U8, U8]:
        """The three planes."""
        return self.y, self.u, self.v


def _between(plane: U8, x: int, y: int) -> U8:
    """A plane moved by half a pixel to the left (x) and up (y), where that is 1, and smaller by a pixel there."""
    moved = plane
    if x:
        moved = ((moved[:, :-1].astype(np.uint16) + moved[:, 1:] + 1) >> 1).astype(np.uint8)
    if y:
        moved = ((moved[:-1].astype(np.uint16) + moved[1:] + 1) >> 1).astype(np.uint8)
    return moved.copy() if moved is plane else moved


def empty(width: int, height: int) -> Planes:
    """A black picture."""
    sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    return Planes(*(np.full(size, value, np.uint8) for size, value in zip(sizes, BLACK, strict=True)))


def halved(plane: F32) -> F32:
    """A plane at half its resolution, each value the mean of four."""
    h, w = plane.shape[:2]
    mean: F32 = plane.reshape(h // 2, 2, w // 2, 2, *plane.shape[2:]).mean(axis=(1, 3), dtype=np.float32)
    return mean


def split(rgb: F32, *, offset: bool = True) -> tuple[F32, F32, F32]:
    """RGB, float32 (height, width, 3), 0..1, as Y, U and V in their own units, not rounded.

    Without `offset` it is a difference of two pictures, which has none.
    """
    yuv = rgb @ _TO_YUV.T
    if offset:
        yuv += _ORIGIN
    return yuv[..., 0], halved(yuv[..., 1]), halved(yuv[..., 2])


def from_rgb(rgb: F32) -> Planes:
    """RGB, float32 (height, width, 3), 0..1, even sizes."""
    return Planes(*(np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in split(np.clip(rgb, 0, 1))))


@dataclass(frozen=True, slots=True)
class Patch:
    """Something to lay over a picture, from (x, y) on, both even: `over`, premultiplied, and how much shows through.

    keep: what remains of the picture below, 0..255, for the Y plane and for the two others.
    """

    x: int
    y: int
    over: Planes
    keep: U8
    keep_half: U8

    def moved(self, dx: int, dy: int) -> Patch:
        """The same, elsewhere; both even."""
        return Patch(self.x + dx, self.y + dy, self.over, self.keep, self.keep_half)


def patch_of(rgba: F32, x: int, y: int) -> Patch | None:
    """A patch of RGBA with colours premultiplied, float32 0..1, at (x, y), trimmed; None where nothing is visible.

    The sizes need not be even; the patch is laid on even pixels.
    """
    visible = rgba[..., 3] > 1 / 512
    if not visible.any():
        return None
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    cut = rgba[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    odd_x, odd_y = (x + left) % 2, (y + top) % 2
    h, w = cut.shape[0] + odd_y, cut.shape[1] + odd_x
    cut = np.pad(cut, [(odd_y, h % 2), (odd_x, w % 2), (0, 0)])
    alpha = np.clip(cut[..., 3], 0, 1)
    luma, u, v = split(np.clip(cut[..., :3], 0, 1), offset=False)
    half = halved(alpha)
    planes = (luma + BLACK[0] * alpha, u + BLACK[1] * half, v + BLACK[2] * half)
    over = Planes(*(np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in planes))
    keeps = (np.round((1 - share) * 255).astype(np.uint8) for share in (alpha, half))
    return Patch(x + left - odd_x, y + top - odd_y, over, *keeps)


def lay(canvas: Planes, patch: Patch, strength: int = 256) -> None:
    """Lay a patch over a picture, cut off at its edges. strength: 0 (not at all) to 256."""
    if strength <= 0:
        return
    x0, y0 = max(patch.x, 0), max(patch.y, 0)
    x1 = min(patch.x + patch.over.width, canvas.width)
    y1 = min(patch.y + patch.over.height, canvas.height)
    if x0 >= x1 or y0 >= y1:
        return
    target = canvas.crop(x0, y0, x1 - x0, y1 - y0)
    source = patch.over.crop(x0 - patch.x, y0 - patch.y, x1 - x0, y1 - y0)
    inner = (x0 - patch.x, y0 - patch.y, x1 - patch.x, y1 - patch.y)
    keep = patch.keep[inner[1] : inner[3], inner[0] : inner[2]]
    half = patch.keep_half[inner[1] // 2 : inner[3] // 2, inner[0] // 2 : inner[2] // 2]
    for below, above, kept in zip(target.parts, source.parts, (keep, half, half), strict=True):
        _over(below, above, kept, strength)


def _over(below: U8, above: U8, keep: U8, strength: int) -> None:
    """below = above + below * keep / 255, in place, or a part of the way there."""
    wide = below.astype(np.uint16)
    if strength >= 256:
        wide *= keep
        wide += 128
        wide += wide >> 8
        wide >>= 8
        wide += above
        np.minimum(wide, 255, out=wide)
        below[:] = wide
        return
    mixed = wide.astype(np.int32) * keep
    mixed = ((mixed + (mixed >> 8) + 128) >> 8) + above
    np.minimum(mixed, 255, out=mixed)
    below[:] = wide + (((mixed - wide) * strength) >> 8)


def blend(below: Planes, above: Planes, strength: int) -> None:
    """Fade `below` towards `above`, in place: strength 0 leaves it, 256 replaces it."""
    if strength >= 256:
        below.paste(above)
        return
    if strength <= 0:
        return
    for under, upper in zip(below.parts, above.parts, strict=True):
        mixed = under.astype(np.uint16)
        mixed *= 256 - strength
        mixed += upper.astype(np.uint16) * strength
        mixed >>= 8
        under[:] = mixed
