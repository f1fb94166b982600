"""The film's worker: a small film from a performance's folder, nobody's picture without consent, held, ended."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.unit.test_film_make import clip, sound
from tests.unit.test_studio_jobs import performance
from unisono.studio.film import released, worker
from unisono.studio.jobs import run_film, worker_environment
from unisono.studio.takes import VOICE_FILE, TakeFacts, TakeReport, take_folder, write_placed, write_take

TAKE = "0123456789abcdef"


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
    assert list(released.film_folder(folder).iterdir()) == []


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
