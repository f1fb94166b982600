"""The words of a performance in its film stand where the piece's own notation says that they are sung."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from tests.unit.test_studio_jobs import performance
from unisono.songbook.shelf import SONGS
from unisono.studio.film import words
from unisono.studio.film.folder import brief_of
from unisono.units import SAMPLE_RATE

ODE = json.loads((SONGS / "ode-to-joy.json").read_text(encoding="utf-8"))
COUNT_IN_BEATS = 8


def notated() -> list[list[tuple[str, float]]]:
    """Each line's syllables and the beats on which they begin, read off the file by hand: a note a syllable, `_` one
    more."""
    notes = " ".join(ODE["parts"][ODE["melody"]]).replace("|", " ").split()
    lengths = [float(note.partition(":")[2] or 1) for note in notes]
    beats = iter(itertools.accumulate([0.0, *lengths]))
    lines: list[list[tuple[str, float]]] = []
    for line in ODE["words"]:
        lines.append([])
        for syllable in re.split("[ -]", line):
            lines[-1].append((syllable.rstrip("_"), next(beats)))
            for _ in range(syllable.count("_")):
                next(beats)
    return lines


def cues(subtitles: str) -> list[tuple[float, float, str]]:
    """(start, stop, text) of WebVTT, in seconds."""

    def seconds(stamp: str) -> float:
        hours, minutes, rest = stamp.partition(" ")[0].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(rest)

    blocks = [block.splitlines() for block in subtitles.strip().split("\n\n")[1:]]
    times = [block[0].split(" --> ") for block in blocks]
    return [(seconds(a), seconds(b), block[1]) for (a, b), block in zip(times, blocks, strict=True)]


@pytest.mark.parametrize("tempo_bpm", [100, 73])
def test_subtitles_and_the_light_on_the_words_keep_the_time_of_the_notes(tmp_path: Path, tempo_bpm: int) -> None:
    beat_s = 60 / tempo_bpm
    performance(tmp_path, 72 * beat_s + 2, 2, more={"tempo_bpm": tempo_bpm})
    film = brief_of(tmp_path)
    told, lines = cues(words.web_subtitles(film)), words.lines(film)
    assert [text for _, _, text in told] == [re.sub("[-_]", "", line) for line in ODE["words"]]
    for (start_s, stop_s, _), line, sung in zip(told, lines, notated(), strict=True):
        at_s = [(COUNT_IN_BEATS + beat) * beat_s for _, beat in sung]
        assert 0.29 <= film.lead_s + at_s[0] - start_s <= 1.5, "it can be read before it is sung"
        assert stop_s > film.lead_s + at_s[-1] + 0.49 * beat_s, "and until it is sung"
        for number, second in enumerate(at_s):
            done, share = line.sung(second * SAMPLE_RATE + 2)
            assert done == number, sung[number]
            assert share < 0.001
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(told))


def test_who_stopped_in_the_middle_reads_no_further(tmp_path: Path) -> None:
    beat_s = 0.6
    film = brief_of(performance(tmp_path, (COUNT_IN_BEATS + 20) * beat_s, 1))
    assert [text for _, _, text in cues(words.web_subtitles(film))][1:] == ["Tochter aus Elysium,", "wir betreten"]


@pytest.mark.parametrize("more", [{"piece": None}, {"piece": "forgotten"}, {"tempo_bpm": 5}])
def test_without_a_piece_there_are_no_words(tmp_path: Path, more: dict[str, object]) -> None:
    assert brief_of(performance(tmp_path, 5.0, 1, more=more)).words == ()


def test_a_piece_of_ones_own_has_its_words_and_its_authors_in_the_film(tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    own = ODE | {"parts": {"all": ["C4 D4 E4:2 | G4:4"]}, "melody": "all", "words": ["加 油 la-la"], "composer": "Wei"}
    (book / "own.json").write_text(json.dumps(own), encoding="utf-8")
    film = brief_of(performance(tmp_path / "sung", 20.0, 1, more={"piece": "own"}), songbook=book)
    [line] = words.lines(film)
    assert line.text == "加油 lala"
    assert [word.start for word in line.words] == [round((8 + beat) * 28_800) for beat in (0, 1, 2, 4)]
    assert film.thanks == ("Wei · Friedrich Schiller",)


def test_flags_of_those_who_sang_live_are_hung_out(tmp_path: Path) -> None:
    assert [voice.flag for voice in brief_of(performance(tmp_path, 5.0, 3)).voices] == ["it", "it", "it"]
