"""What a piece of a clip promises to be, by its checksum: what is not so, or does not come whole, is not kept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.clips import CLIP, Stage, open_stage, until_written
from unisono.live import clips


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        yield stage


def promise(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_what_is_not_what_was_promised_is_not_kept(stage: Stage, algorithm: str) -> None:
    upload = await stage.new()
    assert (await upload.patch(0, CLIP[:1000], **promise(CLIP[:1000], algorithm)))[0] == 204
    assert (await upload.patch(1000, CLIP[1001:2001], **promise(CLIP[1000:2000], algorithm)))[0] == 460
    assert (await upload.patch(1000, CLIP[:-1000][::-1], **promise(CLIP[1000:], algorithm)))[0] == 460
    assert await upload.head() == (200, "1000")
    assert stage.studio.asked == [], "that would have been the last of it"
    assert (await upload.patch(1000, CLIP[1000:], **promise(CLIP[1000:], algorithm)))[0] == 204
    assert (upload.folder / "original.mp4").read_bytes() == CLIP


async def test_of_what_was_promised_and_did_not_come_whole_nothing_is_kept(stage: Stage) -> None:
    clip = bytes(3 * 2**20)
    upload = await stage.new(len(clip))
    assert (await upload.patch(0, clip[:500]))[0] == 204
    came = asyncio.Event()

    async def cut_off() -> AsyncIterator[bytes]:
        yield clip[500:-1000]
        await came.wait()

    sending = asyncio.create_task(upload.patch(500, cut_off(), **promise(clip[500:])))
    await until_written(upload, beyond_bytes=500)
    assert await upload.head() == (200, "500")
    came.set()
    assert (await sending)[0] in (409, 460)
    assert await upload.head() == (200, "500")


async def test_what_is_being_written_when_it_is_cut_off_is_cut_off_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = bytes(3 * 2**20)
    begun, ended, append = threading.Event(), threading.Event(), clips.Clips.append

    def slowly(self: clips.Clips, *told: Any) -> int:
        begun.set()
        time.sleep(0.3)  # a slow disk: there is no other way to be asked in the midst of a write
        there = append(self, *told)
        ended.set()
        return there

    monkeypatch.setattr(clips.Clips, "append", slowly)
    upload = await stage.new(len(clip))
    over = asyncio.Event()

    async def cut_off() -> AsyncIterator[bytes]:
        yield clip[:-1000]
        await over.wait()

    sending = asyncio.create_task(upload.patch(0, cut_off(), **promise(clip)))
    assert await asyncio.to_thread(begun.wait, 10.0)
    assert list(await asyncio.gather(upload.head(), upload.head())) == [(200, "0")] * 2
    over.set()
    assert (await sending)[0] in (409, 460)
    assert await asyncio.to_thread(ended.wait, 10.0)
    assert await upload.head() == (200, "0")


@pytest.mark.parametrize("promised", ["md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha1", "sha1 AAAA", "sha256 ???", ""])
async def test_a_promise_that_is_none_is_told(stage: Stage, promised: str) -> None:
    upload = await stage.new()
    assert (await upload.patch(0, CLIP, **{"Upload-Checksum": promised}))[0] == 400
    assert await upload.head() == (200, "0")
