"""One person's page in the simulation, after web/static/engine: link.worker.js, socket.js, delivery.js and their parts.

What is real: every packet and message goes through core/wire.py and core/messages.py, over a simulated line. What is
modelled: the page's own modules, in Python; the sound card is exact, with a round trip of its own.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable

import numpy as np

from tests.sim.line import Data, Line, Place, Weather, open_line
from tests.sim.pageclock import PageClock
from tests.sim.pageparts import EAR_BLOCK_MS, Ear, Outbox, Stamper, Tapes
from tests.sim.secondline import SecondLine, Unanswered
from tests.sim.tones import Tone
from tests.sim.world import World
from unisono.client.sights import ROUGH_MS, Probing, Sights
from unisono.core import messages as say
from unisono.core.lateness import OUTAGE_SAMPLES, STALL_SAMPLES, wait_for_sum, without_lone_stall
from unisono.core.wire import Echo, Packet, Probe, pack, unpack
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position, ms_of_samples, samples_of_ms

PER_MS = SAMPLE_RATE / 1000
DEVICE_MS = 40.0
"""The card's round trip, a multiple of the ear's block."""
WORK_MS_MAX = 10.0
"""How long the page's worker takes to notice what is there."""
LAGS, LAGS_MIN = 500, 30
ENCODE_MS, DECODE_MS, EAR_MS, SONG_MS = 5.0, 3.0, 10.0, 15.0
TALK_DELAY_SAMPLES = 6000

PROBE_AT_FIRST_MS = 120.0
LINK_MS = 2000.0
REPAIR_MS, AIM_MS = 50.0, 100.0
REPAIRS_IN_SONG, REPAIRS_BETWEEN_SONGS = 1, 10
"""In bursts, repair holds up the live frames behind it: ten at once every quarter of a second are heard."""
LIVE_BYTES_MAX = 24_000
STALL_MS = ms_of_samples(OUTAGE_SAMPLES)
STILL_MS = 300.0
"""While an echo is missing for so long, repair would only queue up in front of live sound."""
LONE_STALL_MS = ms_of_samples(STALL_SAMPLES)
SILENT_MS_MAX = 8000.0
"""A line that says nothing for so long is given up."""
RETRY_MS = (200.0, 400.0, 800.0, 1600.0, 3000.0)
LEAD_IN_SAMPLES = 2 * FRAME_SAMPLES - 1


class Page:
    """A page on its way through an evening."""

    def __init__(
        self,
        world: World,
        attend: Callable[[Line], None],
        *,
        voice: int,
        role: say.Role,
        weather: Weather,
        seed: int,
    ) -> None:
        self._world, self._attend = world, attend
        self.chance = random.Random(seed)
        self.place = Place(weather, self.chance)
        self.role: say.Role = role
        self.voice = voice
        self.clock, self.ways, self.ear = PageClock(), Sights(), Ear()
        self.stamper = Stamper(Tone(number=voice))
        self.outbox = Outbox()
        self.song: say.SongChanged | say.Song | None = None
        self.seat = 0
        self.key: str | None = None
        self.line: Line | None = None
        self.tapes: Tapes | None = None
        self.sung: list[Packet] = []
        self.late_said = self.breaks = self.live_frames = self.repair_frames = 0
        self._offset_ms = self.chance.uniform(0, 1e6)
        self._drift = 1 + self.chance.uniform(-50e-6, 50e-6)
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._heard_ms = 0.0
        self._tries = 0
        self._said_sent = False
        self._knocking: Callable[[], None] | None = None
        self._probing = Probing(at_first_ms=PROBE_AT_FIRST_MS)
        self._unanswered = Unanswered()
        self._second = SecondLine(world, self.place, attend, self._heard, self._echo)
        for moment in weather.moves_ms:
            world.at(moment, self.place.move)

    # ------------------------------------------------------------------------------------ life

    def come(self) -> None:
        """Open the page."""
        self._open()
        self._world.every(EAR_BLOCK_MS, self._block)
        self._world.every(AIM_MS, self._aim)
        self._world.every(REPAIR_MS, self._repair)
        self._world.every(LINK_MS, self._tell_link)
        self._world.every(500.0, self._watch)

    @property
    def now_ms(self) -> float:
        """This page's own clock."""
        return self._local(self._world.now_ms)

    def _local(self, ms: float) -> float:
        return self._offset_ms + ms * self._drift

    def _open(self) -> None:
        self._heard_ms = self.now_ms
        self._knocking = open_line(self._world, self.place, self._opened)

    def _opened(self) -> None:
        line = self.line = Line(self._world, self.place, self.chance.randrange(10**9))
        line.to_page = lambda data: self._receive(data) if self.line is line else None
        self._attend(line)
        self._say(self._hello(spare=False))
        self._heard_ms = self.now_ms
        self._probing = Probing(at_first_ms=PROBE_AT_FIRST_MS)
        self._probe(line)

    def _hello(self, *, spare: bool) -> say.Hello:
        name = f"Voice {self.voice}"
        return say.Hello(version=1, token="t", decodes="pcm", key=self.key, name=name, watch=False, spare=spare)

    def _watch(self) -> None:
        """A line that has died in silence is opened anew."""
        silent_ms = self.now_ms - self._heard_ms
        if silent_ms < SILENT_MS_MAX * (1 if self.line else 2):
            return
        self._lose()

    def _lose(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None
            self.breaks += 1
        if self._knocking is not None:
            self._knocking()
        self.ways.lost()
        self._second.close()
        self._unanswered = Unanswered()
        self._heard_ms = self.now_ms
        wait_ms = RETRY_MS[min(self._tries, len(RETRY_MS) - 1)] * self.chance.uniform(0.7, 1.3)
        self._tries += 1
        self._world.at(self._world.now_ms + wait_ms, self._open)

    # ------------------------------------------------------------------------------------ talk with the room

    def _say(self, message: say.FromPage) -> None:
        if self.line is not None:
            self.line.send_up(say.encode(message))

    def _receive(self, data: Data) -> None:
        self._heard_ms = self.now_ms
        if isinstance(data, str):
            self._take(say.decode_from_room(data))
            return
        packet = unpack(data)
        if isinstance(packet, Echo):
            self._unanswered.echoed(packet.sent_ms)
            self._echo(packet)
        elif isinstance(packet, Packet):
            self._heard(packet)

    def _echo(self, echo: Echo) -> None:
        """By either line: the first one tells."""
        if self.ways.awaits(echo.sent_ms):
            self.clock.add(echo.sent_ms, self.now_ms, echo.position)
            self.ways.echoed(echo.sent_ms, self.now_ms, echo.position)
            self._second.took("echo", self.now_ms - echo.sent_ms, self.now_ms)

    def _heard(self, packet: Packet) -> None:
        """By either line: the first one counts."""
        if self._second.again(packet):
            return
        if self.clock.ready:
            late_ms = (self.clock.at(self.now_ms) - packet.position) / PER_MS
            self._second.took(packet.kind.name, late_ms, self.now_ms)
        if self.tapes is not None:
            ear_at = self.ear.heard_at(self._world.now_ms)
            for position, frame in packet.positioned_frames():
                self.tapes.write(packet.kind, position, _sound(frame, stereo=packet.stereo), ear_at)

    def _take(self, message: say.FromRoom) -> None:
        match message:
            case say.Welcome():
                self._welcomed(message)
            case say.SongChanged():
                self._sing_of(message)
            case say.Written():
                self.outbox.written(message.epoch, message.spans)
            case say.Missing():
                self.outbox.missing(message.spans)
            case say.Late():
                self.late_said += 1
                self._second.stumbles.stumbled(self.now_ms)
            case _:
                pass

    def _welcomed(self, message: say.Welcome) -> None:
        self.seat, self.key = message.seat, message.key or self.key
        self._tries = 0
        if self.role != "listener":
            samples = samples_of_ms(DEVICE_MS)
            self._say(say.Check(method="acoustic", output="headphones", round_trip_samples=samples, spread_samples=5.0))
        self.outbox.lost()
        if message.song is not None:
            self._sing_of(message.song)
        if self._said_sent:
            self._say_sent()

    def _sing_of(self, song: say.SongChanged | say.Song) -> None:
        new = self.song is None or self.song.performance != song.performance
        self.song = song
        self._second.stumbles.forget()
        if new:
            self.sung, self._said_sent = [], False

    @property
    def _sings(self) -> bool:
        """Whether a song is under way."""
        return self.song is not None and self.song.state in ("count_in", "singing", "ending")

    @property
    def delay_samples(self) -> int:
        """How far behind the room's clock this page hears."""
        song = self.song
        if song is None or not self._sings:
            return TALK_DELAY_SAMPLES
        row = next((number for number, row in enumerate(song.rows) if self.seat in row), None)
        return song.listener_delay_samples if row is None else song.delays_samples[row]

    # ------------------------------------------------------------------------------------ probes

    def _probe(self, line: Line) -> None:
        """One more on this line, and when the next one goes."""
        if self.line is not line:
            return
        telling, wait_ms = self._probing.next(sings=self.role != "listener", rough=self.ways.rough)
        if self.key is not None:
            self._second.mind(self._hello(spare=True), self.ways, self.now_ms, self.chance)
        self.ways.probed(self.now_ms, telling=telling)
        line.send_up(pack(Probe(sent_ms=self.now_ms)))
        self._unanswered.sent(self.now_ms)
        self._second.probe(self.now_ms)
        self._world.at(self._world.now_ms + wait_ms, lambda: self._probe(line))

    def _tell_link(self) -> None:
        if not len(self.ways) or not self.seat:
            return
        at = self.clock.at
        lags = without_lone_stall(list(self._lags), stall=LONE_STALL_MS) if len(self._lags) >= LAGS_MIN else []
        up_ms = (
            wait_for_sum(lags, self.ways.up_ms(at), rough=ROUGH_MS) + ENCODE_MS + SONG_MS
            if self.role != "listener"
            else math.nan
        )
        down_ms = wait_for_sum(self.ways.down_ms(at), [DECODE_MS], rough=ROUGH_MS) + EAR_MS + SONG_MS
        up, down = (0.0 if math.isnan(ms) else max(0.0, ms * PER_MS) for ms in (up_ms, down_ms))
        self._say(say.Link(up_samples=up, down_samples=down))

    # ------------------------------------------------------------------------------------ sound

    def _aim(self) -> None:
        if self.clock.ready:
            ms = self._world.now_ms
            per_ms = self.clock.per_ms * self._drift
            self.ear.aim(ms, self.clock.at(self._local(ms)) - self.delay_samples, per_ms)

    def _block(self) -> None:
        """A block of the ear, and what the microphone heard of an earlier one."""
        self.ear.play(self._world.now_ms)
        back = round(DEVICE_MS / EAR_BLOCK_MS) + 1
        if self.role == "listener" or len(self.ear.record) <= back:
            return
        _, position, epoch = self.ear.record[-1 - back]
        self.stamper.silent = not self._sings
        for packet in self.stamper.hear(position, epoch):
            work_ms = self.chance.uniform(0.0, WORK_MS_MAX)
            if epoch == self.ear.epoch and packet.epoch == self.stamper.epoch:
                self._lags.append((self.ear.heard_at(self._world.now_ms) - packet.position) / PER_MS + work_ms)
            self._world.at(self._world.now_ms + work_ms, lambda packet=packet: self._sang(packet))  # type: ignore[misc]

    def _sang(self, packet: Packet) -> None:
        song = self.song
        if song is None or not self._sings:
            return
        if packet.position + FRAME_SAMPLES <= song.start - LEAD_IN_SAMPLES:
            return
        if song.stop is not None and packet.position >= song.stop:
            self._finish()
            return
        self.sung.append(packet)
        first, second = self.flowing, bool(self.seat) and self._second.flows(self.now_ms)
        if first:
            assert self.line is not None
            self.line.send_up(pack(packet))
        if second:
            self._second.send(packet)
        flows = first or second
        self.live_frames += flows
        self.outbox.add(packet, self.now_ms if flows else math.nan)

    @property
    def flowing(self) -> bool:
        """Whether live sound may go out on the first line: it is there, and does not stand still."""
        line = self.line
        if line is None or not self.seat or line.buffered_bytes >= LIVE_BYTES_MAX:
            return False
        return self._unanswered.stalled_ms(self.now_ms) < STALL_MS

    def _repair(self) -> None:
        """What is due again, while nothing else waits."""
        if not self.flowing or self.line is None or self.line.buffered_bytes or not self.ways.calm:
            return
        if self._unanswered.stalled_ms(self.now_ms) >= STILL_MS:
            return
        at_once = REPAIRS_BETWEEN_SONGS if self._said_sent else REPAIRS_IN_SONG
        for packet in self.outbox.repairs(self.now_ms, at_once):
            self.repair_frames += 1
            self.line.send_up(pack(packet), stream=True)

    def _finish(self) -> None:
        if not self._said_sent:
            self._said_sent = True
            self._say_sent()

    def _say_sent(self) -> None:
        assert self.song is not None
        spans: dict[int, tuple[int, int]] = {}
        for packet in self.sung:
            start = spans[packet.epoch][0] if packet.epoch in spans else packet.position
            spans[packet.epoch] = start, packet.position + FRAME_SAMPLES
        for epoch, (start, stop) in spans.items():
            self._say(say.Sent(performance=self.song.performance, epoch=epoch, start=start, stop=stop))

    # ------------------------------------------------------------------------------------ what people do

    def start(self) -> None:
        """Begin a song."""
        self._say(say.Start())

    def stop(self) -> None:
        """End it where it is heard now."""
        self._say(say.Stop(position=Position(int(self.ear.heard_at(self._world.now_ms)))))


def _sound(frame: bytes, *, stereo: bool) -> Audio:
    """PCM as float32 (samples,); of stereo both sides summed."""
    sound = np.frombuffer(frame, dtype="<i2").astype(np.float32) / np.float32(32768)
    return sound.reshape(-1, 2).sum(axis=1) if stereo else sound
