"""Real sockets: coming, going, coming back; and whatever a hostile or broken page does, only its own seat is lost."""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.house import House, Page, frame, open_house
from unisono.core import messages as m
from unisono.core.wire import Kind, Packet, Probe, pack
from unisono.live import session as session_module
from unisono.units import Position


async def still_fine(page: Page) -> None:
    """The room answers this page as if nothing had happened."""
    await page.say(m.Write(text="are we still here?"))
    await page.get(m.SeatWrote, text="are we still here?")


async def test_people_meet(house: House) -> None:
    links = await house.open()
    ada = await house.come(links["host"], "Ada")
    bea = await house.come(links["singers"], "Bea", flag=m.Flag(country="it"), place="Siena")
    assert ada.welcome is not None
    assert bea.welcome is not None
    assert (ada.welcome.room.role, bea.welcome.room.role) == ("host", "performer")
    assert (await ada.get(m.SeatChanged)).seat.name == "Bea"
    await bea.say(m.Wave())
    assert (await ada.get(m.SeatWaved)).seat == bea.seat
    await bea.leave()
    assert (await ada.get(m.Left)).seat == bea.seat


async def test_return_by_key_after_a_lost_connection(house: House) -> None:
    links = await house.open()
    bea = await house.come(links["singers"], "Bea")
    assert bea.welcome is not None
    transport = bea.ws._writer.transport
    assert transport is not None
    transport.abort()
    again = await house.come(links["singers"], key=bea.welcome.key)
    assert again.seat == bea.seat
    assert again.welcome is not None
    assert [seat.name for seat in again.welcome.seats] == ["Bea"]


async def test_a_second_tab_takes_over(house: House) -> None:
    links = await house.open()
    bea = await house.come(links["singers"], "Bea")
    assert bea.welcome is not None
    again = await house.come(links["singers"], key=bea.welcome.key)
    assert await bea.problem() == "seat_taken_over"
    assert await bea.closed() == 4409
    await still_fine(again)


async def test_a_bad_link_is_refused(house: House) -> None:
    page = await house.socket()
    await page.say(m.Hello(version=1, token="made up", decodes="opus"))
    assert await page.problem() == "link_not_valid"
    assert await page.closed() == 4401


async def test_a_revoked_link_closes_its_seats(house: House) -> None:
    links = await house.open()
    ada = await house.come(links["host"], "Ada")
    bea = await house.come(links["singers"], "Bea")
    _, fresh = await house.post("/api/room/links", {"token": links["host"], "role": "performer"})
    assert await bea.closed() == 4401
    await still_fine(ada)
    await still_fine(await house.come(fresh["singers"], "Bea"))
    late = await house.socket()
    await late.say(m.Hello(version=1, token=links["singers"], decodes="opus"))
    assert await late.closed() == 4401


async def test_the_asking_host_stays_when_the_hosts_link_is_revoked(house: House) -> None:
    links = await house.open()
    ada, dan = await house.come(links["host"], "Ada"), await house.come(links["host"], "Dan")
    assert ada.welcome is not None
    body = {"token": links["host"], "role": "host", "key": ada.welcome.key}
    await house.post("/api/room/links", body)
    assert await dan.closed() == 4401
    await still_fine(ada)


async def test_no_hello_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "HELLO_SECONDS", 0.2)
    assert await (await house.socket()).closed() == 4408


@pytest.mark.parametrize("first", ['{"type":"wave"}', "not json", '{"type":"hello","version":2}', "[" * 9000])
async def test_something_else_than_hello(house: House, first: str) -> None:
    page = await house.socket()
    await page.ws.send_str(first)
    assert await page.closed() == 4400


HOSTILE: list[bytes | str] = [
    b"",
    b"\x01",
    bytes(16),
    os.urandom(64),
    b"\x03" + bytes(40),
    pack(Probe(sent_ms=1.0))[:-1],
    struct.pack("<B7xd", 16, float("nan")),
    pack(frame(0))[:-1],
    pack(frame(0)) + b"\0",
    struct.pack("<BBHHBBq", 1, 1, 0, 65_535, 0, 1, 0) + struct.pack("<H", 1920) + bytes(1920),
    struct.pack("<BBHHBBq", 1, 0, 0, 0, 0, 1, -5) + struct.pack("<H", 1) + b"\0",
    struct.pack("<BBHHBBq", 1, 0, 0, 0, 0, 1, 2**62) + struct.pack("<H", 1) + b"\0",
    bytes(30_000),
    "",
    "{}",
    '{"type":"pick","piece":"x","key":99}',
    '{"type":"write","text":"' + "x" * 501 + '"}',
    '{"type":"link","up_samples":NaN,"down_samples":1}',
    '{"type":"sent","performance":"p","epoch":0,"start":5,"stop":1}',
    "x" * 20_000,
    "\x00",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_messages_cost_their_sender_the_seat_and_nobody_else(house: House, hostile: bytes | str) -> None:
    links = await house.open()
    ada, eve = await house.come(links["host"], "Ada"), await house.come(links["singers"], "Eve")
    if isinstance(hostile, bytes):
        await eve.ws.send_bytes(hostile)
    else:
        await eve.ws.send_str(hostile)
    assert await eve.closed() == 4400
    assert (await ada.get(m.Left)).seat == eve.seat
    await still_fine(ada)


async def test_a_message_larger_than_any_is_refused(house: House) -> None:
    links = await house.open()
    ada, eve = await house.come(links["host"], "Ada"), await house.come(links["singers"], "Eve")
    try:
        await eve.ws.send_bytes(bytes(5_000_000))
    except ConnectionError:
        pass  # cut off in the middle of it
    assert await eve.closed() in (4400, 1006)
    await still_fine(ada)


async def test_a_flood_costs_the_flooder_the_seat(house: House) -> None:
    links = await house.open()
    ada, eve = await house.come(links["host"], "Ada"), await house.come(links["singers"], "Eve")
    try:
        for _ in range(6000):
            await eve.send(Probe(sent_ms=1.0))
    except ConnectionError:
        pass
    assert await eve.closed() == 4429
    await still_fine(ada)


async def test_too_many_messages_are_a_flood_too(house: House) -> None:
    links = await house.open()
    ada, eve = await house.come(links["host"], "Ada"), await house.come(links["singers"], "Eve")
    try:
        for _ in range(400):
            await eve.say(m.Wave())
    except ConnectionError:
        pass
    assert await eve.closed() == 4429
    await still_fine(ada)


async def test_a_listener_who_sings_is_shown_out(house: House) -> None:
    links = await house.open()
    ada, eve = await house.come(links["host"], "Ada"), await house.come(links["listeners"])
    await eve.send(frame(1000))
    assert await eve.closed() == 4403
    await still_fine(ada)


async def test_the_server_says_whose_voice_it_is(house: House) -> None:
    """Whatever seat a page claims, its packets are stored as its own."""
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    await ada.say(m.Start())
    song = await ada.get(m.SongChanged)
    await asyncio.sleep(1.7)
    claimed = frame(song.start)
    await ada.send(
        Packet(
            kind=Kind.VOICE,
            seat=777,
            epoch=0,
            position=Position(song.start),
            frames=claimed.frames,
            codec=claimed.codec,
        )
    )
    await ada.get(m.Written)
    stems = house.rooms.services.settings.performances / song.performance / "stems"
    assert [path.name for path in stems.iterdir()] == [f"{ada.seat}.stem"]


async def test_a_page_that_does_not_read_loses_sound_then_its_seat(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "MESSAGES_MAX", 100)
    monkeypatch.setattr(session_module, "_SEND_SECONDS_MAX", 1.0)
    links = await house.open()
    ada = await house.come(links["host"], "Ada")
    eve = await house.come(links["listeners"], "Eve")
    transport = eve.ws._response.connection.transport if eve.ws._response.connection else None
    assert transport is not None
    transport.pause_reading()
    runner = next(iter(house.rooms._runners.values()))
    long = m.encode(m.SeatWrote(seat=1, text="x" * 500, at=1))
    for _ in range(200):
        for session in list(runner._sessions.values()):
            if session.number != 1:
                for _ in range(50):
                    session.send_text(long)
        await asyncio.sleep(0.02)
    assert (await ada.get(m.Left)).seat == eve.seat
    await still_fine(ada)


async def test_the_clock_is_echoed(house: House) -> None:
    links = await house.open()
    ada = await house.come(links["host"])
    first = await ada.room_position()
    await asyncio.sleep(0.1)
    second = await ada.room_position()
    assert 4800 <= second - first < 48_000


async def test_a_room_is_itself_after_a_restart(tmp_path: Path) -> None:
    """Links, seats by key and the clock outlive the server."""
    async with open_house(tmp_path) as house:
        links = await house.open()
        bea = await house.come(links["singers"], "Bea")
        assert bea.welcome is not None
        key, seat, before = bea.welcome.key, bea.seat, await bea.room_position()
    assert bea.ws.close_code in (None, 1001) or await bea.closed() == 1001
    async with open_house(tmp_path) as house:
        again = await house.come(links["singers"], key=key)
        assert again.seat == seat
        assert again.welcome is not None
        assert again.welcome.seats[0].name == "Bea"
        assert before < await again.room_position() < before + 48_000 * 60


async def test_a_line_that_only_seems_open_is_noticed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-open: the page is gone without a word. The others see its balcony go dark, and its stem waits for it."""
    monkeypatch.setattr(session_module, "HEARTBEAT_SECONDS", 0.4)
    links = await house.open()
    ada = await house.come(links["host"], "Ada")
    eve = await house.come(links["singers"], "Eve")
    connection = eve.ws._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.pause_reading()
    assert (await ada.get(m.Left)).seat == eve.seat
    await still_fine(ada)


async def test_repair_is_slowed_down_and_never_a_flood(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was cut off for long sends much again; that is what it is there for."""
    monkeypatch.setattr(session_module, "_PACKETS_PER_SECOND", 1000)
    monkeypatch.setattr(session_module, "_PACKETS_BURST", 100)
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    for _ in range(600):
        await ada.send(frame(1000, repair=True))
    await still_fine(ada)
    with suppress(ConnectionError):
        await ada.sing(1000, 1000 + 2000 * 960)
    assert await ada.closed() == 4429


async def test_a_full_room_says_so_and_lets_the_next_one_in_when_somebody_leaves(tmp_path: Path) -> None:
    async with open_house(tmp_path, performers_max=2, listeners_max=1) as house:
        links = await house.open()
        ada, bea = await house.come(links["host"], "Ada"), await house.come(links["singers"], "Bea")
        lia = await house.come(links["listeners"], "Lia")
        for link in ("singers", "listeners"):
            late = await house.socket()
            await late.say(m.Hello(version=1, token=links[link], decodes="opus", name="Carla"))
            problem = await late.get(m.Problem)
            assert (problem.code, problem.fatal) == ("room_full", True)
            assert ("2" if link == "singers" else "1") in problem.text
            assert await late.closed() == 4413
        await bea.leave()
        await ada.get(m.Left)
        await still_fine(await house.come(links["singers"], "Carla"))
        for page in (ada, lia):
            await still_fine(page)
