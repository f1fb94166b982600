"""Sound processing a microphone should not have, simulated: what the sound check must never be fooled by.

An echo canceller in two stages as browsers and phones have them: a partitioned block frequency-domain adaptive filter
(Soo & Pang 1990) that subtracts what it predicts from the far end, and a suppressor that turns down, band by band, what
is left, filling in comfort noise. A noise suppressor: spectral gain above a tracked floor. Sounds: float64 (samples,).
"""

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]

BLOCK_SECONDS = 0.01


def cancel_echo(
    heard: Sound,
    played: Sound,
    rate_hz: int,
    *,
    known_delay_samples: int,
    rng: np.random.Generator,
    strength: float,
    rate: float,
    trained: bool,
) -> Sound:
    """`heard` with the echo of `played` cancelled and suppressed.

    known_delay_samples: the canceller's own guess of the delay, by which it aligns the far end.
    strength: 0 only filters, 1 to 3 suppresses ever harder. rate: how fast the filter learns, 0..1.
    trained: it has already heard the probe once (a repeated sound check).
    """
    block = int(BLOCK_SECONDS * rate_hz)
    blocks = heard.size // block
    far = np.concatenate([np.zeros(known_delay_samples), played, np.zeros(heard.size)])[: blocks * block].reshape(
        blocks, block
    )
    near = heard[: blocks * block].reshape(blocks, block)
    canceller = Canceller(block=block, partitions=16, rate=rate)
    if trained:
        for x, d in zip(far, near, strict=True):
            canceller.cancel(x, d)
    pairs = [canceller.cancel(x, d) for x, d in zip(far, near, strict=True)]
    residual, predicted = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    comfort = rng.normal(size=residual.size) * np.sqrt(np.quantile((near**2).mean(axis=1), 0.1))
    cleaned = suppress(residual, predicted, comfort, rate_hz, strength)
    return np.concatenate([cleaned, np.zeros(heard.size - cleaned.size)])


class Canceller:
    """The adaptive filter: one block of far end and microphone in, what is left and what was predicted out."""

    def __init__(self, *, block: int, partitions: int, rate: float) -> None:
        self._block = block
        self._rate = rate
        self._far = np.zeros((partitions, block + 1), dtype=complex)
        self._filters = np.zeros((partitions, block + 1), dtype=complex)
        self._power = np.full(block + 1, 1e-6)
        self._previous = np.zeros(block)

    def cancel(self, far: Sound, near: Sound) -> tuple[Sound, Sound]:
        """One block, both of shape (block,)."""
        block = self._block
        self._far = np.roll(self._far, 1, axis=0)
        self._far[0] = np.fft.rfft(np.concatenate([self._previous, far]))
        self._previous = far
        predicted = np.fft.irfft((self._far * self._filters).sum(axis=0))[block:]
        residual = near - predicted
        error = np.fft.rfft(np.concatenate([np.zeros(block), residual]))
        self._power = 0.8 * self._power + 0.2 * (np.abs(self._far) ** 2).sum(axis=0)
        update = np.fft.irfft(np.conj(self._far) * (error / (self._power + 1e-3)), axis=1)
        update[:, block:] = 0
        self._filters += self._rate * np.fft.rfft(update, axis=1)
        return residual, predicted


def suppress(residual: Sound, predicted: Sound, comfort: Sound, rate_hz: int, strength: float) -> Sound:
    """Turn down, in bands of 10 ms frames, what resembles the predicted echo, and fill in comfort noise."""
    if strength <= 0:
        return residual
    left, echo, fill = (frames(sound, rate_hz) for sound in (residual, predicted, comfort))
    power, echo_power = smooth(np.abs(left) ** 2), smooth(np.abs(echo) ** 2)
    gain = np.clip(1 - strength * echo_power / (power + echo_power + 1e-12), 0.03, 1)
    return joined(left * gain + fill * np.sqrt(1 - gain**2), residual.size)


def suppress_noise(heard: Sound, rate_hz: int, *, depth_db: float) -> Sound:
    """Spectral subtraction above a floor tracked per band; short tones pass, steady ones sink."""
    spectra = frames(heard, rate_hz)
    power = smooth(np.abs(spectra) ** 2)
    floor = np.empty_like(power)
    level = power[:10].mean(axis=0)
    for i, row in enumerate(power):
        level = np.where(row < level, 0.9 * level + 0.1 * row, level * 1.02)
        floor[i] = level
    gain = np.clip(1 - 1.5 * floor / (power + 1e-15), 10 ** (-depth_db / 20), 1)
    return joined(spectra * gain, heard.size)


def frames(sound: Sound, rate_hz: int) -> NDArray[np.complex128]:
    """Spectra of half-overlapping windows of 20 ms, shape (frames, bins)."""
    half = int(BLOCK_SECONDS * rate_hz)
    padded = np.concatenate([np.zeros(half), sound, np.zeros(2 * half)])
    count = padded.size // half - 1
    cut = np.stack([padded[i * half : (i + 2) * half] for i in range(count)])
    return np.asarray(np.fft.rfft(cut * window(half), axis=1))


def joined(spectra: NDArray[np.complex128], size: int) -> Sound:
    """The sound whose `frames` these are, shape (size,)."""
    cut = np.fft.irfft(spectra, axis=1)
    half = cut.shape[1] // 2
    sound = np.zeros((len(cut) + 1) * half)
    for i, frame in enumerate(cut * window(half)):
        sound[i * half : (i + 2) * half] += frame
    return sound[half : half + size]


def window(half: int) -> Sound:
    """Square root of a Hann window of 2 * half points: applied twice, overlapping halves sum to one."""
    return np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))


def smooth(power: Sound) -> Sound:
    """Over seven bins and two frames."""
    kernel = np.ones(7) / 7
    across = np.apply_along_axis(lambda row: np.convolve(row, kernel, mode="same"), 1, power)
    return np.asarray(0.5 * across + 0.5 * np.vstack([across[:1], across[:-1]]))
