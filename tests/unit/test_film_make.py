"""Films are made: small and short ones, by real workers, read back by FFmpeg."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from unisono.errors import FilmFailed
from unisono.studio import files
from unisono.studio.film import camera, planes, proxies
from unisono.studio.film.brief import FRAME_RATE, Clip, Film, Knot, Shape, Voice, Word
from unisono.studio.film.compose import corner
from unisono.studio.film.crew import Crew
from unisono.studio.film.folder import brief_of
from unisono.studio.film.make import Progress, begin, make
from unisono.studio.film.pieces import Folder, Task, Told, dim_lights
from unisono.studio.film.plan import work_out
from unisono.studio.film.tiles import Tile
from unisono.studio.film.webm import write_webm
from unisono.units import SAMPLE_RATE

SHAPE = Shape(width=320, height=180, preset="ultrafast", crf=18)
Luma = NDArray[np.uint8]
DATA = Path(os.environ.get("UNISONO_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
PHONES = DATA / "phone-video"


def clip(path: Path, times_s: list[float], bright: Callable[[float], float], size: tuple[int, int] = (96, 128)) -> Path:
    """A recording of a plain wall whose brightness is told for each time; a little gradient shows which way is up."""
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "10", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        for time_s in times_s:
            picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            picture[: size[1]] = round(bright(time_s))
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = round(time_s * 90_000), Fraction(1, 90_000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def sound(path: Path, seconds: float) -> Path:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = (0.2 * np.sin(2 * np.pi * 330 * at)).astype(np.float32)
    files.write(path, np.stack([tone, tone], axis=1), files.WAV)
    return path


def frames_of(path: Path) -> list[Luma]:
    with av.open(str(path)) as file:
        return [proxies.planes_of(frame).y.copy() for frame in file.decode(video=0)]


def opening(film: Film, folder: Path, voice: int = 0) -> tuple[slice, slice]:
    """The middle of a voice's window in the wide view."""
    home = next(path for path in folder.iterdir() if (path / "film.json").is_file())
    plan = Folder(home).plan()
    x, y, w, h = plan.level(plan.bays[0]).spots[voice].opening
    x, y = x - plan.layout.drift, y - plan.layout.drift
    return slice(y + h // 3, y + h // 2), slice(x + w // 3, x + 2 * w // 3)


def short(tmp_path: Path, voice: Voice, **more: object) -> Film:
    told: dict[str, object] = {"lead_s": 0.4, "breath_s": 0.2, "shape": SHAPE, "samples": 2 * SAMPLE_RATE}
    told |= {"sound": str(sound(tmp_path / "mix.wav", 2)), "voices": (voice,)}
    return Film(**told | more)  # type: ignore[arg-type]


def test_a_flash_is_seen_in_the_frame_in_which_it_is_heard(tmp_path: Path) -> None:
    """A clip of uneven frames that runs 0.1 % fast: its flash, at 1.5 s of the take, belongs at 1.2 s of the song."""
    chance = np.random.default_rng(3)
    times = [float(t) for t in np.cumsum(chance.uniform(0.022, 0.045, 90))]
    flash = next(time for time in times if time >= 1.5)
    path = clip(tmp_path / "c.mp4", times, lambda time: 220 if flash <= time < flash + 0.12 else 40)
    rate = 1.001
    placed = Clip(path=str(path), knots=(Knot(take=(flash - 1.2 * rate) * SAMPLE_RATE, guide=0.0, rate=rate),))
    film = short(tmp_path, Voice(clip=placed, pictures=True))
    made = make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1)
    shown = frames_of(tmp_path / "film.mp4")
    assert len(shown) == made.frames
    where = opening(film, tmp_path / "work")
    bright = [number for number, frame in enumerate(shown) if frame[where].mean() > 130]
    assert abs(bright[0] - film.lead_frames - 1.2 * FRAME_RATE) <= 0.5
    assert 2 <= len(bright) <= 4


def test_who_did_not_consent_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "secret.mp4", [i / 30 for i in range(60)], lambda _: 235)
    film = short(tmp_path, Voice(name="A", flag="it", clip=Clip(path=str(path)), pictures=False))
    make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1)
    assert not list((tmp_path / "work").glob("proxies/*"))
    where = opening(film, tmp_path / "work")
    assert max(frame[where].mean() for frame in frames_of(tmp_path / "film.mp4")) < 220
    path.unlink()
    make(film, tmp_path / "again", tmp_path / "again.mp4", workers=1)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    film = short(tmp_path, Voice(name="A"), piece_frames=40)

    class Stop(Exception):
        pass

    def stop_at_half(progress: Progress) -> None:
        if progress.step == "render" and progress.share > 0.6:
            raise Stop

    with pytest.raises(Stop):
        make(film, tmp_path / "work", tmp_path / "film.mp4", stop_at_half, workers=1)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*/piece-*.mp4")}
    assert kept
    assert not (tmp_path / "film.mp4").exists()
    made = make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1)
    assert made.pieces_kept == len(kept)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert len(frames_of(tmp_path / "film.mp4")) == made.frames
    assert make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1).pieces_kept > made.pieces_kept


def test_the_file_plays_at_once_and_has_sound_words_and_poster(tmp_path: Path) -> None:
    sung = (Word(start=12_000, text="加油", line=0), Word(start=40_000, text="Wuhan", line=0))
    film = short(tmp_path, Voice(name="王小明", place="武汉", flag="cn"), words=sung, title="加油", date="2020")
    told: list[Progress] = []
    made = make(film, tmp_path / "work", tmp_path / "film.mp4", told.append, workers=1)
    data = (tmp_path / "film.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(tmp_path / "film.mp4")) as file:
        kinds = {stream.type: stream for stream in file.streams}
        assert set(kinds) == {"video", "audio", "subtitle"}
        assert (kinds["video"].width, kinds["video"].height) == (320, 180)  # type: ignore[attr-defined]
        assert file.streams.video[0].average_rate == FRAME_RATE
        assert file.streams.video[0].codec_context.pix_fmt == "yuv420p"
        texts = [bytes(packet)[2:].decode() for packet in file.demux(file.streams.subtitles[0])]
        assert "加油 Wuhan" in texts
        assert file.metadata["title"] == "加油"
    heard = files.read_back(tmp_path / "film.mp4")[:, 0]
    first = int(np.argmax(np.abs(heard) > 0.05))
    assert abs(first - film.lead_frames * 1920) < 200
    assert "加油 Wuhan" in Path(made.subtitles or "").read_text(encoding="utf-8")
    with av.open(made.poster) as poster:
        assert next(poster.decode(video=0)).width == 320
    assert [progress.share for progress in told] == sorted(progress.share for progress in told)
    assert told[-1].share == 1.0


def test_the_picture_never_stands_still_and_never_leaves_what_is_drawn(tmp_path: Path) -> None:
    """Nobody is seen, no flag moves, no light: only the camera. It goes by a pixel at most, and never for long not."""
    silence = tmp_path / "silence.wav"
    files.write(silence, np.zeros((20 * SAMPLE_RATE, 2), np.float32), files.WAV)
    film = short(tmp_path, Voice(sound=str(silence)), samples=20 * SAMPLE_RATE)
    make(film, tmp_path / "work", tmp_path / "film.mp4", workers=2)
    home = Folder(next(path for path in (tmp_path / "work").iterdir() if (path / "film.json").is_file()))
    plan = home.plan()
    level = plan.level(plan.bays[0])
    at = np.array([corner(level, plan.shots[0], frame) for frame in range(40 * FRAME_RATE)])
    assert np.all(at >= 0)
    assert np.all(at[:, 0] + film.shape.width <= level.width)
    assert np.all(at[:, 1] + film.shape.height <= level.height)
    assert np.abs(np.diff(at, axis=0)).max() == 1
    whole = Film(voices=film.voices, samples=film.samples)
    layout = work_out(whole, np.zeros((1, 500), np.float32), (None,), 1).layout
    rects = [camera.strayed(layout.wide, layout, frame) for frame in range(60 * FRAME_RATE)]
    moved = [max(abs(a.x - b.x), abs(a.y - b.y)) * layout.bay for a, b in zip(rects, rects[50:], strict=False)]
    assert min(moved) > 1.5, "pixels in two seconds, of a film as people see it"
    drawn = planes.from_rgb(np.random.default_rng(1).random((20, 30, 3)).astype(np.float32))
    for x, y in ((4, 2), (5, 2), (4, 3), (5, 3)):
        cut = drawn.cut(x, y, 10, 8)
        assert np.array_equal(cut.y, drawn.y[y : y + 8, x : x + 10])
        colour = drawn.u[y // 2 : y // 2 + 5, x // 2 : x // 2 + 6].astype(float)
        down = (colour[:-1] + colour[1:]) / 2 if y % 2 else colour[:-1]
        mean = (down[:, :-1] + down[:, 1:]) / 2 if x % 2 else down[:, :-1]
        assert np.abs(cut.u - mean).max() <= 1


def test_it_is_composed_for_its_shape(tmp_path: Path) -> None:
    for width, height in ((180, 320), (180, 180)):
        shape = Shape(width=width, height=height, preset="ultrafast")
        film = short(tmp_path, Voice(name="A"), shape=shape, facade="towers", samples=SAMPLE_RATE // 5)
        make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1)
        assert frames_of(tmp_path / "film.mp4")[0].shape == (height, width)


def test_a_clip_that_is_none_holds_nobody_up_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"this is no film" * 50)
    only_sound = sound(tmp_path / "only.wav", 1)
    voices = tuple(
        Voice(name=name, clip=Clip(path=str(path)), pictures=True)
        for name, path in (("A", tmp_path / "bad.mp4"), ("B", only_sound))
    )
    made = make(short(tmp_path, Voice(), voices=voices), tmp_path / "work", tmp_path / "film.mp4", workers=1)
    assert made.without_picture == ("A", "B")
    assert len(frames_of(tmp_path / "film.mp4")) == made.frames


def test_a_clip_that_takes_its_reader_down_is_left_out(tmp_path: Path) -> None:
    """A named pipe that nobody writes to: whoever opens it never comes back, until its process is ended."""
    path = clip(tmp_path / "c.mp4", [i / 30 for i in range(30)], lambda _: 235)
    film = short(tmp_path, Voice(name="A", clip=Clip(path=str(path)), pictures=True))
    home = begin(film, tmp_path / "work")
    home.landscape.write_bytes(b"[null]")
    told: list[Told] = []

    def heard(_task: Task, said: Told) -> None:
        told.append(said)

    dim_lights(film, home)
    path.unlink()
    os.mkfifo(path)
    with Crew(home.path, 1) as crew:
        threading.Timer(1.0, lambda: crew.workers[0].process.kill()).start()
        crew.do(
            [Task(kind="proxy", number=0, sizes=((60, 80),)), Task(kind="level", number=home.plan().bays[0])], heard
        )
    assert [said.lost for said in told if said.done] == [True, False]


def test_the_same_as_webm_in_pieces_that_a_stopped_run_keeps(tmp_path: Path) -> None:
    film = short(tmp_path, Voice(name="A"), samples=SAMPLE_RATE // 5, piece_frames=60)
    made = make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1)
    shares: list[float] = []

    class Stop(Exception):
        pass

    def stop_at_half(share: float, _left_s: float | None) -> None:
        shares.append(share)
        if share > 0.5:
            raise Stop

    def write(on_share: Callable[[float, float | None], None]) -> None:
        write_webm(film, tmp_path / "film.mp4", tmp_path / "webm", tmp_path / "film.webm", on_share, workers=1)

    with pytest.raises(Stop):
        write(stop_at_half)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "webm").glob("piece-*.webm")}
    assert kept
    assert not (tmp_path / "film.webm").exists()
    shares.clear()
    write(lambda share, _left_s: shares.append(share))
    assert shares[0] > 0.2, "what is kept counts"
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert shares == sorted(shares)
    with av.open(str(tmp_path / "film.webm")) as file:
        assert [stream.codec_context.codec.canonical_name for stream in file.streams] == ["vp9", "opus"]
        shown = next(file.decode(video=0))
        assert (shown.colorspace, shown.color_range, shown.color_primaries, shown.color_trc) == (1, 1, 1, 1), "BT.709"
    plain, again = frames_of(tmp_path / "film.mp4"), frames_of(tmp_path / "film.webm")
    assert len(again) == made.frames
    for number in (0, 59, 60, 61, made.frames - 40):
        assert np.abs(plain[number].astype(int) - again[number]).mean() < 3, number


def test_a_clip_that_is_gone_ends_in_words(tmp_path: Path) -> None:
    film = short(tmp_path, Voice(clip=Clip(path=str(tmp_path / "gone.mp4")), pictures=True))
    with pytest.raises(FilmFailed):
        make(film, tmp_path / "work", tmp_path / "film.mp4", workers=1)


def test_another_façade_is_another_folder(tmp_path: Path) -> None:
    with pytest.raises(FilmFailed):
        make(short(tmp_path, Voice(), facade="../courtyard"), tmp_path / "work", tmp_path / "film.mp4", workers=1)


def test_proxies_are_upright_and_cover_their_window(tmp_path: Path) -> None:
    path = clip(tmp_path / "c.mp4", [i / 30 for i in range(10)], lambda time: 60 + 300 * time, size=(160, 90))
    wanted = Clip(path=str(path))
    proxies.make(wanted, tmp_path / "p", ((60, 80), (24, 32)))
    proxy = proxies.proxy_path(tmp_path / "p", wanted, 60, 80)
    shown = frames_of(proxy)
    assert len(shown) == 10
    assert shown[0].shape == (80, 60)
    times = np.load(proxies.times_path(proxy))
    assert times.tolist() == [round(i * SAMPLE_RATE / 30) for i in range(10)]
    assert [round(frame.mean()) for frame in shown[::3]] == pytest.approx([60 + 30 * i for i in range(4)], abs=2)


def test_a_tile_shows_the_frame_of_a_moment_wherever_it_is_asked_to_go(tmp_path: Path) -> None:
    """On, far on, back, past the end, and again after it was closed: each frame of the clip has its own brightness."""
    path = clip(tmp_path / "c.mp4", [0.5 + i / 25 for i in range(100)], lambda time: 30 + 50 * (time - 0.5))
    wanted = Clip(path=str(path))
    proxies.make(wanted, tmp_path / "p", ((24, 32),))
    tile = Tile(proxies.proxy_path(tmp_path / "p", wanted, 24, 32))
    for number in (0, 1, 2, 60, 61, 5, 99, 4, 4):
        shown = tile.at((0.5 + number / 25) * SAMPLE_RATE)
        assert shown is not None
        assert shown.y.mean() == pytest.approx(30 + 2 * number, abs=1.5), number
        if number == 61:
            tile.close()
    assert tile.at(0.3 * SAMPLE_RATE) is None
    assert tile.strength(0.3 * SAMPLE_RATE) == 0
    assert 0 < tile.strength(0.6 * SAMPLE_RATE) < 256 == tile.strength(2.0 * SAMPLE_RATE)
    assert tile.strength(6.0 * SAMPLE_RATE) == 0


def test_fast_clips_are_thinned(tmp_path: Path) -> None:
    path = clip(tmp_path / "c.mp4", [i / 60 for i in range(30)], lambda _: 90)
    wanted = Clip(path=str(path))
    proxies.make(wanted, tmp_path / "p", ((24, 32),))
    assert len(np.load(proxies.times_path(proxies.proxy_path(tmp_path / "p", wanted, 24, 32)))) == 15


@pytest.mark.parametrize("name", [name for name in ("sample_rotate_and_reflect.mp4",) if (PHONES / name).is_file()])
def test_a_picture_that_was_turned_and_mirrored_is_shown_as_its_file_says(name: str, tmp_path: Path) -> None:
    """The same recording once as it is, once with a matrix that swaps x and y."""
    plain, turned = (Clip(path=str(PHONES / file)) for file in ("sample.mp4", name))
    proxies.make(plain, tmp_path, ((120, 80),))
    proxies.make(turned, tmp_path, ((80, 120),))
    one = frames_of(proxies.proxy_path(tmp_path, plain, 120, 80))[0].astype(int)
    other = frames_of(proxies.proxy_path(tmp_path, turned, 80, 120))[0].astype(int)
    assert proxies.landscape(plain) is True
    assert proxies.landscape(turned) is False
    assert np.abs(one - other.T).mean() < 6 < np.abs(one - other.T[::-1]).mean()


def test_a_brief_in_a_folder_names_files_beside_it(tmp_path: Path) -> None:
    voice = Voice(name="A", sound="a.wav", clip=Clip(path="a.mp4"), pictures=True)
    brief = Film(voices=(voice,), samples=10, sound="mix.wav")
    (tmp_path / "film.json").write_bytes(msgspec.json.encode(brief))
    read = brief_of(tmp_path)
    assert read.sound == str(tmp_path / "mix.wav")
    assert read.voices[0].seen is not None
    assert read.voices[0].seen.path == str(tmp_path / "a.mp4")
    with pytest.raises(FilmFailed):
        brief_of(tmp_path.parent / "nowhere")
