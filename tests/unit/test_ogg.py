"""The endless Ogg Opus file, as FFmpeg reads it."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from unisono.live.ogg import OggOpus
from unisono.opus import Encoder
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE


@pytest.mark.parametrize("frames_a_page", [1, 5, 7])
def test_ffmpeg_hears_what_was_encoded(frames_a_page: int) -> None:
    encoder = Encoder(2, 96_000)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sung = np.stack([0.3 * np.sin(2 * np.pi * 300 * time), 0.1 * np.sin(2 * np.pi * 700 * time)], axis=1)
    frames = [
        encoder.encode(sung[at : at + FRAME_SAMPLES].astype(np.float32)) for at in range(0, len(sung), FRAME_SAMPLES)
    ]
    ogg = OggOpus(serial=7, channels=2, preskip_samples=encoder.lookahead_samples)
    stream = ogg.head()
    for at in range(0, len(frames), frames_a_page):
        stream += ogg.page(frames[at : at + frames_a_page])
    with av.open(io.BytesIO(stream), "r") as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T
    assert abs(len(heard) - len(sung)) <= FRAME_SAMPLES
    middle = slice(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4)
    for channel in range(2):
        error = heard[middle, channel] - sung[middle, channel]
        assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(sung[middle, channel] ** 2))


def test_a_page_that_is_too_full_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="segments"):
        OggOpus(serial=1, channels=2, preskip_samples=312).page([bytes(4000)] * 20)
