"""Clips arrive whole, whatever happens on the way: cut lines, restarts, wrong offsets, others' keys, full disks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.live.clips import CLIP, TUS, Stage, Studio, Upload, bearer, open_stage, until_written
from tests.live.serving import Served, serve
from unisono.live import clips, uploads
from unisono.live.app import TAKES


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        yield stage


async def test_the_server_says_what_it_can_do(stage: Stage) -> None:
    async with stage.house.http.options(f"{stage.house.url}/uploads") as said:
        assert said.status == 204
        assert said.headers["Tus-Version"] == "1.0.0"
        assert said.headers["Tus-Extension"] == "creation,termination,expiration,checksum"
        assert said.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
        assert said.headers["Tus-Max-Size"] == str(2000 * 10**6)


async def test_a_clip_arrives_as_it_was_sent_and_is_analysed(stage: Stage) -> None:
    upload = await stage.add(filename="../../IMG 0042.MOV", name="Ola <b>", place="Kraków", picture="yes")
    assert (upload.folder / "original.mov").read_bytes() == CLIP
    told = await stage.settled(upload)
    [take] = told["takes"]
    assert (take["name"], take["place"], take["state"], take["mine"]) == ("Ola <b>", "Kraków", "placed", True)
    assert (take["picture"], take["found"]["method"]) == (True, "bleed")
    assert stage.studio.mixes == [{take["seat"]}]


async def test_it_comes_in_pieces_and_goes_on_where_it_was(stage: Stage) -> None:
    upload = await stage.new()
    assert await upload.head() == (200, "0")
    status, headers, _ = await upload.patch(0, CLIP[:1000])
    assert (status, headers["Upload-Offset"]) == (204, "1000")
    assert headers["Tus-Resumable"] == "1.0.0"
    assert await upload.head() == (200, "1000")
    assert (await stage.look(upload))["takes"][0]["state"] == "uploading"
    assert (await stage.look())["takes"] == [], "what has not arrived is nobody else's business"
    assert (await upload.patch(1000, CLIP[1000:]))[0] == 204
    assert (upload.folder / "original.mp4").read_bytes() == CLIP


@pytest.mark.parametrize("offset", [0, 999, 1001, len(CLIP)])
async def test_a_wrong_offset_changes_nothing(stage: Stage, offset: int) -> None:
    upload = await stage.new()
    await upload.patch(0, CLIP[:1000])
    assert (await upload.patch(offset, CLIP[offset:]))[0] == 409
    assert await upload.head() == (200, "1000")


async def test_what_came_before_the_line_was_cut_is_kept(stage: Stage) -> None:
    clip = CLIP * 200
    upload = await stage.new(len(clip))
    host, port = stage.house.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    headers = TUS | bearer(upload.key) | {"Host": "x", "Content-Type": "application/offset+octet-stream"}
    headers |= {"Upload-Offset": "0", "Content-Length": str(len(clip))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"PATCH {upload.location} HTTP/1.1\r\n{head}\r\n".encode() + clip[:1_500_000])
    await until_written(upload)
    writer.close()
    await goes_on(upload, clip)


async def goes_on(upload: Upload, clip: bytes) -> None:
    """The rest of a clip, from where the server says; what came before is not asked for again."""
    status, offset = await upload.head()
    assert status == 200
    there = int(offset or 0)
    assert there >= 2**20
    assert (await upload.patch(there, clip[there:]))[0] == 204
    assert (upload.folder / "original.mp4").read_bytes() == clip


async def test_whoever_comes_back_takes_over_from_a_line_that_hangs(stage: Stage) -> None:
    clip = CLIP * 200
    upload = await stage.new(len(clip))
    waits = asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        yield clip[:1_500_000]
        await waits.wait()

    hanging = asyncio.create_task(upload.patch(0, hangs()))
    await until_written(upload)
    await goes_on(upload, clip)
    waits.set()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_it_goes_on_after_the_server_was_started_again(tmp_path: Path) -> None:
    studio = Studio(held={"Wei"})
    async with open_stage(tmp_path, studio) as stage:
        half, waiting = await stage.new(name="Ola"), await stage.add(name="Wei")
        await half.patch(0, CLIP[:4321])
        await stage.wait(lambda told: any(take["state"] == "working" for take in told["takes"]))
    studio.held.clear()
    async with open_stage(tmp_path, studio) as again:
        half.stage = waiting.stage = again
        told = await again.wait(lambda told: [take["state"] for take in told["takes"]] == ["placed"])
        assert told["takes"][0]["name"] == "Wei"
        assert await half.head() == (200, "4321")
        assert (await half.patch(4321, CLIP[4321:]))[0] == 204
        await again.settled()
        assert studio.mixes[-1] == {take["seat"] for take in (await again.look())["takes"]}
        assert len(studio.mixes[-1]) == 2


async def test_a_killed_server_has_what_it_had_written(
    tmp_path: Path, serve_again: Callable[[], Awaitable[Served]]
) -> None:
    async with open_stage(tmp_path) as stage:
        upload = await stage.new(3 * 2**20)
    server = await serve_again()
    data = os.urandom(3 * 2**20)
    async with aiohttp.ClientSession() as http:
        stage.house.http, stage.house.url = http, server.url

        async def stalls() -> AsyncIterator[bytes]:
            yield data[: 2**21]
            await asyncio.Event().wait()

        sending = asyncio.create_task(upload.patch(0, stalls()))
        await until_written(upload)
        await server.kill()
        await asyncio.gather(sending, return_exceptions=True)
        stage.house.url = (await serve_again()).url
        await goes_on(upload, data)


@pytest.fixture
async def serve_again(tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Served]]]:
    """Starts `unisono serve` in a process of its own over the test's folder, as often as it is killed."""
    servers: list[Served] = []

    async def start() -> Served:
        servers.append(await serve(tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.returncode is None:
            await server.kill()


@pytest.mark.parametrize("key", ["", "made up", "x" * 5000])
async def test_only_its_key_opens_a_clip(stage: Stage, key: str) -> None:
    upload = await stage.new()
    assert (await upload.head(key))[0] == 403
    upload.key, own = key, upload.key
    assert (await upload.patch(0, CLIP))[0] == 403
    assert await upload.delete() == 403
    upload.key = own
    assert await upload.head() == (200, "0")


async def test_only_the_performances_token_begins_one(stage: Stage) -> None:
    for token in ("", "made up", stage.host):
        status, _, body = await stage.begin(token=token)
        assert (status, body["code"]) == (401, "link_not_valid")


async def test_a_song_that_is_still_being_mixed_takes_none(stage: Stage) -> None:
    stage.house.rooms.services.ledger.set_state("p", "mixing")
    status, _, body = await stage.begin()
    assert (status, body["code"]) == (409, "not_ready")


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [(0, 400, "clip_empty"), (10**6 + 1, 413, "clip_too_big"), (10**15, 400, "bad_request"), (-1, 400, "bad_request")],
)
async def test_a_size_that_is_none(tmp_path: Path, size: int, status: int, code: str) -> None:
    async with open_stage(tmp_path, clip_mb_max=1) as stage:
        told, _, body = await stage.begin(size)
        assert (told, body["code"]) == (status, code)


async def test_more_than_was_announced_is_not_taken(stage: Stage) -> None:
    upload = await stage.new(100)
    status, _, body = await upload.patch(0, CLIP)
    assert status == 413
    assert b"clip_too_big" in body

    async def unannounced() -> AsyncIterator[bytes]:
        yield CLIP

    assert (await upload.patch(0, unannounced()))[0] == 413
    assert await upload.head() == (200, "0")


async def test_a_performance_and_an_address_send_so_much_and_no_more(tmp_path: Path) -> None:
    async with open_stage(tmp_path, clip_mb_max=700, clips_gb_max=1) as stage:
        first = await stage.new(600 * 10**6)
        status, _, body = await stage.begin(600 * 10**6)
        assert (status, body["code"]) == (403, "clips_full")
        assert await first.delete() == 204
        await stage.new(600 * 10**6)
    async with open_stage(tmp_path / "b", clips_gb_max=100, clips_gb_per_day=1) as stage:
        await stage.new(600 * 10**6)
        status, _, body = await stage.begin(600 * 10**6)
        assert (status, body["code"]) == (403, "clips_full")


async def test_a_full_disk_is_told_and_what_came_stays(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = await stage.new()
    await upload.patch(0, CLIP[:1000])
    with monkeypatch.context() as full:
        full.setattr(clips, "KEPT_FREE_BYTES", 10**18)
        status, _, body = await stage.begin()
        assert (status, body["code"]) == (507, "no_room_for_clip")
    with monkeypatch.context() as full:
        full.setattr(clips.Clips, "append", _fails)
        status, _, told = await upload.patch(1000, CLIP[1000:])
        assert status == 507
        assert b"no_room_for_clip" in told
    assert await upload.head() == (200, "1000")
    assert (await upload.patch(1000, CLIP[1000:]))[0] == 204


def _fails(*_: object) -> int:
    raise OSError(28, "No space left on device")


async def test_a_clip_can_be_taken_back_before_and_after_it_is_whole(stage: Stage) -> None:
    half, whole = await stage.new(), await stage.add(name="Wei")
    await stage.settled()
    for upload in (half, whole):
        assert await upload.delete() == 204
        assert not upload.folder.exists()
        assert (await upload.head())[0] == 404
    await stage.settled()
    assert stage.studio.mixes[-1] == set()


async def test_other_versions_and_contents_are_refused(stage: Stage) -> None:
    upload = await stage.new()
    assert (await upload.patch(0, CLIP, **{"Tus-Resumable": "0.2.2"}))[0] == 412
    assert (await upload.patch(0, CLIP, **{"Content-Type": "video/mp4"}))[0] == 415
    assert (await upload.patch(0, CLIP, **{"Upload-Offset": "-1"}))[0] == 400


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"name": ""}, 400),
        ({"name": "\u202e\x07"}, 400),
        ({"flag": "it"}, 400),
        ({"flag": '{"country": "../x"}'}, 400),
        ({"flag": '{"country": "it"}'}, 201),
        ({"name": "x" * 3500}, 400),
    ],
)
async def test_what_is_said_of_a_clip_is_looked_at(stage: Stage, told: dict[str, str], status: int) -> None:
    assert (await stage.begin(len(CLIP), **told))[0] == status


async def test_metadata_that_is_none_is_told(stage: Stage) -> None:
    headers = TUS | bearer(stage.token) | {"Upload-Length": "5", "Upload-Metadata": "name ä%%"}
    async with stage.house.http.post(f"{stage.house.url}/uploads", headers=headers) as said:
        assert (said.status, (await said.json())["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.MOV", "original.mov"),
        ("../../etc/passwd", "original.bin"),
        ("x.php", "original.bin"),
        ("x.m4a/../../y", "original.bin"),
        ("song.mp4\x00.html", "original.bin"),
        ("x.svg", "original.bin"),
        ("", "original.bin"),
        ("tar.opus", "original.opus"),
    ],
)
def test_nothing_of_a_name_is_kept_but_a_known_extension(name: str, kept: str) -> None:
    assert clips.original_name(name) == kept


async def test_a_performance_that_is_deleted_on_the_way_takes_no_more_of_a_clip(stage: Stage) -> None:
    upload = await stage.new()
    await upload.patch(0, CLIP[:1000])
    ledger = stage.house.rooms.services.ledger
    record = ledger.performance(performance="p")
    assert record is not None
    assert ledger.delete_performance(record.room, "p")
    assert (await upload.patch(1000, CLIP[1000:]))[0] == 404
    assert (await upload.head())[0] == 404
    status, _, body = await stage.begin()
    assert (status, body["code"]) == (401, "link_not_valid")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 Famiglia", "\U0001f468\u200d\U0001f469\u200d\U0001f467 Famiglia"),
        ("\u202eevil\u202c", "evil"),
        ("\u05e0\u05d5\u05e2\u05d4", "\u05e0\u05d5\u05e2\u05d4"),
        ("W" * 500, "W" * 40),
        (" \t a\nb ", "a b"),
    ],
)
async def test_whatever_somebody_is_called_is_kept_as_far_as_it_goes(stage: Stage, name: str, kept: str) -> None:
    upload = await stage.new(name=name, filename=name)
    assert (await stage.look(upload))["takes"][0]["name"] == kept


@pytest.mark.parametrize("path", ["a/b", "0123456789abcdeg", "%2e%2e%2f%2e%2e", "0" * 16])
async def test_no_path_leads_elsewhere(stage: Stage, path: str) -> None:
    async with stage.house.http.head(f"{stage.house.url}/uploads/{path}", headers=TUS | bearer("x")) as said:
        assert said.status == 404


async def test_originals_are_not_served(stage: Stage) -> None:
    upload = await stage.add()
    await stage.settled()
    record = stage.house.rooms.services.ledger.performance(performance="p")
    assert record is not None
    for name in ("original.mp4", "take.json", "placed.json", "../../host"):
        assert (await stage.house.get(f"/media/{record.media_key}/takes/{upload.take}/{name}"))[0] == 404


async def test_what_nobody_goes_on_with_is_deleted_after_a_while(stage: Stage) -> None:
    old, fresh = await stage.new(), await stage.new()
    long_ago_s = time.time() - 49 * 3600
    os.utime(old.folder / clips.ARRIVING_FILE, (long_ago_s, long_ago_s))
    await stage.house.app[TAKES].expire()
    assert (await old.head())[0] == 404
    assert not old.folder.exists()
    assert await fresh.head() == (200, "0")


async def test_silence_ends_a_request_and_keeps_what_came(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_SILENCE_SECONDS_MAX", 0.2)
    upload = await stage.new()

    async def stalls() -> AsyncIterator[bytes]:
        yield CLIP[:2000]
        await asyncio.Event().wait()

    status, _, _ = await upload.patch(0, stalls())
    assert status == 408
    assert await upload.head() == (200, "2000")


async def test_no_secret_of_a_clip_stands_in_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    upload = await stage.add(name="Lovelace")
    await stage.settled()
    for secret in (upload.key, stage.token, "Lovelace"):
        assert secret not in caplog.text
