"""`python -m bench hop`: one sound's way from the ears of one row to those of the next, stage by stage, in real pages.

The stage is that of the sync bench: three neighbours in three rows, each a real Chromium on a card of its own. They
sing two songs in the same room; for the second one the room knows the ways of the first. Means over each song, in ms.

hop_ms           sink to sink, measured outside the pages, on the recorded ears; all rows. At the top: the last song's.
device           out of the loudspeaker and in at the microphone: the round trip that the sound check measured.
frame            a frame of 20 ms is gathered. `lookahead` is the encoder's.
capture          the microphone's blocks, resampling, and until the page's worker has noticed.
encode, send     until it is encoded; until the socket has it.
network_up       until the server has it: socket, network and event loops.
wait             until the slowest of the row before, and the next tick. `mixing` is decoding, mixing, encoding.
network_down     until the page has it. `decode`: until it is on the tape.
early            on the tape before it is heard: what the row's delay leaves for jitter. Its slack.
sum              of the stages. `outside` is the median of hop_ms of this row: clocks and cards make the difference.
live_late_share  share of live frames that came too late to be mixed or to be heard.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench import sync_measure
from bench.sync import percentiles
from bench.sync_stage import Stage, Sung, say

SONG_S, LONG_SONG_S = 9.0, 40.0
REST_S = 3.0
"""Nobody starts a song in the second in which the last sound check ends."""
SONGS, LONG_SONGS = 2, 4
UP = ("device", "frame", "lookahead", "capture", "encode", "send", "network")
DOWN = ("wait", "mixing", "network", "decode", "early")

Page = Mapping[str, Any]


def run(long: bool) -> dict[str, Any]:
    """The bench: `--long` sings more and longer songs."""
    songs, song_s = (LONG_SONGS, LONG_SONG_S) if long else (SONGS, SONG_S)
    with tempfile.TemporaryDirectory(prefix="hop-") as folder, Stage(Path(folder)) as stage:
        sung = [stage.sing(song_s, f"song {number}/{songs}", reopen=number == 1, rest_s=REST_S)
                for number in range(1, songs + 1)]
    measured = [_song(each) for each in sung]
    late = late_shares([each.pages for each in sung])
    for number, (song, share) in enumerate(zip(measured, late, strict=True), start=1):
        song["live_late_share"] = share
        say(f"song {number}: {song['hop_ms']}, delays {song['delays_ms']}, late {share}")
    stages = {f"song {number}, row {row}": song["stages"][row]
              for number, song in enumerate(measured, start=1) for row in song["stages"]}
    return {
        **measured[-1]["hop_ms"],
        "hop_ms_p95_first_song": measured[0]["hop_ms"]["hop_ms_p95"],
        "hop_ms_p95_last_song": measured[-1]["hop_ms"]["hop_ms_p95"],
        "live_late_share": max(late),
        "delays_ms": [song["delays_ms"] for song in measured],
        "links_ms": [song["links_ms"] for song in measured],
        "songs": {f"song {number}": {**song["hop_ms"], "live_late_share": song["live_late_share"]}
                  for number, song in enumerate(measured, start=1)},
        "stages": stages,
        "traces": [song["traces"] for song in measured],
    }


def late_shares(pages: list[Mapping[int, Page]]) -> list[float]:
    """Of each song by itself, from pages that count on from song to song; too late at the server is too late, too."""
    shares, before = [], (0, 0)
    for song in pages:
        told = [page for row, page in song.items() if row]
        heard, late = (sum(page[key]["leader"] + page[key]["before"] for page in told)
                       for key in ("frames_heard", "frames_late"))
        missed = sum((page["trace"] or {}).get("late_frames") or 0 for page in song.values())
        shares.append(round((late - before[1] + missed) / max(1, heard - before[0]), 4))
        before = heard, late
    return shares


def _song(sung: Sung) -> dict[str, Any]:
    hops = [hop for hop in sync_measure.hops(sung.opening, sync_measure.follow_ears(sung.opening)) if hop.sure]
    rows = sorted(row for row in sung.pages if row > 0)
    return {
        "hop_ms": percentiles("hop_ms", [hop.hop_ms for hop in hops]),
        "delays_ms": [round(delay, 1) for delay in sung.delays_ms],
        "links_ms": {row: _link(page["link_at_start"]) for row, page in sorted(sung.pages.items())},
        "traces": {row: page["trace"] for row, page in sorted(sung.pages.items())},
        "stages": {row: {
            **stages(sung.pages[row - 1]["trace"], sung.pages[row]["trace"]),
            "outside": round(float(np.median([hop.hop_ms for hop in hops if hop.row == row] or [np.nan])), 1),
        } for row in rows},
    }


def stages(before: Page, after: Page) -> dict[str, float]:
    """The way from the page of one row to the page of the next: mean ms of each stage, and their sum.

    before, after: `trace` of both pages (engine/trace.js). A stage that a page does not know is NaN, and so is the sum.
    """
    up = {name: _mean(before["up"][name]) for name in UP}
    down = {name: _mean(after["down"][name]) for name in DOWN}
    up["network_up"] = up.pop("network")
    mean = {**up, "wait": down["wait"], "mixing": down["mixing"], "network_down": down["network"],
            "decode": down["decode"], "early": down["early"]}
    return {**{name: round(value, 1) for name, value in mean.items()}, "sum": round(sum(mean.values()), 1)}


def _link(link: Page) -> dict[str, float]:
    """What a page said of its ways as the song began, and the waits of its parts, each by itself; ms."""
    parts = {f"{name} alone": round(part, 1) for name, part in link["waits_ms"].items() if part is not None}
    said = {f"said_{way}": round(link[f"{way}_samples"] / 48, 1) for way in ("up", "down")}
    return {**said, **parts}


def _mean(stage: Mapping[str, float] | None) -> float:
    return float("nan") if stage is None else float(stage["mean"])
