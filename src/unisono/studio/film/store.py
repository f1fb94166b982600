"""Store: what was drawn, on disk, so that every process that renders reads it and none draws it again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unisono.studio.film.level import Drawing
from unisono.studio.film.planes import Patch, Planes


def save_arrays(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays to one file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def save_patches(path: Path, groups: Sequence[Sequence[Patch]]) -> None:
    """Write groups of patches."""
    arrays: dict[str, NDArray[np.generic]] = {"sizes": np.array([len(group) for group in groups], np.int64)}
    for number, patch in enumerate(patch for group in groups for patch in group):
        arrays[f"{number}.at"] = np.array([patch.x, patch.y], np.int64)
        for name, array in zip("yuvkh", (*patch.over.parts, patch.keep, patch.keep_half), strict=True):
            arrays[f"{number}.{name}"] = array
    save_arrays(path, arrays)


def load_patches(path: Path) -> tuple[tuple[Patch, ...], ...]:
    """Read them back."""
    with np.load(path) as kept:
        groups, number = [], 0
        for size in kept["sizes"]:
            groups.append(tuple(_patch(kept, number + i) for i in range(int(size))))
            number += int(size)
    return tuple(groups)


def _patch(kept: np.lib.npyio.NpzFile, number: int) -> Patch:
    x, y = (int(at) for at in kept[f"{number}.at"])
    over = Planes(*(np.ascontiguousarray(kept[f"{number}.{name}"]) for name in "yuv"))
    return Patch(x, y, over, kept[f"{number}.k"], kept[f"{number}.h"])


_BASE, _LIGHT = ("base-y", "base-u", "base-v"), ("light-y", "light-u", "light-v")


def save_drawing(folder: Path, drawing: Drawing) -> None:
    """Write a level's drawing into `folder`; its fronts last, so that a folder with them is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, plane in zip((*_BASE, *_LIGHT), (*drawing.base.parts, *drawing.light), strict=True):
        np.save(folder / f"{name}.npy", np.asarray(plane))
    save_patches(folder / "fronts.npz", drawing.fronts)


def has_drawing(folder: Path) -> bool:
    """Whether `folder` holds a whole drawing."""
    return (folder / "fronts.npz").is_file()


def load_drawing(folder: Path) -> Drawing:
    """Read it back; planes are read from disk as they are needed, and may be written to without changing the file."""
    base = Planes(*(np.load(folder / f"{name}.npy", mmap_mode="c") for name in _BASE))
    y, u, v = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _LIGHT)
    return Drawing(base=base, light=(y, u, v), fronts=load_patches(folder / "fronts.npz"))
