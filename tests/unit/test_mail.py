"""Who is written to when: singers at the tick, a crowd of listeners at the next turns of the loop."""

from __future__ import annotations

import asyncio
from typing import cast

from unisono.live.mail import Mail
from unisono.live.session import Session


class Page:
    """A session, as far as the mail knows one."""

    def __init__(self, written: list[Page], *, listens: bool) -> None:
        self.listens = listens
        self._written = written

    def flush(self) -> None:
        self._written.append(self)


def pages(written: list[Page], count: int, *, listens: bool) -> list[Page]:
    return [Page(written, listens=listens) for _ in range(count)]


async def test_singers_come_first_and_listeners_a_few_at_each_turn() -> None:
    written: list[Page] = []
    mail = Mail(ticking=lambda: True)
    crowd, singers = pages(written, 1000, listens=True), pages(written, 30, listens=False)
    for page in [*crowd, *singers]:
        mail.post(cast(Session, page))
    assert not written, "a room that ticks says when"
    mail.deliver()
    assert written[:30] == singers
    assert len(written) < 100
    turns = 0
    while len(written) < 1030:
        before = len(written)
        await asyncio.sleep(0)
        assert len(written) - before <= 100, "the loop has something else to do, too"
        turns += 1
    assert written[30:] == crowd
    assert turns >= 10


async def test_the_next_tick_does_not_wait_for_the_crowd() -> None:
    written: list[Page] = []
    mail = Mail(ticking=lambda: True)
    crowd, late = pages(written, 200, listens=True), pages(written, 1, listens=False)
    for page in crowd:
        mail.post(cast(Session, page))
    mail.deliver()
    mail.post(cast(Session, late[0]))
    mail.deliver()
    assert late[0] in written
    assert len(written) < 200
    for _ in range(20):
        await asyncio.sleep(0)
    assert sorted(map(id, written)) == sorted(map(id, [*crowd, *late])), "each once"


async def test_a_room_that_does_not_tick_writes_soon() -> None:
    written: list[Page] = []
    mail = Mail(ticking=lambda: False)
    both = [*pages(written, 1, listens=True), *pages(written, 1, listens=False)]
    for page in both:
        mail.post(cast(Session, page))
    assert not written
    await asyncio.sleep(0)
    assert set(map(id, written)) == set(map(id, both))
