"""Confined decoding: whole files or a sentence, whatever the recording does, and nothing left behind."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import struct
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.io import wavfile

from bench.ingest import CASES, File, arrival_s, encode
from tests.fuzz.takes import outcomes, specimens
from unisono.errors import DiskTrouble, TakeTooCostly, TakeTooLarge, TakeTooLong, TakeUnreadable, UserError
from unisono.studio import confined, decoder
from unisono.studio.confined import Limits, read_files, take_in, take_in_forked, take_in_now
from unisono.studio.decoder import WavWriter
from unisono.units import SAMPLE_RATE

LEFT = {confined.SOUND_FILE, confined.FACTS_FILE}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    case = next(case for case in CASES if case.picture == "mpeg4" and case.container == "mp4")
    file = File(case)
    encode(case, file)
    path = tmp_path / "original.mp4"
    path.write_bytes(file.getvalue())
    return path


def silence(path: Path, seconds: int) -> Path:
    """A WAV header that promises much; the file is sparse and takes no room."""
    data = seconds * SAMPLE_RATE * 2
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + data, b"WAVE", b"fmt ", 16, 1, 1, SAMPLE_RATE, 96_000, 2, 16, b"data", data
    )
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + data)
    return path


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_recording_becomes_a_sound_and_its_facts(recording: Path, tmp_path: Path) -> None:
    before, shares = recording.read_bytes(), list[float]()
    files = take_in_now(recording, tmp_path / "work", on_progress=shares.append)
    rate_hz, sound = wavfile.read(files.sound_path)
    assert (rate_hz, sound.dtype, sound.shape) == (SAMPLE_RATE, np.float32, (files.facts.samples, 2))
    assert abs(arrival_s(sound[:, 0]) - 0.8) < 1e-4
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert shares
    assert left_in(tmp_path / "work") == LEFT
    assert read_files(tmp_path / "work") == files
    assert recording.read_bytes() == before


def test_a_copy_of_a_worker_decodes_the_same_and_ends_the_same_ways(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = list[float]()
    forked = take_in_forked(recording, tmp_path / "one", on_progress=shares.append)
    other = take_in_now(recording, tmp_path / "two")
    assert forked.facts == other.facts
    assert forked.sound_path.read_bytes() == other.sound_path.read_bytes()
    assert shares == sorted(shares)
    assert shares
    (tmp_path / "text.txt").write_bytes(b"la la la\n" * 100)
    with pytest.raises(TakeUnreadable):
        take_in_forked(tmp_path / "text.txt", tmp_path / "three")
    with pytest.raises(TakeTooCostly) as wall:
        take_in_forked(silence(tmp_path / "x.wav", 3000), tmp_path / "three", limits=Limits(wall_seconds=0.05))
    monkeypatch.setattr(decoder, "decode", lambda *_: bytearray(2**28))  # a small recording lives on what is there
    with pytest.raises(TakeTooCostly) as memory:
        take_in_forked(recording, tmp_path / "three", limits=Limits(memory_bytes=2**20))
    assert (memory.value.what, wall.value.what) == ("memory", "time")
    assert left_in(tmp_path / "three") == set()


def test_a_copy_of_a_worker_keeps_nothing_open_that_the_worker_had(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = os.open(recording, os.O_RDONLY)

    def look(arguments: list[str]) -> int:
        try:
            os.fstat(held)
        except OSError:
            decoder._tell({"error": {"code": "disk_trouble", "facts": {"reason": "it is closed"}}})
        return 1

    monkeypatch.setattr(decoder, "main", look)
    try:
        with pytest.raises(DiskTrouble, match="it is closed"):
            take_in_forked(recording, tmp_path / "work")
    finally:
        os.close(held)


def test_a_second_reading_replaces_the_first(recording: Path, tmp_path: Path) -> None:
    once = take_in_now(recording, tmp_path / "work")
    assert take_in_now(recording, tmp_path / "work") == once


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("text.txt", b"la la la\n" * 100),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
        ("still.png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
    ],
)
def test_what_is_no_recording_leaves_nothing_behind(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as told:
        take_in_now(tmp_path / name, tmp_path / "work")
    assert told.value.code in {"take_unreadable", "take_empty"}
    assert "Traceback" not in str(told.value)
    assert left_in(tmp_path / "work") == set()
    assert read_files(tmp_path / "work") is None


def test_hours_of_silence_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(TakeTooLong) as told:
        take_in_now(silence(tmp_path / "long.wav", 7200), tmp_path / "work", limits=Limits(seconds=5))
    assert told.value.seconds_max == 5
    assert left_in(tmp_path / "work") == set()


def test_too_many_bytes_are_not_even_opened(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(TakeTooLarge) as told:
        take_in_now(recording, tmp_path / "work", limits=Limits(file_bytes=100))
    assert (told.value.what, told.value.most) == ("bytes", 100)


def test_absurd_pictures_and_rates_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wide.y4m").write_bytes(b"YUV4MPEG2 W16000 H16000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(1000))
    with pytest.raises((TakeTooLarge, TakeUnreadable)):
        take_in_now(tmp_path / "wide.y4m", tmp_path / "work")
    head = bytearray(silence(tmp_path / "fast.wav", 1).read_bytes())
    head[24:28] = (2_000_000_000).to_bytes(4, "little")
    (tmp_path / "fast.wav").write_bytes(head)
    with pytest.raises(TakeUnreadable):
        take_in_now(tmp_path / "fast.wav", tmp_path / "work")


def test_the_wall_clock_ends_it(tmp_path: Path) -> None:
    with pytest.raises(TakeTooCostly) as told:
        take_in_now(silence(tmp_path / "x.wav", 3000), tmp_path / "work", limits=Limits(wall_seconds=0.05))
    assert told.value.what == "time"
    assert left_in(tmp_path / "work") == set()


def test_memory_that_is_too_little_is_said_and_not_a_crash(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(TakeTooCostly) as told:
        take_in_now(recording, tmp_path / "work", limits=Limits(memory_bytes=2**20))
    assert told.value.what == "memory"


def test_cancelling_ends_the_decoder(tmp_path: Path) -> None:
    long = silence(tmp_path / "x.wav", 3500)
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        take_in_now(long, tmp_path / "work", cancelled=lambda: time.monotonic() - started > 0.3)
    assert left_in(tmp_path / "work") == set()


async def test_a_cancelled_task_ends_the_decoder_too(tmp_path: Path) -> None:
    task = asyncio.create_task(take_in(silence(tmp_path / "x.wav", 3500), tmp_path / "work"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_in(tmp_path / "work") == set()


def test_the_parents_own_limits_stay(recording: Path, tmp_path: Path) -> None:
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)
    before = [resource.getrlimit(kind) for kind in kinds]
    take_in_now(recording, tmp_path / "work")
    assert [resource.getrlimit(kind) for kind in kinds] == before


def test_the_decoder_can_open_no_file_and_no_address() -> None:
    script = """
import socket
from unisono.studio import decoder
decoder.give_up_the_rest(decoder.Limits())
for reach in (lambda: open("/etc/hostname"), lambda: open("/tmp/x", "w"), socket.socket):
    try:
        reach()
    except OSError as error:
        print(error.errno)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["24", "24", "24"]


def test_a_wav_is_what_others_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    wav = WavWriter(file)
    sound = np.random.default_rng(1).uniform(-1, 1, (1000, 2)).astype(np.float32)
    wav.write(sound[:400])
    wav.write(sound[400:])
    wav.close()
    file.seek(0)
    rate_hz, read = wavfile.read(file)
    assert rate_hz == SAMPLE_RATE
    assert np.array_equal(read, sound)
    assert msgspec.json.decode(msgspec.json.encode(Limits()), type=Limits) == Limits()


@pytest.mark.parametrize("seed", range(4))
def test_damaged_recordings_end_in_a_take_or_a_sentence(seed: int) -> None:
    assert outcomes(seed, specimens(), count=40) == []
