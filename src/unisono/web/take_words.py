"""What the studio says about a take, for every code a sentence; `make locale` collects them like the page's words.

The studio writes codes and facts, so that a report can be read in any language, in a terminal as well as on a page.
"""

from __future__ import annotations

from collections.abc import Mapping

from babel.numbers import format_decimal

from unisono.web.i18n import words


def _(message: str) -> str:
    """Marks a sentence for translators."""
    return message


SENTENCES: Mapping[str, str] = {
    "placed.clock": _("placed by the clock that it shared with the guide"),
    "placed.bleed": _("placed by the guide's bleed, certain"),
    "placed.bleed_db": _("placed by the guide's bleed at {bleed_db} dB, certain"),
    "placed.claps": _("placed by the claps of the count-in, certain"),
    "placed.part": _("placed by its notes, certain"),
    "placed.part_named": _("placed by its notes against the part {part}, certain"),
    "placed.warp": _("followed through its own tempo, certain"),
    "placed.person": _("placed by hand"),
    "guess.bleed": _("not certain: something like the guide's bleed would place it at {at}"),
    "guess.claps": _("not certain: something like the claps of the count-in would place it at {at}"),
    "guess.part": _("not certain: its notes would place it at {at}"),
    "guess.warp": _("not certain: in its own tempo, it would begin at {at}"),
    "guess.other": _("not certain: it might begin at {at}"),
    "guess.none": _("nothing in it says where it belongs"),
    "unsure.left_out": _("please place it by hand; it is not in the mix"),
    "unsure.mixed": _("mixed all the same, as was asked"),
    "disagree": _("ways of looking disagree by {spread_ms} ms"),
    "guess.apart": _("by itself it would have been placed {apart_ms} ms away"),
    "drift": _("drift {drift_ppm} ppm corrected"),
    "steps": _("lost buffers made up for in {steps} places"),
    "step": _("lost buffers made up for in one place"),
    "rumble.taken_out": _("rumble below {below_hz} Hz taken out"),
    "guide.taken_out": _("leaked guide taken out"),
    "hum.taken_out": _("hum of {hertz} Hz taken out"),
    "noise.softened": _("steady noise {reduction_db} dB softer"),
    "gain.up": _("{gain_db} dB up"),
    "gain.down": _("{gain_db} dB down"),
    "silent.between": _("nothing heard between {start} and {stop}"),
    "silent.all": _("nothing is heard in it"),
    "outside": _("where it was placed, nothing of it falls into the song"),
    "no_sound": _("it has a picture and no sound"),
    "clipped": _("too loud for its microphone in places"),
    "take.several_sounds": _("it has several soundtracks; the first was taken"),
    "take.gaps": _("sound is missing inside of the file"),
    "take.cut_off": _("the file ends before its time"),
    "take.broken": _("parts of the file could not be read"),
    "take.clock": _("the file's clock and its sound run apart"),
    "same": _("the same recording as {other}; it is mixed once"),
    "take_unreadable": _("this is no recording that can be read: {reason}"),
    "take_empty": _("there is neither sound nor picture in it"),
    "take_too_long": _("it is longer than {seconds_max} seconds"),
    "take_too_large": _("it is too large: {value} {what}, {most} are the most"),
    "take_too_costly": _("it takes too much {what} to read"),
    "not_there": _("the file cannot be opened: {reason}"),
    "too_large": _("it needs more memory than there is"),
    "stuck": _("working on it took too long, so it was given up"),
    "ended": _("working on it ended unexpectedly"),
    "unexpected": _("working on it failed: {reason}"),
    "picture.waves": _("How loud it is over time: the guide, the take as it came, and the voice in its place"),
    "picture.lags": _(
        "How far the take lags the guide over time, and how sure each look was: {used} of {looks} looks were used, "
        "their lags lie within {within_ms} ms, and they were {sure_percent} percent sure"
    ),
    "lane.guide": _("the guide"),
    "lane.before": _("as it came"),
    "lane.after": _("in its place, cleaned"),
    "lane.guess": _("where it was guessed to be"),
    "lags.lags": _("lag around its middle; hollow looks were thrown out"),
    "lags.confidence": _("how sure each look was"),
}

REASONS: tuple[str, ...] = (
    _("it is neither sound nor film, or only a piece of its file came"),
    _("the file is empty"),
    _("files of this kind are not taken in"),
    _("reading it broke off"),
    _("its samples come at a rate that no recorder has"),
    _("No such file or directory"),
    _("Permission denied"),
    _("Is a directory"),
    _("Invalid data found when processing input"),
    _("Input/output error"),
)
"""What `{reason}` may be, in words that translators know; whatever else a library says is told as it says it."""

STEP_WORDS: Mapping[str, str] = {
    "guide": _("reading the guide"),
    "decode": _("reading"),
    "align": _("finding its place"),
    "clean": _("cleaning"),
    "measure": _("measuring"),
    "mix": _("mixing"),
    "files": _("writing files"),
}


STOPPED = _("Stopped. What is finished is kept: run it again to go on.")

RUN_WORDS = (
    _("{time} left"),
    _("There is no mix: no clip has a certain place yet."),
)
"""What a terminal says besides."""


def sentence(code: str, facts: Mapping[str, float | str], language: str) -> str:
    """What a code says with its facts in one of i18n.LANGUAGES; a code without a sentence is said as it is."""
    translated = words(language).gettext
    template = translated(SENTENCES.get(code, code))
    said = {name: _told(fact, language) for name, fact in facts.items()}
    if said.get("reason") in REASONS:
        said["reason"] = translated(said["reason"])
    try:
        return template.format_map(said)
    except (KeyError, IndexError, ValueError):
        return template


def english(code: str) -> str:
    """The sentence of a code as translators know it, its facts in braces."""
    return SENTENCES.get(code, code)


def step_word(step: str, language: str) -> str:
    """What a step is doing."""
    return words(language).gettext(STEP_WORDS.get(step, step))


def _told(fact: float | str, language: str) -> str:
    return fact if isinstance(fact, str) else str(format_decimal(fact, format="0.##", locale=language))
