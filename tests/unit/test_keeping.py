"""What the ledger must remember, while its database is full, read-only or locked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError

from unisono.live import keeping as keeping_module
from unisono.live.keeping import Keeping


class Database:
    """Takes what it is told, or refuses as SQLite does."""

    def __init__(self) -> None:
        self.works = True
        self.kept: list[str] = []
        self.told: list[str | None] = []
        self.refused = threading.Event()
        self.well = threading.Event()
        self.thread = ThreadPoolExecutor(1)
        self.keeping = Keeping(self.thread, on_trouble=self._trouble)

    def _trouble(self, text: str | None) -> None:
        self.told.append(text)
        (self.refused if text else self.well).set()

    def write(self, what: str) -> Callable[[], None]:
        def write() -> None:
            if not self.works:
                raise OperationalError("UPDATE", {}, Exception("attempt to write a readonly database"))
            self.kept.append(what)

        return write

    def keep(self, *what: str) -> None:
        for one in what:
            self.keeping.keep(self.write(one))

    def idle(self) -> None:
        self.thread.submit(lambda: None).result(20)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(keeping_module, "RETRY_S", 0.02)
    database = Database()
    yield database
    database.keeping.stop()
    database.thread.shutdown()


def test_what_is_kept_is_kept_in_order(database: Database) -> None:
    database.keep("a", "b", "c")
    database.idle()
    assert database.kept == ["a", "b", "c"]
    assert database.told == []


def test_a_database_that_refuses_is_told_and_gets_everything_later_in_order(database: Database) -> None:
    database.keep("a")
    database.idle()
    database.works = False
    database.keep("b", "c")
    assert database.refused.wait(20)
    database.keep("d")
    database.works = True
    assert database.well.wait(20)
    database.idle()
    assert database.kept == ["a", "b", "c", "d"]
    assert set(database.told[:-1]) == {"attempt to write a readonly database"}
    assert database.told[-1] is None


def test_our_own_mistake_holds_nothing_up(database: Database) -> None:
    def mistake() -> None:
        raise ValueError("a mistake of ours")

    database.keeping.keep(mistake)
    database.keep("b")
    database.idle()
    assert database.kept == ["b"]
    assert database.told == []


def test_the_last_try_is_made_when_the_server_stops(database: Database) -> None:
    database.works = False
    database.keep("a")
    assert database.refused.wait(20)
    database.works = True
    database.keeping.stop()
    database.idle()
    assert database.kept == ["a"]


def test_memory_is_not_filled_by_a_database_that_is_gone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_module, "OWED_MAX", 3)
    database.works = False
    database.keep(*"abcdefgh")
    database.idle()
    database.works = True
    assert database.well.wait(20)
    assert database.kept == ["f", "g", "h"]
