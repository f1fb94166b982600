"""Arrival: in the response from a loudspeaker to a microphone, what is the direct sound, and what only the room's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from unisono.studio.whiten import RATE

FINE_SAMPLES = RATE * 8 // 100
"""Responses are known this far to both sides of their middle."""
ECHO_SAMPLES = RATE // 25
"""The loudest reflection comes at most this long after the direct sound."""
AHEAD_SAMPLES = FINE_SAMPLES - ECHO_SAMPLES - RATE // 100
FIRST = 0.35
"""An arrival before the strongest one counts from this share of it on,"""
FIRST_NEAR = 0.5
"""or this, where it may be the ringing of a filter."""
RINGING_SAMPLES = RATE // 1000
CLEAR, KEPT = 5.0, 3.5

Response = NDArray[np.float64]
"""An impulse response at whiten.RATE, shape (2 * FINE_SAMPLES + 1,); offset 0 is in the middle."""


def template(response: Response) -> Response:
    """A response without its noise, which is what there is long before the strongest arrival."""
    height = np.abs(response)
    top = int(height.argmax())
    keep = np.zeros_like(response)
    keep[max(top - ECHO_SAMPLES, 0) : top + ECHO_SAMPLES] = 1
    kept = np.where(height > KEPT * _noise(height), response, 0) * keep
    kept[top] = response[top]
    return np.asarray(kept)


def first_arrival(response: Response) -> float:
    """Offset of the first arrival from the middle, in samples: the earliest peak of at least FIRST of the strongest.

    Peaks are those of the envelope, so that a filter which turns phases does not split an arrival in two.
    """
    height = np.abs(signal.hilbert(response))
    top = int(height.argmax())
    peaks, _ = signal.find_peaks(height[: top + 2], height=max(FIRST * height[top], CLEAR * _noise(np.abs(response))))
    near = [int(peak) for peak in peaks if top - ECHO_SAMPLES <= peak]
    clear = [peak for peak in near if peak < top - RINGING_SAMPLES or height[peak] > FIRST_NEAR * height[top]]
    inner = int(np.clip(min(clear, default=top), 1, len(height) - 2))
    before, peak, after = height[inner - 1 : inner + 2]
    bend = before - 2 * peak + after
    return inner - len(response) // 2 + (float(0.5 * (before - after) / bend) if bend < 0 else 0.0)


def _noise(height: Response) -> float:
    """The RMS of what no arrival explains: of a response's magnitudes before any sound can have come."""
    return float(np.median(height[:AHEAD_SAMPLES])) / 0.6745
