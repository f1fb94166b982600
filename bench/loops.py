"""Simulated loops: what a microphone hears of a sound that was played, with the true round trip beside it.

Pure: recordings and random sources are handed in. Sounds are float64 (samples,), full scale 1.0, at the loop's own
rate. Every path is linear phase, or minimum phase beginning at its direct sound, so that the true round trip is known
by construction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Sound = NDArray[np.float64]

SOUND_M_PER_S = 343.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A way from the earpiece to the microphone: an impulse response, and where in it the direct sound lies."""

    response: Sound
    direct_samples: float


def place(response: Sound, at_samples: float, gain: float) -> None:
    """Add one band-limited impulse (windowed sinc, 64 taps) at a fractional index, in place."""
    first = int(np.floor(at_samples)) - 31
    taps = np.arange(first, first + 64)
    inside = (taps >= 0) & (taps < response.size)
    x = taps - at_samples
    kernel = np.sinc(x) * np.cos(np.pi * np.clip(x / 66, -0.5, 0.5)) ** 2
    response[taps[inside]] += gain * kernel[inside]


def earpiece(rng: np.random.Generator, rate_hz: int) -> Path:
    """A headphone held loosely: weak, coloured, with short reflections from the hand and the laptop's lid."""
    lead = 64
    response = np.zeros(lead + rate_hz // 50)
    direct = lead + rng.uniform(0, 1)
    place(response, direct, 1.0)
    for _ in range(rng.integers(2, 7)):
        place(
            response,
            direct + rng.uniform(0.15e-3, 6e-3) * rate_hz,
            float(rng.choice([-1, 1]) * 10 ** (rng.uniform(-20, -4) / 20)),
        )
    return Path(response=coloured(rng, response, rate_hz), direct_samples=direct)


def coloured(rng: np.random.Generator, response: Sound, rate_hz: int) -> Sound:
    """A small transducer's colour: resonances, a high-pass and a low-pass, all minimum phase."""
    sections = [
        signal.butter(2, rng.uniform(120, 350), "highpass", fs=rate_hz, output="sos"),
        signal.butter(1, min(rng.uniform(5_000, 14_000), 0.45 * rate_hz), "lowpass", fs=rate_hz, output="sos"),
    ]
    sections += [bell(rng.uniform(400, 6_000), rng.uniform(0.7, 3), rng.uniform(-12, 12), rate_hz) for _ in range(4)]
    return np.asarray(signal.sosfilt(np.concatenate(sections), response))


def bell(centre_hz: float, quality: float, gain_db: float, rate_hz: int) -> Sound:
    """One peaking filter (the formulas of the Audio EQ Cookbook, Bristow-Johnson), shape (1, 6)."""
    amplitude = 10 ** (gain_db / 40)
    angle = 2 * np.pi * centre_hz / rate_hz
    alpha = np.sin(angle) / (2 * quality)
    b = np.array([1 + alpha * amplitude, -2 * np.cos(angle), 1 - alpha * amplitude])
    a = np.array([1 + alpha / amplitude, -2 * np.cos(angle), 1 - alpha / amplitude])
    return np.concatenate([b / a[0], a / a[0]])[None, :]


def room(rng: np.random.Generator, rate_hz: int, *, decay_seconds: float = 0.5, hidden_db: float | None = None) -> Path:
    """A furnished room around an earpiece (or small loudspeaker) turned partly away from the microphone.

    Image sources of a box up to third order (Allen & Berkley 1979), then a diffuse tail; the direct sound is up to 8 dB
    (or `hidden_db`) weaker than its distance says, so that an echo may well be the strongest arrival.
    """
    box = rng.uniform([2.5, 2.5, 2.3], [6, 5, 3])
    source = rng.uniform([0.5, 0.5, 0.6], box - 0.5)
    way = rng.normal(size=3)
    ear = np.clip(source + way / np.linalg.norm(way) * rng.uniform(0.15, 1.0), 0.1, box - 0.1)
    volume, surface = box.prod(), 2 * (box[0] * box[1] + box[1] * box[2] + box[2] * box[0])
    reflection = np.exp(-0.5 * 0.161 * volume / (surface * decay_seconds))
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.abs(grid).sum(axis=1) <= 3]
    images = np.where(grid % 2 == 0, source, -source) + (grid + grid % 2) * box
    distance_m = np.linalg.norm(images - ear, axis=1)
    order = np.abs(grid).sum(axis=1)
    gains = reflection**order / distance_m
    gains[order == 0] *= 10 ** (-(rng.uniform(0, 8) if hidden_db is None else hidden_db) / 20)
    nearest_m = distance_m[order == 0][0]
    lead = 64 + rng.uniform(0, 1)
    response = np.zeros(int(rate_hz * (decay_seconds + 0.1)))
    for metres, gain in zip(distance_m, gains, strict=True):
        place(response, lead + (metres - nearest_m) / SOUND_M_PER_S * rate_hz, float(gain))
    response += tail(
        rng, response.size, rate_hz, decay_seconds, lead, float(np.sqrt(16 * np.pi / surface / (1 - reflection**2)))
    )
    return Path(response=coloured(rng, response, rate_hz), direct_samples=lead)


def tail(rng: np.random.Generator, size: int, rate_hz: int, decay_seconds: float, lead: float, level: float) -> Sound:
    """Diffuse sound of energy `level` squared: noise that grows in 30 ms and decays by 60 dB in `decay_seconds`."""
    seconds = np.maximum(0, np.arange(size) - lead) / rate_hz
    envelope = np.exp(-6.91 * seconds / decay_seconds) * np.minimum(1, seconds / 0.03)
    noise = rng.normal(size=size) * envelope
    return np.asarray(noise * level / np.sqrt((envelope**2).sum()))


def measured(response: Sound, rate_hz: int, measured_hz: int) -> Path:
    """A real room's response; its direct sound is the first arrival within 12 dB of the strongest."""
    if measured_hz != rate_hz:
        response = signal.resample_poly(response, rate_hz, measured_hz)
    padded = np.concatenate([np.zeros(64), response[: rate_hz * 2]])
    envelope = np.abs(signal.hilbert(padded))
    peaks, _ = signal.find_peaks(envelope, height=envelope.max() * 10 ** (-12 / 20))
    return Path(response=padded, direct_samples=float(peaks[0]))


def travel(played: Sound, path: Path, round_trip_samples: float, length: int) -> Sound:
    """`played` as it arrives by `path`, its direct sound exactly `round_trip_samples` late; shape (length,)."""
    size = 1 << int(np.ceil(np.log2(length + path.response.size)))
    spectrum = np.fft.rfft(played, size) * np.fft.rfft(path.response, size)
    late = round_trip_samples - path.direct_samples
    arrived = np.fft.irfft(spectrum * np.exp(-2j * np.pi * np.arange(spectrum.size) * late / size), size)
    return np.asarray(arrived[:length])


def telephone(sound: Sound, rate_hz: int, low_hz: float = 300, high_hz: float = 3_400) -> Sound:
    """A narrow link, without delay of its own (linear phase, compensated)."""
    taps = signal.firwin(1_025, [low_hz, min(high_hz, 0.48 * rate_hz)], pass_zero=False, fs=rate_hz)
    return np.asarray(signal.oaconvolve(sound, taps, mode="same"))


def step(before: Sound, after: Sound, at: int) -> Sound:
    """One arrival up to sample `at`, another from there on: the stream's latency changed."""
    return np.concatenate([before[:at], after[at:]])


def drift(sound: Sound, ppm: float, still: float) -> Sound:
    """As a microphone hears whose clock is `ppm` faster, the two agreeing at sample `still`."""
    at = still + (np.arange(sound.size) - still) * (1 + ppm * 1e-6)
    spline = np.interp(at, np.arange(0, sound.size, 0.125), signal.resample(sound, 8 * sound.size))
    return np.asarray(spline)


def automatic_gain(sound: Sound, rate_hz: int, rng: np.random.Generator, range_db: float) -> Sound:
    """Gain that wanders or steps by up to `range_db` in all, as a level control does; the timing is untouched."""
    knots = rng.uniform(-range_db / 2, range_db / 2, size=8)
    at = np.sort(rng.uniform(0, sound.size, size=8))
    gains_db = (
        np.interp(np.arange(sound.size), at, knots)
        if rng.random() < 0.5
        else knots[np.searchsorted(at, np.arange(sound.size)) % 8]
    )
    smooth = signal.lfilter([1 / (0.01 * rate_hz)], [1, 1 / (0.01 * rate_hz) - 1], gains_db)
    return np.asarray(sound * 10 ** (smooth / 20))


def clip(sound: Sound, share: float) -> Sound:
    """Overdriven: `share` (0..1) of the sounding samples lie at full scale."""
    sounding = np.abs(sound[np.abs(sound) > 0.05 * np.abs(sound).max()])
    return np.asarray(np.clip(sound / np.quantile(sounding, 1 - share), -1, 1))


def noise(kind: str, size: int, rate_hz: int, rng: np.random.Generator, voices: list[Sound]) -> Sound:
    """White, pink, one voice or many (`voices` at the loop's rate: recordings to draw from), RMS 1."""
    white = rng.normal(size=size)
    if kind == "pink" or (kind != "white" and not voices):
        spectrum = np.fft.rfft(white)
        spectrum /= np.sqrt(np.maximum(20, np.fft.rfftfreq(size, 1 / rate_hz)))
        white = np.fft.irfft(spectrum, size)
    elif kind != "white":
        people = 1 if kind == "voice" else 5
        parts = [
            np.roll(voice, int(rng.integers(voice.size)))
            for voice in (voices[rng.integers(len(voices))] for _ in range(people))
        ]
        white = np.sum([np.resize(part / part.std(), size) for part in parts], axis=0)
    return np.asarray(white / np.sqrt((white**2).mean()))


def in_band_power(sound: Sound, rate_hz: int, low_hz: float, high_hz: float) -> float:
    """Mean power between two frequencies."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(sound.size, 1 / rate_hz)
    return float(2 * (np.abs(spectrum[(hz >= low_hz) & (hz < high_hz)]) ** 2).sum() / sound.size**2)
