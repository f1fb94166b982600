"""`python -m bench sync`: how exactly in place real pages are, over streams reopened every time and cards that drift.

Three neighbours in three rows, each a real Chromium on a sound card of its own. The leader's microphone hears the
backing from the leader's ears and a recording on top; the others sing back exactly what they hear. All ears are
recorded from outside on one clock. Figures are taken from the downloaded stems as they are: nothing is corrected.

error_ms      a stem against the backing (absolute: the backing's position is arithmetic) and, behind the leader,
              against the leader's stem; absolute values in the percentiles, signed ones per window in `windows`.
hop_ms        the same sound from the ears of one row to the ears of the next: the leader's voice, and the backing.
lost_ms       sound that went into a card's microphone and is absent from the stem.
unmarked_error_ms_max  the worst of the stems that their page and the room did not mark as unsure (`stems_unsure` counts
              those): what nobody was warned of. Who hears a marked leader sings the leader's echo of the backing, too:
              against the backing all rows are marked then. On a machine that stands still again and again all may be.
takes         stems judged. `windows_unsure` windows had too little of a source to measure and are in no percentile.
sound_system_dropouts  where an ear's tape breaks: the known sound goes on by more than 2 ms later or earlier.
first_mix_s            from the last row's last note to the finished song playing to the room, the slowest.
live_late_share        share of live frames that came too late for their row: heard in the mix, but not live.
"""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench import sync_measure
from bench.sync_stage import PLANS, Stage, Sung, say

OPENINGS, SONG_S = 2, 8.0
LONG_OPENINGS, LONG_SONG_S = 20, 12.5


def run(long: bool) -> dict[str, Any]:
    """The bench: `--long` opens all streams at least 20 times."""
    openings, song_s = (LONG_OPENINGS, LONG_SONG_S) if long else (OPENINGS, SONG_S)
    with tempfile.TemporaryDirectory(prefix="sync-") as folder, Stage(Path(folder)) as stage:
        sung = [stage.sing(song_s, f"opening {number}/{openings}") for number in range(1, openings + 1)]
    # Only now, when nobody's sound can suffer from it.
    with ProcessPoolExecutor() as together:
        measured = list(together.map(_measure, range(1, openings + 1), sung))
    for each in measured:
        say(_line(each))
    return _figures(measured)


def _measure(number: int, sung: Sung) -> dict[str, Any]:
    opening = sung.opening
    rows, followed = sorted(opening.stems), sync_measure.follow_ears(opening)
    marked = {row for row, page in sung.pages.items() if "unsure" in page["marks"]}
    lost = {row: sync_measure.lost_frames_s(opening.tapes[row], opening.stems[row]) for row in rows}
    return {
        "opening": number, "rows": len(rows), "drifts_ppm": dict(sung.drifts_ppm),
        "delays_ms": sung.delays_ms, "first_mix_s": sung.first_mix_s, "unsure": len(marked), "pages": dict(sung.pages),
        "windows": [{"opening": number, "marked": sync_measure.is_marked(window, marked), **asdict(window)}
                    for window in sync_measure.stem_windows(opening)],
        "hops": [{"opening": number, **asdict(hop)} for hop in sync_measure.hops(opening, followed)],
        "lost": [{"opening": number, "row": row, "at_s": at_s} for row in rows for at_s in lost[row]],
        "dropouts": [
            {"opening": number, **asdict(drop)} for row in rows for drop in sync_measure.dropouts(row, followed[row])],
    }


def _line(measured: dict[str, Any]) -> str:
    errors = [abs(window["error_ms"]) for window in measured["windows"] if window["sure"]]
    return (f"opening {measured['opening']}: {measured['rows']} rows, drifts {measured['drifts_ppm']} ppm, "
            f"worst error {max(errors, default=float('nan')):.3f} ms, {len(measured['lost'])} frames lost, "
            f"{len(measured['dropouts'])} dropouts")


def percentiles(name: str, values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and max of absolute values, NaN when there are none."""
    size = np.abs(values) if len(values) else np.array([np.nan])
    shares = {"p50": 50, "p95": 95, "max": 100}
    return {f"{name}_{share}": round(float(np.percentile(size, percent)), 4) for share, percent in shares.items()}


def late_share(pages: Sequence[Mapping[int, Mapping[str, Any]]]) -> float:
    """Share of the frames for live hearing that came too late to be heard, all rows: weather, no part of a stem."""
    told = [page for rows in pages for row, page in rows.items() if row]
    heard, late = (sum(page[key]["leader"] + page[key]["before"] for page in told)
                   for key in ("frames_heard", "frames_late"))
    return round(late / heard, 4) if heard else float("nan")


def _figures(measured: list[dict[str, Any]]) -> dict[str, Any]:
    gather = {key: [item for each in measured for item in each[key]] for key in ("windows", "hops", "lost", "dropouts")}
    sure = [window for window in gather["windows"] if window["sure"]]
    return {
        **percentiles("error_ms", [window["error_ms"] for window in sure]),
        "unmarked_error_ms_max": percentiles("error_ms", [
            window["error_ms"] for window in sure if not window["marked"]])["error_ms_max"],
        "stems_unsure": sum(each["unsure"] for each in measured),
        **percentiles("hop_ms", [hop["hop_ms"] for hop in gather["hops"] if hop["sure"]]),
        "lost_ms": len(gather["lost"]) * sync_measure.LOST_FRAME_MS,
        "sound_system_dropouts": len(gather["dropouts"]),
        "takes": sum(each["rows"] for each in measured), "rows": min(each["rows"] for each in measured),
        "openings": len(measured), "first_mix_s": max(each["first_mix_s"] for each in measured),
        "windows_unsure": len(gather["windows"]) - len(sure),
        "live_late_share": late_share([each["pages"] for each in measured]),
        "error_ms_by_row": {f"row {row} against {against}": percentiles("error_ms", [
            window["error_ms"] for window in sure if (window["row"], window["against"]) == (row, against)])
            for row, against in sorted({(window["row"], window["against"]) for window in sure})},
        "cards": [asdict(plan) for plan in PLANS],
        "drifts_ppm": [each["drifts_ppm"] for each in measured],
        "delays_ms": [each["delays_ms"] for each in measured],
        "pages": [each["pages"] for each in measured], **gather,
    }
