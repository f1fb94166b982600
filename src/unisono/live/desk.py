"""Desk: the live mix of one song. Voices in by position; for each row and for listeners, the rows before them summed.

A row's block of 20 ms (in a large room two of them at once) is read as late as its cut allows (core/rows.py), so that
every voice that can be in it is in it; it is limited, encoded once, framed once, and the same bytes go to everybody in
the row. All voices that anybody hears are decoded, the silent too: a decoder that skips frames stumbles on the next.

Everything happens on the event loop's thread, which waits for a tick of a few milliseconds, in two halves, so that the
leader's packets do not wait for both; where very many sing, half of them are decoded on another thread meanwhile. To
go on with packets instead would make both sides wait for the GIL after every native call.

This module is long because a tick goes through all of it: taken in, decoded, summed, read, encoded, packed.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import Final

import numpy as np

from unisono.core.inlet import Conceal, Decode, Inlet, Late, Reset
from unisono.core.mix import Limiter, crowd_gain, pan_gains, wire_level
from unisono.core.song import SongRun
from unisono.core.timeline import RING_SAMPLES, FrameKey, Missed, Timeline
from unisono.core.wire import FRAMES_MAX, Codec, Kind, Packet, bundled, pack
from unisono.errors import PeerError
from unisono.live.pcm import frame_of, sound_of
from unisono.opus import DecodeJob, Decoder, Encoder, decode_many, encode_many
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position, Span, samples_of_ms

MIX_BITRATE = 128_000
COMPLEXITY, CROWDED_COMPLEXITY = 5, 0
"""Of the encoders; 0 takes half the time, and is what a crowded server has."""
LISTENERS = -1
"""Stands for the listeners, and those beside the rows, where a row's number would."""
EARLY_SAMPLES: Final = samples_of_ms(0.9)
"""Blocks are due so long before a tick's place in the grid, and none waits for the next."""
AIM_SAMPLES: Final = samples_of_ms(0.65)
"""So far behind its place a tick is asked for: an event loop that counts in milliseconds comes up to 1.5 ms early."""
_BEHIND_SAMPLES_MAX = SAMPLE_RATE
"""After a longer stall nobody hears what was meanwhile. The tape is but a little longer: it stays in the cache."""
_START_MARGIN_SAMPLES = SAMPLE_RATE // 5
_PCM = Codec.PCM
_MIDDLE: Final = np.array((0.5, 0.5), dtype=np.float32)
"""Both sides as one."""
_SPREAD_FROM = 256
"""Fewer frames at once are not worth another thread: two of them cost more than one, and wait for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """The same bytes for everybody in `row` (or LISTENERS): Opus, and PCM for those who ask for it, if any do."""

    row: int
    position: Position
    """Stamped on its first frame."""
    opus: bytes
    pcm: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameLate:
    """Somebody had heard past this voice when it came."""

    seat: int
    late_samples: int


@dataclass(slots=True, kw_only=True)
class _Voice:
    """One singer's way in: what to decode, and the decoder."""

    inlet: Inlet
    row: int
    gains: tuple[float, float]
    decoder: Decoder = field(default_factory=lambda: Decoder(1))
    anew: bool = True
    """Whether the next frame continues nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Together:
    """Voices of one row that begin together, so many frames of each: decoded one after the other, summed at once."""

    row: int
    position: Position
    frames: int
    voices: list[_Voice] = field(default_factory=list)
    makers: list[tuple[int, int]] = field(default_factory=list)
    """Seat and epoch of each."""
    jobs: list[DecodeJob] = field(default_factory=list)


_Round = dict[tuple[int, int, int], _Together]
"""By row, position and number of frames: what can be decoded at the same time, as each voice is in it but once."""


@dataclass(slots=True, kw_only=True)
class _Reader:
    """One row's way out. `at` is where its next block begins; voices are waited for `hold_samples`."""

    row: int
    timeline_row: int
    hold_samples: int
    at: Position
    block_samples: int
    """Whole frames: what is read at once."""
    frames_a_packet: int
    encoder: Encoder
    limiter: Limiter = field(default_factory=Limiter)
    epoch: int = 0
    rested: bool = False
    """Whether blocks were left out because nobody was there to hear them."""
    bundle: list[Packet] = field(default_factory=list)
    bundle_pcm: list[Packet] = field(default_factory=list)

    @property
    def due(self) -> int:
        """When the next block must be read: all that can be in it is there, or is waited for no longer."""
        return self.at + self.block_samples + self.hold_samples

    def left_samples(self, stop: Position | None) -> float:
        """From the next block to the last one, in whole blocks."""
        if stop is None:
            return inf
        return -(-(stop + FRAME_SAMPLES - self.at) // self.block_samples) * self.block_samples - self.block_samples

    def ends(self, stop: Position | None) -> bool:
        """Whether the next block is the last: the row is sent a frame beyond the stop, which the encoder holds back."""
        return stop is not None and self.at + self.block_samples >= stop + FRAME_SAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What a row hears from `at` on, frame by frame, each float32 (960, 2); the row's `last` one, perhaps."""

    reader: _Reader
    at: Position
    frames: tuple[Audio, ...]
    last: bool


class Desk:
    """One song's live mix."""

    def __init__(self, song: SongRun, *, pool: Executor | None = None, threads: int = 1) -> None:
        seating = song.seating
        self._crowded = False
        self._pool, self._threads = pool, threads
        self.packet_samples = seating.frames_a_packet * FRAME_SAMPLES
        """What rows get at once. A tick is due at every whole multiple of it."""
        self._gain = crowd_gain(sum(len(row) for row in seating.rows[1:]))
        self._start = Position(max(0, song.start - _START_MARGIN_SAMPLES))
        self._timeline = Timeline(
            start=self._start,
            singing_rows=seating.last_row,
            ring_samples=min(RING_SAMPLES, 2 * (seating.listener_cut_samples + _BEHIND_SAMPLES_MAX)),
        )
        self._voices: dict[int, _Voice] = {}
        self._blocks: list[_Block] = []
        self._late: list[CameLate] = []
        self._fed: deque[tuple[int, Packet]] = deque()
        self._shape = self._shape_of(song)
        self.pcm_rows: frozenset[int] = frozenset()
        """Rows in which somebody can only take PCM; set by whoever owns the sockets."""
        self.empty_rows: frozenset[int] = frozenset()
        """Rows in which nobody is: nothing is encoded for them. Set by the same."""
        self._readers = [
            self._reader(row, row, seating.cuts_samples[row] - seating.mix_samples, seating.frames_a_packet)
            for row in range(2, seating.last_row + 1)
        ]
        if seating.last_row > 0:
            hold = seating.listener_cut_samples - seating.mix_samples
            self._readers.append(self._reader(LISTENERS, self._timeline.listeners, hold, FRAMES_MAX))

    def _reader(self, row: int, timeline_row: int, hold_samples: int, frames_a_packet: int) -> _Reader:
        """A row's reader, its blocks laid so that each is due just before a tick; all rows' packets before the same."""
        due = self._start + self.packet_samples + hold_samples
        at = Position(self._start + -(due + EARLY_SAMPLES) % self.packet_samples)
        return _Reader(
            row=row,
            timeline_row=timeline_row,
            hold_samples=hold_samples,
            at=at,
            block_samples=self.packet_samples,
            frames_a_packet=frames_a_packet,
            encoder=Encoder(2, MIX_BITRATE, complexity=COMPLEXITY),
        )

    def reshape(self, song: SongRun) -> None:
        """Somebody joined the song, or its stop is known."""
        self._shape = self._shape_of(song)

    def crowd(self, *, crowded: bool) -> None:
        """The server is crowded, or is not any more."""
        if crowded != self._crowded:
            self._crowded = crowded
            for reader in self._readers:
                reader.encoder.set_complexity(CROWDED_COMPLEXITY if crowded else COMPLEXITY)

    @staticmethod
    def _shape_of(song: SongRun) -> tuple[dict[int, tuple[int, int, float]], Position | None]:
        """({seat: (row, hold, pan)} of all who are heard live, stop); what comes later is not in it."""
        seating = song.seating
        cuts = [*seating.cuts_samples[1:], seating.listener_cut_samples]
        heard = {
            seat: (number, max(FRAME_SAMPLES, cuts[number] - seating.mix_samples), song.pans.get(seat, 0.0))
            for number, row in enumerate(seating.rows)
            for seat in row
            if number > 0 and seat not in seating.unheard
        }
        return heard, song.stop

    def feed(self, seat: int, packet: Packet) -> None:
        """A singer's packet; decoded at the next tick."""
        self._fed.append((seat, packet))

    # ------------------------------------------------------------------------------------ a tick

    def tick(self, now: Position) -> tuple[list[Outgoing], list[CameLate]]:
        """All that is due by `now`, in the order in which to send it: both halves, one after the other."""
        late = self.mix(now)
        return self.frames(), late

    def mix(self, now: Position) -> list[CameLate]:
        """The first half: what has come is decoded, summed and read."""
        self._catch_up(now)
        self._take_in(*self._shape, now)
        for together in self._orders():
            self._decode(list(together.values()))
        self._read_due(now)
        late, self._late = self._late, []
        return late

    def frames(self) -> list[Outgoing]:
        """The second half: what was read is encoded, and goes out."""
        blocks, self._blocks = self._blocks, []
        frames = iter(encode_many([(block.reader.encoder, frame) for block in blocks for frame in block.frames]))
        outgoing: list[Outgoing] = []
        for block in blocks:
            outgoing += self._packed(block, tuple(islice(frames, len(block.frames))))
        return outgoing

    def _decode(self, all_together: list[_Together]) -> None:
        """One round: decode, and put the sounds on the timeline; whose somebody has heard past is late."""
        jobs = [job for together in all_together for job in together.jobs]
        many = sum(len(frames) for _, frames, _ in jobs) >= _SPREAD_FROM
        sounds = decode_many(jobs, self._pool, threads=self._threads if many else 1)
        at = 0
        for together in all_together:
            frames = len(together.jobs) * together.frames
            missed = self._timeline.add_together(
                together.makers,
                together.position,
                sounds[at : at + frames].reshape(len(together.jobs), -1),
                row=together.row,
                gains=np.array([voice.gains for voice in together.voices], dtype=np.float32),
            )
            at += frames
            for seat, _ in together.makers:
                self._told(seat, missed)

    def _read_due(self, now: Position) -> None:
        """Read the blocks that must be encoded now."""
        stop = self._shape[1]
        for reader in self._readers:
            while reader.due <= now and not _past(reader, stop):
                if reader.row in self.empty_rows:
                    reader.rested = True
                    self._timeline.skip(reader.timeline_row, Position(reader.at + reader.block_samples))
                else:
                    self._wake(reader)
                    self._blocks.append(self._read(reader, stop))
                reader.at = Position(reader.at + reader.block_samples)

    @staticmethod
    def _wake(reader: _Reader) -> None:
        """Somebody came into an empty row: its stream begins anew there."""
        if reader.rested:
            reader.rested = False
            reader.epoch += 1
            reader.encoder.reset()
            reader.bundle.clear()
            reader.bundle_pcm.clear()

    def _take_in(self, seats: dict[int, tuple[int, int, float]], stop: Position | None, now: Position) -> None:
        while self._fed:
            seat, packet = self._fed.popleft()
            if seat not in seats:
                continue
            voice = self._voices.get(seat) or self._open(seat, *seats[seat])
            try:
                voice.inlet.take(packet, now=now)
            except PeerError:
                continue  # the room has refused what is hostile; this is a clock that wandered
        for voice in self._voices.values():
            if stop is not None:
                voice.inlet.end_at(stop)
            voice.inlet.tick(now=now)

    def _open(self, seat: int, row: int, hold_samples: int, pan: float) -> _Voice:
        left, right = pan_gains(pan)
        gains = (left * self._gain, right * self._gain)
        inlet = Inlet(hold_samples=hold_samples)
        voice = self._voices[seat] = _Voice(inlet=inlet, row=row, gains=gains)
        return voice

    def _orders(self) -> list[_Round]:
        """What the inlets say; what needs no decoder is done at once. Who is heard by nobody begins anew later."""
        rounds: list[_Round] = []
        listening = [reader.timeline_row for reader in self._readers if reader.row not in self.empty_rows]
        last_heard = max(listening, default=0) - 1
        for seat, voice in self._voices.items():
            turn = 0
            for order in voice.inlet.drain():
                match order:
                    case Decode() | Conceal() if voice.row > last_heard:
                        voice.anew = True
                    case Decode() if order.codec is _PCM:
                        self._add(seat, voice, order)
                    case Decode() | Conceal():
                        if turn == len(rounds):
                            rounds.append({})
                        _join(rounds[turn], seat, voice, order)
                        turn += 1
                    case Reset():
                        voice.anew = True
                    case Late():
                        self._late.append(CameLate(seat=seat, late_samples=order.late_samples))
                    case _:
                        pass  # Ask: the recording is repaired after the song (core/gathering.py)
        return rounds

    def _add(self, seat: int, voice: _Voice, order: Decode) -> None:
        """What is no Opus."""
        left, right = voice.gains
        for index, frame in enumerate(order.frames):
            position = Position(order.position + index * FRAME_SAMPLES)
            key, sound = FrameKey(seat=seat, epoch=order.epoch, position=position), sound_of(frame, stereo=order.stereo)
            self._told(seat, self._timeline.add(key, sound, row=voice.row, left_gain=left, right_gain=right))

    def _told(self, seat: int, missed: Missed) -> None:
        """Half a frame that somebody has missed is worth telling."""
        if missed.worst_samples >= FRAME_SAMPLES // 2:
            self._late.append(CameLate(seat=seat, late_samples=missed.worst_samples))

    def _catch_up(self, now: Position) -> None:
        """After a long stall rows go on from now, in a new epoch; so does the tape, before voices are laid on it."""
        stop = self._shape[1]
        for reader in self._readers:
            behind = now - reader.due
            if behind > _BEHIND_SAMPLES_MAX and not _past(reader, stop):
                blocks = min(behind // self.packet_samples * self.packet_samples, reader.left_samples(stop))
                reader.at = Position(reader.at + int(blocks))
                reader.epoch += 1
                reader.encoder.reset()
                self._timeline.skip(reader.timeline_row, reader.at)

    def _read(self, reader: _Reader, stop: Position | None) -> _Block:
        """The reader's next block."""
        span = Span(start=reader.at, stop=Position(reader.at + reader.block_samples))
        sound = reader.limiter.process(self._timeline.read(reader.timeline_row, span))
        frames = tuple(sound[at : at + FRAME_SAMPLES] for at in range(0, reader.block_samples, FRAME_SAMPLES))
        return _Block(reader=reader, at=reader.at, frames=frames, last=reader.ends(stop))

    def _packed(self, block: _Block, coded: tuple[bytes, ...]) -> list[Outgoing]:
        """What leaves now that this block is encoded: whole packets."""
        reader = block.reader
        level = wire_level(block.frames[0] @ _MIDDLE)
        reader.bundle.append(_packet(reader, coded, level, Codec.OPUS, block.at - reader.encoder.lookahead_samples))
        if reader.row in self.pcm_rows:
            plain = tuple(frame_of(frame) for frame in block.frames)
            reader.bundle_pcm.append(_packet(reader, plain, level, Codec.PCM, block.at))
        full = sum(len(packet.frames) for packet in reader.bundle) >= reader.frames_a_packet
        return _bundle(reader) if full or block.last else []


def _join(round_: _Round, seat: int, voice: _Voice, order: Decode | Conceal) -> None:
    """Put what a voice has to say next beside those of its row that begin with it."""
    frames = order.frames if isinstance(order, Decode) else (None,)
    key = (voice.row, order.position, len(frames))
    together = round_.get(key)
    if together is None:
        together = round_[key] = _Together(row=voice.row, position=order.position, frames=len(frames))
    together.voices.append(voice)
    together.makers.append((seat, order.epoch))
    together.jobs.append((voice.decoder, frames, voice.anew))
    voice.anew = False


def _past(reader: _Reader, stop: Position | None) -> bool:
    """Whether the row has been sent all up to the stop, and the frame more that the encoder still holds."""
    return stop is not None and reader.at >= stop + FRAME_SAMPLES


def _packet(reader: _Reader, frames: tuple[bytes, ...], level: int, codec: Codec, position: int) -> Packet:
    return Packet(
        kind=Kind.MIX,
        seat=0,
        epoch=reader.epoch,
        position=Position(max(0, position)),
        frames=frames,
        level=level,
        codec=codec,
        stereo=True,
    )


def _bundle(reader: _Reader) -> list[Outgoing]:
    """What was gathered for one packet; more where it was not one after the other."""
    position = reader.bundle[0].position
    opus = [pack(packet) for packet in bundled(reader.bundle)]
    pcm = [pack(packet) for packet in bundled(reader.bundle_pcm)]
    reader.bundle.clear()
    reader.bundle_pcm.clear()
    rest: list[bytes | None] = [*pcm, *[None] * len(opus)]
    return [
        Outgoing(row=reader.row, position=position, opus=wire, pcm=other)
        for wire, other in zip(opus, rest, strict=False)
    ]
