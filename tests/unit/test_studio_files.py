"""Files: what FFmpeg decodes begins at the performance's first sample, at its level, under its ceiling."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
import soxr

from tests.unit.test_studio_stem import chirp, lag_samples, opus_packets, rms_dbfs, sine
from unisono.studio import deliver, files
from unisono.studio.judge import judge
from unisono.studio.loudness import integrated_lufs, true_peak_dbtp
from unisono.studio.mixdown import Voice, measure, mix
from unisono.studio.stem import decode_stem
from unisono.units import SAMPLE_RATE, Audio, span

DATA = Path(os.environ.get("UNISONO_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def stereo(samples: int) -> Audio:
    """Left and right unlike each other."""
    return np.stack([chirp(samples), 0.5 * sine(997, samples)], axis=1).astype(np.float32)


def a_singer() -> Audio:
    """Twelve seconds of a real voice (vocadito, CC BY 4.0), or of a made one where the recordings are not at hand."""
    recording = DATA / "vocadito" / "vocadito_1.flac"
    if recording.exists():
        with av.open(str(recording)) as file:
            frames = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
            rate = file.streams.audio[0].rate
        heard = np.concatenate(frames)[: 12 * rate].astype(np.float32)
        sung: Audio = soxr.resample(0.5 * heard / np.max(np.abs(heard)), rate, SAMPLE_RATE)
        return sung
    time = np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    pitch = 220 * 2 ** (np.round(4 * np.sin(time)) / 12) + 3 * np.sin(2 * np.pi * 5.5 * time)
    turns = np.cumsum(pitch) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * number * turns) / number for number in range(1, 12))
    made: Audio = (0.1 * wave * (np.sin(2 * np.pi * 0.7 * time) > -0.5)).astype(np.float32)
    return made


@pytest.mark.parametrize("form", [*files.MIX_FORMS, files.WAV_24], ids=lambda form: f"{form.kind}{form.bits or ''}")
@pytest.mark.parametrize("channels", [1, 2])
def test_every_form_begins_at_the_first_sample(tmp_path: Path, form: files.Form, channels: int) -> None:
    samples = 2 * SAMPLE_RATE + 333
    sound = stereo(samples)[:, :channels]
    path = tmp_path / f"a.{form.kind}"
    files.write(path, sound, form)
    heard = files.read_back(path)
    assert samples <= len(heard) <= samples + 1024
    assert heard.shape[1] == channels
    for wanted, got in zip(sound.T, heard.T, strict=True):
        assert abs(lag_samples(got, wanted)) < 0.1 * SAMPLE_RATE / 1000
        assert abs(rms_dbfs(got[:samples]) - rms_dbfs(wanted)) < 0.2
    if form.lossless:
        assert len(heard) == samples
        assert np.max(np.abs(heard - sound)) <= {16: 2.0, 24: 0.51}[form.bits] / 2 ** (form.bits - 1)


def test_the_first_sample_itself_survives(tmp_path: Path) -> None:
    sound = np.zeros((SAMPLE_RATE, 2), dtype=np.float32)
    sound[0] = 0.8
    sound[30_000] = -0.8
    for form in files.MIX_FORMS:
        path = tmp_path / f"a.{form.kind}"
        files.write(path, sound, form)
        heard = files.read_back(path)
        assert np.argmax(np.abs(heard[:2000, 0])) <= 4, form.kind
        assert abs(29_000 + int(np.argmax(np.abs(heard[29_000:31_000, 0]))) - 30_000) <= 4, form.kind


def test_dither_keeps_what_is_below_the_last_bit_and_leaves_silence_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    faint = sine(1000, 2 * SAMPLE_RATE, peak=0.4 / 32_768)[:, np.newaxis]
    files.write(path, faint, files.WAV)
    heard = files.read_back(path)[:, 0]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    hertz = np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE)
    tone = spectrum[np.abs(hertz - 1000) < 2].max()
    assert tone > 20 * np.median(spectrum)
    assert spectrum[np.abs(hertz - 3000) < 2].max() < tone / 10
    files.write(path, np.zeros((5000, 1), dtype=np.float32), files.WAV)
    assert not np.any(files.read_back(path))


def test_too_loud_is_clipped_not_wrapped(tmp_path: Path) -> None:
    for form in (files.WAV, files.WAV_24, files.FLAC):
        path = tmp_path / f"a.{form.kind}"
        files.write(path, np.array([[1.5], [-1.5], [1.0], [-1.0]], dtype=np.float32), form)
        assert np.allclose(files.read_back(path)[:, 0], [1, -1, 1, -1], atol=1e-4)


def test_tags_are_in_every_form(tmp_path: Path) -> None:
    tags = {
        "title": "Ode an die Freude",
        "artist": "Ánna, 王",
        "date": "2020-03-13",
        "comment": "Siena",
        "location": "",
    }
    for form in (*files.MIX_FORMS, files.WAV_24):
        path = tmp_path / f"a.{form.kind}"
        files.write(path, stereo(5000), form, tags)
        with av.open(str(path)) as file:
            told = {**file.streams.audio[0].metadata, **file.metadata}
        found = {name.lower(): text for name, text in told.items()}
        for name in ("title", "artist", "date", "comment"):
            assert found[name] == tags[name], (form.kind, name)
        assert "location" not in found


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.flac"
    files.write(path, stereo(5000), files.FLAC)
    before = path.read_bytes()

    def full(*_: object) -> None:
        (tmp_path / "a.flac.part").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_encode", full)
    with pytest.raises(OSError, match="No space"):
        files.write(path, stereo(9000), files.FLAC)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.flac"]


def test_ffmpeg_and_we_measure_alike(tmp_path: Path) -> None:
    sound = mix([measure(Voice(seat=1, sound=a_singer()[:, np.newaxis]))], 12 * SAMPLE_RATE).sound
    for form in (files.WAV, files.FLAC):
        path = tmp_path / f"a.{form.kind}"
        files.write(path, sound, form)
        verdict = judge(path)
        assert verdict.lufs == pytest.approx(integrated_lufs(sound), abs=0.1)
        assert verdict.true_peak_dbtp == pytest.approx(true_peak_dbtp(sound), abs=0.15)


def test_the_judge_knows_a_sine_and_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    tone = sine(1000, 5 * SAMPLE_RATE, peak=10 ** (-23 / 20))
    files.write(path, np.stack([tone, tone], axis=1), files.WAV)
    assert judge(path).lufs == pytest.approx(-23, abs=0.1)
    assert judge(path).true_peak_dbtp == pytest.approx(-23, abs=0.2)
    files.write(path, np.zeros((100, 2), dtype=np.float32), files.WAV)
    assert (judge(path).lufs, judge(path).true_peak_dbtp) == (float("-inf"), float("-inf"))
    late = np.zeros((2 * SAMPLE_RATE + 4790, 2), dtype=np.float32)
    late[-40:] = 0.5
    files.write(path, late, files.WAV)
    assert judge(path).true_peak_dbtp > -7


def test_a_codec_that_overshoots_is_turned_down_until_it_does_not(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    harsh = (0.86 * np.sign(chance.normal(size=(2 * SAMPLE_RATE, 2)))).astype(np.float32)
    for form in (files.OPUS, files.M4A):
        files.write(tmp_path / "raw", harsh, form)
        assert judge(tmp_path / "raw").true_peak_dbtp > -1, form.kind
        report = deliver.deliver_mix(tmp_path, harsh, form, {})
        assert report.gain_db < 0
        assert report.true_peak_dbtp is not None
        assert report.true_peak_dbtp <= -1
        assert judge(tmp_path / report.name).true_peak_dbtp <= -1
        assert report.size_bytes == (tmp_path / report.name).stat().st_size


def test_a_real_voice_passes_through_packets_stem_mix_and_files(tmp_path: Path) -> None:
    sung = a_singer()
    start = 77_777_777
    stem = decode_stem(opus_packets(sung, start=start), span(start, start + len(sung)))
    assert stem.gaps == ()
    assert abs(lag_samples(stem.sound[:, 0], sung)) < 0.1 * SAMPLE_RATE / 1000
    assert abs(rms_dbfs(stem.sound[:, 0]) - rms_dbfs(sung)) < 0.5
    done = mix([measure(Voice(seat=1, sound=stem.sound, leader=True))], len(sung))
    for form in files.MIX_FORMS:
        report = deliver.deliver_mix(tmp_path, done.sound, form, {"title": "A voice"})
        assert report.true_peak_dbtp is not None
        assert report.true_peak_dbtp <= -1
        assert report.lufs == pytest.approx(-16, abs=0.5)
        heard = files.read_back(tmp_path / report.name)
        assert abs(lag_samples(heard[:, 0], sung)) < 0.1 * SAMPLE_RATE / 1000
