"""A take is put where its claps or its own part say; what fits twice or not at all is not certain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.robots import hum as humming
from unisono.songbook import piece
from unisono.songbook.backing import beat_samples
from unisono.studio import claps, part, warp
from unisono.studio.align import CERTAIN, align
from unisono.studio.chroma import chroma
from unisono.studio.dtw import best_path, without
from unisono.studio.guide import Guide, Note
from unisono.studio.pitch import FRAME_SAMPLES, contour
from unisono.studio.transcript import notes_of
from unisono.studio.transients import transients
from unisono.units import SAMPLE_RATE, Audio, samples_of_ms

SECOND = SAMPLE_RATE
BEATS = tuple(float(i * SECOND * 60 // 100) for i in range(4))


def of_song(name: str, *, tempo_bpm: int = 110) -> tuple[Note, ...]:
    """A part of the Ode to Joy."""
    own = next(each for each in piece("ode-to-joy").parts if each.name == name)
    return tuple(
        Note(
            start=beat_samples(note.beat, tempo_bpm),
            stop=beat_samples(note.beat + note.beats, tempo_bpm),
            pitch=note.midi,
        )
        for note in own.notes
    )


def sung(notes: tuple[Note, ...], *, semitones: float = 0.0, scatter_ms: float = 15.0, seed: int = 1) -> Audio:
    """A robot that hums notes, each a little early or late, with a breath before each."""
    rng = np.random.default_rng(seed)
    late = rng.normal(0, scatter_ms * SECOND / 1000, len(notes)).astype(int)
    starts = [max(0, int(note.start + moved)) for note, moved in zip(notes, late.tolist(), strict=True)]
    stops = [*starts[1:], int(notes[-1].stop)]
    return humming.hum(
        [
            humming.Note(start_samples=start, samples=stop - start - samples_of_ms(90), midi=note.pitch + semitones)
            for start, stop, note in zip(starts, stops, notes, strict=True)
        ],
        seed=seed,
    )


def beaten(at: tuple[float, ...], samples: int, *, noise: float = 0.001) -> Audio:
    """Knocks of one millisecond's decay, each from the sample where its beat is, in noise."""
    rng = np.random.default_rng(5)
    sound = noise * rng.normal(0, 1, samples)
    for each in at:
        if 0 <= each < samples:
            rest = np.arange(min(480, samples - int(each)))
            sound[int(each) :][: len(rest)] += rng.normal(0, 0.4, len(rest)) * np.exp(-rest / 60)
    return sound.astype(np.float32)


SOPRANO, ALTO = of_song("soprano"), of_song("alto")
LINE = SOPRANO[:30]


@given(st.floats(75, 1100), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_pitch_of_a_tone_is_told_within_ten_cents(hertz: float, harmonics: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    time = np.arange(SECOND // 4) / SECOND
    tone = sum(np.sin(2 * np.pi * hertz * k * time + rng.uniform(0, 6)) / k for k in range(1, harmonics + 1))
    told = contour((0.2 * tone + rng.normal(0, 1e-4, len(time))).astype(np.float32)).pitch[10:-10]
    assert np.abs(told - (69 + 12 * np.log2(hertz / 440))).max() < 0.1


def test_silence_and_noise_have_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SECOND).astype(np.float32)
    assert not contour(np.zeros(SECOND, dtype=np.float32)).voiced.any()
    assert contour(noise).voiced.mean() < 0.1
    assert len(contour(np.zeros(0, dtype=np.float32))) > 0


def test_a_voice_becomes_the_notes_it_sings() -> None:
    written = SOPRANO[:15]
    found = notes_of(contour(sung(written, scatter_ms=0)))
    assert [round(note.pitch) for note in found] == [note.pitch for note in written]
    late = np.array([one.start - other.start for one, other in zip(found, written, strict=True)])
    assert np.abs(late).max() < samples_of_ms(40)


@given(st.integers(-3 * SECOND, -100))
@settings(max_examples=15)
def test_claps_are_found_wherever_they_are_to_a_third_of_a_millisecond(start: int) -> None:
    take = beaten(tuple(beat - start for beat in BEATS), 6 * SECOND - start)
    found = claps.find(take, BEATS)
    assert found is not None
    assert found.confidence >= CERTAIN
    assert found.offset_samples == pytest.approx(start, abs=samples_of_ms(0.33))


def test_a_transient_is_where_it_begins_in_either_channel() -> None:
    left = beaten((30_000.0,), SECOND)
    right = np.zeros_like(left)
    for sound in (np.stack([left, right], axis=1), np.stack([right, left], axis=1)):
        assert transients(sound).at == pytest.approx([30_000], abs=samples_of_ms(0.33))


@pytest.mark.parametrize("kept", [1, 2])
def test_one_clap_or_two_are_never_certain(kept: int) -> None:
    found = claps.find(beaten(tuple(beat + SECOND for beat in BEATS[:kept]), 6 * SECOND), BEATS)
    assert found is None or found.confidence < CERTAIN


def test_a_beat_that_goes_on_and_on_fits_everywhere() -> None:
    steady = tuple(5000.0 + i * BEATS[1] for i in range(20))
    found = claps.find(beaten(steady, 12 * SECOND), BEATS)
    assert found is None or found.confidence < CERTAIN


def test_what_holds_no_claps_has_none() -> None:
    assert claps.find(np.zeros(SECOND, dtype=np.float32), BEATS) is None
    assert claps.find(beaten(BEATS, 3 * SECOND), ()) is None
    found = claps.find(sung(LINE), BEATS)
    assert found is None or found.confidence < CERTAIN


@pytest.mark.parametrize("start", [-2 * SECOND, 3 * SECOND + 77])
def test_a_take_stands_where_its_part_says(start: int) -> None:
    voice = sung(LINE)
    take = voice[start:] if start > 0 else np.pad(voice, (-start, 0))
    found = part.find(take, Guide(notes=LINE))
    assert found is not None
    assert found.confidence >= CERTAIN
    assert found.offset_samples == pytest.approx(start, abs=samples_of_ms(25))


@pytest.mark.parametrize("semitones", [-12, 11.8])
def test_an_octave_off_is_the_same_part(semitones: float) -> None:
    found = part.find(sung(LINE, semitones=semitones), Guide(notes=LINE))
    assert found is not None
    assert found.confidence >= CERTAIN
    assert abs(found.offset_samples) < samples_of_ms(25)


def test_somebodys_recording_of_the_part_will_do() -> None:
    found = part.find(sung(LINE, seed=3)[SECOND:], Guide(part=sung(LINE, seed=4)))
    assert found is not None
    assert found.confidence >= CERTAIN
    assert found.offset_samples == pytest.approx(SECOND, abs=samples_of_ms(25))


@pytest.mark.parametrize("notes", [ALTO, tuple(replace(note, pitch=note.pitch + 3) for note in LINE)])
def test_another_part_or_key_is_not_certain(notes: tuple[Note, ...]) -> None:
    found = part.find(sung(LINE), Guide(notes=notes))
    assert found is None or found.confidence < CERTAIN


def test_one_verse_of_two_is_not_certain() -> None:
    again = tuple(replace(note, start=note.start + 20 * SECOND, stop=note.stop + 20 * SECOND) for note in LINE)
    found = align(sung(LINE), Guide(notes=(*LINE, *again)))
    assert not found.certain


def test_nothing_sung_and_nothing_known_are_nothing_found() -> None:
    assert part.find(np.zeros(5 * SECOND, dtype=np.float32), Guide(notes=LINE)) is None
    assert part.find(sung(LINE), Guide()) is None
    assert warp.find(np.zeros(5 * SECOND, dtype=np.float32), Guide(notes=LINE)) is None
    assert warp.find(sung(LINE), Guide()) is None


def test_the_best_path_takes_the_slope_that_pays() -> None:
    weights = np.full((10, 30), -1.0, dtype=np.float32)
    for take in range(10):
        weights[take, 5 + 2 * take] = weights[take, 4 + 2 * take] = 3.0
    outside, pauses = np.full(10, -0.5, dtype=np.float32), np.zeros(10, dtype=np.bool_)
    path = best_path(weights, outside, pauses, 0.1)
    assert path.frames[0].tolist() in ([0, 5], [0, 4])
    assert path.frames[-1].tolist() in ([9, 23], [9, 22])
    assert path.score == pytest.approx(10 * 3 - 9 * 0.1, abs=0.2)
    assert best_path(without(weights, path, 1), outside, pauses, 0.1).score < 0


@pytest.mark.parametrize(("stretch", "semitones"), [(0.8, 3), (1.25, -2)])
def test_another_tempo_and_key_become_a_map(stretch: float, semitones: int) -> None:
    slow = tuple(replace(note, start=note.start * stretch, stop=note.stop * stretch) for note in LINE)
    take = sung(slow, semitones=semitones)
    found = align(take, Guide(notes=LINE), free_tempo=True)
    ours, theirs = np.array(found.warp).T
    assert found.certain
    assert found.method == "warp"
    assert (np.diff(ours) > 0).all()
    assert (np.diff(theirs) > 0).all()
    at = np.linspace(SECOND, slow[-1].start, 20)
    assert np.abs(np.interp(at, ours, theirs) - at / stretch).max() < samples_of_ms(150)
    assert not align(take, Guide(notes=LINE)).certain


def test_a_map_whose_tempo_doubles_is_asked_for() -> None:
    middle = LINE[len(LINE) // 2].start

    def at(position: float) -> float:
        return 0.7 * position if position < middle else 0.7 * middle + 1.4 * (position - middle)

    take = sung(tuple(replace(note, start=at(note.start), stop=at(note.stop)) for note in LINE))
    found = warp.find(take, Guide(notes=LINE))
    assert found is not None
    assert found.estimate.confidence < CERTAIN
    ours, theirs = np.array(found.knots).T
    assert abs(np.interp(at(middle), ours, theirs) - middle) < samples_of_ms(400), "the guess is a help all the same"


def test_a_beginning_that_makes_the_tempo_leap_is_another_notes() -> None:
    beats = np.arange(12.0) * SECOND / 2
    points = np.stack([1.1 * beats, beats], axis=1)
    wrong = points.copy()
    wrong[5, 0] -= 0.8 * SECOND / 2
    assert (warp._steady(wrong) == np.delete(points, 5, axis=0)).all()
    assert (warp._steady(points) == points).all()


def test_a_map_to_another_song_is_not_certain() -> None:
    pitches = np.random.default_rng(2).permutation(30) % 9 + 60
    other = tuple(replace(note, pitch=pitch) for note, pitch in zip(LINE, pitches.tolist(), strict=True))
    found = warp.find(sung(LINE), Guide(notes=other))
    assert found is None or found.estimate.confidence < CERTAIN


def test_chroma_tells_which_pitches_sound() -> None:
    time = np.arange(SECOND) / SECOND
    chord = np.sum([np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * time) for midi in (60, 64, 67)], axis=0)
    sounding = chroma((0.1 * chord).astype(np.float32), 8 * FRAME_SAMPLES)[5:-5]
    assert set(np.flatnonzero((sounding > 0.4).all(axis=0)).tolist()) == {0, 4, 7}
    assert not (sounding[:, [1, 2, 3, 5, 6, 8, 9, 10, 11]] > 0.3).any()
