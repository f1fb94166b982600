"""`unisono produce --film`: clips with pictures, a table of people and a piece's words become a film."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from tests.unit.clips import sung_to
from tests.unit.test_film_make import frames_of, opening
from tests.unit.test_film_words import cues
from unisono import songbook
from unisono.studio import cli, commanded
from unisono.studio.clip import Clip
from unisono.studio.film import folder
from unisono.studio.film.brief import FRAME_RATE, Film, Shape
from unisono.studio.film.folder import brief_of
from unisono.studio.outcome import outcome_of
from unisono.studio.people import Person, read_people
from unisono.units import SAMPLE_RATE, Audio

TUNE = {
    "title": "Klein",
    "composer": "Nobody",
    "tonic": "C4",
    "beats_per_bar": 4,
    "tempo_bpm": 120,
    "count_in_bars": 1,
    "melody": "all",
    "parts": {"all": ["C4 D4 E4 G4 | A4 F4 D4 B3 | C4:4"]},
    "words": ["eins zwei drei vier", "fünf sechs sie-ben", "aus"],
}
FLASH_S = 3.0


def film_of(path: Path, sound: Audio, flash_s: float) -> Path:
    """A phone's film: `sound`, and a wall that is white for a tenth of a second from `flash_s` of the take on."""
    with av.open(str(path), "w", format="mp4") as file:
        video = file.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "12"})
        video.width, video.height, video.pix_fmt = 96, 128, "yuv420p"
        heard = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for number in range(round(len(sound) / SAMPLE_RATE * 30)):
            grey = np.full((192, 96), 128, np.uint8)
            grey[:128] = 225 if 0 <= number / 30 - flash_s < 0.1 else 40
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            file.mux(video.encode(frame))
        block = av.AudioFrame.from_ndarray(sound[np.newaxis], format="fltp", layout="mono")
        block.sample_rate, block.time_base, block.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), 0
        file.mux(heard.encode(block))
        file.mux(heard.encode(None))
        file.mux(video.encode(None))
    return path


def small(folder: Path, *told: object, **more: object) -> Film:
    """The film's brief, for a film that is soon made."""
    brief = brief_of(folder, *told, **more)  # type: ignore[arg-type]
    return msgspec.structs.replace(brief, shape=Shape(width=320, height=180, preset="ultrafast"))


def test_clips_become_a_film_with_names_words_and_pictures_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "klein.json").write_text(json.dumps(TUNE), encoding="utf-8")
    monkeypatch.setenv("UNISONO_SONGBOOK", str(tmp_path / "book"))
    monkeypatch.setattr(commanded, "brief_of", small)
    backing = songbook.render_backing(songbook.piece("klein", tmp_path / "book"), 0, 0)
    clips = tmp_path / "clips"
    clips.mkdir()
    late = 14_400
    film_of(clips / "IMG_0001.mp4", sung_to(backing, seed=1, late_samples=late, bleed_db=-8), FLASH_S)
    (tmp_path / "people.csv").write_text(
        "Clip;Name;Place;Flag;E-mail\nIMG_0001;王小明;武汉;🇨🇳;w@x\n", encoding="utf-8-sig"
    )
    told = ["--people", str(tmp_path / "people.csv"), "--film", "--title", "加油", "--date", "2020", "--json"]
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.produce, [str(clips), "--guide", "klein", "--out", str(out), *told])
    assert done.exit_code == 0, done.output
    brief = brief_of(out)
    [voice] = brief.voices
    assert (voice.name, voice.place, voice.flag) == ("王小明", "武汉", "cn")
    assert brief.thanks == ("Nobody",)
    subtitles = cues((out / "film.vtt").read_text(encoding="utf-8"))
    assert [text for _, _, text in subtitles] == ["eins zwei drei vier", "fünf sechs sieben", "aus"]
    first_s = brief.lead_s + 4 * 0.5  # one bar of counting at 120
    assert 0 < first_s - subtitles[0][0] < 1.5
    shown = frames_of(out / "film.mp4")
    where = opening(brief, out / "work" / "film")
    clip_s = brief.lead_s + late / SAMPLE_RATE
    begun = round((clip_s + 1) * FRAME_RATE)  # before it the window has its own light
    bright = [number for number, frame in enumerate(shown) if number > begun and frame[where].mean() > 130]
    assert abs(bright[0] / FRAME_RATE - clip_s - FLASH_S) <= 1 / FRAME_RATE
    with av.open(str(out / "film.mp4")) as file:
        assert file.metadata["title"] == "加油"
        assert file.metadata["artist"] == "王小明"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('clip,name\na.mp4,"Ola, Ewa"\n', [Person(clip="a.mp4", name="Ola, Ewa")]),
        ("Lead\tClip\tflag\nyes\ta\tPL\n\n\t\t\n", [Person(clip="a", flag="pl", lead=True)]),
        ("clip;flag\na;#ff0000 #00ff00\n", [Person(clip="a", flag="#ff0000 #00ff00")]),
        ("", []),
    ],
)
def test_a_table_of_people_is_read_as_spreadsheets_write_it(tmp_path: Path, text: str, found: list[Person]) -> None:
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    assert read_people(tmp_path / "people.csv") == found


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"name,place\nOla,Krak", "clip"),
        ("clip,name\na,Łucja".encode("cp1250"), "UTF-8"),
        (b"clip,flag\na,zz\nb,Poland\n", "line 2: 'zz' is no flag"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "people.csv").write_bytes(data)
    (tmp_path / "a.mp4").touch()
    told = [str(tmp_path / "a.mp4"), "--guide", "x", "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(cli.produce, [*told, "--people", str(tmp_path / "people.csv")])
    assert done.exit_code == 2
    assert why in done.output


def test_options_have_the_last_word_and_empty_cells_say_nothing(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    people = [Person(clip="a", name="Ada", place="Wien"), Person(clip="b.mp4")]
    first, second = commanded.named_clips([tmp_path], people, names=["a=Ada Lovelace"])
    assert (first.name, first.town) == ("Ada Lovelace", "Wien")
    assert (second.name, second.town) == ("b", "")


@pytest.mark.parametrize(
    ("file", "name", "shown"),
    [
        ("ada_lovelace", "", "ada lovelace"),
        ("IMG_2034", "", ""),
        ("20200313_180102", "", ""),
        ("WhatsApp Video 2020-03-13 at 18.01.02", "", ""),
        ("IMG-20200313-WA0001", "", ""),
        ("Imgard 2", "", "Imgard 2"),
        ("Video Killers", "", "Video Killers"),
        ("IMG_2034", "IMG 1", "IMG 1"),
    ],
)
def test_names_that_cameras_give_are_nobodys(file: str, name: str, shown: str, tmp_path: Path) -> None:
    outcome = outcome_of(Clip(key=file, path=f"{file}.mp4", name=name), "mixed")
    assert folder._shown_name(outcome) == shown
