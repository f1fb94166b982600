"""Robots before they join: who they are, what befalls them, what they sing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.client.weather import WeatherSpec
from unisono.core.messages import Song
from unisono.robots.hum import Note, hum
from unisono.robots.names import neighbours
from unisono.robots.plan import ChoirSpec, Range, mishaps, parse_range, plan_choir
from unisono.robots.recordings import NoRecording, read_recording
from unisono.robots.tunes import hum_for, tune_of
from unisono.units import SAMPLE_RATE, Audio


def pitch_hz(sound: Audio) -> float:
    """The pitch of a steady tone, float32 (samples,), from the first strong peak of its autocorrelation."""
    spectrum = np.abs(np.fft.rfft(sound, 2 * sound.size)) ** 2
    likeness = np.fft.irfft(spectrum)[: SAMPLE_RATE // 60]
    least = SAMPLE_RATE // 1200
    strong = np.flatnonzero(likeness[least:] > 0.9 * likeness[least:].max()) + least
    peak = strong[0] + int(np.argmax(likeness[strong[0] : strong[0] + 40]))
    return float(SAMPLE_RATE / peak)


@given(st.integers(1, 120), st.integers(0, 1000))
def test_neighbours_have_names_of_their_own_and_all_voices(count: int, seed: int) -> None:
    people = neighbours(count, seed=seed)
    assert len({who.name for who in people}) == count
    assert people == neighbours(count, seed=seed)
    assert len({who.voice for who in people[:4]}) == min(4, count)


@pytest.mark.parametrize(
    ("text", "symmetric", "wanted"),
    [("20..120", False, (20, 120)), ("-5..5", True, (-5, 5)), ("100", True, (-100, 100)), ("40", False, (40, 40))],
)
def test_ranges_are_read(text: str, symmetric: bool, wanted: tuple[float, float]) -> None:
    assert parse_range(text, symmetric=symmetric) == Range(low=wanted[0], high=wanted[1])


@pytest.mark.parametrize("text", ["", "a", "5..1", "1..2..3", ".."])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_range(text)


def test_a_plan_keeps_to_what_was_asked() -> None:
    spec = ChoirSpec(
        voices=9, latency_ms=Range(low=30, high=40), drift_ppm=Range(low=-20, high=20), late_joins=3, reconnects=2,
        sleeps=1, weather=WeatherSpec(jitter_ms=10), leads=True, echoes=True, seed=5,
    )  # fmt: skip
    plans = plan_choir(spec)
    assert plans == plan_choir(spec)
    assert [plan.leads for plan in plans] == [True] + [False] * 8
    assert [plan.echoes for plan in plans] == [False] + [True] * 8
    assert sum(plan.joins_in_song for plan in plans) == 3
    assert not plans[0].joins_in_song
    assert all(30 <= plan.card.latency_ms <= 40 and abs(plan.card.drift_ppm) <= 20 for plan in plans)
    befall = mishaps(plans[1], song=1, seconds=50.0)
    assert [mishap.at_s for mishap in befall] == sorted(mishap.at_s for mishap in befall)
    assert sorted(mishap.what for mishap in befall) == ["drop", "drop", "stall"]
    assert all(5 <= mishap.at_s <= 40 for mishap in befall)
    assert befall != mishaps(plans[1], song=2, seconds=50.0)


def test_one_robot_alone_can_lead_and_is_never_late() -> None:
    (plan,) = plan_choir(ChoirSpec(voices=1, late_joins=4, leads=True))
    assert plan.leads
    assert not plan.joins_in_song


def test_a_hum_is_in_tune_and_in_time() -> None:
    start = SAMPLE_RATE
    sound = hum([Note(start_samples=start, samples=SAMPLE_RATE, midi=57)], seed=4)
    assert not sound[: start - SAMPLE_RATE // 20].any()
    steady = sound[start + SAMPLE_RATE // 10 : start + SAMPLE_RATE // 4]
    assert abs(1200 * np.log2(pitch_hz(steady) / 220.0)) < 15
    assert 0.02 < np.std(steady) < 0.3
    assert np.abs(sound).max() <= 0.5
    assert hum([], seed=1).size == 0


def test_two_singers_are_not_the_same() -> None:
    notes = [Note(start_samples=0, samples=SAMPLE_RATE, midi=64)]
    assert np.array_equal(hum(notes, seed=1), hum(notes, seed=1))
    assert not np.array_equal(hum(notes, seed=1), hum(notes, seed=2))


def a_song(**changes: object) -> Song:
    usual = {"key": 0, "tempo_bpm": 120, "start": 96_000, "count_in_samples": 4800}
    return cast("Song", SimpleNamespace(**(usual | changes)))


PIECE: dict[str, Any] = {
    "id": "nobody-knows-it",
    "tempo_bpm": 90,
    "melody": [{"beat": 0, "beats": 1, "midi": 69}, {"beat": 1, "beats": 2, "midi": 71}],
}


def test_a_piece_known_only_by_its_melody_is_sung_by_all_low_voices_an_octave_down() -> None:
    assert [note.midi for note in tune_of(PIECE, "alto").notes] == [69, 71]
    assert [note.midi for note in tune_of(PIECE, "bass").notes] == [57, 59]


def test_the_songbooks_own_piece_is_sung_in_parts() -> None:
    parts = [tune_of({"id": "ode-to-joy"}, part).notes for part in ("soprano", "alto", "tenor", "bass")]
    assert [notes[0].midi for notes in parts] == [71, 67, 62, 55]
    assert tune_of(None, "soprano").notes


def test_a_tune_follows_the_songs_key_and_tempo() -> None:
    song = a_song(key=3)
    sound, first_beat = hum_for(song, tune_of(PIECE, "soprano"), seed=1)
    assert first_beat == song.start + song.count_in_samples
    second = sound[24_000 + 6000 : 24_000 + 14_000]
    assert abs(1200 * np.log2(pitch_hz(second) / (440 * 2 ** (5 / 12)))) < 20
    slow, _ = hum_for(a_song(tempo_bpm=0), tune_of(PIECE, "soprano"), seed=1)
    assert slow.size - sound.size == pytest.approx(3 * 48_000 * (60 / 90 - 60 / 120), abs=SAMPLE_RATE // 10)


def write_wav(path: Path, sound: Audio, rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16).reshape(1, -1), "s16", "stereo")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_recording_is_read_mono_at_the_rooms_rate(tmp_path: Path) -> None:
    at = np.arange(22_050) / 22_050
    left = np.where(at >= 0.5, np.sin(2 * np.pi * 441 * at), 0.0)
    write_wav(tmp_path / "a.wav", np.repeat(left, 2).astype(np.float32) * 0.1, 22_050)
    sound = read_recording(tmp_path / "a.wav")
    assert sound.size == pytest.approx(SAMPLE_RATE, abs=2)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.01)
    assert np.abs(sound[:23_500]).max() < 0.01
    assert pitch_hz(sound[30_000:]) == pytest.approx(441, abs=3)


@pytest.mark.parametrize("content", [b"", b"not a sound", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_recording_is_said_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(NoRecording, match=r"broken\.wav"):
        read_recording(path)
    with pytest.raises(NoRecording, match=r"nowhere\.wav"):
        read_recording(tmp_path / "nowhere.wav")


def test_silence_is_no_recording(tmp_path: Path) -> None:
    write_wav(tmp_path / "silent.wav", np.zeros(2000, np.float32), 48_000)
    with pytest.raises(NoRecording, match="no sound"):
        read_recording(tmp_path / "silent.wav")
