"""What the studio reads and writes about a performance: `performance.json` in, `mix.json` out.

The live room writes the first when a song has ended; unknown fields are left alone, so either side may grow.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from unisono.errors import MixFailed
from unisono.store.stems import stem_path, stem_seats
from unisono.studio.facts import Fact
from unisono.studio.faders import read_faders
from unisono.studio.takes import VOICE_FILE, take_folder, takes_of
from unisono.units import Span, span

PERFORMANCE_FILE = "performance.json"
REPORT_FILE = "mix.json"
_RECIPE = "2"
"""Part of the fingerprint: another number makes every mix anew."""


class SeatFacts(Struct, frozen=True, kw_only=True):
    """Who sang, where they stood. `row` 0 leads; `pan` is -1 (left) to 1; `method` and `output` are `check`'s words.

    `part` is what they sang (`soprano`), empty where nobody said.
    """

    seat: int
    name: str = ""
    place: str = ""
    row: int | None = None
    pan: float = 0.0
    method: str = ""
    output: str = ""
    part: str = ""

    @property
    def leads(self) -> bool:
        """Whether this seat led the song."""
        return self.row == 0


class Performance(Struct, frozen=True, kw_only=True):
    """A song that was sung on [start, stop) of its room's axis. `backing` is a file beside this one."""

    start: int
    stop: int
    title: str = ""
    place: str = ""
    sung_at: str = ""
    count_in_samples: int = 0
    backing: str | None = None
    seats: tuple[SeatFacts, ...] = ()

    @property
    def span(self) -> Span:
        """The stretch that is mixed."""
        return span(self.start, self.stop)


class FileReport(Struct, frozen=True, kw_only=True):
    """One file. `gain_db`, `lufs` and `true_peak_dbtp` (decoded, as FFmpeg measures) are for mixes; null is silence."""

    name: str
    kind: str
    size_bytes: int
    gain_db: float = 0.0
    lufs: float | None = None
    true_peak_dbtp: float | None = None


class StemReport(Struct, frozen=True, kw_only=True):
    """One seat's stem. `gaps` count from the performance's start; `marks` are codes for the page.

    Marks: `silent` nothing was sung, `gaps`, `jumps` more than one epoch, `unsure` placement, `broken` frames, samples
    or file, `clipped` at the microphone, `tapped` or `not_measured` round trip, `loudspeakers` may be heard in it.
    `did`: what cleaning did to it for the mix; the stem's own files are as it was sung.
    """

    seat: int
    name: str
    lufs: float | None
    gain_db: float
    pan: float
    gaps: tuple[tuple[int, int], ...]
    marks: tuple[str, ...]
    files: tuple[FileReport, ...]
    did: tuple[Fact, ...] = ()


class MixReport(Struct, frozen=True, kw_only=True):
    """What was made, and how long it took; `fingerprint` tells whether it still fits its inputs."""

    fingerprint: str
    samples: int
    lufs: float | None
    limiter_db: float
    backing_gain_db: float | None
    files: tuple[FileReport, ...]
    stems: tuple[StemReport, ...]
    seconds: dict[str, float]
    part_gains_db: dict[str, float] = {}


def read_performance(folder: Path) -> Performance:
    """The facts of the performance in `folder`. Raises MixFailed if nobody can work with them."""
    try:
        facts = msgspec.json.decode((folder / PERFORMANCE_FILE).read_bytes(), type=Performance)
    except (OSError, msgspec.DecodeError) as error:
        raise MixFailed(reason=f"{PERFORMANCE_FILE}: {error}") from error
    if not 0 <= facts.start <= facts.stop:
        raise MixFailed(reason=f"{PERFORMANCE_FILE}: [{facts.start}, {facts.stop}) is no span")
    if facts.backing is not None and Path(facts.backing).name != facts.backing:
        raise MixFailed(reason=f"{PERFORMANCE_FILE}: {facts.backing!r} is not a file beside it")
    return facts


def singers(folder: Path, performance: Performance) -> tuple[SeatFacts, ...]:
    """Everybody who was seated, and everybody else who left a stem, by seat."""
    known = {facts.seat: facts for facts in performance.seats}
    for seat in stem_seats(folder):
        known.setdefault(seat, SeatFacts(seat=seat))
    return tuple(known[seat] for seat in sorted(known))


def fingerprint(folder: Path, performance: Performance) -> str:
    """A hash of everything that goes into the mix: the facts it knows, stems, takes, faders, the backing."""
    paths = [stem_path(folder, facts.seat) for facts in singers(folder, performance)]
    takes = [facts for facts in takes_of(folder) if facts.in_mix]
    paths += [take_folder(folder, facts.take) / VOICE_FILE for facts in takes]
    if performance.backing is not None:
        paths.append(folder / performance.backing)
    whole = hashlib.sha256(_RECIPE.encode() + msgspec.json.encode(performance))
    whole.update(msgspec.json.encode([takes, read_faders(folder)]))
    for path in paths:
        whole.update(path.name.encode() + b"\0")
        if path.is_file():
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def read_report(folder: Path) -> MixReport | None:
    """The last report, if there is one that can be read."""
    try:
        return msgspec.json.decode((folder / REPORT_FILE).read_bytes(), type=MixReport)
    except (OSError, msgspec.DecodeError):
        return None


def write_report(folder: Path, report: MixReport) -> None:
    """Write `mix.json`, whole or not at all."""
    part = folder / f"{REPORT_FILE}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    part.replace(folder / REPORT_FILE)


def is_done(folder: Path, report: MixReport | None, wanted: str) -> bool:
    """Whether `report` was made from the same inputs and all its files are there, whole."""
    if report is None or report.fingerprint != wanted:
        return False
    files = [*report.files, *(file for stem in report.stems for file in stem.files)]
    return all(_size_bytes(folder / file.name) == file.size_bytes for file in files)


def _size_bytes(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
