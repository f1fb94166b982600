"""Performances as their page sees them: what the studio made, from its report."""

from __future__ import annotations

from pathlib import Path

import msgspec

from unisono.core.song import SongRun
from unisono.store.records import StemRecord, TakeRecord
from unisono.studio.performance import FileReport, MixReport, read_report
from unisono.units import SAMPLE_RATE


def seconds_of(song: SongRun) -> float:
    """How long a song is; 0 while its end is not known."""
    return round((song.stop - song.start) / SAMPLE_RATE, 3) if song.stop is not None else 0.0


def files_of(folder: Path, media_key: str) -> list[dict[str, object]]:
    """The mix's files that there are: none while it is made anew without somebody who withdrew."""
    report = read_report(folder)
    there = [file for file in report.files if (folder / file.name).is_file()] if report else []
    return [_file(file, media_key, version_of(report)) for file in there] if report else []


def stems_of(folder: Path, media_key: str, stems: list[StemRecord]) -> list[dict[str, object]]:
    """Every voice with its files; `marks` say what is the matter with it, if anything is."""
    report = read_report(folder)
    if report is None:
        return []
    made = {stem.seat: stem for stem in report.stems}
    version = version_of(report)
    return [
        {
            "seat": stem.seat,
            "name": stem.name,
            "flag": msgspec.to_builtins(stem.flag),
            "place": stem.place,
            "row": stem.row,
            "part": stem.part,
            "marks": made[stem.seat].marks,
            "files": [_file(file, media_key, version) for file in made[stem.seat].files],
        }
        for stem in stems
        if stem.seat in made
    ]


def stem_of(take: TakeRecord) -> StemRecord:
    """A take as a voice among the others: nobody's row, its own seat."""
    return StemRecord(seat=take.seat, name=take.name, place=take.place, flag=take.flag, row=None, part=take.part)


def _file(file: FileReport, media_key: str, version: str) -> dict[str, object]:
    """`version` changes with the mix: browsers keep files for a day, and a mix may be made anew."""
    return {
        "name": file.name,
        "url": f"/media/{media_key}/{file.name}?v={version}",
        "bytes": file.size_bytes,
        "kind": file.kind,
    }


def version_of(report: MixReport) -> str:
    """Another for each mix of a performance."""
    return report.fingerprint[:12]
