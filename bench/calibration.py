"""`python -m bench calibration`: does the sound check find the round trip, and does it refuse when it cannot?

Loops are simulated (bench/conditions.py, loops.py, cancellers.py) and handed to the page's own modules in one Node
process. A case is wrong when it was accepted and is more than 1 ms off the direct sound. Cases of FAIR conditions at
10 dB and more should be accepted; the others (echo cancellation, clipping, a step, no probe at all...) may be refused,
and must not be wrong. Beside it, on the same recordings, a plain cross-correlation peak: what one would write in an
afternoon.

SNR: power while the sweeps sound over the noise's mean power, both in the loop's own band.
"""

import base64
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy import signal

from bench import loops
from bench.conditions import FAIR, FOUL, Loop, Probe, Scene, voices
from bench.loops import Sound

SEED = 20_200_313
CASES = 110
CASES_LONG = 480
WRONG_MS = 1.0
HEARD_DB = 10.0
NODE = Path(__file__).with_name("measure_loops.mjs")
NOISES = ("white", "pink", "voice", "voices")

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One case, its truth and both answers."""

    condition: str
    snr_db: float
    accepted: bool
    reason: str | None
    error_ms: float
    peer_error_ms: float

    @property
    def wrong(self) -> bool:
        """Accepted, and more than 1 ms off or with nothing there to be found."""
        return self.accepted and not abs(self.error_ms) <= WRONG_MS

    @property
    def peer_wrong(self) -> bool:
        """The same for the peer, which never refuses."""
        return not abs(self.peer_error_ms) <= WRONG_MS


class Page:
    """The shipped modules in a Node process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["node", str(NODE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(timeout=10)
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe

    def _ask(self, rate_hz: int, samples: Sound) -> dict[str, Any]:
        body = samples.astype("<f4").tobytes()
        stdin = self._pipe(self._process.stdin)
        stdin.write(np.array([rate_hz, samples.size], dtype="<u4").tobytes() + body)
        stdin.flush()
        answer: dict[str, Any] = json.loads(self._pipe(self._process.stdout).readline())
        return answer

    def probe(self, rate_hz: int) -> Probe:
        """What the page plays at a rate."""
        said = self._ask(rate_hz, np.zeros(0))
        sound = np.frombuffer(base64.b64decode(said["sound"]), dtype="<f4").astype(np.float64)
        bursts = tuple((burst["start_frames"], burst["length_frames"]) for burst in said["bursts"])
        return Probe(rate_hz=rate_hz, sound=sound, bursts=bursts, listen_samples=said["listen_frames"])

    def measure(self, rate_hz: int, recorded: Sound) -> dict[str, Any]:
        """The page's answer; numbers it does not know are None."""
        return self._ask(rate_hz, recorded)


def recording(make: Callable[[Scene], Loop], scene: Scene, snr_db: float) -> tuple[Sound, float]:
    """One case: what the microphone delivers, and the true round trip in samples."""
    rng, probe = scene.rng, scene.probe
    loop = make(scene)
    kind = str(rng.choice(NOISES))
    noise = loops.noise(kind, probe.listen_samples, probe.rate_hz, rng, voices(probe.rate_hz))
    if loop.high_hz < 5_000:
        noise = loops.telephone(noise, probe.rate_hz)
    heard = sounding_power(loop, probe)
    level = (
        np.sqrt(heard / loops.in_band_power(noise, probe.rate_hz, 200, loop.high_hz) * 10 ** (-snr_db / 10))
        if heard
        else 10 ** rng.uniform(-5, -1)
    )
    loudness = 10 ** (rng.uniform(-45, -15) / 20)
    mixed = loop.sound + level * noise
    scaled = mixed / np.abs(mixed).max() * loudness
    return np.round(loop.after(scaled) * 32_768) / 32_768, loop.truth_samples


def sounding_power(loop: Loop, probe: Probe) -> float:
    """Mean power of the probe's sweeps as they arrive, in the loop's band."""
    sounding = sum(length for _, length in probe.bursts)
    return loops.in_band_power(loop.sound, probe.rate_hz, 200, loop.high_hz) * loop.sound.size / sounding


def peer_round_trip(recorded: Sound, probe: Probe) -> float:
    """The peer: the largest peak of the plain cross-correlation with all that was played, in samples."""
    most = int(1.5 * probe.rate_hz)
    match = signal.correlate(recorded, probe.sound, mode="full", method="fft")[probe.sound.size - 1 :][:most]
    return float(np.argmax(np.abs(match)))


def cases(count: int) -> Iterator[tuple[Callable[[Scene], Loop], float]]:
    """Conditions in turn, two thirds of them fair, each walking evenly through -10..30 dB."""
    turn = (*FAIR, *FAIR, *FOUL)
    for i in range(count):
        step = i // len(turn) + (0.5 if i % len(turn) < len(FAIR) else 0) + 0.1 * (i % len(turn))
        yield turn[i % len(turn)], -10 + 40 * ((step * 0.618_034) % 1)


def run(long: bool, seed: int = SEED, count: int | None = None) -> Figures:
    """Every case once; `seed` -1 draws a fresh one, which is printed."""
    if seed < 0:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    started = time.perf_counter()
    chosen = list(cases(count or (CASES_LONG if long else CASES)))
    with Page() as page, ThreadPoolExecutor(1) as ahead:
        probes = [page.probe(48_000), page.probe(44_100)]
        made = [ahead.submit(make_case, i, seed, probes, *case) for i, case in enumerate(chosen)]
        outcomes = []
        for (make, snr_db), case in zip(chosen, made, strict=True):
            probe, recorded, truth = case.result()
            outcomes.append(judge(make.__name__, snr_db, probe, recorded, truth, page.measure(probe.rate_hz, recorded)))
    return {"seed": seed, **summary(outcomes), "seconds": round(time.perf_counter() - started, 1)}


def make_case(
    i: int, seed: int, probes: list[Probe], make: Callable[[Scene], Loop], snr_db: float
) -> tuple[Probe, Sound, float]:
    """Case `i` of a seed, whatever the other cases are."""
    rng = np.random.default_rng([seed, i])
    probe = probes[int(rng.integers(len(probes)))]
    scene = Scene(probe=probe, rng=rng, round_trip_samples=10 ** rng.uniform(-2, np.log10(0.45)) * probe.rate_hz)
    return probe, *recording(make, scene, snr_db)


def judge(condition: str, snr_db: float, probe: Probe, recorded: Sound, truth: float, said: dict[str, Any]) -> Outcome:
    """Both answers against the truth."""
    per_ms = probe.rate_hz / 1e3
    own = said["round_trip_frames"]
    return Outcome(
        condition=condition,
        snr_db=snr_db,
        accepted=said["accepted"],
        reason=said["reason"],
        error_ms=float("nan") if own is None else (own - truth) / per_ms,
        peer_error_ms=(peer_round_trip(recorded, probe) - truth) / per_ms,
    )


def summary(outcomes: list[Outcome]) -> Figures:
    """The figures of the whole, by condition and by noise."""
    fair = {make.__name__ for make in FAIR}
    due = [outcome for outcome in outcomes if outcome.condition in fair and outcome.snr_db >= HEARD_DB]
    return {
        **figures(outcomes),
        "accepted_rate": sum(outcome.accepted for outcome in due) / max(1, len(due)),
        "accepted_rate_of": f"{len(due)} cases of {', '.join(sorted(fair))} at {HEARD_DB:.0f} dB and more",
        "peer": "largest peak of the plain cross-correlation, never refuses",
        "peer_wrong_rate": sum(outcome.peer_wrong for outcome in due) / max(1, len(due)),
        "conditions": {
            make.__name__: figures([outcome for outcome in outcomes if outcome.condition == make.__name__])
            for make in (*FAIR, *FOUL)
        },
        "fair_by_snr_db": {
            f"{low}..{low + 10}": figures([o for o in outcomes if o.condition in fair and low <= o.snr_db < low + 10])
            for low in (-10, 0, 10, 20)
        },
    }


def figures(outcomes: list[Outcome]) -> Figures:
    """Counts and errors of some cases."""
    errors = [abs(outcome.error_ms) for outcome in outcomes if outcome.accepted and not np.isnan(outcome.error_ms)]
    return {
        "cases": len(outcomes),
        "accepted": sum(outcome.accepted for outcome in outcomes),
        "wrong_accepted": sum(outcome.wrong for outcome in outcomes),
        "error_ms_p95": float(np.quantile(errors, 0.95)) if errors else None,
        "error_ms_max": max(errors, default=None),
        "peer_wrong": sum(outcome.peer_wrong for outcome in outcomes),
        "refused": dict(Counter(outcome.reason for outcome in outcomes if outcome.reason)),
    }
