"""`python -m bench calibration`: does the sound check find the round trip, and does it refuse when it cannot?

Loops are simulated here (bench/loops.py, bench/cancellers.py) and handed to the page's own modules in one Node
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
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy import signal
from scipy.io import wavfile

from bench import cancellers, loops
from bench.loops import Sound

SEED = 20_200_313
CASES = 120
CASES_LONG = 480
WRONG_MS = 1.0
HEARD_DB = 10.0
DATA = Path(__file__).parents[2] / "shared" / "data"
NODE = Path(__file__).with_name("measure_loops.mjs")
NOISES = ("white", "pink", "voice", "voices")

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The page's probe at one rate."""

    rate_hz: int
    sound: Sound
    bursts: tuple[tuple[int, int], ...]
    listen_samples: int

    @property
    def sounding(self) -> slice:
        """From the first sweep's start to the last one's end."""
        return slice(self.bursts[0][0], sum(self.bursts[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one case is made from."""

    probe: Probe
    rng: np.random.Generator
    round_trip_samples: float

    def way(self) -> loops.Path:
        """An earpiece's path at this rate."""
        return loops.earpiece(self.rng, self.probe.rate_hz)

    def travel(self, path: loops.Path, late: float | None = None) -> Sound:
        """The probe by one path, `late` samples after it was played (the scene's own round trip if not said)."""
        trip = self.round_trip_samples if late is None else late
        return loops.travel(self.probe.sound, path, trip, self.probe.listen_samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What arrives without noise, and how late it truly is (NaN: nothing right can be said)."""

    sound: Sound
    truth_samples: float
    high_hz: float = 9_000.0
    # What happens to the sound after the noise joined it.
    after: Callable[[Sound], Sound] = lambda sound: sound


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


def headphone(scene: Scene) -> Loop:
    return Loop(sound=scene.travel(scene.way()), truth_samples=scene.round_trip_samples)


def reverberant(scene: Scene) -> Loop:
    return Loop(sound=scene.travel(loops.room(scene.rng, scene.probe.rate_hz)), truth_samples=scene.round_trip_samples)


def turned_away(scene: Scene) -> Loop:
    """The direct sound drowns among its echoes: right or refused."""
    hidden_db = float(scene.rng.uniform(6, 24))
    path = loops.room(scene.rng, scene.probe.rate_hz, hidden_db=hidden_db)
    return Loop(sound=scene.travel(path), truth_samples=scene.round_trip_samples)


def narrow(scene: Scene) -> Loop:
    loop = (headphone if scene.rng.random() < 0.5 else reverberant)(scene)
    return Loop(sound=loops.telephone(loop.sound, scene.probe.rate_hz), truth_samples=loop.truth_samples, high_hz=3_400)


def bluetooth(scene: Scene) -> Loop:
    late = scene.rng.uniform(0.15, 1.4) * scene.probe.rate_hz
    sound = loops.telephone(scene.travel(scene.way(), late), scene.probe.rate_hz, 80, 7_200)
    return Loop(sound=sound, truth_samples=late, high_hz=7_000)


def real_room(scene: Scene) -> Loop:
    rooms = real_rooms()
    if not rooms:
        return reverberant(scene)
    response, measured_hz = rooms[scene.rng.integers(len(rooms))]
    path = loops.measured(response, scene.probe.rate_hz, measured_hz)
    return Loop(sound=scene.travel(path), truth_samples=scene.round_trip_samples)


def wandering_gain(scene: Scene) -> Loop:
    loop = (headphone if scene.rng.random() < 0.5 else reverberant)(scene)
    rng = scene.rng
    return Loop(
        sound=loop.sound,
        truth_samples=loop.truth_samples,
        after=lambda sound: loops.automatic_gain(sound, scene.probe.rate_hz, rng, 6),
    )


def two_clocks(scene: Scene) -> Loop:
    middle = (scene.probe.sounding.start + scene.probe.sounding.stop) / 2 + scene.round_trip_samples
    sound = loops.drift(scene.travel(scene.way()), scene.rng.uniform(-150, 150), middle)
    return Loop(sound=sound, truth_samples=scene.round_trip_samples)


def overdriven(scene: Scene) -> Loop:
    loop = (headphone if scene.rng.random() < 0.5 else reverberant)(scene)
    share = 10 ** scene.rng.uniform(-3, -0.3)
    return Loop(sound=loop.sound, truth_samples=loop.truth_samples, after=lambda sound: loops.clip(sound, share))


def echo_cancelled(scene: Scene) -> Loop:
    rng, probe = scene.rng, scene.probe
    loop = (headphone if rng.random() < 0.5 else reverberant)(scene)
    guess = max(0, int(loop.truth_samples - rng.uniform(0, 0.12) * probe.rate_hz))
    strength, rate, trained = float(rng.choice([0, 1, 3])), float(rng.uniform(0.1, 0.7)), bool(rng.random() < 0.4)

    def cancelled(sound: Sound) -> Sound:
        return cancellers.cancel_echo(
            sound,
            probe.sound,
            probe.rate_hz,
            known_delay_samples=guess,
            rng=rng,
            strength=strength,
            rate=rate,
            trained=trained,
        )

    return Loop(sound=loop.sound, truth_samples=loop.truth_samples, after=cancelled)


def noise_suppressed(scene: Scene) -> Loop:
    loop = (headphone if scene.rng.random() < 0.5 else reverberant)(scene)
    depth_db = scene.rng.uniform(10, 25)
    # Its window adds no delay here; a real one's is part of the stream's round trip.
    return Loop(
        sound=loop.sound,
        truth_samples=loop.truth_samples,
        after=lambda sound: cancellers.suppress_noise(sound, scene.probe.rate_hz, depth_db=depth_db),
    )


def latency_step(scene: Scene) -> Loop:
    """The step lies anywhere inside the probe; only the latency after it would be a right answer."""
    rng, rate_hz = scene.rng, scene.probe.rate_hz
    path = scene.way() if rng.random() < 0.5 else loops.room(rng, rate_hz)
    change = rng.choice([-1, 1]) * 10 ** rng.uniform(np.log10(1.2e-3), np.log10(0.1)) * rate_hz
    later = max(0.002 * rate_hz, scene.round_trip_samples + change)
    if abs(later - scene.round_trip_samples) < 1.2e-3 * rate_hz:
        later = scene.round_trip_samples + abs(change)
    share = rng.uniform(0.15, 0.85)
    sounding = scene.probe.sounding
    at = int(sounding.start + share * (sounding.stop - sounding.start) + scene.round_trip_samples)
    return Loop(sound=loops.step(scene.travel(path), scene.travel(path, later), at), truth_samples=later)


def lost_sound(scene: Scene) -> Loop:
    """Stretches of silence, as of a dropped buffer that was filled up: the timing stays."""
    loop = headphone(scene)
    sound = loop.sound.copy()
    for _ in range(scene.rng.integers(1, 6)):
        at = int(scene.rng.integers(sound.size))
        sound[at : at + int(scene.rng.uniform(0.003, 0.08) * scene.probe.rate_hz)] = 0
    return Loop(sound=sound, truth_samples=loop.truth_samples)


def bangs(scene: Scene) -> Loop:
    """Somebody sets a cup down, or coughs, as loud as the probe or far louder."""
    rng, rate_hz = scene.rng, scene.probe.rate_hz
    loop = headphone(scene)
    sound = loop.sound.copy()
    for _ in range(rng.integers(1, 5)):
        length = int(rng.uniform(0.01, 0.3) * rate_hz)
        at = int(rng.integers(sound.size - length))
        burst = rng.normal(size=length) * np.exp(-np.arange(length) / (0.3 * length))
        sound[at : at + length] += burst * np.abs(sound).max() * 10 ** rng.uniform(-0.5, 1)
    return Loop(sound=sound, truth_samples=loop.truth_samples)


def nothing(scene: Scene) -> Loop:
    """The microphone is muted, or hears only the room: there is no right answer."""
    return Loop(sound=np.zeros(scene.probe.listen_samples), truth_samples=float("nan"))


FAIR: tuple[Callable[[Scene], Loop], ...] = (
    headphone,
    reverberant,
    narrow,
    bluetooth,
    real_room,
    wandering_gain,
    two_clocks,
)
FOUL: tuple[Callable[[Scene], Loop], ...] = (
    echo_cancelled, noise_suppressed, latency_step, turned_away, overdriven, lost_sound, bangs, nothing,
)  # fmt: skip


@cache
def real_rooms() -> tuple[tuple[Sound, int], ...]:
    """Responses of real rooms with one clear direct sound, each channel for itself; none where the data is missing."""
    rooms = []
    for name in ("kitchen-true-stereo.wav", "binaural-s3_r4_bd.wav"):
        path = DATA / "impulse-responses" / name
        if path.exists():
            rate_hz, samples = wavfile.read(path)
            rooms += [(samples[:, channel] / 32_768, rate_hz) for channel in range(samples.shape[1])]
    return tuple(rooms)


@cache
def voices(rate_hz: int) -> list[Sound]:
    """Recordings of speech and song to disturb with; empty where the data is missing."""
    import av

    found = []
    for name in ("librosa-data/198-209-0000.ogg", "librosa-data/Karissa_Hobbs_-_Lets_Go_Fishin.ogg"):
        path = DATA / name
        if not path.exists():
            continue
        with av.open(str(path)) as file:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
            blocks = [part.to_ndarray()[0] for frame in file.decode(audio=0) for part in resampler.resample(frame)]
        found.append(np.concatenate(blocks)[: 20 * rate_hz].astype(np.float64))
    return found


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
