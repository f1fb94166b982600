"""Takes in the ledger: whose clip it is, how far it is, and what its person and the host decided about it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from unisono.core.messages import Flag
from unisono.store.records import SungAlong, TakeRecord
from unisono.store.schema import PerformanceRow, TakeRow

_UNFINISHED = ("uploading", "waiting")


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
        sung=msgspec.json.decode(row.sung, type=SungAlong) if row.sung else None,
        aside=row.aside,
    )


def _flag_text(flag: Flag | None) -> str:
    return msgspec.json.encode(flag).decode() if flag else ""


def _sung_text(sung: SungAlong | None) -> str:
    return msgspec.json.encode(sung).decode() if sung else ""


_TEXTS: dict[str, Callable[[Any], str]] = {"flag": _flag_text, "sung": _sung_text}


def now() -> datetime:
    """The wall clock, for when something came."""
    return datetime.now(UTC)
