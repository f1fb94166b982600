"""Film: how fast moving clips become a film, against FFmpeg's xstack of the same clips, and how faithful it is.

Clips are textures that move, all different. Proxies and drawings are made before the clock starts; what they cost is
told beside. Everything else counts: reading, composing, encoding, joining with sound.

`seconds_to_film` (`--long`) leaves nothing out: a minute that eight sang live, each with a camera, from the mix to the
finished film, by the very process that the live server starts.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter, zoom

from unisono.studio import files
from unisono.studio.film import proxies
from unisono.studio.film.assets import draw_titles
from unisono.studio.film.brief import FRAME_RATE, Clip, Film, Shape, Voice, pieces
from unisono.studio.film.camera import view
from unisono.studio.film.compose import corner
from unisono.studio.film.crew import Crew
from unisono.studio.film.finish import join
from unisono.studio.film.make import begin, look, missing_tasks
from unisono.studio.film.pieces import Folder, dim_lights
from unisono.studio.film.plan import Plan
from unisono.studio.film.released import WIDE
from unisono.studio.jobs import run_film
from unisono.studio.seen import CONSENT_FILE, WHOLE_SUFFIX, Consent, seat_folder
from unisono.units import SAMPLE_RATE

WIDTH, HEIGHT = 640, 360
_SSIM_WINDOW = 7
_TILE, _COLUMNS = (480, 270), 4
_SONG_SECONDS = 60


def run(long: bool) -> dict[str, Any]:
    """The figures; `--long` renders half a minute each, and films a whole song."""
    seconds = 30 if long else 8
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="unisono-film-") as name:
        folder = Path(name)
        _say(f"making 36 clips of {seconds} s")
        clips = [_clip(folder / f"clip-{i}.mp4", seed=i, seconds=seconds) for i in range(36)]
        mix = _mix(folder / "mix.wav", seconds)
        found = {}
        for key, count, preset in (
            ("veryfast", 16, "veryfast"),
            ("superfast", 16, "superfast"),
            ("superfast_36", 36, "superfast"),
        ):
            _say(f"{count} clips, {preset}")
            found[key] = _timed(
                _film(clips[:count], mix, seconds, preset), folder / key, folder / f"{key}.mp4", workers
            )
        _say("the same clips with xstack")
        stacked_s = _xstack(clips[:16], folder / "stacked.mp4", "veryfast")
        faithful = _ssim(found["veryfast"][2], folder / "veryfast.mp4", seconds)
        figures = {
            "seconds_of_film": seconds,
            "workers": workers,
            "times_real_time_veryfast": seconds / found["veryfast"][0],
            "times_real_time_superfast": seconds / found["superfast"][0],
            "times_real_time_superfast_36": seconds / found["superfast_36"][0],
            "times_xstack": stacked_s / found["veryfast"][0],
            "xstack_times_real_time": seconds / stacked_s,
            "ssim_min": min(faithful),
            "ssim_mean": sum(faithful) / len(faithful),
            "seconds_prepared": found["veryfast"][1],
            "bytes_per_second": (folder / "veryfast.mp4").stat().st_size // seconds,
        }
        if long:
            _say("a live minute with eight cameras, from its mix to its film")
            figures["seconds_to_film"] = seconds_to_film(clips[:8], folder / "sung")
        usage = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return figures | {"peak_memory_mb_worker": usage[1], "peak_memory_mb": usage[0] + workers * usage[1]}


def _deaf(_task: object, _told: object) -> None:
    """Progress is for people."""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _film(clips: list[Path], mix: Path, seconds: int, preset: str) -> Film:
    """Nothing but the song: every frame has every clip in it."""
    count = len(clips)
    voices = tuple(
        Voice(
            name=f"Voice {i}",
            flag=("it", "es", "pl", "cn")[i % 4],
            pan=2 * i / count - 1,
            sound=str(mix),
            clip=Clip(path=str(clip)),
            pictures=True,
        )
        for i, clip in enumerate(clips)
    )
    frames = seconds * FRAME_RATE
    return Film(
        voices=voices,
        samples=seconds * SAMPLE_RATE,
        sound=str(mix),
        shape=Shape(preset=preset),
        lead_s=0.0,
        breath_s=0.0,
        piece_frames=-(-frames // (os.cpu_count() or 1)),
    )


def _timed(film: Film, folder: Path, out: Path, workers: int) -> tuple[float, float, Plan]:
    """Seconds to render and join the song; seconds to prepare; the plan."""
    began = time.monotonic()
    home = begin(film, folder)
    with Crew(home.path, workers) as crew:
        look(film, home, crew)
        dim_lights(film, home)
        plan = home.plan()
        draw_titles(film, home.drawn)
        first, _ = missing_tasks(plan, home)
        crew.do(first, _deaf)
        prepared = time.monotonic() - began
        began = time.monotonic()
        seconds = _sung_only(film, plan, home, crew, out)
    return seconds, prepared, plan


def _sung_only(film: Film, plan: Plan, home: Folder, crew: Crew, out: Path) -> float:
    began = time.monotonic()
    sung = [number for number, frames in enumerate(pieces(film, plan.frames)) if frames.start < film.sung_frames]
    _, second = missing_tasks(plan, home)
    crew.do([task for task in second if task.number in sung], _deaf)
    join(film, [home.piece(number) for number in sung], out, frames=film.sung_frames)
    return time.monotonic() - began


def seconds_to_film(clips: list[Path], folder: Path) -> float:
    """How long the live server's worker takes for a performance of a minute in `folder`; it is made of `clips`."""
    seats = [_seat(number, clip, folder) for number, clip in enumerate(clips, start=1)]
    _mix(folder / "mix.wav", _SONG_SECONDS)
    facts = {"title": "Ode an die Freude", "piece": "ode-to-joy", "tempo_bpm": 80, "sung_at": "2020-03-13T18:00:00Z"}
    facts |= {"start": 0, "stop": _SONG_SECONDS * SAMPLE_RATE, "seats": seats}
    (folder / "performance.json").write_text(json.dumps(facts), encoding="utf-8")
    began = time.monotonic()
    release = asyncio.run(run_film(folder, WIDE, lambda *_: None))
    took = time.monotonic() - began
    assert release.seconds > _SONG_SECONDS
    return took


def _seat(number: int, clip: Path, folder: Path) -> dict[str, Any]:
    """One who sang, with what their page's camera saw; their facts."""
    (folder / "stems").mkdir(parents=True, exist_ok=True)
    _mix(folder / "stems" / f"{number}.wav", _SONG_SECONDS)
    seen = seat_folder(folder, number)
    seen.mkdir(parents=True)
    (seen / CONSENT_FILE).write_bytes(msgspec.json.encode(Consent(pictures=True)))
    _again_and_again(clip, seen / f"{number:016x}{WHOLE_SUFFIX}")
    flag = {"country": ("it", "es", "pl", "cn")[number % 4]}
    return {"seat": number, "name": f"Voice {number}", "flag": flag, "row": min(number - 1, 1), "pan": number / 4 - 1}


def _again_and_again(clip: Path, path: Path) -> None:
    """The packets of a clip, over and over for the whole song: another minute to decode, none to encode."""
    shown = 0
    with av.open(str(path), "w", format="matroska") as file:
        with av.open(str(clip)) as first:
            stream = file.add_stream_from_template(first.streams.video[0])
        while shown < _SONG_SECONDS * FRAME_RATE:
            with av.open(str(clip)) as source:
                packets = [packet for packet in source.demux(source.streams.video[0]) if packet.size]
                for packet in packets:
                    assert packet.pts is not None
                    assert packet.dts is not None
                    assert packet.time_base is not None
                    shift = round(shown / FRAME_RATE / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    file.mux_one(packet)
            shown += len(packets)


# What is filmed


def _mix(path: Path, seconds: int) -> Path:
    at = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.2 * np.sin(2 * np.pi * 220 * at) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * at))
    files.write(path, np.stack([tone, tone], axis=1).astype(np.float32), files.WAV)
    return path


def _clip(path: Path, seed: int, seconds: int) -> Path:
    """A texture with detail at every size, that pans, with a bright spot that runs across it."""
    chance = np.random.default_rng(seed)
    high, wide = HEIGHT + 120, WIDTH + 160
    texture = np.zeros((high, wide), np.float32)
    for cell, weight in ((160, 60), (60, 34), (24, 20), (9, 9)):
        rough = chance.normal(0, weight, (high // cell + 2, wide // cell + 2)).astype(np.float32)
        texture += zoom(rough, cell, order=1)[:high, :wide]
    luma = np.clip(texture + 120, 20, 230).astype(np.uint8)
    colours = chance.integers(90, 166, 2)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FRAME_RATE, options={"preset": "ultrafast", "crf": "16"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(seconds * FRAME_RATE):
            turn = number / FRAME_RATE * (0.5 + seed % 5 * 0.13) + seed
            x, y = int(80 + 70 * np.sin(turn)), int(60 + 50 * np.cos(turn * 0.8))
            frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for index, plane in enumerate(frame.planes):
                rows, columns = (HEIGHT, WIDTH) if index == 0 else (HEIGHT // 2, WIDTH // 2)
                array = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:rows, :columns]
                array[:] = luma[y : y + HEIGHT, x : x + WIDTH] if index == 0 else colours[index - 1]
                if index == 0:
                    spot = number * 7 % (WIDTH - 60)
                    array[150:210, spot : spot + 60] = 235
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _xstack(clips: list[Path], out: Path, preset: str) -> float:
    """Seconds that FFmpeg's own filters need to put the clips side by side and encode them the same way."""
    began = time.monotonic()
    sources = [av.open(str(clip)) for clip in clips]
    graph = Graph()
    stack = graph.add("xstack", f"inputs={len(clips)}:layout={_grid(len(clips))}")
    buffers = []
    for number, source in enumerate(sources):
        buffer = graph.add_buffer(template=source.streams.video[0])
        scale = graph.add("scale", f"{_TILE[0]}:{_TILE[1]}")
        buffer.link_to(scale)
        scale.link_to(stack, 0, number)
        buffers.append(buffer)
    sink = graph.add("buffersink")
    stack.link_to(sink)
    graph.configure()
    with av.open(str(out), "w") as file:
        stream = file.add_stream("libx264", rate=FRAME_RATE, options={"preset": preset, "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = _TILE[0] * _COLUMNS, _TILE[1] * _COLUMNS, "yuv420p"
        for frames in zip(*(source.decode(video=0) for source in sources), strict=False):
            for buffer, frame in zip(buffers, frames, strict=True):
                buffer.push(frame)
            stacked = sink.pull()
            assert isinstance(stacked, VideoFrame)
            file.mux(stream.encode(stacked))
        file.mux(stream.encode(None))
    for source in sources:
        source.close()
    return time.monotonic() - began


def _grid(count: int) -> str:
    return "|".join(f"{i % _COLUMNS * _TILE[0]}_{i // _COLUMNS * _TILE[1]}" for i in range(count))


# How faithful it is


def _ssim(plan: Plan, film: Path, seconds: int) -> list[float]:
    """Structural similarity of each tile, where no railing is before it, to its clip scaled straight to its size.

    At three moments at which the camera shows all of them.
    """
    views = [view(plan.shots, number) for number in range(seconds * FRAME_RATE)]
    wide = [number for number, one in enumerate(views) if one.onto is None and not plan.shots[one.shot].close]
    at = [wide[len(wide) * share // 4] for share in (1, 2, 3)]
    shown = dict(zip(at, _frames(film, at), strict=True))
    level = plan.level(plan.bays[0])
    found = []
    for voice, spot in zip(plan.film.voices, level.spots, strict=True):
        assert voice.clip is not None
        x, y, w, h = spot.opening
        kinds = level.drawn.facts.window[spot.window]
        low = h if kinds.front is None else round(h * 0.75)
        for number, (_, source) in enumerate(proxies.frames(voice.clip)):
            if number in shown:
                wanted = source.at(w, h).y[h // 6 : low, w // 12 : -w // 12]
                left, top = corner(level, plan.shots[views[number].shot], number)
                tile = shown[number][y - top : y - top + h, x - left : x - left + w][h // 6 : low, w // 12 : -w // 12]
                found.append(structural_similarity(wanted, tile))
    return found


def _frames(film: Path, numbers: list[int]) -> list[NDArray[np.uint8]]:
    with av.open(str(film)) as file:
        return [proxies.planes_of(frame).y.copy() for i, frame in enumerate(file.decode(video=0)) if i in numbers]


def structural_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean SSIM of two pictures (Wang et al. 2004), uniform window."""
    x, y = a.astype(np.float64), b.astype(np.float64)

    def mean(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = uniform_filter(picture, _SSIM_WINDOW)
        return smooth

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))))
