"""The client library against a real server: everything a page can do, and every way a seat can end."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeVar

import numpy as np
import pytest

from tests.live.house import House
from unisono.client import (
    CardSpec,
    Courtyard,
    Links,
    Lost,
    Refused,
    WeatherSpec,
    messages,
    open_courtyard,
    performances,
    pieces,
)
from unisono.core.wire import Kind
from unisono.errors import LinkNotValid, SeatTakenOver
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position, samples_of_ms

PATIENCE_S = 20.0
T = TypeVar("T")


async def opened(house: House) -> Links:
    return await open_courtyard(house.http, house.url, title="Via Roma", place="Siena")


async def happens(seat: Courtyard, kind: type[T], **wanted: object) -> T:
    """The next event of a kind with these fields; those before it are passed over."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in seat:
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items()):
                return event
    raise AssertionError(f"{kind.__name__} {wanted} never came")


def noise(seconds: float) -> Audio:
    """Noise below 6 kHz, RMS 0.1."""
    samples = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(11).standard_normal(samples))
    spectrum[samples * 6000 // SAMPLE_RATE :] = 0
    sound = np.fft.irfft(spectrum, samples)
    quiet: Audio = (0.1 * sound / sound.std()).astype(np.float32)
    return quiet


def lag_samples(heard: Audio, sung: Audio) -> int:
    """How far `heard` lags `sung`, both float32 (n,)."""
    size = 2 * heard.size
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sung, size)))
    lag = int(np.argmax(product))
    return lag if lag < heard.size else lag - size


async def test_neighbours_see_each_other_and_what_they_do(house: House) -> None:
    links = await opened(house)
    async with (
        Courtyard.join(links.host.page_url, name="Ada", flag="IT", place="Torino") as ada,
        Courtyard.join(links.singers, name="Bea", flag=messages.Flag(colours=("#112233", "#445566"))) as bea,
    ):
        assert bea.view.room is not None
        assert (bea.view.room.title, bea.view.room.role) == ("Via Roma", "performer")
        shown = bea.view.seats[ada.view.seat]
        assert (shown.name, shown.place, shown.flag) == ("Ada", "Torino", messages.Flag(country="it"))
        ada.write("ciao!")
        assert (await happens(bea, messages.SeatWrote)).text == "ciao!"
        ada.wave()
        assert (await happens(bea, messages.SeatWaved)).seat == ada.view.seat
        ada.hand(up=True)
        await happens(bea, messages.SeatHand, up=True)
        assert bea.view.seats[ada.view.seat].hand
        ada.look(name="Ada L.", place="Pisa")
        await bea.until(lambda: bea.view.seats[ada.view.seat].name == "Ada L.")
        ada.part("alto", seat=bea.view.seat)
        await bea.until(lambda: bea.view.seats[bea.view.seat].part == "alto")
        await ada.check(CardSpec(latency_ms=50.0))
        await bea.until(lambda: bea.view.seats[ada.view.seat].method == "acoustic")
        ada.lead(bea.view.seat)
        await bea.until(lambda: bea.view.leader == bea.view.seat)
        await ada.leave()
        await bea.until(lambda: not bea.view.seats[ada.view.seat].present)


async def test_one_may_look_first_and_step_out_later(house: House) -> None:
    links = await opened(house)
    async with Courtyard.join(links.singers, watch=True) as bea:
        assert bea.view.seat == 0
        bea.look(name="Bea")
        await bea.until(lambda: bea.view.seat != 0)
        assert bea.view.seats[bea.view.seat].name == "Bea"


async def test_what_is_not_allowed_is_said_and_costs_nothing(house: House) -> None:
    links = await opened(house)
    async with Courtyard.join(links.singers, name="Bea") as bea:
        bea.start()
        assert (await happens(bea, messages.Problem)).code == "not_allowed"
        bea.wave()
        await happens(bea, messages.SeatWaved)


async def test_a_link_that_is_not_valid_is_an_error(house: House) -> None:
    links = await opened(house)
    with pytest.raises(LinkNotValid):
        async with Courtyard.join(f"{links.host.server}/courtyard#nothing-of-the-kind"):
            pass
    with pytest.raises(Refused):
        await performances(house.http, Courtyard.join(f"{links.host.server}/courtyard#nothing").link)
    assert await performances(house.http, links.listeners) == []
    assert "ode-to-joy" in [piece["id"] for piece in await pieces(house.http, house.url)]


async def test_a_second_visit_with_the_key_takes_the_seat_over(house: House) -> None:
    links = await opened(house)
    async with (
        Courtyard.join(links.singers, name="Bea") as first,
        Courtyard.join(links.singers, name="Bea", key=first.view.key) as second,
    ):
        assert second.view.seat == first.view.seat
        with pytest.raises(SeatTakenOver):
            await happens(first, messages.Premiere)


async def test_a_pulled_cable_is_noticed_and_one_comes_back_as_oneself(house: House) -> None:
    links = await opened(house)
    async with Courtyard.join(links.singers, name="Bea") as bea:
        seat = bea.view.seat
        await happens(bea, messages.Welcome)
        await bea.drop(away_ms=200.0)
        await happens(bea, Lost)
        assert (await happens(bea, messages.Welcome)).seat == seat
        bea.write("back")
        await happens(bea, messages.SeatWrote, text="back")


def likeness(heard: Audio, said: Audio) -> float:
    """How much of `said` is in what was heard, wherever it is: 1.0 is all of it."""
    size = heard.size + said.size
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)))
    return float(found.max() / np.sum(said**2))


async def test_talk_is_heard_by_others_and_never_by_oneself(house: House) -> None:
    links = await opened(house)
    said = noise(1.5)
    async with Courtyard.join(links.host, name="Ada") as ada, Courtyard.join(links.singers, name="Bea") as bea:
        await ada.talk(said)
        async with asyncio.timeout(PATIENCE_S):
            await bea.until(lambda: bea.ear.heard.frames >= said.size // FRAME_SAMPLES - 5)
        stop = bea.hearing(Kind.CHATTER).stop
        assert stop is not None
        heard = bea.hearing(Kind.CHATTER).read(Position(stop - 2 * said.size), stop).mean(axis=1)
        # Talk waits no longer than it must: where a frame comes later than all before, what follows does too.
        assert sum(likeness(heard, piece) > 0.3 for piece in np.split(said, 10)) >= 5
        own = ada.hearing(Kind.CHATTER)
        assert own.stop is None or np.abs(own.read(Position(own.stop - SAMPLE_RATE), own.stop)).max() < 0.001


async def sing_one_song(leader: Courtyard, listener: Courtyard, voice: Audio, *, stall_ms: float = 0.0) -> Position:
    """A free song as long as `voice`; returns its start when everything is written and heard."""
    await leader.check(CardSpec(latency_ms=40.0, drift_ppm=50.0))
    leader.pick(None)
    leader.start()
    await leader.until(lambda: leader.view.is_live)
    assert leader.view.song is not None
    start = Position(leader.view.song.start)
    singing = asyncio.create_task(leader.sing(voice))
    await asyncio.sleep(max(0.0, (start - leader.position + voice.size / 2) / SAMPLE_RATE))
    leader.stall(stall_ms)
    await asyncio.sleep(max(0.0, (start - leader.position + voice.size) / SAMPLE_RATE))
    leader.send(messages.Stop(position=start + voice.size))
    await singing
    assert await asyncio.wait_for(leader.until_written(), PATIENCE_S)
    await listener.until(lambda: (listener.hearing(Kind.LEADER).stop or 0) >= start + voice.size - SAMPLE_RATE // 5)
    return start


@pytest.mark.parametrize(("sings", "decodes"), [("pcm", "pcm"), ("opus", "pcm"), ("pcm", "opus")])
async def test_pages_without_a_codec_sing_and_hear_in_place(
    house: House, sings: Literal["opus", "pcm"], decodes: Literal["opus", "pcm"]
) -> None:
    links = await opened(house)
    voice = noise(3.0)
    async with (
        Courtyard.join(links.host, name="Ada", sings=sings) as ada,
        Courtyard.join(links.listeners, decodes=decodes) as listener,
    ):
        start = await sing_one_song(ada, listener, voice)
        heard = listener.hearing(Kind.LEADER).read(start, Position(start + 2 * SAMPLE_RATE))[:, 0]
        assert abs(lag_samples(heard, voice[: 2 * SAMPLE_RATE])) <= 1
        assert np.corrcoef(heard, voice[: 2 * SAMPLE_RATE])[0, 1] > 0.95


async def test_a_frozen_page_loses_that_moment_and_is_in_place_on_both_sides_of_it(house: House) -> None:
    links = await opened(house)
    voice = noise(5.0)
    async with Courtyard.join(links.host, name="Ada") as ada, Courtyard.join(links.listeners) as listener:
        start = await sing_one_song(ada, listener, voice, stall_ms=600.0)
        tape = listener.hearing(Kind.LEADER)
        for first in (SAMPLE_RATE // 2, 7 * SAMPLE_RATE // 2):
            last = first + SAMPLE_RATE
            heard = tape.read(Position(start + first), Position(start + last))[:, 0]
            assert abs(lag_samples(heard, voice[first:last])) <= 1
        missing = ~tape.known(start, Position(start + 4 * SAMPLE_RATE))
        assert 0.4 < missing.sum() / SAMPLE_RATE < 0.7


async def test_bad_weather_is_measured_and_told(house: House) -> None:
    links = await opened(house)
    async with (
        Courtyard.join(links.singers, name="Bea") as bea,
        Courtyard.join(links.singers, name="Wet", weather=WeatherSpec(jitter_ms=150.0), seed=2) as wet,
    ):
        for one in (bea, wet):
            await one.until(lambda one=one: len(one.ways.sights) >= 10)  # type: ignore[misc]
        assert wet.ways.down_samples() > bea.ways.down_samples() + samples_of_ms(50)
        assert wet.ways.up_samples(wet.card) > bea.ways.up_samples(bea.card)


async def test_who_leaves_was_not_lost(house: House) -> None:
    links = await opened(house)
    async with Courtyard.join(links.singers, name="Bea") as bea:
        await happens(bea, messages.Welcome)
    assert bea.breaks == 0
    assert not any(isinstance(event, Lost) for event in [event async for event in bea])
