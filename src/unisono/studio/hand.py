"""A hand: `python -m unisono.studio.hand`, one process of the crew. Tasks come in as lines of JSON, reports go out.

It ends as soon as its input is closed, so that a crew that was killed leaves nobody behind. A clip that breaks is told
as its problem's code; only what nobody foresaw ends the process, and with it one clip.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

from unisono.errors import UnisonoError
from unisono.studio.clip import Clip, ClipReport, ClipSettings, OnStep, OnStepShare, analyse
from unisono.studio.confined import take_in_forked
from unisono.studio.decoder import rehearse
from unisono.studio.guides import GuideFacts
from unisono.studio.steps import State, Step, Work

_MEMORY_SHARE = 0.7


class Task(Struct, frozen=True, kw_only=True):
    """One clip, and what is needed to work on it."""

    clip: Clip
    guide: GuideFacts
    work: str
    settings: ClipSettings


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a hand tells: a step and its state, and at last the report, or the problem and what is known of it.

    seconds: the clip's length, once it is known. share: how far a step that is `going` is, 0..1.
    """

    step: Step | None = None
    state: State | None = None
    seconds: float = 0.0
    share: float = 0.0
    report: ClipReport | None = None
    problem: str = ""
    facts: dict[str, str] = {}

    @property
    def over(self) -> bool:
        """Whether the clip is done with."""
        return self.report is not None or bool(self.problem)


def main() -> int:
    """Work until there is nothing more to come."""
    _limit_memory()
    rehearse()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no line of ours
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(tasks,), daemon=True).start()

    def tell(line: Line) -> None:
        with contextlib.suppress(BrokenPipeError):
            out.write(msgspec.json.encode(line) + b"\n")
            out.flush()

    while True:
        task = msgspec.json.decode(tasks.get(), type=Task)
        report = _do(
            task,
            lambda step, state, seconds: tell(Line(step=step, state=state, seconds=seconds)),
            lambda step, share: tell(Line(step=step, state="going", share=share)),
        )
        tell(report)


def _read(tasks: queue.SimpleQueue[bytes]) -> None:
    """Pass tasks on; end the process, in the middle of whatever it does, when there is nobody to tell it to."""
    for line in sys.stdin.buffer:
        tasks.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # and with it whoever decodes for it
    os._exit(0)


def _do(task: Task, on_step: OnStep, on_share: OnStepShare) -> Line:
    work = Work(Path(task.work))
    try:
        report = analyse(task.clip, task.guide, work, task.settings, on_step, take_in=take_in_forked, on_share=on_share)
    except UnisonoError as error:
        return Line(problem=error.code, facts={name: str(value) for name, value in error.facts().items()})
    except MemoryError:
        return Line(problem="too_large")
    except Exception as error:
        sys.excepthook(*sys.exc_info())
        return Line(problem="unexpected", facts={"reason": f"{type(error).__name__}: {error}"})
    return Line(report=report)


def _limit_memory() -> None:
    """No clip may take the machine down."""
    import resource

    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = max(4 * 2**30, int(has * _MEMORY_SHARE))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
