"""The songbook: files are read strictly, and the backing sounds where the beats are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono import songbook
from unisono.errors import BadPiece, NoSuchPiece, OutOfRange, UserError
from unisono.songbook.notation import midi_of, read_part, read_syllables
from unisono.songbook.shelf import read_piece
from unisono.units import SAMPLE_RATE, Audio

ODE = songbook.piece("ode-to-joy")


def write(folder: Path, name: str, **changes: Any) -> Path:
    """A small good piece, with changes, as a file."""
    content: dict[str, Any] = {
        "title": "Small",
        "composer": "Nobody",
        "tonic": "C4",
        "beats_per_bar": 4,
        "tempo_bpm": 120,
        "melody": "voice",
        "parts": {"voice": ["C4 D4 E4:2 | G4:4"]},
        "words": ["la-la la la"],
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_ode_has_its_sixteen_bars_and_first_note() -> None:
    assert (ODE.beats, ODE.beats_per_bar, ODE.tempo_bpm, ODE.count_in_beats) == (64, 4, 100, 8)
    assert (ODE.first_midi, ODE.key_midi) == (71, 67)
    assert [part.name for part in ODE.parts] == ["soprano", "alto", "tenor", "bass"]
    assert all(sum(note.beats for note in part.notes) == 64 for part in ODE.parts)


def test_words_stand_on_their_beats() -> None:
    placed = {(word.line, word.text): word.beat for word in ODE.words}
    assert placed[0, "Freude,"] == 0
    assert placed[0, "Götterfunken,"] == 4
    assert placed[1, "Elysium,"] == 11
    assert placed[4, "binden"] == 36
    assert placed[4, "wieder,"] == 38
    assert placed[7, "weilt."] == 62
    assert [word.beat for word in ODE.words] == sorted(word.beat for word in ODE.words)


def test_the_page_gets_the_fields_of_the_wire_and_of_parts_the_names() -> None:
    fields = json.loads(msgspec.json.encode(ODE.for_page()))
    assert {"id", "title", "composer", "beats_per_bar", "beats", "tempo_bpm", "key_midi"} <= fields.keys()
    assert {"first_midi", "count_in_beats", "words", "melody"} <= fields.keys()
    assert fields["parts"] == ["soprano", "alto", "tenor", "bass"]
    assert "syllables" not in fields
    assert fields["words"][0] == {"beat": 0.0, "text": "Freude,", "line": 0}
    assert fields["melody"][0] == {"beat": 0.0, "beats": 1.0, "midi": 71}


@pytest.mark.parametrize(("name", "midi"), [("C4", 60), ("A4", 69), ("F#3", 54), ("Bb3", 58), ("B4", 71), ("G2", 43)])
def test_note_names(name: str, midi: int) -> None:
    assert midi_of(name) == midi


@given(st.lists(st.tuples(st.integers(24, 96), st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0])), min_size=1, max_size=30))
def test_a_part_is_read_as_written(notes: list[tuple[int, float]]) -> None:
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    text = " ".join(f"{names[midi % 12]}{midi // 12 - 1}:{beats}" for midi, beats in notes)
    part = read_part(text, beats_per_bar=10_000)
    assert [(note.midi, note.beats) for note in part] == notes
    assert [note.beat for note in part] == [sum(beats for _, beats in notes[:i]) for i in range(len(notes))]


def test_syllables() -> None:
    got = [(s.text, s.notes, s.begins) for s in read_syllables("bin-den__ wie-der")]
    assert got == [("bin", 1, True), ("den", 3, False), ("wie", 1, True), ("der", 1, False)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"parts": {"voice": ["C4 D4 E4 | G4:4"]}, "words": []}, None),
        ({"parts": {"voice": ["C4 | D4 E4 | G4:4"]}, "words": []}, "bar 2"),
        ({"parts": {"voice": ["C4 H4"]}}, "'H4'"),
        ({"parts": {"voice": ["C4:0"]}}, "'C4:0'"),
        ({"parts": {"voice": ["C8 D4 E4:2"]}}, "MIDI note"),
        ({"parts": {"voice": ["r:4"]}, "words": []}, "no notes"),
        ({"parts": {"voice": ["C4:4"], "bass": ["C3:3"]}, "words": []}, "differ in length"),
        ({"parts": {}}, "parts"),
        ({"melody": "soprano"}, "soprano"),
        ({"words": ["la"]}, "take 1 notes"),
        ({"words": ["la la la la la"]}, "no note is left"),
        ({"words": ["la--la la la"]}, "empty syllable"),
        ({"tempo_bpm": 20}, "tempo_bpm"),
        ({"tempo_bpm": "fast"}, "tempo_bpm"),
        ({"tonic": "r"}, "not a note"),
        ({"colour": "blue"}, "colour"),
        ({"title": ""}, "title"),
    ],
)
def test_a_slip_of_the_pen_is_told(tmp_path: Path, changes: dict[str, Any], told: str | None) -> None:
    path = write(tmp_path, "small", **changes)
    if told is None:
        assert read_piece(path).beats == 7
        return
    with pytest.raises(BadPiece) as caught:
        read_piece(path)
    assert told in str(caught.value)
    assert isinstance(caught.value, UserError)


@given(st.binary(max_size=200))
def test_any_bytes_that_are_no_piece_are_told_kindly(junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "junk.json"
        file.write_bytes(junk)
        with pytest.raises(BadPiece):
            read_piece(file)


def test_anybody_can_add_a_song_and_a_broken_one_hides_only_itself(tmp_path: Path) -> None:
    write(tmp_path, "small")
    write(tmp_path, "broken", tempo_bpm=1)
    write(tmp_path, "Bad Name")
    write(tmp_path, "ode-to-joy")
    shelf = songbook.read_shelf(tmp_path)
    assert list(shelf.pieces) == ["ode-to-joy", "small"]
    assert shelf.pieces["ode-to-joy"] == ODE
    assert shelf.broken.keys() == {"broken.json", "Bad Name.json", "ode-to-joy.json"}
    assert songbook.piece("small", tmp_path).title == "Small"
    with pytest.raises(BadPiece):
        songbook.piece("broken", tmp_path)
    with pytest.raises(NoSuchPiece):
        songbook.piece("nothing", tmp_path / "not-there")


def test_backing_is_quiet_enough_long_enough_and_always_the_same() -> None:
    backing = songbook.render_backing(ODE, 0, 100)
    song = songbook.count_in_samples(ODE, 100) + 64 * 28_800
    assert backing.dtype == np.float32
    assert len(backing) >= song + SAMPLE_RATE
    assert float(np.max(np.abs(backing))) == pytest.approx(10 ** (-7 / 20), abs=1e-6)
    assert np.max(np.abs(backing[-4800:])) < 1e-4
    again = songbook.backing._rendered.__wrapped__(ODE, 0, 100)
    assert np.array_equal(backing, again)
    assert songbook.render_backing(ODE, 0, 0) is backing


def test_clicks_and_beats_begin_on_their_sample() -> None:
    backing = songbook.render_backing(ODE, 0, 100)
    for beat in (0, 1, 4, 7):
        assert np.max(np.abs(backing[max(0, beat * 28_800 - 2000) : beat * 28_800 + 1])) < 1e-3
        assert np.max(np.abs(backing[beat * 28_800 : beat * 28_800 + 48])) > 0.05
    strong, weak = backing[: SAMPLE_RATE // 10], backing[28_800 : 28_800 + SAMPLE_RATE // 10]
    assert _rms_dbfs(strong) - _rms_dbfs(weak) > 3
    first = songbook.count_in_samples(ODE, 100)
    assert first == 8 * 28_800
    assert np.max(np.abs(backing[first - 4800 : first])) < 1e-3
    assert np.max(np.abs(backing[first : first + 480])) > 0.02


def test_key_and_tempo_change_what_they_say() -> None:
    first = songbook.count_in_samples(ODE, 60)
    assert first == 8 * 48_000
    for key in (-6, 5):
        backing = songbook.render_backing(ODE, key, 60)
        bar = backing[first : first + 48_000]
        for midi in (71, 67, 62, 55):
            assert _power_near(bar, midi + key) > 10 * _power_near(bar, midi + key + 0.5), (key, midi)


def test_nothing_folds_back_above_the_top() -> None:
    backing = songbook.render_backing(ODE, 6, 120)[songbook.count_in_samples(ODE, 120) :]
    spectrum = np.abs(np.fft.rfft(backing)) ** 2
    hertz = np.fft.rfftfreq(len(backing), 1 / SAMPLE_RATE)
    assert spectrum[hertz > 13_000].sum() < 1e-6 * spectrum.sum()


def test_alignment_by_correlation_is_exact() -> None:
    """A copy delayed by 137.4 samples and buried in noise is placed within 0.1 ms."""
    backing = songbook.render_backing(ODE, 0, 100)[: 6 * SAMPLE_RATE]
    spectrum = np.fft.rfft(backing, 2**19)
    turned = spectrum * np.exp(-2j * np.pi * np.fft.rfftfreq(2**19) * 137.4)
    late = np.fft.irfft(turned)[: len(backing)] + np.random.default_rng(5).normal(0, 0.02, len(backing))
    correlation = np.fft.irfft(np.fft.rfft(late, 2**20) * np.conj(np.fft.rfft(backing, 2**20)))
    assert abs(int(np.argmax(correlation)) - 137.4) < 0.0001 * SAMPLE_RATE


@pytest.mark.parametrize(("key", "tempo"), [(-7, 0), (7, 0), (0, 39), (0, 209), (0, -1)])
def test_keys_and_tempos_nobody_sings_are_refused(key: int, tempo: int) -> None:
    with pytest.raises(OutOfRange):
        songbook.render_backing(ODE, key, tempo)


def _rms_dbfs(sound: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64))))


def _power_near(sound: Audio, midi: float) -> float:
    """Power within 2 Hz of a note's fundamental."""
    window = sound * np.hanning(len(sound))
    spectrum = np.abs(np.fft.rfft(window, 2**18)) ** 2
    hertz = np.fft.rfftfreq(2**18, 1 / SAMPLE_RATE)
    centre = 440 * 2 ** ((midi - 69) / 12)
    return float(spectrum[np.abs(hertz - centre) < 2].sum())


def test_the_example_in_the_docs_is_a_piece(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "songbook.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    (tmp_path / "bruder-jakob.json").write_text(example, encoding="utf-8")
    found = songbook.piece("bruder-jakob", tmp_path)
    assert (found.title, found.beats, found.first_midi, found.count_in_beats) == ("Bruder Jakob", 32, 65, 8)
    assert [word.beat for word in found.words if word.line == 1] == [8, 9, 10, 12, 13, 14]
    assert found.words[-1].text == "dong!"
    assert len(songbook.render_backing(found, 0, 0)) > 40 * 60 / 110 * SAMPLE_RATE


def test_every_piece_that_comes_with_the_program_can_be_read() -> None:
    shelf = songbook.read_shelf()
    assert "ode-to-joy" in shelf.pieces
    assert shelf.broken == {}
