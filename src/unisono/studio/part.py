"""Part: what a take sings, and when, against the notes of its own part."""

from __future__ import annotations

from unisono.studio.alignment import Estimate
from unisono.studio.guide import Guide
from unisono.units import Audio


def find(take: Audio, guide: Guide) -> Estimate | None:  # noqa: ARG001
    """Where a take stands by the part it sings, or None when it sings none or none is known.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. guide: `notes` of the take's own part, else
    `part`, somebody's recording of it. Confidence: 0..1, from 0.5 on certain.
    """
    return None
