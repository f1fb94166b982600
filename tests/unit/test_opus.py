"""The Opus binding: delay, level, concealment, broken frames, many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.errors import BrokenFrame, LibraryMissing
from unisono.opus import Application, Decoder, Encoder, decode_many, encode_many, frame_samples
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio


def noise(frames: int, channels: int, seed: int = 1) -> Audio:
    """Band-limited noise, float32 (frames * 960, channels), each channel its own."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1, (frames * FRAME_SAMPLES, channels))
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(24) / 12, "same"), 0, raw)
    return (0.1 * smooth).astype(np.float32)


def through(encoder: Encoder, decoder: Decoder, sound: Audio) -> Audio:
    frames = [encoder.encode(sound[i : i + FRAME_SAMPLES]) for i in range(0, len(sound), FRAME_SAMPLES)]
    return np.concatenate([decoder.decode(frame) for frame in frames])


def lag_samples(heard: Audio, sung: Audio) -> int:
    spectrum = np.fft.rfft(heard, 2 * len(heard)) * np.conj(np.fft.rfft(sung, 2 * len(sung)))
    peak = int(np.argmax(np.fft.irfft(spectrum)))
    return peak if peak < len(heard) else peak - 2 * len(heard)


@pytest.mark.parametrize(("application", "lookahead"), [("audio", 312), ("lowdelay", 120)])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_lookahead_is_the_true_delay(application: Application, lookahead: int, channels: int) -> None:
    encoder = Encoder(channels, 64_000 * channels, application)
    sung = noise(50, channels)
    heard = through(encoder, Decoder(channels), sung)
    assert encoder.lookahead_samples == lookahead
    for channel in range(channels):
        assert abs(lag_samples(heard[:, channel], sung[:, channel]) - lookahead) <= 1


def test_left_stays_left_and_levels_stay() -> None:
    seconds = np.arange(50 * FRAME_SAMPLES) / SAMPLE_RATE
    sung = np.stack([0.5 * np.sin(2 * np.pi * 440 * seconds), 0.1 * np.sin(2 * np.pi * 1000 * seconds)], axis=1)
    heard = through(Encoder(2, 128_000), Decoder(2), sung.astype(np.float32))[9600:]
    level_db = 20 * np.log10(np.sqrt(np.mean(heard**2, axis=0)) / np.sqrt(np.mean(sung**2, axis=0)))
    assert np.all(np.abs(level_db) < 0.5)


def test_a_lost_frame_is_concealed_at_its_length() -> None:
    encoder, decoder = Encoder(1, 64_000), Decoder(1)
    through(encoder, decoder, noise(5, 1))
    assert decoder.conceal().shape == (FRAME_SAMPLES, 1)


def test_a_reset_decoder_sounds_like_a_new_one() -> None:
    frames = [Encoder(1, 64_000).encode(noise(1, 1, seed)) for seed in range(3)]
    used = Decoder(1)
    for frame in frames:
        used.decode(frame)
    used.reset()
    assert np.array_equal(used.decode(frames[0]), Decoder(1).decode(frames[0]))


@given(st.binary(max_size=300))
def test_hostile_frames_are_broken_frames_or_sound(data: bytes) -> None:
    try:
        heard = Decoder(1).decode(data)
    except BrokenFrame:
        return
    assert heard.shape == (FRAME_SAMPLES, 1)


def test_only_twenty_milliseconds_pass() -> None:
    ten_ms = bytes([0xF0]) + bytes(20)  # CELT, full band, 10 ms, one frame
    assert frame_samples(ten_ms) == 480
    with pytest.raises(BrokenFrame):
        Decoder(1).decode(ten_ms)


@given(runs=st.lists(st.integers(1, 4), min_size=1, max_size=6), threads=st.integers(1, 4))
def test_many_at_once_is_the_same_as_one_by_one(runs: list[int], threads: int) -> None:
    """However the jobs are spread over threads, each decoder hears its own frames in order."""
    voices = [noise(count, 1, seed) for seed, count in enumerate(runs)]
    with ThreadPoolExecutor(2) as pool:
        encoders = [Encoder(1, 64_000, complexity=0) for _ in runs]
        blocks = [
            (encoder, voice[i : i + FRAME_SAMPLES])
            for encoder, voice in zip(encoders, voices, strict=True)
            for i in range(0, len(voice), FRAME_SAMPLES)
        ]
        frames = encode_many(blocks, pool, threads=threads)
        decoders = {id(encoder): Decoder(1) for encoder in encoders}
        jobs = [(decoders[id(encoder)], (frame,), False) for (encoder, _), frame in zip(blocks, frames, strict=True)]
        heard = decode_many(jobs, pool, threads=threads)
        coded = iter(frames)
        runs_together = [(Decoder(1), tuple(next(coded) for _ in range(run)), False) for run in runs]
        assert np.array_equal(decode_many(runs_together, pool, threads=threads), heard)
    alone = np.concatenate([through(Encoder(1, 64_000, complexity=0), Decoder(1), voice) for voice in voices])
    assert np.array_equal(heard.reshape(-1), alone[:, 0])


def test_a_decoder_that_begins_anew_forgets_its_past() -> None:
    first, second = (Encoder(1, 64_000).encode(block) for block in noise(2, 1).reshape(2, FRAME_SAMPLES))
    decoder = Decoder(1)
    _, on, anew = decode_many([(decoder, (first, second), True), (decoder, (second,), True)])
    (alone,) = decode_many([(Decoder(1), (second,), False)])
    assert np.array_equal(anew, alone)
    assert not np.array_equal(anew, on)


def test_a_broken_frame_among_many_costs_only_itself() -> None:
    frame = Encoder(1, 64_000).encode(noise(1, 1))
    once, twice = Decoder(1), Decoder(1)
    good = decode_many([(once, (frame,), True)])
    heard = decode_many([(twice, (frame, b"", None), True), (Decoder(1), (frame,), True)])
    assert good.any()
    np.testing.assert_array_equal(heard[[0, 3]], good[[0, 0]])
    assert not heard[1].any(), "silence"
    assert heard[2].any(), "guessed from what came before"


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import unisono.opus as opus

    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    opus.libopus.cache_clear()
    try:
        with pytest.raises(LibraryMissing, match="libopus0"):
            Encoder(1, 64_000)
    finally:
        opus.libopus.cache_clear()
