"""A page's second line: the same sound on both, what comes first counts; it opens nothing that the first does not."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from tests.live.house import PATIENCE_SECONDS, House, Page, sine, wait_until
from unisono.core import messages as m
from unisono.core.wire import Kind, Packet, Probe
from unisono.opus import Encoder
from unisono.store.stems import read_packets, stem_path
from unisono.units import FRAME_SAMPLES, Position

FRAMES = 25


async def second_line(house: House, token: str, page: Page) -> Page:
    """Another socket of the same page."""
    assert page.welcome is not None
    line = await house.socket()
    await line.say(m.Hello(version=1, token=token, decodes="opus", key=page.welcome.key, spare=True))
    return line


async def answering_line(house: House, token: str, page: Page) -> Page:
    """A second line that is there: the room answers on it."""
    line = await second_line(house, token, page)
    await line.send(Probe(sent_ms=1.0))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not line.echoes:
            assert await line.take(), "it is refused"
    return line


def voices(song: m.SongChanged) -> list[Packet]:
    """Half a second of one voice, from the song's start on."""
    encoder = Encoder(1, 64_000)
    return [
        Packet(
            kind=Kind.VOICE,
            seat=0,
            epoch=0,
            position=Position(song.start + index * FRAME_SAMPLES),
            frames=(encoder.encode(sine(index * FRAME_SAMPLES, FRAME_SAMPLES, 300.0)),),
            level=15,
        )
        for index in range(FRAMES)
    ]


async def test_what_comes_by_both_lines_is_sung_once_and_what_one_of_them_misses_the_other_brings(house: House) -> None:
    links = await house.open()
    ada, bea = await house.sing_in(links["host"], "Ada"), await house.sing_in(links["singers"], "Bea")
    (also_ada, also_bea) = [
        await second_line(house, token, page) for token, page in ((links["host"], ada), (links["singers"], bea))
    ]
    await ada.say(m.Start())
    song = await ada.get(m.SongChanged)
    sung = voices(song)
    await wait_until(song.start + FRAMES * FRAME_SAMPLES, ada)
    for index, packet in enumerate(sung):
        if index % 5:
            await ada.send(packet)
        if index % 3:
            await also_ada.send(packet)
    lines = (bea, also_bea)
    await asyncio.gather(*(line.listen(1.0) for line in lines))
    for line in lines:
        came = [packet.position for packet in line.packets if packet.kind is Kind.LEADER]
        assert sorted(came) == [packet.position for index, packet in enumerate(sung) if index % 15], (
            "once, on each line"
        )
    await ada.say(m.Stop(position=sung[-1].stop))
    await ada.listen(1.0)
    stem = stem_path(house.rooms.services.settings.performances / song.performance, ada.seat)
    written = [packet.position for packet in read_packets(stem)]
    assert sorted(written) == [packet.position for index, packet in enumerate(sung) if index % 15], (
        "and once on the disk"
    )


async def test_messages_come_by_the_first_line_alone_and_a_second_one_goes_with_it(house: House) -> None:
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    line = await second_line(house, links["host"], ada)
    await line.say(m.Start())
    await line.room_position()  # what was said before is heard by then
    await ada.room_position()
    assert not [message for message in ada.messages if isinstance(message, m.SongChanged)], "who commands says so there"
    await ada.ws.close()
    assert await line.closed() == 1000
    assert [message.code for message in line.messages if isinstance(message, m.Problem)] == ["bye"]
    assert len(line.messages) == 1


@pytest.mark.parametrize("key", ["somebody else's key!", None])
async def test_a_second_line_beside_no_first_one_is_refused(house: House, key: str | None) -> None:
    links = await house.open()
    await house.sing_in(links["host"], "Ada")
    line = await house.socket()
    await line.say(m.Hello(version=1, token=links["singers"], decodes="opus", key=key, spare=True))
    assert await line.closed() == 4403


async def test_one_more_second_line_takes_the_place_of_the_one_before(house: House) -> None:
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    lines = [await second_line(house, links["host"], ada) for _ in range(2)]
    assert await lines[0].closed() is not None
    await lines[1].room_position()  # which it answers
    assert not lines[1].ws.closed


async def test_a_revoked_link_closes_both_lines_that_it_opened(house: House) -> None:
    links = await house.open()
    bea = await house.sing_in(links["singers"], "Bea")
    line = await answering_line(house, links["singers"], bea)
    status, _ = await house.post("/api/room/links", {"token": links["host"], "role": "performer"})
    assert status == 200
    assert (await bea.closed(), await line.closed()) == (4401, 1000)


async def test_who_comes_again_elsewhere_leaves_no_line_behind_that_still_sings(house: House) -> None:
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    line = await answering_line(house, links["host"], ada)
    assert ada.welcome is not None
    again = await house.come(links["host"], "Ada", key=ada.welcome.key)
    assert (await ada.closed(), await line.closed()) == (4409, 1000)
    assert again.seat == ada.seat
    assert not again.ws.closed


async def test_a_first_line_lost_without_a_goodbye_takes_the_second_with_it(house: House) -> None:
    links = await house.open()
    ada = await house.sing_in(links["host"], "Ada")
    line = await answering_line(house, links["host"], ada)
    cable = ada.ws.get_extra_info("socket")
    with socket.socket(fileno=os.dup(cable.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    assert await line.closed() == 1000
