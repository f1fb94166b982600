"""Judge: a file measured by somebody else, FFmpeg's `ebur128` filter, on what FFmpeg decodes from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.filter import Graph

from unisono.studio.loudness import SILENT_LUFS, decibels
from unisono.studio.shares import OnShare, untold

_KEY_PEAK = "lavfi.r128.true_peak"
_KEY_LOUDNESS = "lavfi.r128.I"
_STEP_S = 0.1
"""The filter speaks so often."""
_TOLD_EACH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Integrated loudness and true peak of a file; -inf for silence."""

    lufs: float
    true_peak_dbtp: float


def judge(path: Path, *, on_share: OnShare = untold) -> Verdict:
    """Decode a file of ours and measure it. The peak is told in steps of 0.001 of full scale. Raises OSError."""
    lufs, peak = -math.inf, 0.0
    with av.open(str(path)) as file:
        seconds = float(file.duration or 0) / av.time_base
        for number, facts in enumerate(_facts(file)):
            if number % _TOLD_EACH == 0 and seconds:
                on_share(min(number * _STEP_S / seconds, 1.0))
            peak = max(peak, _number(facts, _KEY_PEAK, 0.0))
            lufs = _number(facts, _KEY_LOUDNESS, lufs)
    return Verdict(lufs=lufs if lufs > SILENT_LUFS else -math.inf, true_peak_dbtp=decibels(peak))


def _number(facts: dict[str, str], key: str, otherwise: float) -> float:
    value = float(facts.get(key, "nan"))
    return otherwise if math.isnan(value) else value


def _facts(file: av.container.InputContainer) -> Iterator[dict[str, str]]:
    """What the filter writes on each tenth of a second. A short silence behind pushes the last one out."""
    stream = file.streams.audio[0]
    graph = Graph()
    source = graph.add_abuffer(template=stream)
    chain = [
        source,
        graph.add("apad", "pad_dur=0.2"),
        graph.add("ebur128", "peak=true:metadata=1:framelog=quiet"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()
    for frame in file.decode(stream):
        source.push(frame)
        yield from _pulled(chain[-1])
    source.push(None)
    yield from _pulled(chain[-1])


def _pulled(sink: av.filter.context.FilterContext) -> Iterator[dict[str, str]]:
    while True:
        try:
            frame = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield dict(frame.metadata)
