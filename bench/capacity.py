"""`python -m bench capacity`: how many can sing at once, and what each costs. `--long` climbs from 100 to 300 singers.

A server as a person starts it, in a process of its own; robots in another one (bench/capacity_load.py), all sounding
without pause, with frames encoded beforehand; and in this process the ideal, timed in bursts during the same run on the
same packets (bench/capacity_ideal.py). Afterwards every stem is read from disk and compared, frame by frame.

singers, listeners, rooms   who was there; `singing_rows` behind the leader in each room.
frames_a_packet             as the room said: 2 in a large one (docs/decisions/0013-two-frames-a-packet.md).
cpu_cores                   user and system time of all server processes per second of the load.
ideal_cores, times_ideal    N decodes and R encodes, R the rows behind the leader; the one as a multiple of the other.
late_packets                frames at the robots' ears after the card's block that should have them, frames that never
                            came, and voices that the server called late.
hop_ms_p95                  from a row's sound to the same sound in the next row's ears: the distance of the rows, and
                            more where a frame came late. Cards of 8 to 48 ms are in it.
generator_late_ms_p99       how late the robots themselves sent: above a few ms the load was not honest.
generator_cores             what the robots took of the same machine.
incomplete_stems            stems with a frame missing, wrong or out of place.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.capacity_ideal import Ideal
from bench.capacity_stems import incomplete
from bench.processes import cpu_seconds, memory_mb

_BURST_EVERY_S = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Who comes, and for how long they sing once everything is steady."""

    singers: int
    rooms: int = 1
    listeners: int = 0
    seconds: float = 30.0
    settle_s: float = 4.0
    seed: int = 1


@dataclass(slots=True)
class Watched:
    """What was seen of the server during the load."""

    user_seconds: float = 0.0
    system_seconds: float = 0.0
    seconds: float = 0.0
    memory_mb: list[float] = field(default_factory=list)


def run(long: bool, seed: int = 1) -> dict[str, Any]:
    """The bench."""
    if not long:
        return measure(Scenario(singers=100, seed=seed))
    steps = {str(singers): measure(Scenario(singers=singers, seconds=20.0, seed=seed)) for singers in (100, 200, 300)}
    good = [step for step in steps.values() if not step["late_packets"] and not step["incomplete_stems"]]
    return {**(good[-1] if good else steps["100"]), "steps": steps}


def say(text: str) -> None:
    """For whoever waits."""
    print(text, file=sys.stderr, flush=True)


def measure(scenario: Scenario) -> dict[str, Any]:
    """One evening, and its figures."""
    with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
        data = Path(folder) / "data"
        server, url = _serve(data, scenario)
        try:
            found, watched, ideal = _evening(scenario, url, server.pid)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        bad = [bad for room in found["rooms"] for bad in incomplete(data / "performances", room)]
    return _figures(scenario, found, watched, ideal, bad)


def _serve(data: Path, scenario: Scenario) -> tuple[subprocess.Popen[str], str]:
    """The server, as a person starts it; and its address."""
    environment = {
        **os.environ,
        "UNISONO_PERFORMERS_MAX": str(max(100, scenario.singers)),
        "UNISONO_LISTENERS_MAX": str(max(500, scenario.listeners)),
        "UNISONO_LOG": "warning",
    }
    command = [sys.executable, "-m", "unisono", "serve", "--host", "127.0.0.1", "--port", "0", "--data", str(data)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    line = server.stdout.readline()
    where = re.search(r"http://\S+", line)
    if where is None:
        server.kill()
        raise SystemExit(f"the server said {line!r}")
    return server, where.group()


def _evening(scenario: Scenario, url: str, pid: int) -> tuple[dict[str, Any], Watched, Ideal]:
    """Run the load; watch the server from `singing` to `over`, with bursts of the ideal in between."""
    spec = json.dumps({**asdict(scenario), "server": url})
    load = subprocess.Popen([sys.executable, "-m", "bench.capacity_load", spec], stdout=subprocess.PIPE, text=True)
    assert load.stdout is not None
    try:
        singing = _next(load, "singing")
        ideal = Ideal(
            voices=scenario.singers * scenario.rooms,
            encodes=sum(singing["rows"]),
        )
        watched, over = Watched(), threading.Event()
        watcher = threading.Thread(target=_watch, args=(pid, watched, ideal, over))
        watcher.start()
        try:
            _next(load, "over")
        finally:
            over.set()
            watcher.join()
        return _next(load, "found"), watched, ideal
    finally:
        load.kill()
        load.wait()


def _next(load: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    assert load.stdout is not None
    line = load.stdout.readline()
    if not line or (said := json.loads(line))["event"] != event:
        raise SystemExit(f"the load said {line!r}, not {event}")
    say(f"  {event}")
    return dict(said)


def _watch(pid: int, watched: Watched, ideal: Ideal, over: threading.Event) -> None:
    """Processor time of the server while the load lasts; bursts of the ideal, one after the other with pauses."""
    began, cpu = time.monotonic(), cpu_seconds(pid)
    while not over.wait(_BURST_EVERY_S):
        ideal.burst()
        watched.memory_mb.append(memory_mb(pid))
    user, system = cpu_seconds(pid)
    watched.user_seconds, watched.system_seconds = user - cpu[0], system - cpu[1]
    watched.seconds = time.monotonic() - began


def _slope_per_hour(memory_mb: list[float], seconds: float) -> float:
    """How fast memory grows over the second half of the run."""
    late = memory_mb[len(memory_mb) // 2 :]
    if len(late) < 2:
        return float("nan")
    step_s = seconds / len(memory_mb)
    return float(np.polyfit(np.arange(len(late)) * step_s, late, 1)[0]) * 3600


def _figures(
    scenario: Scenario, found: dict[str, Any], watched: Watched, ideal: Ideal, bad: list[dict[str, Any]]
) -> dict[str, Any]:
    rooms = found["rooms"]
    cores = (watched.user_seconds + watched.system_seconds) / watched.seconds
    return {
        "singers": scenario.singers * scenario.rooms,
        "rooms": scenario.rooms,
        "listeners": scenario.listeners * scenario.rooms,
        "singing_rows": len(rooms[0]["rows"]) - 1,
        "cpu_cores": round(cores, 4),
        "ideal_cores": round(ideal.cores, 4),
        "times_ideal": round(cores / ideal.cores, 3),
        "late_packets": sum(room[count] for room in rooms for count in ("late", "missing", "told_late")),
        "hop_ms_p95": max((room["hops_ms"]["p95"] for room in rooms if room["hops_ms"]), default=None),
        "generator_late_ms_p99": round(found["generator_late_ms_p99"], 3),
        "incomplete_stems": len(bad),
        "generator_cores": round(found["generator_cores"], 3),
        "system_cores": round(watched.system_seconds / watched.seconds, 4),
        "seconds": round(watched.seconds, 1),
        "heard_frames": sum(room["heard"] for room in rooms),
        "late_at_ears": sum(room["late"] for room in rooms),
        "never_came": sum(room["missing"] for room in rooms),
        "told_late": sum(room["told_late"] for room in rooms),
        "asked_again": sum(room["asked"] for room in rooms),
        "late_ms_max": max(room["late_ms_max"] for room in rooms),
        "slack_ms_min": min(room["slack_ms_min"] for room in rooms),
        "decode_us": round(sorted(ideal.decode_us)[len(ideal.decode_us) // 2], 2),
        "encode_us": round(sorted(ideal.encode_us)[len(ideal.encode_us) // 2], 2) if ideal.encode_us else None,
        "memory_mb": round(max(watched.memory_mb), 1),
        "memory_mb_per_hour": round(_slope_per_hour(watched.memory_mb, watched.seconds), 1),
        "frames_a_packet": rooms[0]["frames_a_packet"],
        "delays_ms": rooms[0]["delays_ms"],
        "problems": sorted({code for room in rooms for code in room["problems"]}),
        "bad_stems": bad[:10],
    }
