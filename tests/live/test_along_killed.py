"""A server that is killed while one person's tries change places: after its next start one of them is heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.clips import Stage, Studio, open_stage
from tests.live.house import PATIENCE_SECONDS
from tests.live.test_along import heard, keep, kept, open_along, was_sung, write_mix
from unisono.errors import TakeFailed

CHANGES = ("set", "use", "fall")
"""What the ledger of takes is asked to change a take by."""


class Killed:
    """From when it is armed, a server makes so many changes to takes; then it does nothing with them any more."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self._services = stage.house.rooms.services
        self._ask = self._services.ask
        self._left: int | None = None
        self.dead = asyncio.Event()
        monkeypatch.setattr(self._services, "ask", self._asked)

    def after(self, changes: int) -> None:
        self._left = changes

    async def _asked(self, what: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        of_takes = getattr(what, "__self__", None) is self._services.ledger.takes
        if of_takes and self._left is not None:
            if self._left == 0:
                self.dead.set()
                await asyncio.Event().wait()  # until the test has ended the server
            self._left -= what.__name__ in CHANGES
        return await self._ask(what, *args, **kwargs)


async def heard_after(data: Path, studio: Studio, *tries: Any) -> list[str]:
    """Which tries sound once the server has been started again and rests."""
    async with open_stage(data, studio) as stage:
        await stage.settled()
        return await heard(stage, *tries)


@pytest.mark.parametrize("changes", [1, 2])
@pytest.mark.parametrize("how", ["fails", "is stopped"])
async def test_a_try_that_comes_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, changes: int
) -> None:
    studio = Studio()
    async with open_stage(tmp_path, studio) as stage:
        write_mix(stage.folder, "abc123")
        token = await open_along(stage)
        first = await kept(stage, token, "solo1")
        studio.held.add("Ola")
        _, told = await keep(stage, token, was_sung(stage, token, "solo2", silent=(2,)))
        second = told["takes"][0]
        studio.finds["Ola"] = TakeFailed(why="take_failed", reason="")
        server = Killed(stage, monkeypatch)
        server.after(changes)
        if how == "is stopped":
            body = {"token": stage.token, "take": second["take"], "key": second["key"]}
            await until_dead_or(server, stage.house.post("/api/take/stop", body))
        studio.held.clear()
        await until_dead_or(server, stage.settled())
    assert await heard_after(tmp_path, studio, first, second) == [first["take"]]


@pytest.mark.parametrize("changes", [1, 2])
async def test_going_back_to_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int) -> None:
    studio = Studio()
    async with open_stage(tmp_path, studio) as stage:
        write_mix(stage.folder, "abc123")
        token = await open_along(stage)
        first, second = await kept(stage, token, "solo1"), await kept(stage, token, "solo2")
        server = Killed(stage, monkeypatch)
        server.after(changes)
        body = {"token": stage.token, "take": first["take"], "key": first["key"]}
        body["instead_of"] = {second["take"]: second["key"]}
        await until_dead_or(server, stage.house.post("/api/take/use", body))
        await until_dead_or(server, stage.settled())
    assert len(await heard_after(tmp_path, studio, first, second)) == 1


async def until_dead_or(server: Killed, done: Any) -> None:
    """Until this is done, or the server is dead, which never ends it."""
    ways = [asyncio.ensure_future(done), asyncio.ensure_future(server.dead.wait())]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ways[0]
