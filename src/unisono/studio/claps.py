"""Claps: the count-in's beats, clapped along or heard from a loudspeaker, as transients in a take."""

from __future__ import annotations

from collections.abc import Sequence

from unisono.studio.alignment import Estimate
from unisono.units import Audio


def find(take: Audio, claps: Sequence[float]) -> Estimate | None:  # noqa: ARG001
    """Where the count-in's beats are heard in a take, or None when fewer than two of them could be.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. claps: their guide positions in samples.
    Confidence: 0..1, from 0.5 on certain; never so from one transient, nor where the row of beats fits twice.
    """
    return None
