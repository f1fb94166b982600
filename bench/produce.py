"""`python -m bench produce`: how long sixteen clips of a minute take to a finished mix, and where each is placed.

A real song is the guide; in every clip a real singer sings over what leaked out of headphones, 10 to 35 dB under the
voice, recorded by a clock of its own (up to 80 ppm off), begun up to ten seconds before or after the song, some with
lost buffers, in a street, coded as AAC or Opus at 48 to 128 kbit/s. `unisono produce` is run as a person runs it, in an
empty folder, with nothing kept from before: from the command to its end with mix, stems and report. `steps_seconds` is
the work of all processes together on each step. Then once more with one clip more.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import degrade
from bench.align_case import Case, judge
from unisono.studio import files
from unisono.studio.guide import Guide
from unisono.studio.jobs import worker_environment
from unisono.studio.outcome import Outcome, Production, read_report
from unisono.units import SAMPLE_RATE, Audio

SEED = 20_200_314
CLIPS = 16
SECONDS = 60.0
GUIDE_SECONDS = 64.0
BLEED_DB = (-10.0, -35.0)
CODINGS = (("aac", "m4a", 128_000), ("libopus", "opus", 64_000), ("aac", "mp4", 64_000), ("libopus", "ogg", 48_000))

Figures = dict[str, Any]


def clip(guide: Audio, number: int, count: int, rng: np.random.Generator) -> tuple[degrade.Take, float]:
    """One clip, its truth, and how loud its bleed is."""
    bleed_db = float(np.interp(number, [0, max(1, count - 1)], BLEED_DB))
    take = degrade.Take.of(guide, int(rng.uniform(-10, 10) * SAMPLE_RATE), int(SECONDS * SAMPLE_RATE))
    take = degrade.through(take, degrade.headphone_leak(rng))
    take = degrade.under_voice(take, degrade.singing(len(take.sound), rng), bleed_db)
    take = degrade.noisy(take, degrade.read(degrade.RAIN), float(rng.uniform(30, 45)))
    take = degrade.drifted(take, float(rng.uniform(-80, 80)))
    if number % 4 == 3:
        take = degrade.some_drops(take, rng, 2)
    loudest = float(np.max(np.abs(take.sound)))
    quiet = np.float32(rng.uniform(0.1, 0.9) / loudest)
    return replace(take, sound=take.sound * quiet), bleed_db


def produce(folder: Path, clips: list[Path], guide: Path) -> tuple[Production, float]:
    """The command, its report, and how long it took."""
    out = folder / "out"
    command = [sys.executable, "-m", "unisono", "produce", *map(str, clips), "--guide", str(guide), "--out", str(out)]
    began = time.perf_counter()
    subprocess.run([*command, "--json"], check=True, stdout=subprocess.DEVNULL, env=worker_environment())
    seconds = time.perf_counter() - began
    report = read_report(out)
    assert report is not None
    return report, seconds


def placed(outcome: Outcome, guide: Audio, take: degrade.Take, bleed_db: float) -> Figures:
    """What was said of a clip against its truth."""
    assert outcome.report is not None, outcome.problem
    case = Case(family="produce", take=take, guide=Guide(sound=guide), wrong_ms=1.0, drift_counts=True)
    found = judge(case, outcome.report.alignment, 0.0)
    return {
        "bleed_db": round(bleed_db, 1),
        "method": found.method,
        "certain": found.certain,
        "error_ms": round(found.error_ms, 3),
        "drift_error_ppm": round(found.drift_error_ppm, 2) if found.drift_error_ppm == found.drift_error_ppm else None,
    }


def run(long: bool, seed: int = SEED) -> Figures:
    """Sixteen clips, cold; with `long` a second set."""
    figures = [once(seed + more) for more in range(2 if long else 1)]
    return figures[0] if len(figures) == 1 else {"sets": figures}


def once(seed: int) -> Figures:
    """One set of clips."""
    rng = np.random.default_rng(seed)
    guide = degrade.read(degrade.SONGS[0])[: int(GUIDE_SECONDS * SAMPLE_RATE)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.write(folder / "guide.flac", guide[:, np.newaxis], files.FLAC)
        truths, paths = {}, []
        for number in range(CLIPS + 1):
            codec, ending, rate_bps = CODINGS[number % len(CODINGS)]
            take, bleed_db = clip(guide, min(number, CLIPS - 1), CLIPS, rng)
            path = folder / f"clip {number:02d}.{ending}"
            path.write_bytes(degrade.encoded(take.sound, codec, rate_bps))
            truths[path.stem] = (take, bleed_db)
            paths.append(path)
        report, seconds = produce(folder, paths[:CLIPS], folder / "guide.flac")
        more, one_more_seconds = produce(folder, paths, folder / "guide.flac")
    takes = {outcome.key: placed(outcome, guide, *truths[outcome.key]) for outcome in report.clips}
    certain = [take for take in takes.values() if take["certain"]]
    return {
        "seed": seed,
        "takes": len(takes),
        "take_seconds": SECONDS,
        "seconds_to_mix": round(seconds, 2),
        "seconds_with_one_more": round(one_more_seconds, 2),
        "mixed_with_one_more": len(more.those("mixed")),
        "steps_seconds": report.seconds,
        "reported_unsure": len(report.those("unsure")),
        "broken": len(report.those("broken")),
        "error_ms_max": max((take["error_ms"] for take in certain), default=None),
        "wrong_certain": sum(not take["error_ms"] <= 1.0 for take in certain),
        "lufs": {file.kind: file.lufs for file in report.files},
        "true_peak_dbtp": {file.kind: file.true_peak_dbtp for file in report.files},
        "by_take": takes,
    }
