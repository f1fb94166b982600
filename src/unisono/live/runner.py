"""Runner: one room in the world. It feeds the pure room (core/room.py) with sockets and time, and does what it says.

All on the event loop, which waits for a song's codec work (live/desk.py); talk and the plain stream have a thread.
This module is long because whatever a room can want done has its line here, and nothing else has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from copy import copy
from typing import assert_never

from unisono.core import events as ev
from unisono.core.memory import memory_of
from unisono.core.messages import Backing, Check, Film, FromPage, Hello, Lead, Pick, Who, encode
from unisono.core.room import Joining, Room, RoomLimits
from unisono.core.song import SongRun
from unisono.core.wire import Packet, restamped
from unisono.errors import GuideGone, NotAllowed
from unisono.live.audience import Audience
from unisono.live.broadcast import Broadcast
from unisono.live.course import Course
from unisono.live.desk import AIM_SAMPLES, EARLY_SAMPLES, LISTENERS, Desk
from unisono.live.films import Films
from unisono.live.frames import framed_text
from unisono.live.leading import Leading
from unisono.live.mail import Mail
from unisono.live.publishing import Publishing
from unisono.live.recorder import Taken, Wrote
from unisono.live.services import Services
from unisono.live.session import Session
from unisono.live.talk import TalkDesk
from unisono.live.trouble import Trouble, Well
from unisono.live.waking import Waking
from unisono.store import tokens
from unisono.store.records import Admission, RoomRecord
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position

_IDLE_SECONDS_MAX = 5.0
_log = logging.getLogger(__name__)


class Runner:
    """One room, loaded. Made by `Rooms`, which also puts it away when nobody is left."""

    def __init__(self, record: RoomRecord, services: Services, films: Films) -> None:
        settings = services.settings
        self._record = record
        self._services = services
        self._shelf = services.shelf(record.along)
        self.room = Room(
            title=record.title,
            place=record.place,
            pieces=self._shelf.facts,
            fresh_id=tokens.fresh_id,
            limits=RoomLimits(
                performers_max=settings.performers_max,
                listeners_max=settings.listeners_max,
                song_samples_max=settings.song_minutes_max * 60 * SAMPLE_RATE,
            ),
        )
        self._waking = Waking(record, services, self.room)
        self.pulse = self._waking.pulse
        self._memory = record.memory
        self._memory_due = Position(0)
        self._sessions: dict[int, Session] = {}
        self._broadcast = Broadcast(lambda *wanted: services.fetch_backing(self._shelf, *wanted))
        self._audience = Audience(self.room, self._sessions, overhear=self._broadcast.feed)
        self._publishing = Publishing(record, services, films, self.room, self.pulse.now)
        self._desk: Desk | None = None
        self._leading: Leading | None = None
        self._song_of_desk = ""
        self._course = Course()
        self._talk = TalkDesk()
        self._mail = Mail(ticking=lambda: self._ticking)
        self._wire: bytes = b""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.left_at = asyncio.get_running_loop().time()

    # ------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Load what the ledger remembers, go on with a song that was being sung, and begin to tick."""
        await self._waking.bring_back(self._publishing, self._settled)
        self._task = asyncio.create_task(self._run())

    @property
    def idle(self) -> bool:
        """Whether nobody is here and nothing is under way."""
        under_way = self.room.singing.running or self._publishing.busy or self._broadcast.wanted
        return not self._sessions and not under_way

    async def stop(self) -> None:
        """Stop ticking and close every socket; the song, if any, is gone on with after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._publishing.stop()
        self._broadcast.close()
        for session in list(self._sessions.values()):
            session.close(1001, "server_stops")
        self._waking.keep_anchor()

    # ------------------------------------------------------------------------------------ sockets

    async def attend(self, session: Session, hello: Hello, admission: Admission, *, heard_ns: int) -> None:
        """Be this socket's room until it goes; it said hello at `heard_ns`. Raises UnisonoError for what ends it."""
        fresh = tokens.fresh_token()
        joining = Joining(
            hello=hello,
            role=admission.role,
            link=admission.link,
            key_hash=tokens.hashed(hello.key) if hello.key else None,
            fresh_key=fresh,
            fresh_key_hash=tokens.hashed(fresh),
        )
        known = self.room.seats.with_key(joining.key_hash) is not None
        await self._waking.settled(hello.position, heard_ns, known=known)
        self._sessions[session.number] = session
        session.post = self._mail.post
        try:
            self.room.join(session.number, joining, self.pulse.now())
            self._company_changed()
            self._settle()
            await session.read(
                self.pulse,
                lambda message: self._message(session, message),
                lambda packet, wire: self._packet(session, packet, wire),
            )
        finally:
            self._sessions.pop(session.number, None)
            self.room.leave(session.number, self.pulse.now())
            self._company_changed()
            self.left_at = asyncio.get_running_loop().time()
            self._settle()

    async def attend_spare(self, spare: Session, hello: Hello) -> None:
        """Be a second line of the page with this key until it goes. Raises NotAllowed, and what ends a socket."""
        seat = self.room.seats.with_key(tokens.hashed(hello.key) if hello.key else None)
        session = self._sessions.get(seat.connection) if seat is not None and seat.connection is not None else None
        if session is None:
            raise NotAllowed(what="a second line beside none")
        session.take_spare(spare)

        def on_packet(packet: Packet, wire: bytes) -> None:
            if not packet.repair:
                self._packet(session, packet, wire)

        try:
            await spare.read(self.pulse, lambda _: None, on_packet)
        finally:
            if session.spare is spare:
                session.spare = None

    def _message(self, session: Session, message: FromPage) -> None:
        self.room.singing.crowded = self._services.crowd.crowded
        self.room.message(session.number, message, self.pulse.now())
        if isinstance(message, Who | Check):
            self._company_changed()
        self._settle()
        if isinstance(message, Pick | Lead):
            self._keep_memory()

    def _company_changed(self) -> None:
        """Somebody came, went, had their sound check, or only watches now."""
        self._audience.changed()
        singers = sum(seat.check is not None for seat in self.room.seats.present())
        self._services.crowd.count(self._record.room, singers)

    def _packet(self, session: Session, packet: Packet, wire: bytes) -> None:
        if session.twice is not None and session.twice.again(packet):
            return
        self._wire = wire
        self.room.packet(session.number, packet, self.pulse.now())
        self._do(self.room.events())

    async def tune_in(self, link: int) -> AsyncGenerator[bytes]:
        """What listeners hear, as an Ogg Opus stream from now on, until `link` is revoked. Raises RoomFull."""
        async with aclosing(self._broadcast.tune_in(link)) as pages:
            async for page in pages:
                self._wake.set()
                yield page

    def revoke(self, links: Iterable[int], *, apart_from_key: str | None = None) -> None:
        """These links are closed now: their sockets, and the plain streams they opened."""
        revoked = frozenset(links)
        self.room.revoke(revoked, self.pulse.now(), apart_from_key=apart_from_key)
        self._broadcast.revoke(revoked)
        self._audience.changed()
        self._settle()

    def wrote(self, stems: Iterable[Wrote]) -> None:
        """The recorder has these on disk."""
        for wrote in stems:
            self.room.wrote(wrote.seat, wrote.performance, wrote.epoch, wrote.spans)
        self._do(self.room.events())

    def trouble(self, trouble: Trouble | Well) -> None:
        """Recorder or ledger cannot write, or can again."""
        if isinstance(trouble, Well):
            self.room.disk_well(trouble.codes)
        else:
            self.room.disk_trouble(trouble.code, trouble.text, self.pulse.now())
        self._settle()

    def film(self, told: Film) -> None:
        """How a film is now."""
        self.room.screenings.tell(told)
        self._settle()

    async def discard(self, performance: str) -> None:
        """Forget a performance of this room."""
        await self._publishing.delete(performance)

    # ------------------------------------------------------------------------------------ time

    async def _run(self) -> None:
        await self._waking.clock()
        if self.room.singing.song is not None and self.room.singing.running:
            self._open_desk(self.room.singing.song)
        while True:
            try:
                await self._tick()
                await self._sleep()
            except Exception:
                _log.exception("room %d goes on after a mistake of ours", self._record.room)
                await asyncio.sleep(0.1)

    @property
    def _ticking(self) -> bool:
        """Whether there is sound to be made all the time."""
        return self._desk is not None or self._talk.sounding or self._broadcast.wanted

    async def _tick(self) -> None:
        now = self.pulse.now()
        try:
            await self._sound(now)
        finally:
            self._mail.deliver()  # a mistake of ours holds nobody's packets up
        self._course.delivered(self.room, self._sessions, now=self.pulse.exactly())

    async def _sound(self, now: Position) -> None:
        """What is due at this tick, by the room's rules and in everybody's ears."""
        self.room.tick(now)
        self._do(self.room.events())
        if now >= self._memory_due:
            self._memory_due = Position(now + SAMPLE_RATE)
            self._keep_memory()
        if self._desk is not None:
            await self._mix(self._desk, now)
        if self._talk.sounding:
            await self._chatter(now)
        if self._broadcast.wanted:
            song = self.room.singing.song
            mix = self._broadcast.tick
            self._broadcast.send(await asyncio.get_running_loop().run_in_executor(self._services.rooms, mix, now, song))

    async def _mix(self, desk: Desk, now: Position) -> None:
        desk.pcm_rows = self._audience.pcm_rows()
        desk.empty_rows = self._audience.empty_rows(listened=self._broadcast.wanted)
        desk.crowd(crowded=self._services.crowd.crowded)
        late = desk.mix(now)
        await asyncio.sleep(0)  # the leader's packets do not wait for both halves
        outgoing = desk.frames()
        self._course.mixed(outgoing, late, ticked=now)
        for sound in outgoing:
            self._audience.send(sound.row, sound.opus, sound.pcm)
        for voice in late:
            self.room.came_late(voice.seat, voice.late_samples, now)
        self._do(self.room.events())

    async def _chatter(self, now: Position) -> None:
        self._talk.pcm_wanted = self._audience.pcm_wanted
        sounds = await asyncio.get_running_loop().run_in_executor(self._services.rooms, self._talk.tick, now)
        for sound in sounds:
            self._audience.send_talk(sound.seat, sound.apart_from, sound.opus, sound.pcm)

    async def _sleep(self) -> None:
        """Until the next tick is due, or something happens."""
        now = self.pulse.now()
        if self._ticking:
            step = FRAME_SAMPLES if self._desk is None else self._desk.packet_samples
            grid = Position(((now + EARLY_SAMPLES) // step + 1) * step)
            await asyncio.sleep(self.pulse.seconds_until(Position(grid + AIM_SAMPLES)))
            return
        due = self.room.next_due(now)
        seconds = _IDLE_SECONDS_MAX if due is None else min(_IDLE_SECONDS_MAX, self.pulse.seconds_until(due))
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.005, seconds)):
                await self._wake.wait()

    # ------------------------------------------------------------------------------------ events

    def _settle(self) -> None:
        """Do what the room wants after something happened, and let it look at the clock again."""
        self._do(self.room.events())
        self._wake.set()

    def _do(self, events: Iterable[ev.Event]) -> None:
        for event in events:
            self._do_one(event)

    def _do_one(self, event: ev.Event) -> None:
        match event:
            case ev.Sang():
                self._sang(event)
            case ev.Send():
                session = self._sessions.get(event.connection)
                if session is not None:
                    session.send_text(encode(event.message))
            case ev.SendAll():
                self._send_all(event)
            case ev.Close():
                session = self._sessions.get(event.connection)
                if session is not None:
                    session.close(event.close_code, event.code)
            case ev.Talked():
                self._talk.feed(event.seat, event.packet)
                self._wake.set()
            case ev.TalkOpened():
                self._talk.opened(event.seat, event.on)
            case ev.Remember() | ev.Forget():
                self._remember(event)
            case ev.PrepareBacking():
                self._publishing.spawn(self._prepare(event))
            case _:
                self._do_song(event)

    def _send_all(self, event: ev.SendAll) -> None:
        """Several messages go as one: what is heard lights balconies in every row, at another position in each."""
        frames = b"".join(framed_text(encode(message)) for message in event.messages)
        for number, session in self._sessions.items():
            if number != event.apart_from:
                session.send(frames)

    def _remember(self, event: ev.Remember | ev.Forget) -> None:
        ledger, room = self._services.ledger, self._record.room
        if isinstance(event, ev.Forget):
            self._services.keep(ledger.forget_seat, room, event.seat)
            return
        seat = self.room.seats.find(event.seat)
        if seat is not None:
            self._services.keep(ledger.keep_seat, room, copy(seat))

    def _keep_memory(self) -> None:
        """The ledger keeps what of the room must outlive the process, when it has changed."""
        memory = memory_of(self.room)
        if memory != self._memory:
            self._memory = memory
            self._services.keep(self._services.ledger.keep_memory, self._record.room, memory)

    def _do_song(
        self,
        event: ev.SongChangedShape | ev.SongStateChanged | ev.SongHeard | ev.SongComplete | ev.Delete,
    ) -> None:
        self._audience.changed()
        song = self.room.singing.song
        match event:
            case ev.SongChangedShape():
                assert song is not None
                self._open_desk(song)
                self._publishing.keep(song)
            case ev.SongStateChanged():
                assert song is not None
                if self._desk is not None:
                    self._desk.reshape(song)
                self._flush_leader()
                self._publishing.keep(song)
            case ev.SongHeard():
                self._close_desk()
            case ev.SongComplete():
                assert song is not None
                self._publishing.publish(song, self._settled)
            case ev.Delete():
                if song is not None and song.performance == event.performance:
                    self._close_desk()
                self._publishing.spawn(self._publishing.delete(event.performance))
            case _:
                assert_never(event)

    def _settled(self) -> None:
        """Something that was under way has told the room how far it is."""
        self._settle()

    # ------------------------------------------------------------------------------------ sound

    def _open_desk(self, song: SongRun) -> None:
        if self._desk is not None and self._leading is not None and self._song_of_desk == song.performance:
            self._desk.reshape(song)
            return
        self._talk.close()
        self._close_desk()
        self._song_of_desk = song.performance
        self._desk = Desk(song, pool=self._services.codecs, threads=self._services.codec_threads)
        self._leading, self._course = Leading(song.leader), Course()
        self._wake.set()

    def _close_desk(self) -> None:
        if self._desk is None:
            return
        self._flush_leader()
        self._desk, self._leading, self._course = None, None, Course()

    def _flush_leader(self) -> None:
        """Listeners get what waits for a full bundle, while they can still hear it."""
        if self._leading is not None:
            for led in self._leading.flush():
                self._audience.send(LISTENERS, led.opus, led.pcm)

    def _sang(self, event: ev.Sang) -> None:
        packet = event.packet
        wire = restamped(self._wire, kind=packet.kind, seat=event.seat)
        self._services.recorder.take(Taken(performance=event.performance, seat=event.seat, packet=packet, wire=wire))
        song = self.room.singing.song
        if not event.audible or song is None:
            return
        if event.seat == song.leader and self._leading is not None:
            now, listeners = self._leading.forward(packet, wire, pcm_wanted=self._audience.pcm_wanted, stop=song.stop)
            self._audience.send_rows(now.opus, now.pcm)
            self._course.forwarded(packet.position, now=self.pulse.exactly())
            for led in listeners:
                self._audience.send(LISTENERS, led.opus, led.pcm)
        elif self._desk is not None:
            self._desk.feed(event.seat, packet)

    async def _prepare(self, event: ev.PrepareBacking) -> None:
        """Render a backing on a thread, then tell the room how long it is."""
        backing: Backing | None = None
        piece, key, tempo_bpm = event.piece, event.key, event.tempo_bpm
        try:
            with suppress(GuideGone):
                samples = await self._services.on_files(self._shelf.backing_samples, piece, key, tempo_bpm)
                backing = Backing(url=self._shelf.backing_url(piece, key, tempo_bpm), samples=samples)
        finally:
            now = self.pulse.now()
            self.room.singing.backing_ready(piece=piece, key=key, tempo_bpm=tempo_bpm, backing=backing, now=now)
            self._settle()
