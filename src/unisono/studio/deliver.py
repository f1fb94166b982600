"""Deliver: a mix written in one form and measured again as people will hear it, until its peaks are under the ceiling.

Lossy codecs overshoot: what was limited to -1.3 dBTP may come back above -1. Then that one file is written again,
softer by what it was over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unisono.studio import files
from unisono.studio.judge import judge
from unisono.studio.loudness import ratio_of
from unisono.studio.performance import FileReport
from unisono.units import Audio

CEILING_DBTP = -1.0
_TRIES = 4
_MARGIN_DB = 0.03


def deliver_mix(folder: Path, sound: Audio, form: files.Form, tags: Mapping[str, str]) -> FileReport:
    """Write `mix.<kind>` into `folder` and say what FFmpeg hears in it; float32, shape (samples, 2).

    The last try stands even if it is over (the report shows it); one try has always been enough for music.
    """
    path = folder / f"mix.{form.kind}"
    gain_db = 0.0
    for _ in range(_TRIES):
        files.write(path, sound * np.float32(ratio_of(gain_db)) if gain_db else sound, form, tags)
        verdict = judge(path)
        over_db = verdict.true_peak_dbtp - CEILING_DBTP
        if over_db <= 0:
            break
        gain_db -= over_db + _MARGIN_DB
    return FileReport(
        name=path.name,
        kind=form.kind,
        size_bytes=path.stat().st_size,
        gain_db=round(gain_db, 3),
        lufs=_told(verdict.lufs),
        true_peak_dbtp=_told(verdict.true_peak_dbtp),
    )


def deliver_stem(folder: Path, seat: int, sound: Audio, tags: Mapping[str, str]) -> tuple[FileReport, ...]:
    """Write `stems/<seat>.<kind>`, untouched sound; float32, shape (samples, channels)."""
    reports = []
    for form in files.STEM_FORMS:
        name = f"stems/{seat}.{form.kind}"
        files.write(folder / name, sound, form, tags)
        reports.append(FileReport(name=name, kind=form.kind, size_bytes=(folder / name).stat().st_size))
    return tuple(reports)


def _told(number: float) -> float | None:
    """For JSON, which has no infinity."""
    return round(number, 3) if math.isfinite(number) else None
