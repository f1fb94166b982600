"""Room: where people meet. Sockets, messages, packets and time go in; events come out.

Every input is the same three steps: feed the room (`join`, `message`, `packet`, `tick`, ...), do what `events` says,
and tick again at `next_due`. Nothing here reads a clock, opens a socket or draws a random number. What one person does
wrong is raised as PeerError or told to them as `problem`; it never touches anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from unisono.core.conducting import Conducting
from unisono.core.events import Close, Event, Forget, Outbox, Remember, Talked, TalkOpened
from unisono.core.lights import WINDOW_SAMPLES, Lights
from unisono.core.messages import (
    Again,
    Check,
    Discard,
    FromPage,
    Gone,
    Hand,
    Hello,
    Late,
    Lead,
    Left,
    Link,
    Note,
    Part,
    Pick,
    Problem,
    Role,
    RoomInfo,
    Rows,
    SeatChanged,
    Sent,
    Start,
    Stop,
    Talk,
    Watch,
    Wave,
    Welcome,
    Who,
    Write,
    Written,
)
from unisono.core.parts import Parts
from unisono.core.screening import Screenings
from unisono.core.seats import Seat, Seats
from unisono.core.singing import Singing
from unisono.core.song import PieceFacts
from unisono.core.texts import clean
from unisono.core.together import Together, too_fast
from unisono.core.trouble import Trouble, TroubleCode
from unisono.core.wire import Kind, Packet
from unisono.errors import MalformedMessage, NotAllowed, RoomFull, UserError
from unisono.units import SAMPLE_RATE, Position, Span

_ROWS_QUIET_SAMPLES: Final = SAMPLE_RATE
_LATE_QUIET_SAMPLES: Final = 5 * SAMPLE_RATE
_NAME_MAX, _PLACE_MAX = 40, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    """How many, how long."""

    performers_max: int = 100
    listeners_max: int = 500
    song_samples_max: int = 20 * 60 * SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A socket that said hello with a good link. Keys come hashed; a fresh one lies ready for a new seat."""

    hello: Hello
    role: Role
    link: int
    key_hash: str | None
    fresh_key: str
    fresh_key_hash: str


class Room:
    """One courtyard, from its first socket on."""

    def __init__(
        self,
        *,
        title: str,
        place: str,
        pieces: Mapping[str, PieceFacts],
        fresh_id: Callable[[], str],
        limits: RoomLimits | None = None,
    ) -> None:
        """`fresh_id` gives each performance a name nobody used before."""
        limits = limits or RoomLimits()
        self._title, self._place = title, place
        self._capacity = limits.performers_max
        self._outbox = Outbox()
        self.seats = Seats(performers_max=limits.performers_max, listeners_max=limits.listeners_max)
        self.singing = Singing(
            outbox=self._outbox,
            seats=self.seats,
            pieces=pieces,
            fresh_id=fresh_id,
            song_samples_max=limits.song_samples_max,
        )
        self.screenings = Screenings(outbox=self._outbox, running=lambda: self.singing.running)
        self._conducting = Conducting(outbox=self._outbox, seats=self.seats, singing=self.singing)
        self._parts = Parts(outbox=self._outbox, seats=self.seats, singing=self.singing)
        self._watching_max = limits.performers_max + limits.listeners_max
        self._watching: dict[int, Joining] = {}
        self._together = Together(outbox=self._outbox)
        self._lights = Lights()
        self._rows_due: Position | None = None
        self._trouble = Trouble(outbox=self._outbox, seats=self.seats)

    # ------------------------------------------------------------------------------------ feed, drain, re-arm

    def events(self) -> list[Event]:
        """What is to be done, in order; none is left."""
        return self._outbox.drain()

    def next_due(self, now: Position) -> Position | None:
        """When to tick next; None if nothing will happen by itself."""
        times = [time for time in (self._rows_due, self.seats.next_gone(self.singing.singers)) if time is not None]
        song = self.singing.song
        if self._lights.waiting or (song and song.state in ("count_in", "singing", "ending", "premiere")):
            times.append(Position(now + WINDOW_SAMPLES))
        return max(now, min(times)) if times else None

    def tick(self, now: Position) -> None:
        """Let time pass."""
        self.singing.tick(now)
        levels = self._lights.tell(now)
        if levels:
            self._outbox.send_all(*levels)
        dark = self.seats.darkened(now)
        keep = self.singing.singers if dark else frozenset()
        for seat in dark:
            if seat.number not in keep:
                self._free(seat)
        if self._rows_due is not None and now >= self._rows_due:
            self._rows_due = None
            self.singing.say_rows()

    # ------------------------------------------------------------------------------------ come and go

    def join(self, connection: int, joining: Joining, now: Position) -> None:
        """A socket said hello. Raises RoomFull."""
        if joining.hello.watch:
            if len(self._watching) >= self._watching_max and joining.role != "host":
                raise RoomFull(capacity=self._watching_max)
            self._watching[connection] = joining
            self._welcome(connection, None, None, now)
            return
        hello = joining.hello
        self._sit(connection, joining, Who(name=hello.name, flag=hello.flag, place=hello.place), now)

    def _sit(self, connection: int, joining: Joining, who: Who, now: Position) -> None:
        """Take a balcony: one's own again if the key says so."""
        seat = self.seats.with_key(joining.key_hash)
        key = joining.hello.key
        if seat is None:
            seat = self.seats.make(key_hash=joining.fresh_key_hash, role=joining.role, link=joining.link)
            key = joining.fresh_key
        elif (seat.gone or seat.role != joining.role) and seat.number not in self.singing.singers:
            self.seats.check_room_for(joining.role)
        before = self.seats.connect(seat, connection)
        if before is not None:
            self._outbox.put(Close(connection=before, close_code=4409, code="seat_taken_over"))
        self._watching.pop(connection, None)
        seat.role, seat.link, seat.decodes = joining.role, joining.link, joining.hello.decodes
        if who.name or not seat.name:
            self._dress(seat, who)
        self._outbox.put(Remember(seat=seat.number))
        self._welcome(connection, seat, key, now)
        self._trouble.welcome(seat)
        self.singing.offer_lead(seat)
        self._show(seat, apart_from=connection)
        self.singing.seat_late_comer(seat)
        self._rows_changed(now)
        singers = self.singing.singers
        for dark in self.seats.crowded_out(last=singers, keep=self.singing.leader if singers else None):
            self._free(dark)
        for number in self.seats.forget_oldest(singers):
            self._outbox.put(Forget(seat=number))

    @staticmethod
    def _dress(seat: Seat, who: Who) -> None:
        seat.name = clean(who.name, characters_max=_NAME_MAX)
        seat.place = clean(who.place, characters_max=_PLACE_MAX)
        seat.flag = who.flag

    def leave(self, connection: int, now: Position) -> None:
        """A socket is gone; its balcony stays dark for a while."""
        self._watching.pop(connection, None)
        seat = self.seats.disconnect(connection, now)
        if seat is not None:
            self._outbox.put(TalkOpened(seat=seat.number, on=False))
            self._outbox.send_all(Left(seat=seat.number))
            self._rows_changed(now)

    def revoke(self, links: Iterable[int], now: Position, *, apart_from_key: str | None = None) -> None:
        """These links are not valid any more: whoever came by one goes, except the seat with this key."""
        revoked = frozenset(links)
        gone = [c for c, joining in self._watching.items() if joining.link in revoked]
        gone += [
            seat.connection
            for seat in self.seats.present()
            if seat.connection is not None and seat.link in revoked and seat.key_hash != apart_from_key
        ]
        for connection in gone:
            self._outbox.put(Close(connection=connection, close_code=4401, code="link_not_valid"))
            self.leave(connection, now)

    def _free(self, seat: Seat) -> None:
        seat.gone = True
        self._outbox.send_all(Gone(seat=seat.number))
        self.singing.gone(seat)

    def _welcome(self, connection: int, seat: Seat | None, key: str | None, now: Position) -> None:
        song = self.singing.song
        role = seat.role if seat else self._watching[connection].role
        message = Welcome(
            room=RoomInfo(title=self._title, place=self._place, role=role),
            seat=seat.number if seat else 0,
            key=key,
            seats=tuple(other.info(self.singing.row_of(other.number)) for other in self.seats),
            leader=self.singing.leader,
            piece=self.singing.picked,
            song=song.snapshot() if song and song.state not in ("done", "discarded") else None,
            written=self._together.written,
            position=now,
            capacity=self._capacity,
        )
        self._outbox.send(connection, message)
        if self.singing.premiere is not None:
            self._outbox.send(connection, self.singing.premiere)
        self.screenings.welcome(connection, now)
        if self.singing.rows_said:
            self._outbox.send(connection, Rows(rows=self.singing.rows_said))

    def _show(self, seat: Seat, *, apart_from: int | None = None) -> None:
        self._outbox.send_all(SeatChanged(seat=seat.info(self.singing.row_of(seat.number))), apart_from=apart_from)

    def _rows_changed(self, now: Position) -> None:
        if self._rows_due is None:
            self._rows_due = Position(now + _ROWS_QUIET_SAMPLES)

    # ------------------------------------------------------------------------------------ what people do

    def message(self, connection: int, message: FromPage, now: Position) -> None:
        """One message of a page. Raises PeerError; what is merely not allowed is told to the page."""
        seat = self.seats.at(connection)
        try:
            if seat is not None:
                self._from_seat(seat, message, now)
            elif connection in self._watching:
                self._from_watcher(connection, message, now)
        except UserError as error:
            self._outbox.send(connection, Problem(code=error.code, text=str(error)))

    def _from_watcher(self, connection: int, message: FromPage, now: Position) -> None:
        match message:
            case Who():
                self._sit(connection, self._watching[connection], message, now)
            case Hello():
                raise MalformedMessage(reason="hello comes once")
            case Link():
                return
            case _:
                raise NotAllowed(what="this")

    def _from_seat(self, seat: Seat, message: FromPage, now: Position) -> None:
        match message:
            case Hello():
                raise MalformedMessage(reason="hello comes once")
            case Who() | Part() | Check() | Link():
                self._change(seat, message, now)
            case Wave():
                self._together.wave(seat, now)
            case Hand():
                self._together.raise_hand(seat, message.up, now)
            case Write():
                self._together.write(seat, message.text, now)
            case Talk():
                self._together.talk(seat, message.on and not self.singing.running, now)
            case Sent():
                span = Span(start=Position(message.start), stop=Position(message.stop))
                self.singing.sent(seat, message.epoch, span, message.performance, now)
            case Lead():
                if self._conducting.hand_over(seat, message.seat):
                    self._rows_changed(now)
            case Pick() | Note() | Start() | Stop() | Again() | Discard():
                self._conducting.obey(seat, message, now)
            case Watch():
                self.screenings.watch(seat, message, now)
            case _:
                assert_never(message)

    def _change(self, seat: Seat, message: Who | Part | Check | Link, now: Position) -> None:
        if isinstance(message, Part):
            self._parts.say(seat, message, now)
            return
        if isinstance(message, Link):
            # Nothing takes no time: a page that says so has not sung yet, and its way is not known.
            seat.up_samples = message.up_samples if message.up_samples > 0 else None
            seat.down_samples = message.down_samples
            self.singing.seat_late_comer(seat)
            self._rows_changed(now)
            return
        if message == seat.check:
            return  # said again after coming back: nothing has changed
        if not seat.changes.take(now):
            self._outbox.send(seat.connection, too_fast())
            return
        if isinstance(message, Who):
            self._dress(seat, message)
            self._outbox.put(Remember(seat=seat.number))
        else:
            if not seat.sings:
                raise NotAllowed(what="the sound check")
            if seat.check is not None:
                seat.up_samples = None  # another microphone, perhaps: its way is measured anew
            seat.check = message
            self.singing.seat_late_comer(seat)
            self._rows_changed(now)
        self._show(seat)

    # ------------------------------------------------------------------------------------ sound

    def packet(self, connection: int, packet: Packet, now: Position) -> None:
        """One packet of a page. Raises PeerError, or NotAllowed if this seat must not send sound at all."""
        seat = self.seats.at(connection)
        if seat is None:
            raise NotAllowed(what="sending sound")
        if packet.kind is Kind.VOICE:
            if self.singing.voice(seat, packet, now) and not packet.repair:
                self._lights.sounded(seat.number, packet.position, packet.level)
        elif packet.kind is Kind.TALK:
            if not seat.sings:
                raise NotAllowed(what="talking")
            if seat.talking and not self.singing.running:
                self._outbox.put(Talked(seat=seat.number, packet=packet))
                self._lights.sounded(seat.number, now, packet.level)

    def wrote(self, seat: int, performance: str, epoch: int, spans: Iterable[Span]) -> None:
        """The recorder has these on disk: the page may forget them."""
        spans = list(spans)
        song = self.singing.song
        if song and song.performance == performance:
            for span in spans:
                self.singing.wrote(seat, epoch, span)
        owner = self.seats.find(seat)
        if owner is not None:
            pairs = tuple((int(span.start), int(span.stop)) for span in spans)
            self._outbox.send(owner.connection, Written(epoch=epoch, spans=pairs))

    def came_late(self, seat: int, late_samples: int, now: Position) -> None:
        """A voice came after somebody had heard past it: its page is told, not too often."""
        late = self.seats.find(seat)
        if late is None or (late.late_said_at is not None and now < late.late_said_at + _LATE_QUIET_SAMPLES):
            return
        late.late_said_at = now
        self._outbox.send(late.connection, Late(late_samples=late_samples))

    def disk_trouble(self, code: TroubleCode, text: str, now: Position) -> None:
        """The server cannot write, or not soon enough: hosts must know. What is sung stays in the pages."""
        self._trouble.tell(code, text, now)
        self.singing.hold(now)

    def disk_well(self, codes: Iterable[TroubleCode]) -> None:
        """These troubles are over."""
        self._trouble.over(frozenset(codes))
