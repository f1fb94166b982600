"""WebM: a finished film once more as VP9 and Opus, for whoever wants no H.264.

Like the film itself it is made in pieces, by all cores, and goes on after a kill with what is missing. Every piece of
the film begins with a picture that needs no other, so each can be read by itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import msgspec
from av.audio.stream import AudioStream

from unisono.studio.film import finish
from unisono.studio.film.brief import Film
from unisono.studio.film.crew import Crew
from unisono.studio.film.pieces import Folder, Task, Told, stretches
from unisono.units import SAMPLE_RATE

_BIT_RATE = 128_000
_PIECES_SHARE = 0.97

OnShare = Callable[[float, float | None], None]
"""Told the share done, and the seconds left if that can be told."""


def write_webm(
    film: Film,
    mp4: Path,
    folder: Path,
    path: Path,
    on_share: OnShare = lambda _share, _left_s: None,
    *,
    workers: int | None = None,
) -> None:
    """Write the WebM of a finished film to `path`, whole or not at all. folder: where its pieces grow, of it alone.

    Raises FilmFailed, OSError.
    """
    home = Folder(folder)
    home.path.mkdir(parents=True, exist_ok=True)
    for part in home.path.glob("*.part"):
        part.unlink(missing_ok=True)
    home.brief.write_bytes(msgspec.json.encode(film))
    home.whole.unlink(missing_ok=True)
    home.whole.symlink_to(mp4.absolute())
    cut = stretches(home)
    missing = [number for number in range(len(cut)) if not home.webm(number).is_file()]
    frames = {number: len(cut[number]) for number in range(len(cut))}
    done = {number: float(number not in missing) for number in frames}
    began, kept = time.monotonic(), sum(frames[number] * done[number] for number in frames)

    def heard(task: Task, told: Told) -> None:
        done[task.number] = 1.0 if told.done else told.share
        made = sum(frames[number] * done[number] for number in frames)
        took = time.monotonic() - began
        left_s = took * (cut[-1].stop - made) / (made - kept) if made > kept else None
        on_share(_PIECES_SHARE * made / cut[-1].stop, left_s)

    with Crew(home.path, workers or os.cpu_count() or 1) as crew:
        crew.do([Task(kind="webm", number=number) for number in missing], heard)
    _join(film, [home.webm(number) for number in range(len(cut))], path, frames=cut[-1].stop)
    on_share(1.0, 0.0)


def _join(film: Film, parts: Sequence[Path], path: Path, *, frames: int) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        with av.open(str(part), "w", format="webm") as file:
            file.metadata.update(finish.tags(film))
            with av.open(str(parts[0])) as first:
                video = file.add_stream_from_template(first.streams.video[0])
            sound = file.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo")
            assert isinstance(sound, AudioStream)
            sound.bit_rate = _BIT_RATE
            finish.interleave(file, [finish.pictures(parts, video), finish.sounds(film, sound, frames)])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
