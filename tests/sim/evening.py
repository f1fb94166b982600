"""An evening in some weather: people come, their pages find out about their ways, a song is sung; what came of it.

Breaks are the measure of what is heard: a stretch of more than 20 ms in which, at some ear, a voice that sings is
missing or invented (or the ear itself jumped), stretches of several voices at once counted once; per minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tests.sim.house import House
from tests.sim.line import Weather
from tests.sim.page import Page
from tests.sim.pageparts import Tapes
from tests.sim.tones import WINDOW_SAMPLES, Tone, fit, stretches
from tests.sim.world import World
from unisono.core.rows import Seating, hears
from unisono.core.song import SongRun
from unisono.core.wire import Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, ms_of_samples

BEFORE_MS = 20_000.0
"""From the first to the song: pages measure their ways meanwhile."""
BREAK_WINDOWS = 5
"""Of 5 ms: four may be missing, which is one frame."""
_SETTLE_SAMPLES = SAMPLE_RATE
_END_MS_MAX = 400_000.0
_PRESS_AGAIN_MS, _PRESSES_MAX = 3_000.0, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one song was like."""

    seating: Seating
    seconds: float
    breaks_per_minute: tuple[float, ...]
    """Of every ear that hears somebody, by row, listeners last."""
    missing: tuple[NDArray[np.bool_], ...]
    """Of every such ear: in which windows of 5 ms somebody is missing, from a second after the start on."""
    error_ms: NDArray[np.float64]
    """Of every frame in every stem."""
    lost_ms: float
    """Sung, and not in any stem when the song was complete."""
    unsung_ms: float
    """Never sung, for a page's ear jumped over it."""
    hop_ms: NDArray[np.float64]
    complete_after_s: float
    jumps: int
    reconnections: int
    repaired_frames: int

    @property
    def missing_share(self) -> tuple[float, ...]:
        """Of every such ear."""
        return tuple(float(missing.mean()) for missing in self.missing)

    @property
    def worst_breaks(self) -> float:
        """At the worst ear."""
        return max(self.breaks_per_minute)

    @property
    def delays_ms(self) -> tuple[float, ...]:
        """How far behind each row heard, and listeners."""
        delays = (*self.seating.delays_samples, self.seating.listener_delay_samples)
        return tuple(round(ms_of_samples(delay), 1) for delay in delays)


class Evening:
    """A host who leads, some singers and a listener, all in weathers of their own, each from the seed."""

    def __init__(self, weathers: list[Weather], *, seed: int) -> None:
        """One weather for the host, one for each singer, the last one for the listener."""
        self.world = World()
        self.house = House(self.world)
        self.pages: list[Page] = []
        for voice, weather in enumerate(weathers):
            role = "host" if voice == 0 else "listener" if voice == len(weathers) - 1 else "performer"
            attend = self.house.welcome(role)  # type: ignore[arg-type]
            page = Page(self.world, attend, voice=voice, role=role, weather=weather, seed=seed * 1000 + voice)  # type: ignore[arg-type]
            self.world.at(100.0 * voice, page.come)
            self.pages.append(page)

    @property
    def singers(self) -> list[Page]:
        """All who sing."""
        return self.pages[:-1]

    def wait(self, ms: float) -> None:
        """Let time pass."""
        self.world.run(self.world.now_ms + ms)

    def sing(self, seconds: float) -> Outcome:
        """One song of about so long, to its last stem."""
        host = self.pages[0]
        before = self.house.room.singing.song
        self._insist(host.start, lambda: self.house.room.singing.song is not before)
        self.world.run(self.world.now_ms + 30_000, unless=lambda: self._state() == "singing")
        song = self.song
        for page in self.pages:
            page.tapes = Tapes(start=song.start, samples=round((seconds + 30) * SAMPLE_RATE))
        self.wait(seconds * 1000)
        self._insist(host.stop, lambda: song.stop is not None)
        self.world.run(self.world.now_ms + _END_MS_MAX, unless=lambda: song.performance in self.house.completed)
        return self._outcome(song)

    def _insist(self, press: Callable[[], None], done: Callable[[], bool]) -> None:
        """As a person does whose page seems not to have heard: press again. What went into a dead line is lost."""
        for _ in range(_PRESSES_MAX):
            press()
            self.world.run(self.world.now_ms + _PRESS_AGAIN_MS, unless=done)
            if done():
                return
        raise AssertionError("the room never heard of it")

    def _state(self) -> str | None:
        song = self.house.room.singing.song
        return song.state if song else None

    @property
    def song(self) -> SongRun:
        """The song of now."""
        song = self.house.room.singing.song
        assert song is not None
        return song

    def _outcome(self, song: SongRun) -> Outcome:
        assert song.stop is not None
        heard = [(page, row) for page, row in self._ears(song)]
        listened = [self._heard(song, page, row) for page, row in heard]
        stems = [self._stem(song, page) for page in self.singers]
        return Outcome(
            seating=song.seating,
            seconds=(song.stop - song.start) / SAMPLE_RATE,
            breaks_per_minute=tuple(breaks for breaks, _ in listened),
            missing=tuple(missing for _, missing in listened),
            error_ms=np.concatenate([errors for errors, _, _ in stems]),
            lost_ms=sum(lost for _, lost, _ in stems),
            unsung_ms=sum(unsung for _, _, unsung in stems),
            hop_ms=self._hops(song),
            complete_after_s=(self.house.now - song.stop) / SAMPLE_RATE,
            jumps=sum(page.ear.epoch for page in self.pages),
            reconnections=sum(page.breaks for page in self.pages),
            repaired_frames=sum(page.repair_frames for page in self.pages),
        )

    def _ears(self, song: SongRun) -> list[tuple[Page, int | None]]:
        """Every page that hears somebody, with its row, in the order of rows, listeners last."""
        found = [(page, song.seating.row_of(page.seat)) for page in self.pages]
        return sorted((ear for ear in found if ear[1] != 0), key=lambda ear: 99 if ear[1] is None else ear[1])

    def _heard(self, song: SongRun, page: Page, row: int | None) -> tuple[float, NDArray[np.bool_]]:
        """(breaks a minute, windows in which somebody is missing) at one ear."""
        assert song.stop is not None
        assert page.tapes is not None
        by_seat = {other.seat: other.voice for other in self.singers}
        tones = [Tone(number=by_seat[seat]) for seat in hears(song.seating, row)]
        first = _SETTLE_SAMPLES
        sound = page.tapes.heard[first : song.stop - song.start]
        missing = np.asarray(~fit(sound, tones, position=song.start + first).heard.all(axis=1), np.bool_)
        minutes = len(missing) * WINDOW_SAMPLES / SAMPLE_RATE / 60
        jumps = sum(1 for a, b in pairwise(page.ear.record) if a[2] != b[2] and song.start < b[1] < song.stop)
        breaks = int(np.sum(stretches(missing) >= BREAK_WINDOWS)) + jumps
        return breaks / minutes, missing

    def _stem(self, song: SongRun, page: Page) -> tuple[NDArray[np.float64], float, float]:
        """(errors of all frames, ms sung and not written, ms never sung) of one seat."""
        assert song.stop is not None
        samples = song.stop - song.start
        written, sung = np.zeros(samples, dtype=np.bool_), np.zeros(samples, dtype=np.bool_)
        for packets, marked in ((self.house.stems.get(page.seat, []), written), (page.sung, sung)):
            for packet in packets:
                at = packet.position - song.start
                marked[max(0, at) : max(0, at + FRAME_SAMPLES)] = True
        lost_ms = ms_of_samples(int(np.sum(sung & ~written)))
        errors = _errors_ms(self.house.stems.get(page.seat, []), Tone(number=page.voice))
        return errors, lost_ms, ms_of_samples(int(np.sum(~sung)))

    def _hops(self, song: SongRun) -> NDArray[np.float64]:
        """From the ears of one row to the ears of the next, every half second, in ms."""
        assert song.stop is not None
        rows: dict[int, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {}
        for page in self.pages:
            row = song.seating.row_of(page.seat)
            if row is not None:
                record = np.array([(position, ms) for ms, position, _ in page.ear.record])
                rows.setdefault(row, []).append((record[:, 0], record[:, 1]))
        at = np.arange(song.start + SAMPLE_RATE, song.stop, SAMPLE_RATE // 2)
        when = {row: [np.interp(at, *_rising(*record)) for record in records] for row, records in rows.items()}
        hops = [after - before for row in when if row > 0 for before in when[row - 1] for after in when[row]]
        return np.concatenate(hops) if hops else np.zeros(0)


def _rising(positions: NDArray[np.float64], ms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where an ear jumped back, what it heard first does not count."""
    order = np.argsort(positions, kind="stable")
    return positions[order], ms[order]


def _errors_ms(stem: list[Packet], tone: Tone) -> NDArray[np.float64]:
    """How far each frame of a stem is from the position on its stamp, in ms, by its sound."""
    errors = []
    for packet in stem:
        sound = np.frombuffer(b"".join(packet.frames), dtype="<i2").astype(np.float32) / np.float32(32768)
        found = fit(sound, [tone], position=packet.position).error_ms[:, 0]
        errors.append(found[~np.isnan(found)])
    return np.concatenate(errors) if errors else np.zeros(0)
