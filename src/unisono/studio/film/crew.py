"""Crew: processes that carry out a film's tasks, as many at once as there are cores. None outlives its owner."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from unisono.errors import FilmFailed
from unisono.studio.film.pieces import Task, Told
from unisono.studio.jobs import worker_environment

Heard = Callable[[Task, Told], None]
_STOP_SECONDS = 2.0


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
        assert self.process.stdout is not None
        block = os.read(self.process.stdout.fileno(), 65536)
        if not block:
            return None
        *lines, self.rest = (self.rest + block).split(b"\n")
        return [msgspec.json.decode(line, type=Told) for line in lines]


class Crew:
    """Use it as a context: leaving it ends every process."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._count = folder, workers
        self._workers: list[_Worker] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for worker in self._workers:
            assert worker.process.stdin is not None
            worker.process.terminate() if kind is not None else worker.process.stdin.close()
        for worker in self._workers:
            try:
                worker.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            assert worker.process.stdin is not None
            assert worker.process.stdout is not None
            worker.process.stdin.close()
            worker.process.stdout.close()

    def do(self, tasks: Sequence[Task], heard: Heard) -> None:
        """Have all tasks done; `heard` is called here with what is said. Raises FilmFailed at the first that fails."""
        waiting = deque(tasks)
        while len(self._workers) < min(self._count, len(waiting)):
            self._workers.append(_Worker(self._folder))
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                assert worker.process.stdout is not None
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
                if waiting:
                    worker.give(waiting.popleft())
            while any(worker.task for worker in self._workers):
                for key, _ in selector.select():
                    self._hear(key.data, waiting, heard)

    def _hear(self, worker: _Worker, waiting: deque[Task], heard: Heard) -> None:
        told = worker.hear()
        if told is None:
            raise FilmFailed(reason=f"a worker ended with {worker.process.wait()}")
        for one in told:
            assert worker.task is not None
            if one.error:
                raise FilmFailed(reason=one.error)
            heard(worker.task, one)
            if one.done:
                worker.task = None
                if waiting:
                    worker.give(waiting.popleft())
