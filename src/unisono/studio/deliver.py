"""Deliver: a mix written in one form and measured again as people will hear it, until it is as it should be.

Lossy codecs overshoot: what was limited to -1.3 dBTP may come back above -1. They also leave out highs, and short or
sparse sound is measured otherwise in a file than in memory. Then that one file is made again: limited lower by
what it was over, raised or lowered by what its loudness missed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from unisono.studio import files
from unisono.studio.judge import judge
from unisono.studio.limiter import WORTH_IT, limit, settled
from unisono.studio.performance import FileReport
from unisono.studio.shares import OnShare, untold, weighed, within
from unisono.units import Audio

CEILING_DBTP = -1.0
TARGET_LUFS = -16.0

_LIMIT_DBTP = -1.3
_TRIES = 7
_LOUDNESS_TRIES = 4
_NEAR_ENOUGH_LU = 0.25
_MARGIN_DB = 0.03


def deliver_mix(
    folder: Path,
    sound: Audio,
    form: files.Form,
    tags: Mapping[str, str],
    *,
    target_lufs: float = TARGET_LUFS,
    on_share: OnShare = untold,
) -> FileReport:
    """Write `mix.<kind>` into `folder` and say what FFmpeg hears in it; float32, shape (samples, 2).

    `sound` is mastered already. Loudness is given up where nothing can reach it (a few clicks), the ceiling never: the
    last tries only go down. on_share: nobody knows how many tries it takes, so each is half of what is left.
    """
    path = folder / f"mix.{form.kind}"
    gain_db, limit_dbtp, raised_db, before_lufs = 0.0, _LIMIT_DBTP, 0.0, -math.inf
    may_raise = True
    for turn in range(_TRIES):
        writing, judging = weighed(within(on_share, 1 - 0.5**turn, 1 - 0.5 ** (turn + 1)), 1.0, 1.0)
        files.write(path, _shaped(sound, gain_db, limit_dbtp), form, tags, on_share=writing)
        verdict = judge(path, on_share=judging)
        over_db = verdict.true_peak_dbtp - CEILING_DBTP
        off_db = target_lufs - verdict.lufs if math.isfinite(verdict.lufs) else 0.0
        if raised_db > 0 and verdict.lufs - before_lufs < WORTH_IT * raised_db:
            change_db, may_raise = -raised_db, False
        elif may_raise and turn < _LOUDNESS_TRIES and abs(off_db) > _NEAR_ENOUGH_LU:
            change_db = off_db
        else:
            change_db = 0.0
        if over_db <= 0 and change_db == 0:
            break
        limit_dbtp -= over_db + _MARGIN_DB if over_db > 0 else 0.0
        gain_db, raised_db, before_lufs = gain_db + change_db, change_db, verdict.lufs
    return FileReport(
        name=path.name,
        kind=form.kind,
        size_bytes=path.stat().st_size,
        gain_db=round(gain_db, 3),
        lufs=_told(verdict.lufs),
        true_peak_dbtp=_told(verdict.true_peak_dbtp),
    )


def _shaped(sound: Audio, gain_db: float, limit_dbtp: float) -> Audio:
    """The mix raised and limited; as it is, when nothing is asked."""
    if gain_db == 0 and limit_dbtp == _LIMIT_DBTP:
        return sound
    return settled(limit(sound, gain_db=gain_db, ceiling_dbtp=limit_dbtp).sound, limit_dbtp)


def deliver_stem(
    folder: Path, seat: int, sound: Audio, tags: Mapping[str, str], *, on_share: OnShare = untold
) -> tuple[FileReport, ...]:
    """Write `stems/<seat>.<kind>`, untouched sound; float32, shape (samples, channels)."""
    reports = []
    shares = weighed(on_share, *[1.0] * len(files.STEM_FORMS))
    for form, told in zip(files.STEM_FORMS, shares, strict=True):
        name = f"stems/{seat}.{form.kind}"
        files.write(folder / name, sound, form, tags, on_share=told)
        reports.append(FileReport(name=name, kind=form.kind, size_bytes=(folder / name).stat().st_size))
    return tuple(reports)


def _told(number: float) -> float | None:
    """For JSON, which has no infinity."""
    return round(number, 3) if math.isfinite(number) else None
