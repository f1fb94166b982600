"""What a clip shows at a moment, when it stops for a while and goes on, and when it goes on in another file."""

from pathlib import Path

import av
import numpy as np
import pytest

from unisono.studio.film.brief import Clip
from unisono.studio.film.proxies import make, proxy_path, times_path
from unisono.studio.film.tiles import FADE_SAMPLES, Tile
from unisono.units import SAMPLE_RATE

SIZE = (64, 48)


def recording(path: Path, begins_s: float, seconds: float, size: tuple[int, int], grey: int) -> str:
    """A file of one grey, ten frames a second, whose timestamps begin at `begins_s`."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(10 * seconds)):
            picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            picture[: size[1]] = grey
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = round(10 * begins_s) + number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return str(path)


@pytest.fixture
def tile(tmp_path: Path) -> Tile:
    """A phone that was turned: 1 s upright and dark from 1 s on, then 2 s lying and bright from 5 s on."""
    first = recording(tmp_path / "a.mkv", 1.0, 1.0, (48, 64), 40)
    second = recording(tmp_path / "b.mkv", 5.0, 2.0, (64, 36), 200)
    clip = Clip(path=first, more=(second,), zero_s=0.0)
    make(clip, tmp_path, (SIZE,))
    return Tile(proxy_path(tmp_path, clip, *SIZE))


def test_a_clip_in_two_files_is_shown_where_each_belongs(tile: Tile) -> None:
    seen = [tile.at(at_s * SAMPLE_RATE) for at_s in (0.5, 1.5)]
    assert seen[0] is None
    assert seen[1] is not None
    assert abs(int(seen[1].y.mean()) - 40) <= 2
    later = tile.at(5.5 * SAMPLE_RATE)
    assert later is not None
    assert abs(int(later.y.mean()) - 200) <= 2


def test_between_its_files_the_window_is_a_window(tile: Tile) -> None:
    seen = {at_s: tile.strength(at_s * SAMPLE_RATE) for at_s in (0.9, 1.55, 2.5, 4.9, 5.2, 6.0, 7.2)}
    assert [seen[at_s] for at_s in (0.9, 2.5, 4.9, 7.2)] == [0, 0, 0, 0]
    assert seen[6.0] == 256
    assert seen[1.55] > 200
    assert 0 < seen[5.2] < 200


@pytest.mark.parametrize("gap_samples", [0, 4800, FADE_SAMPLES])
def test_a_short_gap_is_no_gap(tmp_path: Path, gap_samples: int) -> None:
    times = np.arange(100) * 1920
    times[50:] += gap_samples
    np.save(times_path(tmp_path / "p.mp4"), times)
    tile = Tile(tmp_path / "p.mp4")
    assert min(tile.strength(at) for at in range(FADE_SAMPLES, 150_000, 960)) == 256
