"""The film's worker: a small film from a performance's folder, nobody's picture without consent, held, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvloop

from tests.unit.test_film_make import clip, sound
from tests.unit.test_studio_jobs import performance
from unisono.errors import FilmFailed
from unisono.studio.film import released, worker
from unisono.studio.jobs import run_film, worker_environment
from unisono.studio.takes import VOICE_FILE, TakeFacts, TakeReport, take_folder, write_placed, write_take

TAKE = "0123456789abcdef"


def test_a_film_is_made_from_the_servers_own_event_loop(tmp_path: Path) -> None:
    with pytest.raises(FilmFailed):
        uvloop.run(run_film(tmp_path, "wide", lambda *_: None))


def sung(folder: Path, *, picture: bool) -> Path:
    """Half a second that one seat sang, and a take whose original tells when somebody opens it."""
    performance(folder, 0.5, 1)
    sound(folder / "mix.wav", 0.5)
    home = take_folder(folder, TAKE)
    home.mkdir(parents=True)
    os.mkfifo(home / "original.mp4")
    sound(home / VOICE_FILE, 0.5)
    facts = TakeFacts(take=TAKE, seat=50_001, original="original.mp4", name="Ola", picture=picture, in_mix=True)
    write_take(home, facts)
    placed = TakeReport(method="bleed", certain=True, confidence=1.0, offset_samples=0.0, drift_ppm=0.0, samples=24_000)
    write_placed(home, placed)
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (released, worker):
        monkeypatch.setattr(module, "SIZES", {"wide": (160, 90), "tall": (90, 160)})


@contextmanager
def opened(pipe: Path) -> Iterator[list[float]]:
    """When somebody has opened a pipe to read it; they find it empty."""
    times: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            with suppress(OSError):  # nobody reads
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
                times.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield times
    finally:
        over.set()
        watcher.join()


@pytest.mark.usefixtures("small")
def test_without_consent_a_clip_is_never_opened_and_with_it_it_is_seen(tmp_path: Path) -> None:
    folder = sung(tmp_path, picture=False)
    with opened(take_folder(folder, TAKE) / "original.mp4") as times:
        made = worker.release(folder, "wide")
    assert times == []
    assert {file.kind for file in made.files} >= {"mp4", "jpg"}
    assert released.read_release(folder, "wide") == made
    before = released.film_path(folder, "wide").stat().st_mtime_ns
    assert worker.release(folder, "wide") == made
    assert released.film_path(folder, "wide").stat().st_mtime_ns == before, "what fits is not made again"
    home = take_folder(folder, TAKE)
    facts = json.loads((home / "take.json").read_bytes())
    (home / "take.json").write_text(json.dumps(facts | {"picture": True}))
    (home / "original.mp4").unlink()
    clip(home / "original.mp4", [i / 30 for i in range(15)], lambda _: 200)
    assert worker.release(folder, "wide").fingerprint != made.fingerprint
    assert list((released.work_folder(folder) / "proxies").iterdir()), "now it was"
    released.take_away(folder)
    assert [path for path in released.film_folder(folder).rglob("*") if path.is_file()] == []


def runs(folder: Path) -> dict[int, str]:
    """The state of every process that works on this folder, as the kernel has it."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes().split(b"\0")
            if str(folder).encode() in told and b"unisono.studio.film.worker" in told:
                found[int(process.name)] = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return found


def wait_until(ready: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
async def test_a_held_worker_stands_still_and_is_ended_at_once(tmp_path: Path) -> None:
    folder = sung(tmp_path, picture=False)
    job = asyncio.create_task(run_film(folder, "wide", lambda *_: None, held=lambda: True))
    await asyncio.to_thread(wait_until, lambda: list(runs(folder).values()) == ["T"])
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert runs(folder) == {}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
def test_a_worker_that_is_held_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    folder = sung(tmp_path, picture=False)
    server = (
        "import asyncio, sys; from pathlib import Path; from unisono.studio.jobs import run_film\n"
        "asyncio.run(run_film(Path(sys.argv[1]), 'wide', lambda *_: None, held=lambda: True))"
    )
    process = subprocess.Popen([sys.executable, "-c", server, str(folder)], env=worker_environment())
    try:
        wait_until(lambda: list(runs(folder).values()) == ["T"])
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not runs(folder))


@pytest.fixture
def small_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers make small films."""
    (tmp_path / "site").mkdir()
    told = "from unisono.studio.film.released import SIZES\nSIZES['wide'] = (320, 180)\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(told)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


def long_sung(folder: Path) -> Path:
    """Half a minute that one seat sang: five pieces of film."""
    performance(folder, 30, 1)
    sound(folder / "mix.wav", 30)
    released.film_folder(folder).mkdir()
    return folder


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
@pytest.mark.usefixtures("small_workers")
async def test_a_worker_that_is_killed_in_the_middle_goes_on_with_its_pieces(tmp_path: Path) -> None:
    folder = long_sung(tmp_path / "sung")
    made: dict[Path, set[int]] = {}
    steps: list[tuple[float, str]] = []

    def look(share: float, step: str, _left_s: float | None) -> None:
        steps.append((share, step))
        for piece in released.work_folder(folder).glob("*/piece-*.mp4"):
            with suppress(FileNotFoundError):
                made.setdefault(piece, set()).add(piece.stat().st_mtime_ns)

    job = asyncio.create_task(run_film(folder, "wide", look))
    await asyncio.to_thread(wait_until, lambda: len(made) >= 2)
    [worker_id] = runs(folder)
    os.kill(worker_id, signal.SIGKILL)
    there = set(made)
    release = await job
    assert [len(times) for piece, times in made.items() if piece in there] == [1] * len(there), "made once"
    assert len(made) == 5
    assert steps[-1] == (1.0, "join")
    assert steps.count((1.0, "join")) == 1
    assert released.read_release(folder, "wide") == release
    assert runs(folder) == {}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
@pytest.mark.usefixtures("small_workers")
async def test_a_film_that_is_cancelled_ends_everybody_and_keeps_its_pieces(tmp_path: Path) -> None:
    folder = long_sung(tmp_path / "sung")
    pieces = released.work_folder(folder)
    job = asyncio.create_task(run_film(folder, "wide", lambda *_: None))
    await asyncio.to_thread(wait_until, lambda: bool(list(pieces.glob("*/piece-*.mp4"))))
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert crew_of(folder) == []
    assert list(pieces.glob("*/piece-*.mp4"))
    assert released.read_release(folder, "wide") is None


def crew_of(folder: Path) -> list[int]:
    """Every process that has to do with this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder).encode() in (process / "cmdline").read_bytes() and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found
