"""Words: which line is sung when, how far, and the same as subtitles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from unisono.studio.film.brief import Film, Word
from unisono.units import SAMPLE_RATE

_BEFORE_S = 1.4
_READ_S = 0.6
_LONGEST_WORD_S = 2.2
_LAST_WORD_S = 3.0
_FIRST_CJK = 0x2E80


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, in samples of the mix's axis: shown from `start` to `stop`, its words sung from their starts on."""

    start: int
    stop: int
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return joined(self.words)

    def sung(self, position: float) -> tuple[int, float]:
        """How many words, or syllables if that is what there is, are sung, and which share of the next one."""
        done = sum(1 for word in self.words if word.start <= position)
        if not done:
            return 0, 0.0
        word = self.words[done - 1]
        until = self.words[done].start if done < len(self.words) else self.stop
        length = min(until - word.start, _LONGEST_WORD_S * SAMPLE_RATE)
        share = min(1.0, (position - word.start) / max(length, 1))
        return (done, 0.0) if share >= 1 else (done - 1, share)


def joined(words: Iterable[Word]) -> str:
    """Words as one line: with spaces between them, but for scripts that have none."""
    line = ""
    for word in words:
        text = word.text
        tight = bool(line) and bool(text) and ord(line[-1]) >= _FIRST_CJK and ord(text[0]) >= _FIRST_CJK
        line += text if tight or not line or not word.begins else " " + text
    return line


def lines(film: Film) -> tuple[Line, ...]:
    """The lines in the order they are sung; each goes when the next one comes. What was not sung any more is none."""
    ordered = sorted((word for word in film.words if word.start < film.samples), key=lambda word: word.start)
    groups = [tuple(group) for _, group in groupby(ordered, key=lambda word: word.line)]
    found: list[Line] = []
    whole = film.samples if film.words_stop is None else film.words_stop
    for number, group in enumerate(groups):
        last = group[-1].start
        end = min(whole, last + round(_LAST_WORD_S * SAMPLE_RATE))
        if number + 1 < len(groups):
            end = min(max(end, last + 1), _makes_room(last, groups[number + 1][0].start))
        begin = group[0].start - round(_BEFORE_S * SAMPLE_RATE)
        begin = max(begin, found[-1].stop) if found else begin
        found.append(Line(start=min(begin, group[0].start), stop=max(end, last + 1), words=group))
    return tuple(found)


def _makes_room(last: int, following: int) -> int:
    """When a line goes whose last word is followed so closely: the next one is read before it is sung."""
    return max((last + following) // 2, following - round(_READ_S * SAMPLE_RATE))


def web_subtitles(film: Film) -> str:
    """The words as WebVTT, on the film's own time; above, for below they stand in the picture."""
    blocks = ["WEBVTT", ""]
    for line in lines(film):
        start, stop = (max(0.0, film.lead_s + at / SAMPLE_RATE) for at in (line.start, line.stop))
        blocks += [f"{_stamp(start)} --> {_stamp(stop)} line:6%", _escaped(line.text), ""]
    return "\n".join(blocks)


def _stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}.{whole % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
