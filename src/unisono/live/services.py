"""Services: what all rooms of a server share: ledger, recorder, songs, threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from unisono.config import Settings
from unisono.live.along import AlongShelf
from unisono.live.crowd import Crowd
from unisono.live.keeping import Keeping
from unisono.live.recorder import Recorder, Wrote
from unisono.live.songs import Shelf, Songs
from unisono.live.trouble import Trouble, Well
from unisono.store.blobs import Blobs
from unisono.store.ledger import Ledger
from unisono.store.records import Along

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Services:
    """Made once per server, inside its event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_wrote: Callable[[list[Wrote]], None],
        on_trouble: Callable[[str, Trouble | Well], None],
        on_ledger_trouble: Callable[[str | None], None],
    ) -> None:
        """All three are called on the event loop; `on_ledger_trouble` with what is wrong, or None when it is over."""
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.codec_threads = settings.codec_threads or os.cpu_count() or 1
        self.ledger = Ledger(settings.database_url)
        settings.performances.mkdir(parents=True, exist_ok=True)
        self.songs = Songs(settings.songbook)
        self.blobs = Blobs(settings.blobs, settings.performances)
        self.recorder = Recorder(
            settings.performances,
            on_wrote=lambda wrote: _call(loop, on_wrote, wrote),
            on_trouble=lambda performance, trouble: _call(loop, on_trouble, performance, trouble),
        )
        self.crowd = Crowd()
        self.codecs = ThreadPoolExecutor(self.codec_threads, thread_name_prefix="codec")
        self.rooms = ThreadPoolExecutor(max(2, self.codec_threads), thread_name_prefix="room")
        self._ledger_thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._keeping = Keeping(self._ledger_thread, on_trouble=lambda text: _call(loop, on_ledger_trouble, text))
        self._requests_thread = ThreadPoolExecutor(1, thread_name_prefix="requests")
        self._files_thread = ThreadPoolExecutor(2, thread_name_prefix="files")

    async def ask(self, what: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """A call to the ledger, on its thread, after all that were made before it."""
        return await asyncio.wrap_future(self._ledger_thread.submit(what, *args, **kwargs))

    def keep(self, what: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Like `ask`, but nobody waits for it; what the ledger does not take now is kept until it does."""
        self._keeping.keep(partial(what, *args, **kwargs))

    async def kept(self) -> None:
        """Until all that was to be kept by now is: while the database does not take it, that lasts."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        self._keeping.keep(lambda: loop.call_soon_threadsafe(done.set))
        await done.wait()

    async def on_files(self, what: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Something slow with files or arithmetic, on a thread."""
        return await asyncio.wrap_future(self._files_thread.submit(what, *args, **kwargs))

    async def on_files_to_the_end(self, what: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Like `on_files`, for what nobody can stop: whoever is cancelled meanwhile is so when it is over."""
        working = asyncio.ensure_future(self.on_files(what, *args, **kwargs))
        cancelled: asyncio.CancelledError | None = None
        while not working.done():
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            working.exception()  # looked at: whoever is cancelled hears of nothing else
            raise cancelled
        return working.result()

    def shelf(self, along: Along | None) -> Shelf:
        """What a room sings from: the songbook, or what it was opened to sing along to."""
        if along is None:
            return self.songs
        return AlongShelf(along, self.songs.piece(along.piece or ""), self.settings.performances)

    def fetch_backing(self, shelf: Shelf, piece: str, key: int, tempo_bpm: int) -> Future[bytes]:
        """A piece's backing as a WAV, once it is there."""
        return self._files_thread.submit(shelf.backing_wav, piece, key, tempo_bpm)

    async def on_requests(self, what: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Arithmetic that anybody may ask for, one at a time: rooms never wait behind it."""
        return await asyncio.wrap_future(self._requests_thread.submit(what, *args, **kwargs))

    def stop(self) -> None:
        """Finish what is under way; everything taken is on disk afterwards."""
        self.recorder.stop()
        self._keeping.stop()
        for pool in (self.rooms, self.codecs, self._requests_thread, self._files_thread, self._ledger_thread):
            pool.shutdown(wait=True)
        self.ledger.close()


def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *args: object) -> None:
    try:
        loop.call_soon_threadsafe(what, *args)
    except RuntimeError:
        pass  # the loop has ended: nobody is left to be told
