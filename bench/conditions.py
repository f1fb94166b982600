"""The conditions a sound check meets: each makes one loop, with the true round trip beside it.

FAIR ones should be accepted where the noise allows; FOUL ones may be refused. A condition draws all it needs from its
scene's random source.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from bench import cancellers, loops
from bench.loops import Sound

DATA = Path(__file__).parents[2] / "shared" / "data"


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
            with warnings.catch_warnings():
                # Its other chunks (names, cue points) are of no use here.
                warnings.simplefilter("ignore", wavfile.WavFileWarning)
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
