"""Crew: worker processes, as many as there are cores, each of which works on one clip at a time (`hand.py`).

One that dies, or shows no sign of life for too long, is ended; its clip is reported, and another takes its place: no
clip holds up the others. Nothing here runs in a thread: whoever iterates over `work` watches all of them.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Self

import msgspec

from unisono.studio.hand import Line, Task
from unisono.studio.standby import end_hand, start_hand
from unisono.studio.steps import Cancelled

QUIET_SECONDS_MAX = 300.0
"""A hand that has told nothing for so long has lost itself in a clip."""

_LOOK_SECONDS = 0.2
_READ_BYTES = 2**16
_STUCK, _ENDED = "stuck", "ended"


@dataclass(slots=True, eq=False)
class _Hand:
    """One process, what it works on, and the line it is in the middle of."""

    process: subprocess.Popen[bytes]
    task: Task | None = None
    heard_at: float = 0.0
    half: bytes = b""
    lines: deque[Line] = field(default_factory=deque)

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def give(self, task: Task) -> None:
        """May raise BrokenPipeError when the process is gone; that is seen at its output."""
        assert self.process.stdin is not None
        self.task, self.heard_at = task, time.monotonic()
        self.process.stdin.write(msgspec.json.encode(task) + b"\n")
        self.process.stdin.flush()

    def read(self) -> bool:
        """Take in what it said; False when it has closed its output."""
        block = os.read(self.out.fileno(), _READ_BYTES)
        self.heard_at = time.monotonic()
        *whole, self.half = (self.half + block).split(b"\n")
        self.lines.extend(msgspec.json.decode(line, type=Line) for line in whole if line)
        return bool(block)


class Crew:
    """`with Crew(2) as crew: for clip, line in crew.work(tasks): ...`. Processes are there as long as there is work."""

    def __init__(
        self,
        size: int,
        *,
        quiet_seconds_max: float = QUIET_SECONDS_MAX,
        ready: list[subprocess.Popen[bytes]] | None = None,
    ) -> None:
        """ready: hands that were called before (`standby.py`); those that are wanted are taken out of the list."""
        self._size = max(1, size)
        self._ready = [] if ready is None else ready
        self._quiet_seconds_max = quiet_seconds_max
        self._hands: list[_Hand] = []
        self._eyes = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()
        self._eyes.close()

    def dismiss(self) -> None:
        """End every process, whatever it is doing."""
        for hand in list(self._hands):
            self._end(hand)

    def _let_go(self, tasks: int) -> None:
        """End the processes for which so many tasks leave nothing to do, those that nobody took, too."""
        idle = [hand for hand in self._hands if hand.task is None]
        for hand in idle[: max(0, len(self._hands) - tasks)]:
            self._end(hand)
        while self._ready:
            end_hand(self._ready.pop())

    def call(self, tasks: int) -> None:
        """Start as many processes as that many tasks can use: they get ready while the caller does something else."""
        while len(self._hands) < min(self._size, tasks):
            hand = _Hand(self._ready.pop() if self._ready else start_hand())
            self._hands.append(hand)
            self._eyes.register(hand.out, selectors.EVENT_READ, hand)

    def work(self, tasks: Sequence[Task], cancelled: Callable[[], bool] = lambda: False) -> Iterator[tuple[str, Line]]:
        """Everything the hands tell, with its clip's key, until each task has ended in a `report` or a `problem`.

        Raises Cancelled soon after `cancelled` says so.
        """
        waiting = deque(tasks)
        self.call(len(waiting))
        self._let_go(len(waiting))
        while waiting or any(hand.task for hand in self._hands):
            if cancelled():
                raise Cancelled
            for hand in self._hands:
                if hand.task is None and waiting:
                    self._give(hand, waiting.popleft())
            for key, _ in self._eyes.select(_LOOK_SECONDS):
                yield from self._hear(key.data)
            for hand in list(self._hands):
                if hand.task is not None and time.monotonic() - hand.heard_at > self._quiet_seconds_max:
                    yield self._lost(hand, _STUCK)
            left = len(waiting) + sum(hand.task is not None for hand in self._hands)
            self.call(left)
            self._let_go(left)

    @staticmethod
    def _give(hand: _Hand, task: Task) -> None:
        with contextlib.suppress(BrokenPipeError):  # its output is closed, too: the next look tells
            hand.give(task)

    def _hear(self, hand: _Hand) -> Iterator[tuple[str, Line]]:
        alive = hand.read()
        while hand.lines and hand.task is not None:
            line = hand.lines.popleft()
            clip = hand.task.clip.key
            if line.over:
                hand.task = None
            yield clip, line
        if not alive:
            if hand.task is not None:
                yield self._lost(hand, _ENDED)
            else:
                self._end(hand)

    def _lost(self, hand: _Hand, problem: str) -> tuple[str, Line]:
        assert hand.task is not None
        clip = hand.task.clip.key
        self._end(hand)
        return clip, Line(problem=problem)

    def _end(self, hand: _Hand) -> None:
        """End a process for sure: what it had not finished was not there yet for anybody."""
        self._hands.remove(hand)
        self._eyes.unregister(hand.out)
        end_hand(hand.process)
