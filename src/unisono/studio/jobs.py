"""Jobs: start the studio's worker, watch it, stop it. The only part of the studio that the live server calls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

import unisono
from unisono.errors import FilmFailed, MixFailed, TakeFailed
from unisono.studio.film.released import Release, read_release
from unisono.studio.performance import MixReport, read_report
from unisono.studio.takes import TakeReport, read_placed, take_folder

TIMEOUT_SECONDS = 900.0
_FILM_TIMEOUT_SECONDS = 6 * 3600.0
_STOP_SECONDS = 2.0
_LOOK_SECONDS = 0.25
_STDERR_BYTES_KEPT = 2000


OnProgress = Callable[[float, str, float | None], None]
"""Hears the share done, 0..1, the step, and how many seconds the rest will take, None while nobody knows."""


class _Line(msgspec.Struct, frozen=True):
    """What a worker says; one calls the seconds left so (`steps.Told`), the other so (`film/worker.py`)."""

    share: float = 0.0
    step: str = ""
    left_s: float | None = None
    seconds_left: float | None = None
    done: bool = False
    error: dict[str, str] | None = None


async def run_mix(folder: Path, on_progress: OnProgress, *, timeout_seconds: float = TIMEOUT_SECONDS) -> MixReport:
    """Make all files of the performance in `folder`; `on_progress` hears how far it is.

    Steps are `voices`, `mix`, `files`. Safe to call again at any time. Cancelling the task, or running over time, stops
    the worker. Raises MixFailed; the stems are never touched.
    """
    _, reason = await _work([str(folder)], on_progress, timeout_seconds)
    if reason is not None:
        raise MixFailed(reason=reason)
    report = read_report(folder)
    if report is None:
        raise MixFailed(reason="the worker left no report")
    return report


async def run_take(
    folder: Path, take: str, on_progress: OnProgress, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> TakeReport:
    """Work on one take of the performance in `folder` (takes.py), as `run_mix` does on all. Raises TakeFailed.

    Steps are `guide`, those of a clip (steps.py: `decode`, `align`, `clean`, `measure`), and `files`.
    """
    code, reason = await _work([str(folder), take], on_progress, timeout_seconds)
    if reason is not None:
        raise TakeFailed(why=code or "take_failed", reason=reason)
    report = read_placed(take_folder(folder, take))
    if report is None:
        raise TakeFailed(why="take_failed", reason="the worker left no report")
    return report


async def run_film(
    folder: Path,
    form: str,
    on_progress: OnProgress,
    *,
    held: Callable[[], bool] = lambda: False,
    timeout_seconds: float = _FILM_TIMEOUT_SECONDS,
) -> Release:
    """Make the film of the performance in `folder` in one form (film/released.py), as `run_mix` makes the mix.

    While `held` says so the worker and everything it started stand still. A worker that somebody else killed (a machine
    short of memory does) is started once more, and goes on with the pieces that are there. Raises FilmFailed.
    """
    arguments = ["unisono.studio.film.worker", str(folder), form]
    reason, killed = await _film_process(arguments, on_progress, held, timeout_seconds)
    if killed:
        reason, _ = await _film_process(arguments, on_progress, held, timeout_seconds)
    if reason is not None:
        raise FilmFailed(reason=reason)
    release = read_release(folder, form)
    if release is None:
        raise FilmFailed(reason="the worker left no film")
    return release


async def run_ahead(
    folder: Path,
    takes: Iterable[str],
    *,
    held: Callable[[], bool] = lambda: False,
    timeout_seconds: float = _FILM_TIMEOUT_SECONDS,
) -> None:
    """Make the clips small that have come for the film of the performance in `folder` (film/ahead.py).

    takes: those that are not in its mix yet and will be. Held and ended as `run_film` is. Raises FilmFailed.
    """
    arguments = ["unisono.studio.film.ahead", str(folder), *takes]
    reason, _ = await _film_process(arguments, lambda *_: None, held, timeout_seconds)
    if reason is not None:
        raise FilmFailed(reason=reason)


async def _film_process(
    arguments: list[str],
    on_progress: OnProgress,
    held: Callable[[], bool],
    timeout_seconds: float,
) -> tuple[str | None, bool]:
    """Run one of the film's modules to its end; why it failed, if it did, and whether it was killed by none of us."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=worker_environment(),
        # Not a session: the system ends a held group whose parent was killed. uvloop knows no `process_group`; this is
        # one call to the system, which needs nothing that another thread may hold.
        preexec_fn=os.setpgrp,
    )
    holding = asyncio.create_task(_hold(process, held))
    try:
        code, reason = await _watch(
            process, lambda told: on_progress(told.share, told.step, told.left_s), timeout_seconds
        )
    finally:
        holding.cancel()
        _signal_group(process, signal.SIGCONT, signal.SIGKILL)
    return reason, reason is not None and not code and process.returncode == -signal.SIGKILL


async def _hold(process: Process, held: Callable[[], bool]) -> None:
    """Stop and continue the process and its group, as wanted."""
    is_held = False
    while True:
        if held() != is_held:
            is_held = not is_held
            _signal_group(process, signal.SIGSTOP if is_held else signal.SIGCONT)
        await asyncio.sleep(_LOOK_SECONDS)


def _signal_group(process: Process, *signals: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        for one in signals:
            os.killpg(process.pid, one)


async def _work(arguments: list[str], on_progress: OnProgress, timeout_seconds: float) -> tuple[str, str | None]:
    """Run the worker to its end; the code, if it has one, and the reason why it failed, None if it did not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "unisono.studio.worker",
        *arguments,
        stdin=None,
        stdout=PIPE,
        stderr=PIPE,
        env=worker_environment(),
    )
    return await _watch(process, lambda told: on_progress(told.share, told.step, told.seconds_left), timeout_seconds)


async def _watch(process: Process, on_told: Callable[[_Line], None], timeout_seconds: float) -> tuple[str, str | None]:
    """Follow a worker to its end, and end it if whoever waits does not want it any more; see `_work`."""
    complaints = asyncio.create_task(_last_words(process))
    try:
        async with asyncio.timeout(timeout_seconds):
            error = await _follow(process, on_told)
            await process.wait()
    except TimeoutError:
        return "take_too_costly", f"it took longer than {timeout_seconds:g} s"
    finally:
        await _stop(process)
        words = await complaints
    if error is not None:
        return error.get("code", ""), error.get("text") or words
    if process.returncode != 0:
        return "", words or f"the worker ended with {process.returncode}"
    return "", None


def worker_environment() -> dict[str, str]:
    """The worker finds this very package, and its libraries start no threads of their own."""
    home = str(Path(unisono.__file__).parents[1])
    found = [home, *(path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != home)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(found), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


async def _follow(process: Process, on_told: Callable[[_Line], None]) -> dict[str, str] | None:
    """Pass the worker's progress on until it closes its output; code and text of why it failed, if it said so."""
    error = None
    while line := await _out(process).readline():
        try:
            told = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            continue
        if told.error is not None:
            error = told.error
        elif told.step:
            on_told(told)
    return error


def _out(process: Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout


async def _last_words(process: Process) -> str:
    """The end of what the worker wrote to its standard error; read on, so that it never blocks on it."""
    assert process.stderr is not None
    kept = b""
    while block := await process.stderr.read(4096):
        kept = (kept + block)[-_STDERR_BYTES_KEPT:]
    return kept.decode(errors="replace").strip()


async def _stop(process: Process) -> None:
    """End a worker that still runs: kindly, then surely."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    process.send_signal(signal.SIGCONT)  # who is held is told only then
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
