"""Report: what was done to each take, in words and pictures, from the codes and numbers of an outcome.

The words themselves are in `web/take_words.py`, in every language. `DIR/report.html` stands alone: it holds its
pictures and needs nothing but the files beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import quote

from unisono.studio import pictures
from unisono.studio.alignment import Alignment, Lag
from unisono.studio.clip import ClipReport
from unisono.studio.outcome import Outcome, Production
from unisono.studio.steps import write_whole
from unisono.studio.takes import Said
from unisono.units import SAMPLE_RATE, ms_of_samples
from unisono.web import i18n
from unisono.web.take_words import english, sentence

PAGE_FILE: Final = "report.html"

_STYLE = Path(i18n.__file__).parent / "static/css/report.css"
_TOLD_DRIFT_PPM = 1.0
_TOLD_GAIN_DB = 0.1
_TOLD_SPREAD_MS = 5.0
_TAKE_NOTES = ("several_sounds", "gaps", "cut_off", "broken", "clock")
_TOLD_STEPS = ("rumble.taken_out", "guide.taken_out", "hum.taken_out", "noise.softened")


def said(code: str, **facts: float | str) -> Said:
    """A sentence by its code; `text` is the same in English."""
    return Said(code=code, text=sentence(code, facts, i18n.SOURCE_LANGUAGE), words=english(code), facts=facts)


def time_told(samples: float) -> str:
    """A position as minutes and seconds: `1:12`, `-0:03`; to a tenth of a second where it is not a whole one."""
    tenths = round(abs(samples) / SAMPLE_RATE * 10)
    minutes, rest = divmod(tenths, 600)
    seconds = f"{rest // 10:02d}" + (f".{rest % 10}" if rest % 10 else "")
    return f"{'-' if samples < 0 and tenths else ''}{minutes}:{seconds}"


def _second_told(samples: int) -> str:
    """To the nearest second: nobody asks for more of a silence."""
    return time_told(round(samples / SAMPLE_RATE) * SAMPLE_RATE)


def said_of(outcome: Outcome) -> tuple[Said, ...]:
    """Everything that is to be told about what became of a clip, most important first."""
    if outcome.state == "broken":
        return (said(outcome.problem, **outcome.facts),)
    if outcome.state == "same":
        return (said("same", **outcome.facts),)
    report = outcome.report
    assert report is not None
    if report.take.sound is None:
        return (said("no_sound"),)
    if outcome.state == "silent":
        return (said("silent.all" if report.quiet else "outside"), *_said_of_file(report))
    mixed = outcome.state == "mixed"
    if not mixed:
        return (*_said_of_place(report, mixed=False), *_said_of_file(report))
    return (*_said_of_place(report, mixed=True), *said_of_sound(report, outcome.gain_db))


def _said_of_place(report: ClipReport, *, mixed: bool) -> Iterator[Said]:
    yield from said_of_alignment(report)
    if not report.alignment.certain:
        yield said("unsure.mixed" if mixed else "unsure.left_out")


def said_of_alignment(report: ClipReport) -> Iterator[Said]:
    """How a take was placed, how it ran, and what speaks against it."""
    stands = report.alignment
    yield _placed(report) if stands.certain else _guessed(stands)
    if stands.method == "person" and report.guess.method != "none":
        apart_ms = round(ms_of_samples(report.guess.offset_samples - stands.offset_samples))
        yield said("guess.apart", apart_ms=float(apart_ms))
    if stands.method == "none":
        return
    if stands.certain:
        yield from _said_of_clock(stands)
    spread_ms = ms_of_samples(stands.spread_samples)
    if spread_ms >= _TOLD_SPREAD_MS:
        yield said("disagree", spread_ms=float(round(spread_ms)))


def _said_of_clock(stands: Alignment) -> Iterator[Said]:
    if abs(stands.drift_ppm) >= _TOLD_DRIFT_PPM:
        yield said("drift", drift_ppm=f"{stands.drift_ppm:+.0f}")
    steps = len(stands.pieces) - 1
    if steps:
        yield said("step") if steps == 1 else said("steps", steps=float(steps))


def _placed(report: ClipReport) -> Said:
    stands = report.alignment
    if stands.method == "bleed":
        bleed_db = _bleed_db(report)
        return said("placed.bleed") if bleed_db is None else said("placed.bleed_db", bleed_db=float(round(bleed_db)))
    if stands.method == "part" and report.part:
        return said("placed.part_named", part=report.part)
    return said(f"placed.{stands.method}")


def _guessed(stands: Alignment) -> Said:
    if stands.method == "none":
        return said("guess.none")
    code = f"guess.{stands.method}" if stands.method in ("bleed", "claps", "part", "warp") else "guess.other"
    return said(code, at=time_told(stands.offset_samples))


def _bleed_db(report: ClipReport) -> float | None:
    """How loud the guide is in the take against its voice: as it was found, else as it was taken out."""
    found = [each.bleed_db for each in report.alignment.estimates if each.method == "bleed"]
    taken_out = [-fact.numbers["under_voice_db"] for fact in report.cleaned if fact.name == "guide.taken_out"]
    return next((bleed_db for bleed_db in (*found, *taken_out) if bleed_db is not None), None)


def said_of_sound(report: ClipReport, gain_db: float = 0.0) -> Iterator[Said]:
    """What was done to the sound, and what is missing in it."""
    for done in report.cleaned:
        if done.name in _TOLD_STEPS:
            yield said(done.name, **done.numbers)
    if abs(gain_db) >= _TOLD_GAIN_DB:
        yield said("gain.up" if gain_db > 0 else "gain.down", gain_db=round(abs(gain_db), 1))
    for start, stop in report.silent:
        yield said("silent.between", start=_second_told(start), stop=_second_told(stop))
    if report.clipped:
        yield said("clipped")
    yield from _said_of_file(report)


def _said_of_file(report: ClipReport) -> Iterator[Said]:
    return (said(f"take.{note}") for note in _TAKE_NOTES if note in report.take.notes)


def in_words(told: tuple[Said, ...], language: str) -> list[str]:
    """The sentences in one of i18n.LANGUAGES."""
    return [sentence(each.code, each.facts, language) for each in told]


def shown_in_waves() -> Said:
    """What `waves_picture` shows; what is told about the take belongs beside it."""
    return said("picture.waves")


def shown_in_lags(report: ClipReport) -> Said:
    """What `lags_picture` shows, for whoever cannot see it. Raises ValueError where nobody looked."""
    looks = _looks(report)
    used = [look for look in looks if look.used] or looks
    if not used:
        raise ValueError("there are no looks to tell of")
    lags = [look.lag_samples for look in used]
    return said(
        "picture.lags",
        looks=float(len(looks)),
        used=float(sum(look.used for look in looks)),
        within_ms=round(ms_of_samples(max(lags) - min(lags)), 2),
        sure_percent=float(round(100 * median(look.confidence for look in used))),
    )


def _looks(report: ClipReport) -> Sequence[Lag]:
    """Those of the first way of looking that looked more than once."""
    estimates = (*report.alignment.estimates, *report.guess.estimates)
    return next((estimate.lags for estimate in estimates if estimate.lags), ())


def waves_picture(
    report: ClipReport, guide_shape: tuple[int, ...], guide_samples: int, axis: int, language: str
) -> str:
    """The guide, the take as it came and the voice in its place, as SVG."""
    lanes = [
        pictures.guide_lane(sentence("lane.guide", {}, language), guide_shape, guide_samples),
        pictures.before_lane(sentence("lane.before", {}, language), report.before, report.take.samples),
    ]
    if report.alignment.method != "none":
        label = sentence("lane.after" if report.alignment.certain else "lane.guess", {}, language)
        missing = report.silent if report.alignment.certain else ()
        lanes.append(pictures.after_lane(label, report.after, axis, missing))
    return pictures.waves(
        lanes,
        title=in_words((shown_in_waves(),), language)[0],
        description="; ".join(in_words((*said_of_alignment(report), *said_of_sound(report)), language)),
        unique=f"waves-{report.voice}",
    )


def lags_picture(report: ClipReport, language: str) -> str | None:
    """Lags and confidence over time, as SVG; None where nobody looked."""
    looks = _looks(report)
    if not looks:
        return None
    return pictures.lags(
        looks,
        report.take.samples,
        title=in_words((shown_in_lags(report),), language)[0],
        description="; ".join(in_words(tuple(said_of_alignment(report)), language)),
        unique=f"lags-{report.voice}",
        labels=(sentence("lags.lags", {}, language), sentence("lags.confidence", {}, language)),
    )


def write_page(folder: Path, production: Production, language: str) -> None:
    """Write `report.html`, whole or not at all. Raises DiskTrouble."""
    page = i18n.render("report.html", language, **_page_facts(production, language))
    write_whole(folder / PAGE_FILE, page.encode())


def _page_facts(production: Production, language: str) -> dict[str, object]:
    """What the template is given."""
    by_kind = {file.kind: quote(file.name) for file in production.files}
    return {
        "style": _STYLE.read_text(encoding="utf-8"),
        "title": production.guide.title,
        "length": time_told(production.samples // SAMPLE_RATE * SAMPLE_RATE),
        "lufs": production.lufs,
        "files": [(file.kind.upper(), quote(file.name)) for file in production.files],
        "playable": [by_kind[kind] for kind in ("opus", "m4a", "wav") if kind in by_kind],
        "mix_picture": pictures.waves(
            [pictures.after_lane("", production.shape, production.samples)],
            title=production.guide.title,
            description="",
            unique="mix",
        )
        if production.shape
        else "",
        "unsure": [_clip_facts(clip, production, language) for clip in production.those("unsure")],
        "mixed": [_clip_facts(clip, production, language) for clip in production.those("mixed")],
        "others": [_clip_facts(clip, production, language) for clip in production.those("silent", "same", "broken")],
    }


def _clip_facts(clip: Outcome, production: Production, language: str) -> dict[str, object]:
    report, guide = clip.report, production.guide
    drawn: list[str] = []
    if report is not None and report.take.sound is not None:
        drawn.append(waves_picture(report, production.guide_shape, guide.samples, production.axis_samples, language))
        lags = lags_picture(report, language)
        drawn += [lags] if lags else []
    guess = report.guess if report is not None and report.guess.method != "none" else None
    return {
        "name": clip.name,
        "file": clip.file,
        "part": clip.part,
        "said": in_words(said_of(clip), language),
        "pictures": drawn,
        "stems": [(file.kind.upper(), quote(file.name)) for file in clip.files],
        "option": f"--place {clip.key}={guess.offset_samples / SAMPLE_RATE:.3f}" if guess else f"--place {clip.key}=…",
    }
