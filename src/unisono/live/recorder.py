"""Recorder: stems to disk as they arrive, on one thread of its own, acknowledged only once the system has them.

Packets are gathered for `BATCH_SECONDS`, appended to their stem files with one write each, and then told back as
written. What cannot be written is not acknowledged: it stays in the page that sang it, which is asked for it again.

Written means: handed to the system. A killed server loses none of it; a power cut loses what the system had not put on
the disk, which Linux does within about half a minute. When a song has ended its stems are synced to the disk.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import shutil
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from unisono.core.repair import SpanSet
from unisono.core.wire import Packet
from unisono.live.trouble import WELL_DISK, Trouble, Well, trouble_of
from unisono.store import stems
from unisono.units import Span

BATCH_SECONDS = 0.2
QUEUED_BYTES_MAX = 64 * 1024 * 1024
"""More than this waits only when the disk has stopped; what comes then is left to the pages."""
SLOW_SECONDS = 3.0
"""What waits longer than this for the disk is news for the host."""
WELL_AFTER_SECONDS = 5.0
"""Pages send again what is not acknowledged within three: a write that fails still, fails again before this."""
LOW_BYTES = 500_000_000
"""So little is used up by thirty singers in half an hour, or by the files of a few songs."""
LOW_CHECK_SECONDS = 10.0
_OPEN_FILES_MAX = 1000
"""To open a stem again is to read it all."""
_log = logging.getLogger(__name__)


class Taken(Struct, frozen=True, kw_only=True, gc=False):
    """One packet on its way to the disk."""

    performance: str
    seat: int
    packet: Packet
    wire: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """These spans of a seat's epoch are in the stem file."""

    performance: str
    seat: int
    epoch: int
    spans: tuple[Span, ...]


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What is written together, by stem, in the order it came: whoever takes it in sorts it, in no time."""

    stems: defaultdict[tuple[str, int], list[Taken]] = field(default_factory=lambda: defaultdict(list))
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Do:
    """Something between packets: `what` is done once all before it is written."""

    what: Callable[[], None]


class Recorder:
    """The stem files of all performances. Methods may be called from any thread; callbacks come from the writer's."""

    def __init__(
        self,
        performances: Path,
        *,
        on_wrote: Callable[[list[Wrote]], None],
        on_trouble: Callable[[str, Trouble | Well], None],
    ) -> None:
        """`on_wrote` is told once for each batch, `on_trouble` (performance, what is the matter with its stems, or that
        nothing is any more)."""
        self._folder = performances
        self._on_wrote = on_wrote
        self._on_trouble = on_trouble
        self._queue: queue.SimpleQueue[_Batch | _Do | None] = queue.SimpleQueue()
        self._open: _Batch | None = None
        """The last batch in the queue, while it may still grow."""
        self._queued_bytes = 0
        self._began_s: float | None = None
        self._slow_said_s = -math.inf
        self._low_said_s = -math.inf
        self._failed_s: dict[str, float] = {}
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, int], BinaryIO] = OrderedDict()
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, packet: Taken) -> bool:
        """Write this soon; False if too much is waiting already, and it will not be."""
        self._watch(packet.performance)
        with self._lock:
            if self._queued_bytes + len(packet.wire) > QUEUED_BYTES_MAX:
                return False
            self._queued_bytes += len(packet.wire)
            if self._open is None:
                self._open = _Batch()
                self._queue.put(self._open)
            self._open.size_bytes += len(packet.wire)
            self._open.stems[packet.performance, packet.seat].append(packet)
        return True

    def _then(self, what: _Do | None) -> None:
        """After all that was taken so far; None is the end."""
        with self._lock:
            self._open = None
            self._queue.put(what)

    def _watch(self, performance: str) -> None:
        """Say so if what was taken before this waits for too long: the writer itself stands still then."""
        began_s = self._began_s
        if began_s is None:
            return
        now_s = time.monotonic()
        if now_s > max(began_s, self._slow_said_s) + SLOW_SECONDS:
            self._slow_said_s = now_s
            self._failed_s[performance] = now_s
            self._on_trouble(performance, Trouble(code="disk_slow", text=f"a write has taken {now_s - began_s:.0f} s"))

    def finish(self, performance: str, then: Callable[[], None]) -> None:
        """Sync and close the performance's files once all taken is written; then call `then` on the writer's thread."""

        def close() -> None:
            try:
                self._close_files(performance, sync=True)
            finally:  # whoever waits for the end of a song does so in vain otherwise
                then()

        self._then(_Do(what=close))

    def delete(self, performance: str) -> None:
        """Delete the performance's folder; what still comes for it is dropped."""

        def remove() -> None:
            self._deleted[performance] = None
            while len(self._deleted) > 1000:
                self._deleted.popitem(last=False)
            self._close_files(performance)
            shutil.rmtree(self._folder / performance, ignore_errors=True)

        self._then(_Do(what=remove))

    def stop(self) -> None:
        """Write all that was taken, close every file, end the thread."""
        self._then(None)
        self._thread.join()

    # ------------------------------------------------------------------------------------ the writer's thread

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, _Do):
                self._guarded(item.what)
            else:
                time.sleep(BATCH_SECONDS)  # to be woken by every packet would cost more than to write it
                self._close_batch(item)
                self._began_s = time.monotonic()
                self._write(item)
                self._began_s = None
        for file in self._files.values():
            _close(file)

    def _close_batch(self, batch: _Batch) -> None:
        with self._lock:
            if self._open is batch:
                self._open = None

    @staticmethod
    def _guarded(what: Callable[[], None]) -> None:
        try:
            what()
        except Exception:
            _log.exception("the recorder goes on")

    def _write(self, batch: _Batch) -> None:
        wrote: list[Wrote] = []
        for (performance, seat), packets in batch.stems.items():
            if performance not in self._deleted:
                wrote += self._write_stem(performance, seat, packets)
        if wrote:
            self._guarded(lambda: self._on_wrote(wrote))
        for performance in {performance for performance, _ in batch.stems}:
            self._guarded(lambda performance=performance: self._warn(performance))  # type: ignore[misc]
        with self._lock:
            self._queued_bytes -= batch.size_bytes

    def _warn(self, performance: str) -> None:
        """Say when trouble seems over, and when the disk is almost full, before it is."""
        now_s = time.monotonic()
        for failed in [one for one, at_s in self._failed_s.items() if now_s > at_s + WELL_AFTER_SECONDS]:
            del self._failed_s[failed]
            self._on_trouble(failed, WELL_DISK)
        if now_s < self._low_said_s + LOW_CHECK_SECONDS:
            return
        self._low_said_s = now_s
        free = shutil.disk_usage(self._folder).free
        if free < LOW_BYTES:
            self._on_trouble(performance, Trouble(code="disk_low", text=f"{free // 1_000_000} MB are free"))

    def _write_stem(self, performance: str, seat: int, packets: list[Taken]) -> list[Wrote]:
        """Append to one file; what is in it now."""
        try:
            stems.append_packets(self._file(performance, seat), [taken.wire for taken in packets])
        except OSError as error:
            _log.error("stem %s/%d: %s", performance, seat, error)
            self._forget_file(performance, seat)
            self._failed_s[performance] = time.monotonic()
            trouble = trouble_of(error)
            self._guarded(lambda: self._on_trouble(performance, trouble))
            return []
        spans: dict[int, SpanSet] = defaultdict(SpanSet)
        for taken in packets:
            spans[taken.packet.epoch].put(taken.packet.position, taken.packet.stop)
        return [
            Wrote(performance=performance, seat=seat, epoch=epoch, spans=tuple(written))
            for epoch, written in spans.items()
        ]

    def _file(self, performance: str, seat: int) -> BinaryIO:
        key = (performance, seat)
        if key not in self._files:
            self._files[key] = stems.open_to_append(stems.stem_path(self._folder / performance, seat))
            while len(self._files) > _OPEN_FILES_MAX:
                _close(self._files.popitem(last=False)[1])
        self._files.move_to_end(key)
        return self._files[key]

    def _forget_file(self, performance: str, seat: int) -> None:
        file = self._files.pop((performance, seat), None)
        if file is not None:
            _close(file)

    def _close_files(self, performance: str, *, sync: bool = False) -> None:
        for key in [key for key in self._files if key[0] == performance]:
            file = self._files.pop(key)
            if sync:
                self._guarded(partial(_sync, file))
            _close(file)


def _sync(file: BinaryIO) -> None:
    os.fsync(file.fileno())


def _close(file: BinaryIO) -> None:
    """A disk may fail even then; all that was told to be written has been, and other stems go on."""
    try:
        file.close()
    except OSError as error:
        _log.error("closing a stem: %s", error)
