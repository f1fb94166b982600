"""What an address may ask for, and what a stranger may write: enough for a choir, too little to do harm."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live.house import House, open_house

PICTURE = {"text": "http://localhost:8000/courtyard#token"}


async def test_drawing_is_limited_and_what_lies_ready_is_given_to_everybody(house: House) -> None:
    backing = "/api/pieces/ode-to-joy/backing.wav"
    assert (await house.get(backing))[0] == 200
    statuses = [(await house.post("/api/qr", PICTURE))[0] for _ in range(59)]
    assert set(statuses) == {200}
    status, told = await house.post("/api/qr", PICTURE)
    assert (status, told["code"]) == (429, "flood"), "the backing that was rendered counts too"
    assert (await house.get(f"{backing}?key=1"))[0] == 429
    assert (await house.get(backing))[0] == 200
    assert (await house.get("/courtyard"))[0] == 200, "nothing else is withheld"


@pytest.mark.parametrize(
    ("title", "shown"),
    [("  Via\n\u202eRoma\u0000 ", "Via Roma"), ("x" * 500, "x" * 80), ("\u200b\u2066\t", None), ("x" * 501, None)],
    ids=["control characters", "long", "nothing left", "too long"],
)
async def test_a_courtyards_title_is_one_harmless_line(house: House, title: str, shown: str | None) -> None:
    status, links = await house.post("/api/rooms", {"title": title, "place": title})
    if shown is None:
        assert status == 400
        return
    _, room = await house.post("/api/room", {"token": links["singers"]})
    assert (room["title"], room["place"]) == (shown, shown[:60])


async def test_a_body_longer_than_any_is_refused(house: House) -> None:
    assert (await house.post("/api/rooms", {"title": "x" * 5000, "place": ""}))[0] == 413


@pytest.fixture
async def behind_a_proxy(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, proxied=True, rooms_per_hour=1) as house:
        yield house


async def opens(house: House, forwarded_for: str) -> bool:
    """Whether a request that names this address may open a room."""
    room = {"title": "Via Roma", "place": ""}
    headers = {"X-Forwarded-For": forwarded_for}
    async with house.http.post(house.url + "/api/rooms", json=room, headers=headers) as answer:
        return answer.status == 200


async def test_behind_a_proxy_each_address_has_its_own_limit(behind_a_proxy: House) -> None:
    assert await opens(behind_a_proxy, "192.0.2.1")
    assert not await opens(behind_a_proxy, "192.0.2.1")
    assert await opens(behind_a_proxy, "192.0.2.2")
    assert not await opens(behind_a_proxy, "203.0.113.9, 192.0.2.2"), "only the proxy's own word counts, the last one"


async def test_neighbours_of_one_ipv6_network_count_as_one(behind_a_proxy: House) -> None:
    assert await opens(behind_a_proxy, "2001:db8:1:2:aaaa::1")
    assert not await opens(behind_a_proxy, "2001:db8:1:2:bbbb::7")
    assert await opens(behind_a_proxy, "2001:db8:1:3:aaaa::1")
    assert await opens(behind_a_proxy, "2001:db8::1")
    assert not await opens(behind_a_proxy, "2001:db8::aaaa:bbbb:1"), "however it is written"
    assert await opens(behind_a_proxy, "::ffff:192.0.2.7")
    assert not await opens(behind_a_proxy, "192.0.2.7")


async def test_without_a_proxy_nobody_may_say_where_they_come_from(tmp_path: Path) -> None:
    async with open_house(tmp_path, rooms_per_hour=1) as house:
        assert await opens(house, "192.0.2.1")
        assert not await opens(house, "192.0.2.2")
