"""Guide: what people sang to, with all that is known of it and can tell where a take stands."""

from __future__ import annotations

from dataclasses import dataclass

from unisono.units import Audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note of a take's own part: guide positions [start, stop) in samples, `pitch` in MIDI numbers (69 = 440 Hz)."""

    start: float
    stop: float
    pitch: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guide:
    """What a take was sung to; sample 0 of everything here is the performance's start.

    sound: what came out of the loudspeaker, or None when nobody has it: float32, (samples,) or (samples, channels), at
    units.SAMPLE_RATE. part: the take's *own* part alone, likewise. notes: that part as notes, in order of their
    start. claps: positions of count-in claps or ticks that a take may contain, in samples.
    """

    sound: Audio | None = None
    part: Audio | None = None
    notes: tuple[Note, ...] = ()
    claps: tuple[float, ...] = ()
