"""Crew: processes that carry out a film's tasks, as many at once as there are cores. None outlives its owner."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from unisono.errors import FilmFailed
from unisono.studio.film.pieces import Task, Told
from unisono.studio.jobs import worker_environment

Heard = Callable[[Task, Told], None]
_STOP_SECONDS = 2.0
_MAY_BE_LOST = ("look", "proxy")


class _Worker:
    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unisono.studio.film.pieces", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=worker_environment(),
        )
        self.task: Task | None = None
        self.rest = b""

    def give(self, task: Task) -> None:
        assert self.process.stdin is not None
        self.task = task
        self.process.stdin.write(msgspec.json.encode(task) + b"\n")
        self.process.stdin.flush()

    def hear(self) -> list[Told] | None:
        """What it has said; None when it is no more."""
        block = os.read(self.out.fileno(), 65536)
        if not block:
            return None
        *lines, self.rest = (self.rest + block).split(b"\n")
        return [msgspec.json.decode(line, type=Told) for line in lines]

    @property
    def out(self) -> IO[bytes]:
        """What it says comes from here."""
        assert self.process.stdout is not None
        return self.process.stdout

    def let_go(self, *, at_once: bool) -> None:
        """Ask it to end."""
        assert self.process.stdin is not None
        if at_once:
            self.process.terminate()
        else:
            self.process.stdin.close()

    def end(self) -> None:
        """Wait for its end, or bring it about."""
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.out.close()


class Crew:
    """Use it as a context: leaving it ends every process."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._count = folder, workers
        self.workers: list[_Worker] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.let_go(at_once=kind is not None)
        for worker in self.workers:
            worker.end()

    def do(self, tasks: Sequence[Task], heard: Heard) -> None:
        """Have all tasks done; `heard` is called here with what is said. Raises FilmFailed at the first that fails.

        A clip that takes its worker down is told to be `lost`, and another worker goes on.
        """
        waiting = deque(tasks)
        while len(self.workers) < min(self._count, len(waiting)):
            self.workers.append(_Worker(self._folder))
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                selector.register(worker.out, selectors.EVENT_READ, worker)
                if waiting:
                    worker.give(waiting.popleft())
            while any(worker.task for worker in self.workers):
                for key, _ in selector.select():
                    told = key.data.hear()
                    if told is not None:
                        self._hear(key.data, told, waiting, heard)
                        continue
                    selector.unregister(key.data.out)
                    fresh = self._replaced(key.data, heard)
                    selector.register(fresh.out, selectors.EVENT_READ, fresh)
                    if waiting:
                        fresh.give(waiting.popleft())

    def _replaced(self, worker: _Worker, heard: Heard) -> _Worker:
        """Another worker for one that is no more, if what it did may be left out."""
        code = worker.process.wait()
        if worker.task is None or worker.task.kind not in _MAY_BE_LOST:
            raise FilmFailed(reason=f"a worker ended with {code}")
        heard(worker.task, Told(done=True, lost=True))
        worker.end()
        fresh = _Worker(self._folder)
        self.workers[self.workers.index(worker)] = fresh
        return fresh

    def _hear(self, worker: _Worker, told: Sequence[Told], waiting: deque[Task], heard: Heard) -> None:
        for one in told:
            assert worker.task is not None
            if one.error:
                raise FilmFailed(reason=one.error)
            heard(worker.task, one)
            if one.done:
                worker.task = None
                if waiting:
                    worker.give(waiting.popleft())
