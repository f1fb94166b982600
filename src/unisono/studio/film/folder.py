"""Folder: the brief of a film from what the studio has left in a folder.

A folder has `film.json`, a brief with paths beside it; or `report.json`, of `unisono produce`; or `performance.json`,
of a live song and the takes that came afterwards. Pictures are used of those who agreed: takes say so themselves, for
clips that were given to `unisono produce` whoever calls says whose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from unisono.errors import FilmFailed
from unisono.studio.alignment import Alignment
from unisono.studio.film.brief import Clip, Film, Knot, Voice, Word
from unisono.studio.guides import SungText, sung_text
from unisono.studio.outcome import REPORT_FILE, Outcome, Production
from unisono.studio.performance import PERFORMANCE_FILE, SeatFacts, read_performance, read_report
from unisono.studio.seen import pictures_of
from unisono.studio.takes import VOICE_FILE, TakeFacts, read_placed, take_folder, takes_of

BRIEF_FILE = "film.json"
_MIX = "mix.wav"
_NOBODYS_NAME = re.compile(
    r"(img|vid|pxl|mvi|dsc\w?|gopr|gh|trim|video|movie|rec|whatsapp (video|audio)|signal|telegram)?"
    r"[-_ .]*\d[\d\W_]*(wa\d.*|at .*)?",
    re.IGNORECASE,
)
"""How files are called that no person named: `IMG_2034`, `20200313_180102`, `WhatsApp Video 2020-03-13`."""


class _Seat(Struct, frozen=True):
    """What hangs from a seat's balcony, as `performance.json` has it."""

    seat: int
    flag: dict[str, object] | None = None


class _Flags(Struct, frozen=True):
    seats: tuple[_Seat, ...] = ()


def brief_of(
    folder: Path,
    pictures: frozenset[str] | None = None,
    *,
    songbook: Path | None = None,
    expected: frozenset[str] = frozenset(),
) -> Film:
    """The film that a folder's contents make. pictures: of `unisono produce`, the clips (keys, names) that may be seen;
    None for all. songbook: where a performance's piece may be besides the program's own, for its words. expected: a
    performance's takes that are not in its mix yet and will be. Raises FilmFailed if there is nothing to make one of.
    """
    try:
        if (folder / BRIEF_FILE).is_file():
            return _beside(msgspec.json.decode((folder / BRIEF_FILE).read_bytes(), type=Film), folder)
        if (folder / REPORT_FILE).is_file():
            return _of_production(folder, pictures)
        if (folder / PERFORMANCE_FILE).is_file():
            return _of_performance(folder, songbook, expected)
    except (OSError, msgspec.MsgspecError) as error:
        raise FilmFailed(reason=f"{folder}: {error}") from error
    raise FilmFailed(reason=f"{folder} holds neither {BRIEF_FILE}, {REPORT_FILE} nor {PERFORMANCE_FILE}")


def _beside(film: Film, folder: Path) -> Film:
    """Paths in a brief count from its folder."""

    def here(path: str | None) -> str | None:
        return None if path is None else str(folder / path)

    voices = tuple(
        msgspec.structs.replace(
            voice,
            sound=here(voice.sound),
            clip=None
            if voice.clip is None
            else msgspec.structs.replace(
                voice.clip,
                path=str(folder / voice.clip.path),
                more=tuple(str(folder / path) for path in voice.clip.more),
            ),
        )
        for voice in film.voices
    )
    return msgspec.structs.replace(film, sound=here(film.sound), voices=voices)


def knots_of(alignment: Alignment) -> tuple[Knot, ...]:
    """Where an alignment says a take's picture belongs."""
    if len(alignment.warp) > 1:
        steps = zip(alignment.warp, alignment.warp[1:], strict=False)
        return tuple(Knot(take=a[0], guide=a[1], rate=(b[0] - a[0]) / max(b[1] - a[1], 1.0)) for a, b in steps)
    return tuple(
        Knot(take=piece.take_start, guide=piece.guide_start, rate=1 + piece.drift_ppm * 1e-6)
        for piece in alignment.pieces
    )


def _of_production(folder: Path, pictures: frozenset[str] | None) -> Film:
    production = msgspec.json.decode((folder / REPORT_FILE).read_bytes(), type=Production)
    mixed = [outcome for outcome in production.clips if outcome.state == "mixed"]
    return Film(
        voices=tuple(_of_outcome(outcome, folder, pictures) for outcome in mixed),
        samples=production.samples,
        sound=_mix(folder),
        title=production.guide.title,
        words=_words(production.guide.text),
        thanks=_thanks(production.guide.text),
    )


def _words(text: SungText) -> tuple[Word, ...]:
    return tuple(Word(start=s.start, text=s.text, line=s.line, begins=s.begins) for s in text.syllables)


def _thanks(text: SungText) -> tuple[str, ...]:
    """Composer and poet, in no language."""
    return (" · ".join(text.authors),) if text.authors else ()


def _of_outcome(outcome: Outcome, folder: Path, pictures: frozenset[str] | None) -> Voice:
    report = outcome.report
    clip = None
    if report is not None and report.take.picture is not None:
        knots = knots_of(report.alignment)
        clip = Clip(path=outcome.path, knots=knots, zero_s=report.take.picture.zero_s)
    sound = next((folder / file.name for file in outcome.files if file.kind == "wav"), None)
    return Voice(
        name=_shown_name(outcome),
        place=outcome.town,
        flag=outcome.flag,
        part=outcome.part,
        row=0 if outcome.lead else 1,
        pan=outcome.pan,
        sound=None if sound is None else str(sound),
        clip=clip,
        pictures=pictures is None or bool({outcome.key, outcome.name} & pictures),
    )


def _shown_name(outcome: Outcome) -> str:
    """What stands under their window: their name, or their file's unless a camera or a messenger gave it that."""
    if outcome.name != outcome.key:
        return outcome.name
    return "" if _NOBODYS_NAME.fullmatch(outcome.key) else outcome.key.replace("_", " ").strip()


def _of_performance(folder: Path, songbook: Path | None, expected: frozenset[str]) -> Film:
    facts = read_performance(folder)
    report = read_report(folder)
    heard = [stem.seat for stem in report.stems] if report is not None else [seat.seat for seat in facts.seats]
    flags = _flags(folder)
    live = [_of_seat(seat, flags.get(seat.seat, ""), folder) for seat in facts.seats if seat.seat in heard]
    takes = [_of_take(take, folder) for take in takes_of(folder) if take.in_mix or take.take in expected]
    text = sung_text(folder, songbook=songbook)
    return Film(
        voices=(*live, *takes),
        samples=facts.span.samples,
        sound=_mix(folder),
        title=facts.title,
        place=facts.place,
        date=facts.sung_at[:10],
        words=_words(text),
        thanks=_thanks(text),
    )


def _flags(folder: Path) -> dict[int, str]:
    """Each seat's flag."""
    told = msgspec.json.decode((folder / PERFORMANCE_FILE).read_bytes(), type=_Flags)
    return {seat.seat: flag_of(seat.flag) for seat in told.seats}


def _of_seat(seat: SeatFacts, flag: str, folder: Path) -> Voice:
    sound = folder / "stems" / f"{seat.seat}.wav"
    pictures = [str(path) for path in pictures_of(folder, seat.seat)]
    return Voice(
        name=seat.name,
        place=seat.place,
        flag=flag,
        part=seat.part,
        row=1 if seat.row is None else seat.row,
        pan=seat.pan,
        sound=str(sound) if sound.is_file() else None,
        clip=Clip(path=pictures[0], more=tuple(pictures[1:]), zero_s=0.0) if pictures else None,
        pictures=bool(pictures),
    )


def _of_take(take: TakeFacts, folder: Path) -> Voice:
    home = take_folder(folder, take.take)
    placed = read_placed(home)
    clip = None
    if take.picture and (placed is not None or not take.in_mix):
        found = 0.0 if placed is None else placed.offset_samples
        at = found if take.offset_samples is None else take.offset_samples
        rate = 1.0 if placed is None else 1 + placed.drift_ppm * 1e-6
        clip = Clip(path=str(home / take.original), knots=(Knot(take=0.0, guide=at, rate=rate),))
    sound = home / VOICE_FILE
    return Voice(
        name=take.name,
        place=take.place,
        flag=flag_of(take.flag),
        part=take.part,
        pan=take.pan,
        sound=str(sound) if sound.is_file() else None,
        clip=clip,
        pictures=take.picture,
    )


def flag_of(flag: Mapping[str, object] | None) -> str:
    """A flag as on the wire (a country, or colours side by side or one above the other) as a film knows it."""
    if not flag:
        return ""
    colours = flag.get("colours")
    if isinstance(colours, list | tuple) and colours:
        return ("" if flag.get("upright", False) else "=") + " ".join(str(colour) for colour in colours)
    return str(flag.get("country") or "")


def _mix(folder: Path) -> str | None:
    path = folder / _MIX
    return str(path) if path.is_file() else None
