"""Singing: a song from being picked to its premiere. The part of the room that leads through a performance.

Pure: fed with what people do and `now`; what is to be done goes into the outbox (core/events.py). What is sung next is
in `core/picking.py`, who leads in `core/leader.py`, whose voice belongs to the song in `core/voices.py`;
`core/gathering.py` waits for the stems once the song has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from unisono.core.events import (
    Delete,
    Outbox,
    SongChangedShape,
    SongComplete,
    SongHeard,
    SongStateChanged,
)
from unisono.core.gathering import Gathering
from unisono.core.leader import Leader
from unisono.core.messages import (
    Backing,
    MixProgress,
    Pick,
    Picked,
    Premiere,
    Problem,
    Rows,
    SeatChanged,
    SongState,
)
from unisono.core.mix import pans_of_seats
from unisono.core.picking import Picking
from unisono.core.premiere import premiere_of, progress_of
from unisono.core.rows import Seating, rows_for_late_comer, seat_rows
from unisono.core.seats import Seat, Seats
from unisono.core.song import START_AHEAD_SAMPLES, PieceFacts, SongRun
from unisono.core.sungways import SungWays
from unisono.core.voices import Voices
from unisono.core.wire import Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position, Span

_HEARD_MARGIN_SAMPLES = SAMPLE_RATE // 2


class Singing:
    """What is sung, who leads, and how far the song is."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        seats: Seats,
        pieces: Mapping[str, PieceFacts],
        fresh_id: Callable[[], str],
        song_samples_max: int,
    ) -> None:
        self._outbox = outbox
        self._seats = seats
        self._fresh_id = fresh_id
        self._song_samples_max = song_samples_max
        self._leader = Leader(outbox=outbox, seats=seats)
        self._picking = Picking(outbox=outbox, pieces=pieces)
        self._voices = Voices(outbox=outbox)
        self.past = self._voices.past
        self.song: SongRun | None = None
        self._gathering: Gathering | None = None
        self._rows_said: tuple[tuple[int, ...], ...] = ()
        self._heard_said = False
        self._pages_ready = False
        self.crowded = False
        """Whether the server has many songs at once: then the next has fewer rows and packets. Set by the runner."""

    @property
    def running(self) -> bool:
        """Whether a song is being sung, or its last rows and stems are waited for."""
        return self.song is not None and self.song.running

    @property
    def singers(self) -> frozenset[int]:
        """Seats whose stems belong to the song that runs: they must not be forgotten."""
        if self.song is None or not self.running:
            return frozenset()
        return self._voices.sang | frozenset(seat for row in self.song.seating.rows for seat in row)

    @property
    def ways(self) -> SungWays:
        """What the voices of this song tell of the ways up."""
        return self._voices.ways

    @property
    def premiere(self) -> Premiere | None:
        """When the finished song is played, from when that is known until it is over."""
        return self.song.premiere if self.song and self.song.state == "premiere" else None

    def row_of(self, seat: int) -> int | None:
        """The seat's row in the song that runs."""
        return self.song.row_of(seat) if self.song else None

    @property
    def rows_said(self) -> tuple[tuple[int, ...], ...]:
        """Between songs: the seating as everybody was told; nothing in a song."""
        return () if self.running else self._rows_said

    def knows(self, performance: str) -> bool:
        """Whether stems of this performance may be written here."""
        return self.past.knows(performance) or (self.song is not None and self.song.performance == performance)

    # ------------------------------------------------------------------------------------ who leads, and what

    @property
    def leader(self) -> int | None:
        """The seat that leads; None when nobody does."""
        return self._leader.number

    @property
    def picked(self) -> Picked | None:
        """What is sung next, as everybody was told."""
        return self._picking.picked

    def may_lead(self, seat: Seat) -> bool:
        """Whether this seat may pick, start and stop."""
        return self._leader.may_lead(seat)

    def offer_lead(self, seat: Seat) -> None:
        """A host leads if nobody else does."""
        self._leader.offer(seat)

    def lead(self, seat: Seat) -> None:
        """From now on this seat leads; in a song, from the next one on. Raises NotAllowed."""
        self._leader.lead(seat)

    def gone(self, seat: Seat) -> None:
        """This balcony is free."""
        self._leader.gone(seat)

    def pick(self, by: Seat, message: Pick) -> None:
        """What is sung next."""
        if not self._picking.pick(by, message):
            self._problem(by, "unknown_piece", "there is no such piece")

    def note(self, by: Seat) -> None:
        """The starting note, for everybody; free singing has none."""
        self._picking.note(by)

    def backing_ready(self, *, piece: str, key: int, tempo_bpm: int, backing: Backing | None, now: Position) -> None:
        """The backing was rendered (or cannot be: None); a start that waited for it goes ahead."""
        waited = self._picking.backing_ready(piece=piece, key=key, tempo_bpm=tempo_bpm, backing=backing)
        starter = self._seats.find(waited) if waited else None
        if starter and backing is None and self._picking.along:
            self._problem(starter, "guide_gone", "what was to be sung along to is not there any more")
        elif starter and not self.running:
            self._begin(starter, now)

    def _problem(self, seat: Seat, code: str, text: str) -> None:
        self._outbox.send(seat.connection, Problem(code=code, text=text))

    # ------------------------------------------------------------------------------------ start and stop

    def start(self, by: Seat, now: Position) -> None:
        """Begin the song, as soon as its backing is there."""
        if self.running:
            self._problem(by, "song_running", "a song is being sung, or its last voices are on their way")
        elif not self._picking.must_wait(by):
            self._begin(by, now)

    def _begin(self, by: Seat, now: Position) -> None:
        leader = self._leader.seat
        if leader is None or not leader.present:
            self._leader.lead(by)
            leader = by
        start = Position(now + START_AHEAD_SAMPLES)
        piece, tempo = self._picking.piece, self._picking.tempo_bpm
        seating = self._seating(leader)
        self.song = SongRun(
            performance=self._fresh_id(),
            piece=piece.id if piece else None,
            key=self._picking.key,
            tempo_bpm=tempo,
            start=start,
            stop=Position(start + piece.samples(tempo)) if piece else None,
            count_in_samples=piece.count_in_samples(tempo) if piece else 0,
            leader=leader.number,
            seating=seating,
            backing=self._picking.backing if piece else None,
            pans=pans_of_seats(sorted(seat for row in seating.rows for seat in row)),
        )
        self._gather_anew()
        talked = [seat for seat in self._seats.present() if seat.talking]
        for seat in self._seats.present():
            seat.talking = False
            seat.late_said_at = None
        self._outbox.put(SongChangedShape(performance=self.song.performance))
        self._outbox.send_all(self.song.message())
        for seat in talked:
            self._outbox.send_all(SeatChanged(seat=seat.info(self.row_of(seat.number))))

    def _gather_anew(self) -> None:
        assert self.song is not None
        self._gathering = Gathering(outbox=self._outbox, seats=self._seats, performance=self.song.performance)
        self._voices.begin()
        self._heard_said = False
        self._leader.song_begins()

    def restore(self, song: SongRun, written: Mapping[int, Mapping[int, Iterable[Span]]]) -> None:
        """Go on with a song after a restart; `written` is what the stems hold, by seat and epoch."""
        self.song = song
        self._pages_ready = False
        if not song.running:
            return  # it is being mixed, or was being played
        self._leader.number = song.leader
        self._gather_anew()
        self._voices.begin(frozenset(written))
        assert self._gathering is not None
        for seat, epochs in written.items():
            for epoch, spans in epochs.items():
                for span in spans:
                    self._gathering.wrote(seat, epoch, span)

    def recall(self, leader: int | None, picked: Picked | None) -> None:
        """Who led and what was picked before a restart; a song that runs knows better."""
        if self._leader.number is None and leader is not None and self._seats.find(leader) is not None:
            self._leader.number = leader
        self._picking.recall(picked)

    def stop(self, position: Position, now: Position) -> None:
        """End the song at `position`; before its first beat, it never was.

        A stop that waited on a lost line may be of an earlier song: heard before this one was begun, it ends nothing.
        """
        song = self.song
        if song is None or song.state not in ("count_in", "singing"):
            return
        if position < song.start - START_AHEAD_SAMPLES - song.seating.listener_delay_samples:
            return
        at = min(position, now)
        if at < song.start + max(song.count_in_samples, FRAME_SAMPLES):
            self._drop()
            return
        song.stop = Position(min(at, song.stop) if song.stop is not None else at)
        self._move_to("ending")

    def again(self, by: Seat, now: Position) -> None:
        """The running performance is thrown away and starts anew."""
        if self.running:
            self._drop()
            self.start(by, now)
        else:
            self._problem(by, "no_song", "nothing is being sung")

    def discard(self, performance: str) -> None:
        """A performance is deleted; the song on show too, if it is that one."""
        self.past.forget(performance)
        if self.song and self.song.performance == performance and self.song.state != "discarded":
            self._drop()
        else:
            self._outbox.put(Delete(performance=performance))

    def _drop(self) -> None:
        assert self.song is not None
        self._move_to("discarded")
        self._gathering = None
        self._voices.begin()
        self._outbox.put(Delete(performance=self.song.performance))

    def _move_to(self, state: SongState) -> None:
        assert self.song is not None
        self.song.state = state
        self._outbox.put(SongStateChanged(performance=self.song.performance))
        self._outbox.send_all(self.song.message())

    def _seating(self, leader: Seat) -> Seating:
        members = {seat.number: self._voices.ways.member(seat) for seat in self._seats.singers()}
        members[leader.number] = self._voices.ways.member(leader)
        listeners = [s.down_samples for s in self._seats.present() if not s.sings and s.down_samples is not None]
        slowest = max(listeners, default=None)
        return seat_rows(members.values(), leader=leader.number, listener_down_samples=slowest, crowded=self.crowded)

    def seat_late_comer(self, seat: Seat) -> None:
        """Somebody came, finished the sound check or measured their way, in the middle of a song.

        Until their way is known they hear as listeners do: a row once given is kept.
        """
        song = self.song
        if song is None or song.state not in ("count_in", "singing") or not seat.sings or seat.up_samples is None:
            return
        seating = rows_for_late_comer(song.seating, seat.member())
        if seating != song.seating:
            song.seating = seating
            song.pans.setdefault(seat.number, round(((seat.number * 37) % 17 - 8) / 10, 3))
            self._outbox.put(SongChangedShape(performance=song.performance))
            self._outbox.send_all(song.message())

    def say_rows(self) -> None:
        """Between songs: the seating as it would be now, if it changed."""
        leader = self._leader.seat
        if self.running or leader is None:
            return
        rows = self._seating(leader).rows
        if rows != self._rows_said:
            self._rows_said = rows
            self._outbox.send_all(Rows(rows=rows))

    # ------------------------------------------------------------------------------------ voices

    def voice(self, seat: Seat, packet: Packet, now: Position) -> bool:
        """A performer's packet; whether it belongs to the song. Raises ImpossiblePosition, NotAllowed."""
        return self._voices.take(self.song, seat, packet, now)

    def hold(self, now: Position) -> None:
        """Nothing can be written now: stems are waited for a little longer."""
        if self._gathering:
            self._gathering.hold(now)

    def wrote(self, seat: int, epoch: int, span: Span) -> None:
        """The recorder has this on disk."""
        if self._gathering:
            self._gathering.wrote(seat, epoch, span)

    def sent(self, seat: Seat, epoch: int, span: Span, performance: str, now: Position) -> None:
        """The page says what it has sent of its stem."""
        if self._gathering and self.song and self.song.performance == performance and self.running:
            self._gathering.promise(seat.number, epoch, self.song.share_of(span), now)

    # ------------------------------------------------------------------------------------ time

    def tick(self, now: Position) -> None:
        """Let the song move on if it is time."""
        song = self.song
        if song is None:
            return
        if song.state == "count_in" and now >= song.start + song.count_in_samples:
            self._move_to("singing")
        if song.state == "singing":
            self._tick_singing(song, now)
        if song.state == "ending":
            self._tick_ending(song, now)
        if song.state == "premiere":
            self._tick_premiere(now)

    def _tick_singing(self, song: SongRun, now: Position) -> None:
        if song.stop is None:
            longest = Position(song.start + self._song_samples_max)
            if now >= longest or self._leader.nobody_can_stop(now):
                song.stop = now
        if song.stop is not None and now >= song.stop:
            self._move_to("ending")

    def _tick_ending(self, song: SongRun, now: Position) -> None:
        heard_at = song.heard_at
        assert heard_at is not None
        assert self._gathering is not None
        self._gathering.ask(now)
        if now < heard_at + _HEARD_MARGIN_SAMPLES:
            return
        if not self._heard_said:
            self._heard_said = True
            self._outbox.put(SongHeard(performance=song.performance))
        singing = {seat for row in song.seating.rows for seat in row} | set(song.seating.beside)
        if self._gathering.complete(singing, since=heard_at, now=now):
            self._gathering = None
            self.past.remember(song, singing | self.singers)
            self._move_to("mixing")
            self._outbox.put(SongComplete(performance=song.performance))

    # ------------------------------------------------------------------------------------ mix and premiere

    def mix_progress(self, performance: str, share: float, step: str) -> None:
        """The mix is so far."""
        self._outbox.send_all(progress_of(performance, share, step))

    def first_file_ready(self, performance: str, *, url: str, samples: int, now: Position) -> None:
        """The mix can be played: play it to everybody, if nothing else is sung by now."""
        song = self.song
        if song is None or song.performance != performance or song.state != "mixing":
            return
        song.premiere = premiere_of(performance, url, samples, now)
        self._pages_ready = False
        self._move_to("premiere")
        self._outbox.send_all(song.premiere)

    def mix_ready(self, performance: str, *, page: str, url: str, samples: int, now: Position) -> None:
        """All files are there: tell where, and have the premiere unless it has begun."""
        self.first_file_ready(performance, url=url, samples=samples, now=now)
        self._outbox.send_all(MixProgress(performance=performance, share=1.0, step="ready", page=page))
        if self.premiere is not None and self.premiere.performance == performance:
            self._pages_ready = True

    def mix_failed(self, performance: str) -> None:
        """There will be no mix; the stems stay."""
        self._outbox.send_all(Problem(code="mix_failed", text="the mix could not be made; every voice is kept"))
        if self.song and self.song.performance == performance and self.song.state in ("mixing", "premiere"):
            self._move_to("done")

    def _tick_premiere(self, now: Position) -> None:
        """Done when it has been heard and all its files are there."""
        told = self.premiere
        if told is not None and self._pages_ready and now >= told.start + told.samples:
            self._move_to("done")
