"""Trouble: what recorder and ledger tell the rooms when they cannot write, and when they can again."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Final

from unisono.core.trouble import TroubleCode

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """This is the matter; `text` is what the system says."""

    code: TroubleCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Well:
    """These are over."""

    codes: tuple[TroubleCode, ...]


WELL_DISK: Final = Well(codes=("disk_full", "disk_trouble", "disk_slow"))
WELL_LEDGER: Final = Well(codes=("ledger_trouble",))


def trouble_of(error: OSError) -> Trouble:
    """Why a write failed."""
    code: TroubleCode = "disk_full" if error.errno in _FULL else "disk_trouble"
    return Trouble(code=code, text=str(error.strerror or error))
