"""Take: any recording decoded to sound on its container's own axis, with the facts that a film needs of its picture.

Sample 0 is the container's presentation time 0. Sound stands where its timestamps say: what starts late stays late,
gaps are silence, edit lists are respected, and what an encoder added in front is taken off (`delays.py`). Takes come
from strangers: outside of tests and benches they are decoded by `confined.py`, in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from unisono.units import Audio


class Sounding(Struct, frozen=True, kw_only=True):
    """What the sound of a take is like. Positions are samples at units.SAMPLE_RATE on the take's axis.

    start, stop: where its first sample stands and where its last one ends. rate_hz, channels, codec: as in the file.
    streams: how many streams of sound the file has; the one a player would choose was taken. delay_samples: what was
    taken off because the encoder had added it and the container does not say so. gaps: stretches without sound between
    start and stop. clock_samples: how much later the timestamps say it ends than its samples do, counted.
    """

    codec: str
    rate_hz: int
    channels: int
    start: int
    stop: int
    streams: int = 1
    delay_samples: float = 0.0
    gaps: tuple[tuple[int, int], ...] = ()
    clock_samples: int = 0


class Picture(Struct, frozen=True, kw_only=True):
    """What the picture of a take is like; times are on the take's axis.

    width, height: in pixels, as shown: upright, pixels square. rotation_deg: 0, 90, 180 or 270, how far the stored
    picture is turned clockwise to be upright; where `mirrored`, it is then flipped left to right. first_s: when the
    first frame is shown; last_s: the last one. variable_rate: frames do not come evenly. hdr: more than standard
    range; transfer, primaries: FFmpeg's names.
    """

    codec: str
    pixel_format: str
    width: int
    height: int
    rotation_deg: int
    mirrored: bool
    first_s: float
    last_s: float
    frames: int
    fps: float
    variable_rate: bool
    hdr: bool
    transfer: str
    primaries: str


class TakeFacts(Struct, frozen=True, kw_only=True):
    """Everything known of a take but its sound. `container` is FFmpeg's name, `writer` who says to have made the file.

    samples: from sample 0 to the end of the sound. Notes are codes: `no_sound`, `no_picture`, `several_sounds` only one
    of several streams of sound was taken, `late_sound` starts later than the picture, `gaps`, `cut_off` the file ends
    before its time, `broken` parts of it could not be read, `clock` timestamps and samples run apart.
    """

    container: str
    writer: str
    samples: int
    sound: Sounding | None
    picture: Picture | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A decoded recording. `sound` is float32, shape (samples, 1 or 2), at units.SAMPLE_RATE, full scale +-1."""

    sound: Audio
    facts: TakeFacts
