"""A performance's folder goes into the worker process and comes out as files that people can download."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.test_studio_stem import chirp, lag_samples, opus_packets, pcm_packets, rms_dbfs, sine
from unisono import songbook
from unisono.core.wire import Packet, pack
from unisono.errors import MixFailed
from unisono.store.stems import append_packets, open_to_append, stem_path
from unisono.studio import files
from unisono.studio.jobs import run_mix, worker_environment
from unisono.studio.judge import judge
from unisono.studio.performance import MixReport, read_report
from unisono.studio.produce import produce
from unisono.studio.worker import NICENESS
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio

START = 5_000_000


def quiet(_share: float, _step: str, _left_s: float | None) -> None:
    """Progress that nobody watches."""


def sing(folder: Path, seat: int, packets: list[Packet]) -> None:
    """Write a seat's stem as the recorder does."""
    with open_to_append(stem_path(folder, seat)) as file:
        append_packets(file, [pack(packet) for packet in packets])


def performance(
    folder: Path, seconds: float, seats: int, *, backing: Audio | None = None, more: dict[str, object] | None = None
) -> Path:
    """The facts that the live room leaves; seat 1 leads, the others stand from left to right."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [
        {
            "seat": seat,
            "name": f"Singer {seat}",
            "flag": {"country": "it"},
            "place": "Siena",
            "row": int(seat > 1),
            "pan": 0.0 if seats == 1 else 2 * (seat - 1) / (seats - 1) - 1,
            "method": "acoustic",
            "output": "headphones",
        }
        for seat in range(1, seats + 1)
    ]
    if backing is not None:
        files.write(folder / "backing.wav", backing[:, np.newaxis], files.WAV)
    facts = {
        "title": "Ode an die Freude",
        "place": "Piazza del Campo",
        "sung_at": "2020-03-13T18:00:00+01:00",
        "piece": "ode-to-joy",
        "key": 0,
        "tempo_bpm": 100,
        "start": START,
        "stop": START + round(seconds * SAMPLE_RATE),
        "count_in_samples": 0,
        "backing": None if backing is None else "backing.wav",
        "seats": people,
    }
    (folder / "performance.json").write_text(json.dumps(facts | (more or {})), encoding="utf-8")
    return folder


def by_seat(report: MixReport) -> dict[int, tuple[str, ...]]:
    return {stem.seat: stem.marks for stem in report.stems}


async def test_a_choir_comes_out_in_place_and_at_its_loudness(tmp_path: Path) -> None:
    samples = 6 * SAMPLE_RATE
    backing = songbook.render_backing(songbook.piece("ode-to-joy"), 0, 100)[230_400 : 230_400 + samples]
    folder = performance(tmp_path / "p", 6, 3, backing=backing)
    sung = chirp(samples)
    sing(folder, 1, opus_packets(sung, start=START))
    sing(folder, 2, opus_packets(sine(330, samples, peak=0.02), start=START))
    lost = opus_packets(sine(440, samples, peak=0.5), start=START)
    sing(folder, 3, lost[:50] + lost[60:])
    heard: list[tuple[float, str]] = []
    report = await run_mix(folder, lambda share, step, _: heard.append((share, step)))

    assert [step for _, step in heard] == sorted([step for _, step in heard], key=["voices", "mix", "files"].index)
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)
    assert heard[-1] == (1.0, "files")
    assert report.samples == samples
    assert report.lufs == pytest.approx(-16, abs=0.5)
    assert by_seat(report) == {1: (), 2: (), 3: ("gaps",)}
    gap = (50 * 2 * FRAME_SAMPLES - 312, 60 * 2 * FRAME_SAMPLES - 312)
    assert report.stems[2].gaps == (gap,)
    assert {file.name for file in report.files} == {"mix.wav", "mix.flac", "mix.opus", "mix.m4a"}
    for file in report.files:
        verdict = judge(folder / file.name)
        assert verdict.true_peak_dbtp <= -1.0, file.name
        assert verdict.lufs == pytest.approx(-16, abs=0.5), file.name
        assert file.size_bytes == (folder / file.name).stat().st_size
    for kind in ("wav", "flac"):
        stem = files.read_back(folder / f"stems/1.{kind}")
        assert stem.shape == (samples, 1)
        assert abs(lag_samples(stem[:, 0], sung)) < 0.1 * SAMPLE_RATE / 1000
        assert abs(rms_dbfs(stem[:, 0]) - rms_dbfs(sung)) < 0.5
    assert read_report(folder) == report
    with av.open(str(folder / "mix.flac")) as flac:
        told = {name.lower(): text for name, text in flac.metadata.items()}
    assert told["title"] == "Ode an die Freude"
    assert told["artist"] == "Singer 1, Singer 2, Singer 3"
    assert told["date"] == "2020-03-13"
    assert not list(folder.rglob("*.part"))


async def test_doing_it_twice_changes_nothing_and_a_late_packet_changes_it(tmp_path: Path) -> None:
    folder = performance(tmp_path, 2, 2)
    packets = opus_packets(sine(300, 2 * SAMPLE_RATE), start=START)
    sing(folder, 1, packets[:30])
    first = await run_mix(folder, quiet)
    written = (folder / "mix.wav").stat().st_mtime_ns
    performance(folder, 2, 2, more={"mixed_at": "what the studio does not know does not matter"})
    again = await run_mix(folder, quiet)
    assert again == first
    assert (folder / "mix.wav").stat().st_mtime_ns == written
    (folder / "mix.opus").unlink()
    assert (await run_mix(folder, quiet)).fingerprint == first.fingerprint
    assert (folder / "mix.opus").exists()
    sing(folder, 1, packets[30:])
    repaired = await run_mix(folder, quiet)
    assert repaired.fingerprint != first.fingerprint
    assert by_seat(first) == {1: ("gaps",), 2: ("silent",)}
    assert by_seat(repaired) == {1: (), 2: ("silent",)}


def test_the_same_inputs_give_the_same_sound(tmp_path: Path) -> None:
    reports = []
    for name in ("a", "b"):
        folder = performance(tmp_path / name, 2, 3)
        for seat in (1, 2, 3):
            sing(folder, seat, opus_packets(sine(200.0 * seat, 2 * SAMPLE_RATE), start=START))
        reports.append(produce(folder, quiet, threads=1 if name == "a" else 3))
    assert (tmp_path / "a/mix.wav").read_bytes() == (tmp_path / "b/mix.wav").read_bytes()
    assert reports[0].stems == reports[1].stems


def test_a_broken_stem_stops_nobody(tmp_path: Path) -> None:
    folder = performance(tmp_path, 2, 4)
    sing(folder, 1, opus_packets(sine(300, 2 * SAMPLE_RATE), start=START))
    stem_path(folder, 2).write_bytes(b"this is no stem at all, whatever its name says")
    stem_path(folder, 3).mkdir()
    sing(folder, 4, opus_packets(sine(400, 2 * SAMPLE_RATE), start=START))
    stem_path(folder, 4).write_bytes(stem_path(folder, 4).read_bytes()[:-7])
    sing(folder, 9, pcm_packets(sine(500, 100 * FRAME_SAMPLES), start=START))
    report = produce(folder, quiet)
    assert by_seat(report) == {1: (), 2: ("silent", "broken"), 3: ("broken",), 4: ("gaps",), 9: ()}
    assert report.lufs == pytest.approx(-16, abs=0.5)


def test_how_a_seat_was_checked_is_told_with_its_stem(tmp_path: Path) -> None:
    people = [
        {"seat": 1, "row": 0, "method": "acoustic", "output": "headphones"},
        {"seat": 2, "row": 1, "method": "tapped", "output": "bluetooth"},
        {"seat": 3, "row": 1, "method": "none", "output": "loudspeakers"},
    ]
    folder = performance(tmp_path, 1, 3, more={"seats": people})
    for seat in (1, 2, 3):
        sing(folder, seat, opus_packets(sine(300, SAMPLE_RATE), start=START))
    assert by_seat(produce(folder, quiet)) == {1: (), 2: ("tapped",), 3: ("not_measured", "loudspeakers")}


@pytest.mark.parametrize("samples", [0, 1, 960, 10_000])
def test_the_shortest_and_the_most_silent_performances_work(tmp_path: Path, samples: int) -> None:
    folder = performance(tmp_path, samples / SAMPLE_RATE, 2)
    sing(folder, 1, pcm_packets(np.zeros(20 * FRAME_SAMPLES, dtype=np.float32), start=START))
    report = produce(folder, quiet)
    assert report.samples == samples
    assert report.lufs is None
    for file in report.files:
        sound = files.read_back(folder / file.name)
        assert samples <= len(sound) <= max(samples, 1) + 2048
        assert np.max(np.abs(sound)) < 1e-4


def test_one_voice_without_backing_and_backing_without_voices(tmp_path: Path) -> None:
    alone = performance(tmp_path / "alone", 3, 1)
    sing(alone, 1, opus_packets(sine(300, 3 * SAMPLE_RATE, peak=0.01), start=START))
    backing = performance(tmp_path / "backing", 3, 1, backing=sine(440, 3 * SAMPLE_RATE))
    missing = performance(tmp_path / "missing", 3, 1, backing=sine(440, 3 * SAMPLE_RATE))
    sing(missing, 1, opus_packets(sine(300, 3 * SAMPLE_RATE), start=START))
    (missing / "backing.wav").unlink()
    for folder in (alone, backing, missing):
        assert produce(folder, quiet).lufs == pytest.approx(-16, abs=0.5)


@pytest.mark.parametrize(
    "changes", [{"start": 9, "stop": 3}, {"stop": "x"}, {"backing": "../secret.wav"}, {"backing": "/etc/passwd"}]
)
async def test_a_performance_nobody_can_work_with_is_told(tmp_path: Path, changes: dict[str, object]) -> None:
    folder = performance(tmp_path, 1, 1, backing=None, more=changes)
    with pytest.raises(MixFailed) as caught:
        await run_mix(folder, quiet)
    assert "performance.json" in str(caught.value)


async def test_no_folder_and_no_time_are_told(tmp_path: Path) -> None:
    with pytest.raises(MixFailed):
        await run_mix(tmp_path / "nowhere", quiet)
    folder = performance(tmp_path, 60, 3)
    with pytest.raises(MixFailed, match="longer than"):
        await run_mix(folder, quiet, timeout_seconds=0.05)


async def test_cancelling_stops_the_worker_and_leaves_it_repeatable(tmp_path: Path) -> None:
    folder = performance(tmp_path, 20, 6)
    for seat in range(1, 7):
        sing(folder, seat, opus_packets(sine(150.0 * seat, 20 * SAMPLE_RATE), start=START))
    begun = asyncio.Event()
    task = asyncio.create_task(run_mix(folder, lambda *_: begun.set()))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    asked = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - asked < 10
    assert read_report(folder) is None
    report = await run_mix(folder, quiet)
    assert report.lufs == pytest.approx(-16, abs=0.5)
    assert not list(folder.rglob("*.part"))


async def test_a_worker_that_is_killed_is_told_and_may_be_tried_again(tmp_path: Path) -> None:
    folder = performance(tmp_path, 20, 4)
    for seat in range(1, 5):
        sing(folder, seat, opus_packets(sine(150.0 * seat, 20 * SAMPLE_RATE), start=START))

    def kill(_share: float, _step: str, _left_s: float | None) -> None:
        for process in worker_processes(folder):
            os.kill(process, signal.SIGKILL)

    with pytest.raises(MixFailed, match="-9"):
        await run_mix(folder, kill)
    assert read_report(folder) is None
    assert (await run_mix(folder, quiet)).lufs == pytest.approx(-16, abs=0.5)


def worker_processes(folder: Path) -> list[int]:
    """The processes that work in this very folder."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if line.read_bytes().split(b"\0")[1:4] == [b"-m", b"unisono.studio.worker", str(folder).encode()]:
                found.append(int(line.parent.name))
    return found


def test_the_worker_runs_low_and_limited_and_says_how_it_is_called(tmp_path: Path) -> None:
    folder = performance(tmp_path, 1, 1)
    subprocess.run(
        [sys.executable, "-c", _LIMITS, str(folder)], check=True, capture_output=True, env=worker_environment()
    )
    nice, memory_bytes, cpu_seconds = json.loads((folder / "limits").read_text())
    assert nice >= NICENESS
    assert 2**30 < memory_bytes < 2**33
    assert 60 < cpu_seconds < 600
    wrong = subprocess.run(
        [sys.executable, "-m", "unisono.studio.worker"], capture_output=True, text=True, env=worker_environment()
    )
    assert wrong.returncode == 2
    assert "usage" in wrong.stderr


_LIMITS = """
import json, os, resource, sys
from pathlib import Path
from unisono.studio import worker
worker.produce = lambda *_: None
assert worker.main([sys.argv[1]]) == 0
limits = [os.nice(0), resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CPU)[0]]
Path(sys.argv[1], "limits").write_text(json.dumps(limits))
"""


async def test_two_workers_on_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    folder = performance(tmp_path, 3, 2)
    sing(folder, 1, opus_packets(sine(300, 3 * SAMPLE_RATE), start=START))
    first, second = await asyncio.gather(run_mix(folder, quiet), run_mix(folder, quiet))
    assert first == second


def test_left_is_left_in_every_file(tmp_path: Path) -> None:
    folder = performance(tmp_path, 3, 2)
    sing(folder, 1, opus_packets(sine(300, 3 * SAMPLE_RATE), start=START))
    sing(folder, 2, opus_packets(sine(1100, 3 * SAMPLE_RATE), start=START))
    report = produce(folder, quiet)
    time_axis = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for file in report.files:
        sound = files.read_back(folder / file.name)[SAMPLE_RATE : 2 * SAMPLE_RATE]
        strength = np.abs(np.exp(-2j * math.pi * np.outer([300, 1100], time_axis)) @ sound)
        assert strength[0, 0] > 4 * strength[0, 1], file.name
        assert strength[1, 1] > 4 * strength[1, 0], file.name
