"""The HTTP half of docs/wire.md, and the headers on which browsers insist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.house import House, open_house


async def test_a_room_is_opened_and_its_links_say_what_they_open(house: House) -> None:
    links = await house.open("Cortile  di \u202e via\nRoma")
    assert len({*links.values()}) == 4
    for name, role in (("host", "host"), ("singers", "performer"), ("listeners", "listener")):
        status, told = await house.post("/api/room", {"token": links[name]})
        assert status == 200
        assert (told["title"], told["place"], told["role"]) == ("Cortile di via Roma", "Siena", role)
        shown = {key: links[key] for key in ("host", "singers", "listeners")}
        assert told["links"] == (shown if role == "host" else None)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/room", {"token": "made up"}, 401, "link_not_valid"),
        ("/api/room", {}, 400, "bad_request"),
        ("/api/room", {"token": 5}, 400, "bad_request"),
        ("/api/room", {"token": "x" * 5000}, 413, "request_entity_too_large"),
        ("/api/rooms", {"title": " \u200b\x07 "}, 400, "bad_request"),
        ("/api/recover", {"recovery": "AAAA-BBBB"}, 401, "link_not_valid"),
        ("/api/performances", {"token": "made up"}, 401, "link_not_valid"),
        ("/api/performance", {"token": ""}, 401, "link_not_valid"),
        ("/api/stream", {"token": "made up"}, 401, "link_not_valid"),
        ("/api/nothing", {}, 404, "not_found"),
    ],
)
async def test_errors_are_told_with_a_code(house: House, path: str, body: object, status: int, code: str) -> None:
    assert (await house.post(path, body))[0] == status
    assert (await house.post(path, body))[1]["code"] == code


async def test_only_hosts_change_links(house: House) -> None:
    links = await house.open()
    for name in ("singers", "listeners"):
        status, told = await house.post("/api/room/links", {"token": links[name], "role": "listener"})
        assert (status, told["code"]) == (401, "link_not_valid")


async def test_a_revoked_link_is_replaced_and_the_others_stay(house: House) -> None:
    links = await house.open()
    _, fresh = await house.post("/api/room/links", {"token": links["host"], "role": "listener"})
    assert fresh["listeners"] != links["listeners"]
    assert (fresh["host"], fresh["singers"]) == (links["host"], links["singers"])
    assert (await house.post("/api/room", {"token": links["listeners"]}))[0] == 401
    assert (await house.post("/api/room", {"token": fresh["listeners"]}))[0] == 200


async def test_a_host_who_lost_the_link_recovers_the_room(house: House) -> None:
    links = await house.open()
    written = links["recovery"].lower().replace("-", "  ")
    status, fresh = await house.post("/api/recover", {"recovery": written})
    assert status == 200
    assert (fresh["singers"], fresh["listeners"]) == (links["singers"], links["listeners"])
    assert (await house.post("/api/room", {"token": links["host"]}))[0] == 401
    _, told = await house.post("/api/room", {"token": fresh["host"]})
    assert told["links"]["singers"] == links["singers"]
    _, again = await house.post("/api/recover", {"recovery": links["recovery"]})
    assert again["host"] != fresh["host"], "the code works as often as it is needed"


async def test_an_address_opens_only_so_many_rooms(tmp_path: Path) -> None:
    async with open_house(tmp_path, rooms_per_hour=2) as house:
        await house.open()
        await house.open()
        status, told = await house.post("/api/rooms", {"title": "one more", "place": ""})
        assert (status, told["code"]) == (429, "flood")


async def test_guessing_is_slowed_down(house: House) -> None:
    statuses = [(await house.post("/api/room", {"token": f"guess {n}"}))[0] for n in range(70)]
    assert statuses.count(401) == 60
    assert statuses[-1] == 429
    links = await house.open()
    assert (await house.post("/api/room", {"token": links["host"]}))[0] == 200, "who knows a link is not slowed down"


@pytest.mark.parametrize("path", ["/", "/courtyard", "/performance"])
async def test_pages_are_strict_and_in_the_readers_language(house: House, path: str) -> None:
    status, headers, english = await house.get(path, **{"Accept-Language": "de,en;q=0.5"})
    assert status == 200
    assert headers["Content-Language"] == "en"
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self';" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    isolated = headers.get("Cross-Origin-Opener-Policy"), headers.get("Cross-Origin-Embedder-Policy")
    assert isolated == (("same-origin", "require-corp") if path == "/courtyard" else (None, None))
    _, headers, italian = await house.get(path, **{"Accept-Language": "it"})
    assert headers["Content-Language"] == "it"
    assert italian != english


async def test_flags_are_cut_to_their_edges(house: House) -> None:
    status, headers, body = await house.get("/flags/it.svg")
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert b'viewBox="5 17 62 38"' in body
    for path in ("/flags/zz.svg", "/flags/IT.svg", "/flags/..%2f..svg", "/locale/xx.json"):
        assert (await house.get(path))[0] == 404


async def test_the_songbook_and_its_backing(house: House) -> None:
    _, _, body = await house.get("/api/pieces")
    assert b"ode-to-joy" in body
    status, headers, wav = await house.get("/api/pieces/ode-to-joy/backing.wav?key=-3&tempo_bpm=200")
    assert (status, headers["Content-Type"], wav[:4]) == (200, "audio/wav", b"RIFF")
    for query in ("key=9", "tempo_bpm=3", "key=x", "tempo_bpm=1e9"):
        assert (await house.get(f"/api/pieces/ode-to-joy/backing.wav?{query}"))[0] == 400
    assert (await house.get("/api/pieces/nessun-dorma/backing.wav"))[0] == 404


@pytest.mark.parametrize(
    "path", ["/media/nokey/mix.wav", "/media/x/../unisono.db", "/media/x/stems/1.stem", "/static/../config.py"]
)
async def test_nothing_else_is_served(house: House, path: str) -> None:
    assert (await house.get(path))[0] in (403, 404)


async def test_no_token_stands_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    links = await house.open()
    page = await house.come(links["host"], "Ada Lovelace")
    await page.leave()
    await house.post("/api/stream", {"token": links["listeners"]})
    for secret in (*links.values(), "Lovelace"):
        assert secret not in caplog.text


async def test_a_link_becomes_a_picture(house: House) -> None:
    status, told = await house.post("/api/qr", {"text": "http://localhost:8000/courtyard#token"})
    assert status == 200
    assert told["svg"].startswith("<svg")
    assert (await house.post("/api/qr", {"text": "x" * 301}))[0] == 400
