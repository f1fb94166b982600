"""Degrade: real songs made into takes whose place on the guide's axis is known exactly.

A take begins as what a microphone would hear (`Take.of`), and each degradation changes its sound and, where it moves
time, its truth: the guide position of every sample. Filters and rooms are counted by their direct arrival (`onset`),
so that what is to be found is when the sound came, not when it was loudest. Used by `bench align` and `bench produce`.
"""

from __future__ import annotations

import functools
import io
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from unisono.units import SAMPLE_RATE, Audio

DATA = Path(os.environ.get("UNISONO_TEST_DATA") or Path(__file__).parents[2] / "shared/data")
SONGS = (
    "librosa-data/Karissa_Hobbs_-_Lets_Go_Fishin.ogg",
    "librosa-data/Kevin_MacLeod_-_Vibe_Ace.ogg",
    "librosa-data/Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra).ogg",
)
SINGER = "vocadito/vocadito_1.flac"
RAIN = "sms-tools/rain.wav"
SPEECH = (
    "librosa-data/198-209-0000.ogg",
    "sms-tools/speech-female.wav",
    "sms-tools/speech-male.wav",
    "bbc-offset/timbl_1.mp3",
)
KITCHEN = "impulse-responses/kitchen-true-stereo.wav"
TELEPHONE = "impulse-responses/filter-telephone.wav"
ONSET = 0.1
"""An impulse response arrives where it first reaches this share of its highest sample."""
ROOM_SECONDS = 0.5

Floats = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """A take and its truth.

    sound: float32, (samples,). starts, positions: from take sample starts[i] on, sample s belongs at guide position
    positions[i] + (s - starts[i]) / (1 + drift_ppm * 1e-6).
    """

    sound: Audio
    starts: tuple[int, ...] = (0,)
    positions: tuple[float, ...] = (0.0,)
    drift_ppm: float = 0.0

    @classmethod
    def of(cls, guide: Audio, start: int, samples: int) -> Take:
        """A stretch of a guide, silent before its beginning and after its end."""
        sound = np.zeros(samples, dtype=np.float32)
        low, high = max(start, 0), min(start + samples, len(guide))
        if high > low:
            sound[low - start : high - start] = guide[low:high]
        return cls(sound=sound, positions=(float(start),))

    def guide_positions(self, samples: Floats) -> Floats:
        """Where samples of the take belong."""
        at = np.maximum(np.searchsorted(self.starts, samples, side="right") - 1, 0)
        starts, positions = np.array(self.starts, dtype=np.float64), np.array(self.positions)
        return np.asarray(positions[at] + (samples - starts[at]) / (1 + self.drift_ppm * 1e-6))


@functools.lru_cache(maxsize=32)
def read(name: str) -> Audio:
    """A recording from the data folder: mono, float32, (samples,)."""
    left_and_right = channels(name)
    return np.ascontiguousarray(left_and_right.mean(axis=1, dtype=np.float32))


@functools.lru_cache(maxsize=8)
def channels(name: str) -> Audio:
    """A recording with all its channels: float32, (samples, channels)."""
    with av.open(str(DATA / name)) as container:
        rate = container.streams.audio[0].rate
        resampler = av.AudioResampler("fltp")
        blocks = [block.to_ndarray() for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    sound = np.concatenate(blocks, axis=1).T.astype(np.float32)
    return np.asarray(soxr.resample(sound, rate, SAMPLE_RATE, quality="VHQ"), dtype=np.float32)


def level(sound: Audio) -> float:
    """The RMS of a sound where it sounds: over blocks of 50 ms within 40 dB of the loudest."""
    blocks = sound[: len(sound) // 2400 * 2400].reshape(-1, 2400).astype(np.float64)
    powers = np.square(blocks).mean(axis=1)
    return float(np.sqrt(powers[powers >= powers.max(initial=0.0) * 1e-4].mean())) if len(powers) else 0.0


def singing(samples: int, rng: Random) -> Audio:
    """One real singer for as long as wanted: his recording, then stretches of it at other speeds."""
    whole = read(SINGER)
    parts = [whole[int(rng.integers(len(whole) // 2)) :]]
    while sum(map(len, parts)) < samples:
        sped = soxr.resample(whole, SAMPLE_RATE * float(rng.uniform(0.9, 1.12)), SAMPLE_RATE)
        parts.append(sped[int(rng.integers(len(sped) // 2)) :])
    return np.concatenate(parts)[:samples].astype(np.float32)


def under_voice(take: Take, voice: Audio, bleed_db: float) -> Take:
    """The take's sound as bleed, `bleed_db` (negative) against a voice as long as it."""
    gain = level(voice) / max(level(take.sound), 1e-9) * 10 ** (bleed_db / 20)
    return replace(take, sound=(voice + np.float32(gain) * take.sound).astype(np.float32))


def drifted(take: Take, ppm: float) -> Take:
    """Recorded by a clock that runs `ppm` fast. Before any drops."""
    assert take.starts == (0,)
    sound = soxr.resample(take.sound, SAMPLE_RATE, SAMPLE_RATE * (1 + ppm * 1e-6), quality="VHQ")
    return replace(take, sound=np.asarray(sound, dtype=np.float32), drift_ppm=ppm)


def dropped(take: Take, drops: list[tuple[int, int]]) -> Take:
    """Buffers lost: each (take sample, samples), in order, as counted before anything is lost."""
    kept, starts, positions, last, length = [], [0], [take.positions[0]], 0, 0
    for at, samples in drops:
        kept.append(take.sound[last:at])
        length += at - last
        last = at + samples
        starts.append(length)
        positions.append(float(take.guide_positions(np.array([float(last)]))[0]))
    kept.append(take.sound[last:])
    return replace(take, sound=np.concatenate(kept), starts=tuple(starts), positions=tuple(positions))


def some_drops(take: Take, rng: Random, count: int) -> Take:
    """`count` drops of one to four buffers of 10 ms, each in its own stretch of the take, none near an end."""
    edges = np.linspace(0.12, 0.88, count + 1) * len(take.sound)
    ats = [int(rng.uniform(low + 0.15 * (high - low), high)) for low, high in pairwise(edges)]
    return dropped(take, [(at, 480 * int(rng.integers(1, 5))) for at in ats])


def noisy(take: Take, noise: Audio, snr_db: float) -> Take:
    """With noise (repeated as long as needed) at a signal-to-noise ratio."""
    loop = np.resize(noise, len(take.sound))
    gain = level(take.sound) / max(level(noise), 1e-9) * 10 ** (-snr_db / 20)
    return replace(take, sound=(take.sound + np.float32(gain) * loop).astype(np.float32))


def onset(response: Floats) -> int:
    """The sample of an impulse response's direct arrival."""
    height = np.abs(response)
    return int(np.flatnonzero(height >= ONSET * height.max())[0])


def through(take: Take, response: Floats) -> Take:
    """Through a filter or room, in time by its direct arrival."""
    start = onset(response)
    sound = signal.oaconvolve(take.sound.astype(np.float64), response)[start : start + len(take.sound)]
    return replace(take, sound=sound.astype(np.float32))


def room(rng: Random, seconds: float = ROOM_SECONDS) -> Floats:
    """A room that falls by 60 dB in `seconds`: the direct sound, six reflections, some louder than it, a tail."""
    samples = int(seconds * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    response = np.zeros(samples)
    response[0] = 1.0
    for at in rng.uniform(0.002, 0.030, 6):
        response[int(at * SAMPLE_RATE)] += rng.choice([-1, 1]) * rng.uniform(0.3, 1.4)
    tail = rng.normal(0, 1, samples) * 10 ** (-3 * time / seconds) * (time > 0.004)
    return np.asarray(response + tail * float(rng.uniform(0.5, 1.2)) / np.sqrt(np.square(tail).sum()))


def kitchen(way: int) -> Floats:
    """A real kitchen, one of its four ways from loudspeaker to microphone; 1 and 2 have a direct sound."""
    return channels(KITCHEN)[:, way].astype(np.float64)


def telephone() -> Floats:
    """A telephone's band, as an impulse response."""
    return channels(TELEPHONE)[:4096, 0].astype(np.float64)


def phone_band(take: Take) -> Take:
    """300 to 3400 Hz by filters whose phase turns as a telephone's does; the electrical delay is none."""
    sections = np.vstack(
        [
            signal.butter(4, 300, "highpass", fs=SAMPLE_RATE, output="sos"),
            signal.butter(6, 3400, "lowpass", fs=SAMPLE_RATE, output="sos"),
        ]
    )
    return replace(take, sound=signal.sosfilt(sections, take.sound).astype(np.float32))


def headphone_leak(rng: Random) -> Floats:
    """What leaks from headphones: little bass, a resonance or two, a few reflections from the face and the table."""
    response = np.zeros(2400)
    response[0] = 1.0
    for at in rng.uniform(0.0003, 0.02, 4):
        response[int(at * SAMPLE_RATE)] += rng.uniform(-0.35, 0.35)
    bass = signal.butter(1, float(rng.uniform(400, 1200)), "highpass", fs=SAMPLE_RATE, output="sos")
    b, a = signal.iirpeak(float(rng.uniform(1500, 4000)), 2.0, fs=SAMPLE_RATE)
    shaped = signal.sosfilt(bass, response)
    return np.asarray(shaped + 0.7 * signal.lfilter(b, a, shaped))


def coded(take: Take, codec: str, rate_bps: int = 48_000) -> Take:
    """Through a codec and back, in time: `aac` in MP4 or `libopus` in Ogg, whose containers say what to leave out."""
    return replace(take, sound=decoded(encoded(take.sound, codec, rate_bps), len(take.sound)))


def encoded(sound: Audio, codec: str, rate_bps: int) -> bytes:
    """A file with a mono sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg" if codec == "libopus" else "mp4") as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=SAMPLE_RATE, layout="mono", bit_rate=rate_bps))
        frame = av.AudioFrame.from_ndarray(np.clip(sound, -1, 1)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, 0
        fifo, resampler = av.AudioFifo(), av.AudioResampler(stream.format, stream.layout, SAMPLE_RATE)
        for piece in resampler.resample(frame):
            fifo.write(piece)
        done = 0
        while block := fifo.read(stream.frame_size or 960, partial=True):
            block.pts, block.time_base = done, Fraction(1, SAMPLE_RATE)
            done += block.samples
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    return file.getvalue()


def decoded(file: bytes, samples: int) -> Audio:
    """A file's mono sound from its presentation time 0 on, `samples` long."""
    with av.open(io.BytesIO(file), "r") as container:
        frames = list(container.decode(audio=0))
    resampler = av.AudioResampler("fltp", "mono", SAMPLE_RATE)
    before = max(0, -round(float((frames[0].pts or 0) * (frames[0].time_base or 0)) * SAMPLE_RATE))
    blocks = [block.to_ndarray()[0] for frame in frames for block in resampler.resample(frame)]
    sound = np.concatenate(blocks)[before : before + samples]
    return np.pad(sound, (0, samples - len(sound))).astype(np.float32)
