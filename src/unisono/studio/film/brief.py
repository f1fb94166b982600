"""What a film is made of: who sings, what is heard, what is written, and what the file shall be like.

Values only, readable from JSON, so that the processes that draw pieces of a film are told it in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from unisono.units import SAMPLE_RATE

FRAME_RATE: Final = 25
FRAME_SAMPLES: Final = SAMPLE_RATE // FRAME_RATE
"""Samples of sound under one frame of the film."""


class Knot(Struct, frozen=True, kw_only=True, array_like=True):
    """Take sample `take` belongs at guide position `guide`; from there on `rate` take samples are a guide sample."""

    take: float
    guide: float
    rate: float = 1.0


class Clip(Struct, frozen=True, kw_only=True):
    """Somebody's picture: a file and where it stands on the mix's axis.

    knots: in order, at least one; guide 0 is the mix's first sample. zero_s: which of the file's own timestamps is the
    take's sample 0 (`picture.Picture.zero_s`); None: its presentation time 0. more: files in which it goes on, with
    the same zero, each later than the one before.
    """

    path: str
    more: tuple[str, ...] = ()
    knots: tuple[Knot, ...] = (Knot(take=0.0, guide=0.0),)
    zero_s: float | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of it, in order."""
        return (self.path, *self.more)

    @property
    def mark(self) -> str:
        """What everything that is made of it is called first (`mark_of`)."""
        return mark_of([Path(path) for path in self.paths])

    def take_sample(self, guide_position: float) -> float:
        """Which sample of the take is heard, and seen, at a position of the mix."""
        knot = self.knots[0]
        for later in self.knots[1:]:
            if later.guide > guide_position:
                break
            knot = later
        return knot.take + (guide_position - knot.guide) * knot.rate


def mark_of(files: Sequence[Path]) -> str:
    """A name for what is made of a clip, known without reading it: so that it can be found, and thrown away."""
    return hashlib.sha256("\0".join(str(path.resolve()) for path in files).encode()).hexdigest()[:16]


class Voice(Struct, frozen=True, kw_only=True):
    """Somebody on the façade, as they wish to be called. `row` 0 leads; `pan` is -1 (left) to 1.

    sound: a file with their voice alone on the mix's axis, for their light; without it their window glows evenly.
    pictures: whether they agreed to be seen. Without it `clip` is never opened.
    flag: two letters of a country, or colours (#rrggbb) of stripes from the left, or after `=` from above; or empty.
    """

    name: str = ""
    place: str = ""
    flag: str = ""
    part: str = ""
    row: int = 1
    pan: float = 0.0
    sound: str | None = None
    clip: Clip | None = None
    pictures: bool = False

    @property
    def seen(self) -> Clip | None:
        """Their clip, if they agreed to be seen."""
        return self.clip if self.pictures else None


class Word(Struct, frozen=True, kw_only=True):
    """A word: when it is sung, in samples of the mix's axis, and on which line it stands.

    Or a syllable of one: all but the first of a word's syllables say that no word begins with them.
    """

    start: int
    text: str
    line: int
    begins: bool = True


class Shape(Struct, frozen=True, kw_only=True):
    """The file: its size in pixels and how hard the encoder tries."""

    width: int = 1920
    height: int = 1080
    crf: int = 23
    preset: str = "veryfast"


class Film(Struct, frozen=True, kw_only=True):
    """A film. sound: the mix; samples: how long it is; thanks: lines under the names in the credits.

    lead_s: from the first frame to sample 0 of the mix. breath_s: from its end to the credits. piece_frames: of one
    piece, which is what is lost when its process is killed.
    """

    voices: tuple[Voice, ...]
    samples: int
    sound: str | None = None
    title: str = ""
    place: str = ""
    date: str = ""
    facade: str = "courtyard"
    words: tuple[Word, ...] = ()
    words_stop: int | None = None
    thanks: tuple[str, ...] = ()
    credits_heading: str = ""
    shape: Shape = Shape()
    piece_frames: int = 250
    lead_s: float = 4.0
    breath_s: float = 2.5

    @property
    def lead_frames(self) -> int:
        """Frames before the mix's sample 0."""
        return round(self.lead_s * FRAME_RATE)

    @property
    def sung_frames(self) -> int:
        """Frames while the mix sounds."""
        return -(-self.samples // FRAME_SAMPLES)

    @property
    def breath_frames(self) -> int:
        """Frames of silence before the credits."""
        return round(self.breath_s * FRAME_RATE)

    def position(self, frame: int) -> int:
        """Where on the mix's axis a frame begins; negative before its first sample."""
        return (frame - self.lead_frames) * FRAME_SAMPLES


def pieces(film: Film, frames: int) -> Sequence[range]:
    """The film, `frames` long, cut into pieces."""
    return [range(start, min(start + film.piece_frames, frames)) for start in range(0, frames, film.piece_frames)]
