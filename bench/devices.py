"""`python -m bench devices`: what happens to people's devices in mid-song, and what it does to their stems.

Real Chromium pages on sound cards of air sing back what they hear. In each song one thing happens: the tab goes to the
background, the whole browser sleeps for ten seconds, the page is reloaded, its tab crashes, the whole browser is held
to a sixth of a core, other headphones are plugged in by which everything sounds 150 ms later, the browser's audio
service dies. Two tabs of one link and a second device on it sing together. A microphone runs 100 ppm faster than the
output.

error_ms_max           of all seconds of all stems that their pages were sure of: how far the backing lies from where it
                       belongs. Nothing is corrected.
misfits                such seconds whose sound is nowhere near its place. There must be none.
lost_ms                sound at the microphone that is in no stem; from the mishap until the page sings again excepted.
seconds_to_sing_again  from the mishap (its end, where it is one that lasts) until sound is recorded again, the worst; a
                       sound check by a person who is quick included, where one is needed.
seconds_until_sure     the same, until what is recorded is not marked any more. None: never, in that song.
situations             all of this for each, with the stem's marks and epochs.
clocks_apart_ppm       of the two clocks, measured on tapes outside.
"""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from bench import devices_stage as stage
from bench.devices_measure import Judged, Sung, judge
from bench.devices_stage import Company, Mishap, Neighbour
from tests.browser.cards import CardPlan
from tests.browser.realtime import RealtimeSound
from tests.browser.serving import Server

APART_PPM = 100.0
SONG_S, LONG_S = 36.0, 300.0
PATIENCE_MS = 40_000
TABS = (("background", stage.background), ("sleep", stage.sleep), ("reload", stage.reload), ("crash", stage.crash))
STREAMS = (("a sixth of a core", stage.sixth_of_a_core), ("headphones", stage.headphones),
           ("audio service dies", stage.dead_streams))
CARD, SECOND_CARD = CardPlan(rate_hz=48_000, drift_ppm=50), CardPlan(rate_hz=44_100, drift_ppm=-100)


def run(long: bool) -> dict[str, Any]:
    """The bench: `--long` has two clocks for five minutes."""
    expect.set_options(timeout=PATIENCE_MS)
    # Two courtyards at once: people do not share a processor, but the bench must end.
    with (RealtimeSound(), tempfile.TemporaryDirectory(prefix="devices-") as folder, Server(Path(folder)) as server,
          ThreadPoolExecutor() as courtyards):
        clocks = courtyards.submit(_clocks_and_streams, server, LONG_S if long else SONG_S)
        tabs = courtyards.submit(_tabs, server)
        sung, apart_ppm = clocks.result()
        sung = [*tabs.result(), *sung]
    with ProcessPoolExecutor() as together:
        return _figures(sung, list(together.map(judge, sung)), apart_ppm)


def _tabs(server: Server) -> list[Sung]:
    return [*_one_alone(server, TABS), *_together(server)]


def _clocks_and_streams(server: Server, for_s: float) -> tuple[list[Sung], float]:
    two_clocks, apart_ppm = _two_clocks(server, for_s)
    return [*two_clocks, *_one_alone(server, STREAMS)], apart_ppm


def _one_alone(server: Server, mishaps: Sequence[tuple[str, Mishap]]) -> list[Sung]:
    with sync_playwright() as playwright, Neighbour(server, playwright, CARD) as one:
        for name, mishap in mishaps:
            one.sing(name, mishap)
        return list(one.stems())


def _together(server: Server) -> list[Sung]:
    with (sync_playwright() as playwright, Neighbour(server, playwright, CARD) as one,
          Company(one, playwright, SECOND_CARD) as company):
        one.sing("together", company.look, company=company)
        return list(one.stems())


def _two_clocks(server: Server, for_s: float) -> tuple[list[Sung], float]:
    with sync_playwright() as playwright, Neighbour(server, playwright, CARD, far_ppm=APART_PPM) as one:
        sung_s = 0.0
        while sung_s < for_s:
            one.sing("two clocks" if not sung_s else f"two clocks, {sung_s:.0f} s on", stage.nothing,
                     before_s=min(SONG_S, for_s - sung_s), after_s=1)
            sung_s += SONG_S
        return list(one.stems()), one.apart_ppm()


def _figures(sung: Sequence[Sung], judged: Sequence[Judged], apart_ppm: float) -> dict[str, Any]:
    by_name = dict(zip((each.name for each in sung), judged, strict=True))
    def worst(key: str) -> Any:
        return max((value for each in judged if (value := getattr(each, key)) is not None), default=None)
    return {
        "error_ms_max": worst("error_ms_max"), "misfits": sum(each.misfits for each in judged),
        "lost_ms": sum(each.lost_ms or 0 for each in judged),
        "seconds_to_sing_again": worst("seconds_to_sing_again"), "seconds_until_sure": worst("seconds_until_sure"),
        "clocks_apart_ppm": apart_ppm,
        "situations": {name: {key: value for key, value in asdict(each).items() if key != "errors_ms"}
                       for name, each in by_name.items()},
        "errors_ms": [{name: each.errors_ms} for name, each in by_name.items()],
    }
