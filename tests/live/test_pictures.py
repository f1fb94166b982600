"""What seats' own cameras saw: it arrives with consent, goes on after a cut, and is gone when consent is."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.clips import TUS, Stage, bearer, open_stage
from tests.live.test_films import Projector, cinema, rests, until
from unisono.core.seats import Seat
from unisono.live import arrivals
from unisono.live.films import Films
from unisono.store import tokens
from unisono.studio.seen import pictures_of, seats_seen

SECRET = "anna's secret"
PICTURE = bytes.fromhex("1a45dfa3") + bytes(range(256)) * 40


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What the films are told: of which performance, and whether somebody went."""
    told: list[tuple[str, bool]] = []

    async def seen_changed(_films: Films, performance: str, *, withdrawn: bool) -> None:
        told.append((performance, withdrawn))

    monkeypatch.setattr(Films, "seen_changed", seen_changed)
    return told


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        take_seats(stage)
        yield stage


def take_seats(stage: Stage) -> None:
    ledger = stage.house.rooms.services.ledger
    room = ledger.admit(stage.host).room
    for number, secret in ((1, SECRET), (99, "who only listened")):
        ledger.keep_seat(room, Seat(number=number, key_hash=tokens.hashed(secret), role="performer", link=1))


async def begin(stage: Stage, size: int = len(PICTURE), secret: str = SECRET, **told: str) -> tuple[int, Any, Any]:
    told = {"performance": "p", "picture": "yes"} | told
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
    headers = TUS | bearer(secret) | {"Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}
    async with stage.house.http.post(f"{stage.house.url}/pictures", headers=headers) as said:
        return said.status, said.headers.get("Location", ""), await said.json()


async def patch(stage: Stage, location: str, key: str, offset: int, data: bytes) -> int:
    sent = TUS | bearer(key) | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    async with stage.house.http.patch(stage.house.url + location, data=data, headers=sent) as said:
        return said.status


async def head(stage: Stage, location: str, key: str) -> tuple[int, str | None]:
    async with stage.house.http.head(stage.house.url + location, headers=TUS | bearer(key)) as said:
        return said.status, said.headers.get("Upload-Offset")


async def send(stage: Stage, data: bytes = PICTURE) -> str:
    """A picture that has arrived; where it was sent."""
    status, location, body = await begin(stage, len(data))
    assert status == 201, body
    assert await patch(stage, location, body["key"], 0, data) == 204
    return str(location)


async def mine(stage: Stage, secret: str = SECRET, token: str = "") -> list[str]:
    status, told = await stage.house.post("/api/pictures", {"token": token or stage.host, "key": secret})
    assert status == 200, told
    return [one["performance"] for one in told]


async def test_a_picture_arrives_in_pieces_and_is_then_shown(stage: Stage, due: list[tuple[str, bool]]) -> None:
    status, location, body = await begin(stage)
    assert (status, body["seat"]) == (201, 1)
    assert await patch(stage, location, body["key"], 0, PICTURE[:1000]) == 204
    assert (seats_seen(stage.folder), await mine(stage)) == ((), [])
    assert await head(stage, location, body["key"]) == (200, "1000")
    assert await patch(stage, location, body["key"], 0, PICTURE) == 409
    assert await patch(stage, location, body["key"], 1000, PICTURE[1000:]) == 204
    [whole] = stage.folder.glob("pictures/1/*.mkv")
    assert whole.read_bytes() == PICTURE
    assert (seats_seen(stage.folder), await mine(stage), due) == ((1,), ["p"], [("p", False)])
    assert await head(stage, location, body["key"]) == (200, str(len(PICTURE)))


async def test_consent_that_is_taken_back_deletes_the_picture_and_makes_a_new_film_due(
    stage: Stage, due: list[tuple[str, bool]]
) -> None:
    await send(stage)
    _, location, body = await begin(stage)
    body_of = {"token": stage.host, "key": SECRET, "performance": "p"}
    assert await stage.house.post("/api/picture/withdraw", body_of) == (200, {})
    assert [path.name for path in stage.folder.glob("pictures/1/*")] == ["consent.json"]
    assert (seats_seen(stage.folder), await mine(stage), due) == ((), [], [("p", False), ("p", True)])
    assert await patch(stage, location, body["key"], 0, PICTURE) == 404, "nor does the rest of one on its way come in"
    await send(stage)
    assert seats_seen(stage.folder) == (1,), "who changes their mind once more is seen"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"secret": "somebody else's"}, 401),
        ({"secret": "who only listened"}, 401),
        ({"secret": ""}, 401),
        ({"picture": "no"}, 400),
        ({"performance": "q"}, 404),
        ({"performance": "../p"}, 404),
        ({"size": 0}, 400),
        ({"size": 10**12}, 413),
    ],
)
async def test_nothing_comes_without_a_seat_that_sang_and_agreed(
    stage: Stage, told: dict[str, Any], status: int
) -> None:
    assert (await begin(stage, **told))[0] == status
    assert not (stage.folder / "pictures").exists()


async def test_the_performances_own_link_tells_whether_one_is_seen_in_it(stage: Stage) -> None:
    assert await mine(stage, token=stage.token) == []
    await send(stage)
    assert await mine(stage, token=stage.token) == ["p"]
    assert await mine(stage, "who only listened", stage.token) == []


async def test_what_is_taken_away_before_it_is_whole_leaves_the_film_alone(
    stage: Stage, due: list[tuple[str, bool]]
) -> None:
    _, location, body = await begin(stage)
    for key, status in ((SECRET, 403), (body["key"], 204), (body["key"], 404)):
        async with stage.house.http.delete(stage.house.url + location, headers=TUS | bearer(key)) as said:
            assert said.status == status
    assert due == []


async def test_another_key_opens_nothing(stage: Stage) -> None:
    _, location, body = await begin(stage)
    assert await patch(stage, location, SECRET, 0, PICTURE) == 403
    assert await head(stage, location, "") == (403, None)
    other = {"token": stage.host, "key": "who only listened", "performance": "p"}
    assert (await stage.house.post("/api/picture/withdraw", other))[0] == 401
    assert await head(stage, location, body["key"]) == (200, "0")


async def test_what_is_no_picture_or_longer_than_announced_is_not_kept(stage: Stage) -> None:
    _, location, body = await begin(stage, 100)
    assert await patch(stage, location, body["key"], 0, PICTURE) == 413
    assert await head(stage, location, body["key"]) == (200, "0")
    assert await patch(stage, location, body["key"], 0, b"x" * 100) == 415
    assert await head(stage, location, body["key"]) == (404, None)


async def test_pictures_are_not_served(stage: Stage) -> None:
    await send(stage)
    [whole] = stage.folder.glob("pictures/1/*.mkv")
    record = stage.house.rooms.services.ledger.performance(performance="p")
    assert record is not None
    status, _, _ = await stage.house.get(f"/media/{record.media_key}/pictures/1/{whole.name}")
    assert status == 404


async def test_what_a_reloaded_page_has_left_is_shown_in_the_order_of_the_song(stage: Stage) -> None:
    def begun_at(ticks: int) -> bytes:
        size = max(1, (ticks.bit_length() + 7) // 8)
        time = b"\xe7" + bytes((0x10, 0, 0, size)) + ticks.to_bytes(size)
        return PICTURE[:200] + bytes.fromhex("1f43b675 01ffffffffffffff") + time + b"picture"

    for ticks in (70_000, 0, 300):
        await send(stage, begun_at(ticks))
    await send(stage, PICTURE)
    shown = [path.read_bytes() for path in pictures_of(stage.folder, 1)]
    assert shown == [*map(begun_at, (0, 300, 70_000)), PICTURE]


async def test_the_film_waits_for_pictures_on_their_way_and_a_later_one_makes_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "TOGETHER_S", 0.3)
    projector = Projector()
    async with cinema(tmp_path, projector) as stage:
        take_seats(stage)
        _, location, body = await begin(stage)
        assert await patch(stage, location, body["key"], 0, PICTURE[:1000]) == 204
        await stage.add()
        await until(stage, lambda told: told["making"] and told["making"]["waiting"])
        await send(stage)
        await asyncio.sleep(0.5)
        assert projector.shown == [], "one is on its way still"
        assert await patch(stage, location, body["key"], 1000, PICTURE[1000:]) == 204
        await until(stage, rests)
        assert len(projector.shown) == 1
        await send(stage)
        await until(stage, lambda told: rests(told) and len(projector.shown) == 2)


async def test_a_seat_has_only_so_many_files(stage: Stage) -> None:
    for _ in range(8):
        assert (await begin(stage))[0] == 201
    assert (await begin(stage))[0] == 403
