"""Keeping: what the ledger must remember is written in order, and tried again while the database does not take it.

A full disk, a read-only or locked database lose nothing: what was to be kept waits here, in memory, and nothing newer
overtakes it. The rooms' hosts are told meanwhile: if the server stops now, it is gone.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress

from sqlalchemy.exc import DBAPIError, OperationalError

RETRY_S = 2.0
OWED_MAX = 5000
"""More is only owed when the database has been gone for hours; then the oldest is given up, and the log says so."""
_log = logging.getLogger(__name__)


class Keeping:
    """Writes to the ledger, on its thread. Methods may be called from any thread."""

    def __init__(self, thread: Executor, *, on_trouble: Callable[[str | None], None]) -> None:
        """`thread` runs one call at a time. `on_trouble` hears from it what is wrong, or None when it is over."""
        self._thread = thread
        self._on_trouble = on_trouble
        self._owed: deque[Callable[[], object]] = deque()
        self._timer: threading.Timer | None = None
        self._in_trouble = False
        self._stopped = False

    def keep(self, write: Callable[[], object]) -> None:
        """Do this after all that was to be kept before it."""
        self._thread.submit(self._keep, write)

    def stop(self) -> None:
        """One last try; no more are made."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        with suppress(RuntimeError):
            self._thread.submit(self._pay)

    # ------------------------------------------------------------------------------------ on the ledger's thread

    def _keep(self, write: Callable[[], object]) -> None:
        self._owed.append(write)
        if len(self._owed) > OWED_MAX:
            self._owed.popleft()
            _log.error("the ledger has been away for too long: something is not kept")
        if not self._in_trouble:
            self._pay()

    def _pay(self) -> None:
        """Write what is owed, oldest first, until the database refuses."""
        while self._owed:
            try:
                self._owed[0]()
            except OperationalError as error:
                self._refused(error)
                return
            except Exception:
                _log.exception("the ledger does not keep this")
            self._owed.popleft()
        if self._in_trouble:
            self._in_trouble = False
            self._on_trouble(None)

    def _refused(self, error: DBAPIError) -> None:
        self._in_trouble = True
        _log.error("the ledger: %s", error.orig)
        self._on_trouble(str(error.orig))
        if not self._stopped:
            self._timer = threading.Timer(RETRY_S, self._again)
            self._timer.daemon = True
            self._timer.start()

    def _again(self) -> None:
        with suppress(RuntimeError):  # the thread has ended: so has the server
            self._thread.submit(self._pay)
