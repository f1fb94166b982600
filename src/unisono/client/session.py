"""A seat in a courtyard: join by a link, hear what happens as events, sing in place, come back as oneself.

    async with Courtyard.join("http://localhost:8000/courtyard#token", name="Ada", flag="it") as courtyard:
        courtyard.write("ciao!")
        async for event in courtyard:
            if isinstance(event, SongChanged) and event.state == "count_in":
                await courtyard.sing(voice)

Events are the server's messages (`unisono.core.messages`), and `Lost` when the connection breaks; `Welcome` comes again
when it is back. What was sung meanwhile is kept and sent then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from unisono.client import api
from unisono.client.commands import Commands
from unisono.client.connection import Incoming, local_ms, sleep_until
from unisono.client.device import CardSpec
from unisono.client.ear import HEARD_KINDS, Ear
from unisono.client.guest import Event, Guest, Lost, seat_lost
from unisono.client.keep import Keep
from unisono.client.lifeline import Callbacks, Lifeline
from unisono.client.link import Link, parse_link
from unisono.client.packing import Packing
from unisono.client.prober import Prober
from unisono.client.singing import Performer, Source, recording
from unisono.client.stored import StoredKeep
from unisono.client.tape import Tape
from unisono.client.view import RoomView
from unisono.client.voice import Voice
from unisono.client.ways import Ways
from unisono.core import messages
from unisono.core.messages import FromPage, FromRoom
from unisono.core.wire import Echo, Kind, Packet, pack, unpack
from unisono.errors import NotAllowed
from unisono.units import Audio, Position, Span

_WELCOME_S = 15.0
_ANSWER_S = 5.0
_FLUSH_S = 2.0
_EVENTS_MAX = 10_000


class Courtyard(Commands):
    """One seat. Make it with `join`; everything on it belongs to the event loop it was joined on.

    `view` is the room as it is known here, `ear` holds what was heard by position, `ways` the clock and the network.
    """

    def __init__(self, link: Link, guest: Guest) -> None:
        self.link = link
        self.guest = guest
        self.view = RoomView()
        self.keep = StoredKeep(guest.store) if guest.store else Keep()
        self.view.key = guest.key or self.keep.key
        self.ear = Ear()
        self.ways = Ways()
        self.card = CardSpec()
        self.late = 0
        """How often the room said that this seat's voice came too late to be heard."""
        self.breaks = 0
        """How often the connection broke."""
        self._performer: Performer | None = None
        self._http: aiohttp.ClientSession | None = None
        self._packing = Packing()
        self._epoch = max(guest.first_epoch, self.keep.next_epoch)
        self._sent: list[messages.Sent] = []
        self._checked: messages.Check | None = None
        callbacks = Callbacks(opened=self._opened, came=self._came, lost=self._lost)
        self._line = Lifeline(link.socket_url, weather=guest.weather, seed=guest.seed, callbacks=callbacks)
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue(_EVENTS_MAX)
        self._changed, self._welcome = asyncio.Event(), asyncio.Event()
        self._ended: Exception | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    @classmethod
    def join(
        cls,
        link: str | Link,
        *,
        name: str = "",
        flag: str | messages.Flag | None = None,
        place: str = "",
        **options: Any,
    ) -> Courtyard:
        """A seat, to be entered with `async with`. `flag` is a country's two letters or a Flag; options are Guest's.

        Raises LinkNotValid for what is no link.
        """
        shown = messages.Flag(country=flag.lower()) if isinstance(flag, str) else flag
        where = parse_link(link) if isinstance(link, str) else link
        return cls(where, Guest(name=name, flag=shown, place=place, **options))

    async def __aenter__(self) -> Self:
        """Connect and wait for the welcome. Raises LinkNotValid, RoomFull, SeatLost; aiohttp.ClientError, OSError."""
        self._http = aiohttp.ClientSession()
        prober = Prober(self.ways, self._line.send, self._send_link, sings=lambda: self._checked is not None)
        self._tasks = [asyncio.create_task(self._live()), asyncio.create_task(prober.run(self._welcome))]
        try:
            async with asyncio.timeout(_WELCOME_S):
                await self.until(lambda: self.view.room is not None and self.ways.is_ready)
        except BaseException:
            await self.leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Go home; what is queued is sent first."""
        await self._line.close(flush_s=_FLUSH_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
        self.keep.close()
        self._tell(None)

    @property
    def _web(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("a courtyard is entered with `async with` before anything is done in it")
        return self._http

    async def drop(self, *, away_ms: float = 0.0) -> None:
        """Break the connection as a pulled cable does and come back after `away_ms`. Singing goes on meanwhile."""
        await self._line.drop(away_ms=away_ms)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()`, asked after all that comes; raises what ended the seat, if that comes first."""
        while not true():
            if self._ended is not None:
                raise self._ended
            self._changed.clear()
            await self._changed.wait()

    def stall(self, ms: float) -> None:
        """Let this seat's card stand still while it sings, as a frozen tab does: that much is never sung."""
        if self._performer is not None:
            self._performer.stall(ms)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Events until the seat is left. Raises LinkNotValid, SeatTakenOver, SeatLost ... when the server ends it."""
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def send(self, message: FromPage) -> bool:
        """Send any message of docs/wire.md; whether there was a connection."""
        return self._line.send(messages.encode(message))

    async def check(
        self,
        card: CardSpec,
        *,
        method: messages.Method = "acoustic",
        output: messages.Output = "headphones",
        spread_samples: float = 0.0,
    ) -> None:
        """Say what the sound check found of this seat's card, and how long its ways are; sing through it from now.

        Returns when the room shows it, so that in the middle of a song one's row is known. Raises NotAllowed for
        listeners.
        """
        if self.view.room is not None and self.view.room.role == "listener":
            raise NotAllowed(what="singing")
        self.card = card
        self._send_link()
        self._checked = messages.Check(
            method=method,
            output=output,
            round_trip_samples=card.round_trip_frames if method != "none" else None,
            spread_samples=spread_samples if method != "none" else None,
        )
        self.send(self._checked)
        async with asyncio.timeout(_ANSWER_S):
            await self.until(lambda: self._shown_method() == method)

    def _shown_method(self) -> messages.Method | None:
        own = self.view.seats.get(self.view.seat)
        return own.method if own else None

    def stop(self) -> None:
        """End the song where this seat hears it now. For the leader and the host."""
        self.send(messages.Stop(position=Position(max(0, int(self.heard_position)))))

    @property
    def position(self) -> float:
        """Where the room's clock stands now, in samples."""
        return self.ways.position_at(local_ms())

    @property
    def heard_position(self) -> float:
        """What is at this seat's ear now."""
        return self.position - self.view.delay_samples

    def hearing(self, kind: Kind) -> Tape:
        """What was heard of LEADER, MIX or CHATTER, by position."""
        return self.ear.tape(kind)

    async def backing(self) -> Audio | None:
        """The song's backing, float32 (samples,), its first sample at the song's start; None where there is none."""
        song = self.view.song
        if song is None or song.backing is None:
            return None
        return api.sound_of_wav(await api.download(self._web, self.link.server, song.backing.url))

    async def sing(self, sound: Audio | Source, *, card: CardSpec | None = None) -> None:
        """Sing the song under way from where it is now to its stop, through a card.

        `sound` is a recording, float32 (samples,), whose first sample belongs at the song's start, or a Source. Returns
        when the stem is sent (see `until_written`), or at once when no song is live; ends early if it is discarded.
        """
        song = self.view.song
        if song is None or not self.view.is_live:
            return
        stop = None if song.stop is None else Position(song.stop)
        voice = Voice(
            seat=self.view.seat, start=Position(song.start), stop=stop, epoch=self._epoch, codec=self.guest.sings
        )
        source = sound if callable(sound) else recording(sound, start=Position(song.start))
        performer = Performer(voice=voice, source=source, card=card or self.card, opened_ms=local_ms())
        self._performer = performer
        self.keep.begin(song.performance)
        self._packing.frames_a_packet = song.frames_a_packet
        try:
            await self._perform(performer, song.performance)
        finally:
            self._send_live(self._packing.flush())
            self._performer = None
            self._epoch = voice.next_epoch

    async def until_written(self) -> bool:
        """Wait until the server has everything on disk that this seat sang; False if it stopped waiting for us."""
        await self.until(lambda: len(self.keep) == 0 or not self.view.is_live)
        return len(self.keep) == 0

    async def talk(self, sound: Audio) -> None:
        """Talk to everyone, in real time, with float32 (samples,); never recorded."""
        self.send(messages.Talk(on=True))
        start = Position(int(self.position))
        voice = Voice(
            seat=self.view.seat, start=start, stop=Position(start + sound.size), epoch=self._epoch, kind=Kind.TALK
        )
        performer = Performer(voice=voice, source=recording(sound, start=start), card=CardSpec(), opened_ms=local_ms())
        self._epoch += 1
        while not performer.is_done:
            for packet in performer.step(local_ms(), self.ways.position_at):
                self._line.send(pack(packet))
            await sleep_until(performer.next_ms)
        self.send(messages.Talk(on=False))

    async def _perform(self, performer: Performer, performance: str) -> None:
        delay_samples = self.view.delay_samples
        while not performer.is_done:
            song = self.view.song
            if song is None or song.performance != performance:
                return  # what was sung stays kept: it is sent until it is written
            if song.state == "discarded":
                self.keep.clear()
                return
            if song.stop is not None:
                performer.voice.end_at(Position(song.stop))
            for packet in performer.step(local_ms(), lambda ms: self.ways.position_at(ms) - delay_samples):
                self._send_voice(packet)
            await sleep_until(performer.next_ms)
        assert performer.voice.stop is not None
        self.keep.forget_from(performer.voice.stop)
        # Those of an earlier process of the same person, too.
        self._promise(self.keep.sung | {one.epoch: one.span for one in performer.voice.sent_epochs()})

    def _send_voice(self, packet: Packet) -> None:
        self.keep.add(packet)
        self._send_live(self._packing.add(packet))

    def _send_live(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._line.send(pack(packet))

    def _promise(self, epochs: Mapping[int, Span] | None = None) -> None:
        """Say what this seat has sent or sends of its stem; without `epochs`, what was said before."""
        if epochs is not None:
            self._sent = [
                messages.Sent(performance=self.keep.performance, epoch=epoch, start=span.start, stop=span.stop)
                for epoch, span in epochs.items()
            ]
        for message in self._sent:
            self.send(message)

    async def _live(self) -> None:
        try:
            code = await self._line.run(self._web)
            if code is not None:
                self._end(seat_lost(code))
        except (aiohttp.ClientError, OSError) as error:
            self._end(error)

    def _opened(self) -> None:
        guest = self.guest
        self.send(
            messages.Hello(
                version=1,
                token=self.link.token,
                decodes=guest.decodes,
                key=self.view.key,
                name=guest.name,
                flag=guest.flag,
                place=guest.place,
                watch=guest.watch,
                position=self.ways.arrival_position(local_ms()),
            )
        )

    def _lost(self, close_code: int | None) -> None:
        self.breaks += 1
        self.ways.sights.lost()
        self._welcome.clear()
        self._tell(Lost(close_code=close_code))

    def _came(self, incoming: Incoming) -> None:
        if isinstance(incoming.data, str):
            self._take(messages.decode_from_room(incoming.data))
            return
        packet = unpack(incoming.data)
        if isinstance(packet, Echo):
            self.ways.echoed(packet, received_ms=incoming.received_ms)
            self._changed.set()
        elif isinstance(packet, Packet) and packet.kind in HEARD_KINDS and self.guest.hears:
            self.ear.hear(packet, heard_position=self.heard_position if self.ways.is_ready else None)
            self._changed.set()

    def _take(self, message: FromRoom) -> None:
        self.view.take(message)
        match message:
            case messages.Welcome():
                self._welcomed()
            case messages.Written():
                self.keep.written(message.epoch, message.spans)
            case messages.Missing():
                self._repair(self.keep.repairs(message.spans))
            case messages.Late():
                self.late += 1
            case _:
                pass
        self._tell(message)
        self._changed.set()

    def _welcomed(self) -> None:
        """Back, or here for the first time: what the server does not have yet is sent again."""
        self._welcome.set()
        if self.view.key:
            self.keep.remember_key(self.view.key)
        if self._checked is not None:
            self.send(self._checked)
        self._packing.clear()
        self._repair(self.keep.repairs())
        song = self.view.song
        back_for_the_end = song is not None and song.state == "ending" and self._performer is None and not self._sent
        self._promise(self.keep.sung if back_for_the_end else None)

    def _repair(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._line.send_repair(pack(packet))

    def _send_link(self) -> None:
        if self.ways.is_ready:
            self.send(messages.Link(up_samples=self.ways.up_samples(self.card), down_samples=self.ways.down_samples()))

    def _end(self, error: Exception) -> None:
        self._ended = error
        self._tell(error)
        self._changed.set()

    def _tell(self, event: Event | Exception | None) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)
