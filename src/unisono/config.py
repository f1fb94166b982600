"""Settings: the one place that reads the environment. Every setting has a default that works without any.

docs/settings.md describes each; a test compares that page with `Settings`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from unisono.errors import BadSetting

_TRUE = frozenset({"1", "yes", "true", "on"})
_FALSE = frozenset({"0", "no", "false", "off", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What whoever runs the server may choose. Field `port` is read from UNISONO_PORT, and so on."""

    host: str = "localhost"
    """The address to listen on; 0.0.0.0 opens the server to the network."""
    port: int = 8000
    """The port to listen on; 0 takes a free one."""
    data: Path = Path("unisono-data")
    """The folder for the database, stems and mixes."""
    database: str = ""
    """SQLAlchemy URL of the ledger; empty is SQLite in the data folder."""
    blobs: str = ""
    """obstore URL for finished files (s3://..., file://...); empty is the data folder."""
    songbook: Path | None = None
    """A folder with pieces of one's own, besides those that come with Unisono."""
    cert: Path | None = None
    """A TLS certificate chain (PEM), for HTTPS without a proxy in front."""
    key: Path | None = None
    """The certificate's private key (PEM)."""
    proxied: bool = False
    """Whether a reverse proxy stands in front: then X-Forwarded-For says who asks."""
    codec_threads: int = 0
    """Threads for coding and decoding sound; 0 takes as many as there are cores."""
    performers_max: int = 100
    """Balconies in a room."""
    listeners_max: int = 500
    """Listeners in a room."""
    rooms_per_hour: int = 30
    """Rooms one address may open in an hour."""
    song_minutes_max: int = 20
    """A song longer than this is stopped."""
    clip_mb_max: int = 2000
    """A clip larger than this, in megabytes, is not taken."""
    clips_gb_max: int = 20
    """Gigabytes of clips that one performance keeps."""
    clips_gb_per_day: int = 10
    """Gigabytes of clips that one address may send in a day."""
    clip_hours_max: int = 48
    """Hours for which a clip that stopped arriving can go on; then what came of it is deleted."""
    studio_workers: int = 2
    """Clips that are analysed, and mixes that are made anew, at the same time."""
    films: bool = True
    """Whether a film is made of each song; small servers may say no."""
    log: str = "info"
    """How much is logged: debug, info, warning or error. Tokens and names never are."""

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            if not low <= getattr(self, name) <= high:
                raise _bad(name, str(getattr(self, name)), f"must be {low} to {high}")
        if (self.cert is None) != (self.key is None):
            raise _bad("cert", str(self.cert), "certificate and key come together")
        if self.log not in ("debug", "info", "warning", "error"):
            raise _bad("log", self.log, "must be debug, info, warning or error")

    @property
    def database_url(self) -> str:
        """Where the ledger is kept."""
        return self.database or f"sqlite:///{self.data.absolute() / 'unisono.db'}"

    @property
    def performances(self) -> Path:
        """The folder with one folder per performance: stems, performance.json, mixes."""
        return self.data / "performances"

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings from UNISONO_* variables. Raises BadSetting with the variable's name."""
        env = os.environ if environment is None else environment
        found: dict[str, object] = {"data": _data_folder(env)}
        for field in fields(cls):
            text = env.get(f"UNISONO_{field.name.upper()}")
            if text is not None:
                found[field.name] = _parse(field.name, str(field.type), text)
        return cls(**found)  # type: ignore[arg-type]


_RANGES = (
    ("port", 0, 65_535),
    ("codec_threads", 0, 256),
    ("performers_max", 1, 1000),
    ("listeners_max", 0, 20_000),
    ("rooms_per_hour", 1, 1_000_000),
    ("song_minutes_max", 1, 240),
    ("clip_mb_max", 1, 1_000_000),
    ("clips_gb_max", 1, 1_000_000),
    ("clips_gb_per_day", 1, 1_000_000),
    ("clip_hours_max", 1, 8760),
    ("studio_workers", 1, 64),
)


def _data_folder(env: Mapping[str, str]) -> Path:
    """`unisono-data` where one stands, if it is there; else the user's data folder."""
    here = Path("unisono-data")
    if here.is_dir():
        return here
    base = env.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "unisono"


def _parse(name: str, kind: str, text: str) -> object:
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise _bad(name, text, "must be a whole number") from None
    if kind == "bool":
        if text.lower() not in _TRUE | _FALSE:
            raise _bad(name, text, "must be yes or no")
        return text.lower() in _TRUE
    if kind.startswith("Path"):
        return Path(text).expanduser() if text else None
    return text


def _bad(name: str, value: str, reason: str) -> BadSetting:
    return BadSetting(name=f"UNISONO_{name.upper()}", value=value, reason=reason)
