"""Takes in the ledger: whose clip it is, how far it is, and what its person and the host decided about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from unisono.core.messages import Flag
from unisono.store.records import SungAlong, TakeRecord
from unisono.store.schema import PerformanceRow, TakeRow

_UNFINISHED = ("uploading", "waiting")
_CAME_TO_NOTHING = ("failed", "stopped")


class TakeLedger:
    """The takes of all performances; part of the Ledger, each call one transaction."""

    def __init__(self, session: Callable[[], AbstractContextManager[Session]]) -> None:
        self._session = session

    def add(self, take: TakeRecord, *, first_seat: int) -> TakeRecord:
        """Note down a new take; it gets the performance's next free seat, from `first_seat` on."""
        with self._session() as session:
            of_performance = TakeRow.performance_id == take.performance
            last = session.scalar(select(func.max(TakeRow.seat)).where(of_performance))
            row = TakeRow(
                id=take.take,
                performance_id=take.performance,
                seat=first_seat if last is None else last + 1,
                name=take.name,
                place=take.place,
                flag=_flag_text(take.flag),
                part=take.part,
                picture=take.picture,
                state=take.state,
                code=take.code,
                original=take.original,
                size_bytes=take.size_bytes,
                offset_samples=take.offset_samples,
                hidden=take.hidden,
                created_at=take.created_at,
                key_hash=take.key_hash,
                sung=_sung_text(take.sung),
                aside=take.aside,
            )
            session.add(row)
            session.flush()
            return _record(row)

    def find(self, take: str) -> TakeRecord | None:
        """The take of this id."""
        with self._session() as session:
            row = session.get(TakeRow, take)
            return _record(row) if row is not None else None

    def of(self, performance: str) -> list[TakeRecord]:
        """A performance's takes, in the order they came."""
        return self._where(TakeRow.performance_id == performance)

    def unfinished(self) -> list[TakeRecord]:
        """Takes that are still to come, or still to be analysed, in the order they came."""
        return self._where(TakeRow.state.in_(_UNFINISHED))

    def performances(self) -> list[str]:
        """Performances to which somebody added a take."""
        with self._session() as session:
            return list(session.scalars(select(TakeRow.performance_id).distinct()))

    def set(self, take: str, **changes: Any) -> TakeRecord | None:
        """Change fields of a TakeRecord by name; the take as it is then, None if it is gone."""
        with self._session() as session:
            row = session.get(TakeRow, take)
            if row is None:
                return None
            for name, value in changes.items():
                setattr(row, name, _TEXTS[name](value) if name in _TEXTS else value)
            session.flush()
            return _record(row)

    def use(self, take: str, *, instead_of: Sequence[str]) -> list[TakeRecord]:
        """A take stands and those are set aside for it; if it came to nothing already, those before it stand again.

        Returns all that have changed, as they are then. A server killed at any moment leaves one try of a person's
        standing: this is one transaction, and so is `fall`.
        """
        with self._session() as session:
            row = session.get(TakeRow, take)
            if row is None:
                return []
            others = [one for one in _rows(session, instead_of) if one is not row]
            for one in others:
                one.aside = True
            row.aside = False
            sung = _sung(row)
            if sung is not None:
                unheard = [before.instead_of for one in others if one.state != "placed" and (before := _sung(one))]
                stands_for = tuple(dict.fromkeys((*(one.id for one in others), *chain.from_iterable(unheard))))
                row.sung = _sung_text(msgspec.structs.replace(sung, instead_of=stands_for))
            again = _stand_again(session, row) if row.state in _CAME_TO_NOTHING else []
            session.flush()
            return [_record(one) for one in dict.fromkeys((row, *others, *again))]

    def fall(self, take: str, *, state: str, code: str) -> list[TakeRecord]:
        """A take comes to nothing, and those that were set aside for it stand again; whoever mends it may choose.

        Returns all that have changed, as they are then.
        """
        with self._session() as session:
            row = session.get(TakeRow, take)
            if row is None:
                return []
            row.state, row.code = state, code
            again = _stand_again(session, row)
            session.flush()
            return [_record(one) for one in (row, *again)]

    def forget(self, take: str) -> bool:
        """Forget a take; whether there was one."""
        with self._session() as session:
            row = session.get(TakeRow, take)
            if row is not None:
                session.delete(row)
            return row is not None

    def forget_all(self, session: Session, performance: str) -> None:
        """Forget a performance's takes, within the transaction that forgets the performance."""
        session.execute(delete(TakeRow).where(TakeRow.performance_id == performance))

    def faders(self, performance: str) -> str:
        """How the host set the mix, as JSON; empty when nobody touched it."""
        with self._session() as session:
            return session.scalar(select(PerformanceRow.faders).where(PerformanceRow.id == performance)) or ""

    def set_faders(self, performance: str, faders: str) -> None:
        """Keep how the host set the mix."""
        with self._session() as session:
            row = session.get(PerformanceRow, performance)
            if row is not None:
                row.faders = faders

    def _where(self, condition: Any) -> list[TakeRecord]:
        with self._session() as session:
            rows = session.scalars(select(TakeRow).where(condition).order_by(TakeRow.created_at, TakeRow.seat))
            return [_record(row) for row in rows]


def _rows(session: Session, takes: Iterable[str]) -> list[TakeRow]:
    """Those of these takes that are still there."""
    return [row for take in takes if (row := session.get(TakeRow, take)) is not None]


def _stand_again(session: Session, fallen: TakeRow) -> list[TakeRow]:
    """What was set aside for a take that came to nothing is heard again, and that one set aside, if anything can be."""
    sung = _sung(fallen)
    if fallen.aside or sung is None:
        return []
    before = [row for row in _rows(session, sung.instead_of) if row.aside and row.state == "placed"]
    for row in before:
        row.aside, fallen.aside = False, True
    return before


def _record(row: TakeRow) -> TakeRecord:
    created_at = row.created_at if row.created_at.tzinfo else row.created_at.replace(tzinfo=UTC)
    return TakeRecord(
        take=row.id,
        performance=row.performance_id,
        seat=row.seat,
        name=row.name,
        place=row.place,
        flag=msgspec.json.decode(row.flag, type=Flag) if row.flag else None,
        part=row.part,
        picture=row.picture,
        state=row.state,
        code=row.code,
        original=row.original,
        size_bytes=row.size_bytes,
        offset_samples=row.offset_samples,
        hidden=row.hidden,
        created_at=created_at,
        key_hash=row.key_hash,
        sung=_sung(row),
        aside=row.aside,
    )


def _sung(row: TakeRow) -> SungAlong | None:
    return msgspec.json.decode(row.sung, type=SungAlong) if row.sung else None


def _flag_text(flag: Flag | None) -> str:
    return msgspec.json.encode(flag).decode() if flag else ""


def _sung_text(sung: SungAlong | None) -> str:
    return msgspec.json.encode(sung).decode() if sung else ""


_TEXTS: dict[str, Callable[[Any], str]] = {"flag": _flag_text, "sung": _sung_text}


def now() -> datetime:
    """The wall clock, for when something came."""
    return datetime.now(UTC)
