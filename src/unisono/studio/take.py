"""Take: any recording decoded to sound on its container's own axis, with the facts that a film needs of its picture.

Sample 0 is the container's presentation time 0. Sound stands where its timestamps say: what starts late stays late,
gaps are silence, edit lists are respected, and what an encoder added in front is taken off (`delays.py`). Takes come
from strangers: outside of tests and benches they are decoded by `confined.py`, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from msgspec import Struct

from unisono.errors import TakeEmpty, TakeTooCostly, TakeUnreadable
from unisono.studio.aac import core_rate_hz
from unisono.studio.boxes import edited_tracks
from unisono.studio.delays import Origin, late_samples, mpeg_layer, picture_moves_s, swallowed_samples
from unisono.studio.foreign import best_picture, best_sound, in_words, opened, presentation_zero_s, writer
from unisono.studio.hearing import Hearing, Sounding, Tape
from unisono.studio.picture import Picture, Watching
from unisono.units import SAMPLE_RATE, Audio

__all__ = ["SECONDS_MAX", "Picture", "Sounding", "Take", "TakeFacts", "read", "read_into"]

SECONDS_MAX: Final = 3600.0
"""A take may be this long: longer than any song, shorter than a recorder that somebody forgot."""

_CUT_OFF_S: Final = 0.5
_CLOCK_SAMPLES: Final = SAMPLE_RATE // 50


class TakeFacts(Struct, frozen=True, kw_only=True):
    """Everything known of a take but its sound. `container` is FFmpeg's name, `writer` who says to have made the file.

    samples: from sample 0 to the end of the sound. Notes are codes: `no_sound`, `no_picture`, `several_sounds` only one
    of several streams of sound was taken, `late_sound` starts later than the picture, `gaps`, `cut_off` the file ends
    before its time, `broken` parts of it could not be read, `clock` timestamps and samples run apart.
    """

    container: str
    writer: str
    samples: int
    sound: Sounding | None
    picture: Picture | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A decoded recording. `sound` is float32, shape (samples, 1 or 2), at units.SAMPLE_RATE, full scale +-1."""

    sound: Audio
    facts: TakeFacts


def read(path: Path, *, seconds_max: float = SECONDS_MAX) -> Take:
    """Decode a recording into memory, in this process. Raises TakeUnreadable, TakeEmpty, TakeTooLong, OSError..."""
    blocks: list[Audio] = []
    with path.open("rb") as file:
        facts = read_into(file, blocks.append, seconds_max=seconds_max)
    return Take(sound=np.concatenate(blocks) if blocks else np.zeros((0, 1), dtype=np.float32), facts=facts)


def read_into(
    file: BinaryIO,
    write: Callable[[Audio], None],
    *,
    seconds_max: float = SECONDS_MAX,
    on_progress: Callable[[float], None] | None = None,
) -> TakeFacts:
    """Decode a recording block by block; `write` is given its sound in order from sample 0 on.

    Memory does not grow with the length of the recording. on_progress: hears the share read, 0..1. Raises
    TakeUnreadable, TakeEmpty, TakeTooLong, TakeTooLarge, TakeTooCostly.
    """
    size = max(1, file.seek(0, SEEK_END))
    file.seek(0)
    with opened(file) as container:
        reading = _Reading(container, file, Tape(write, most=round(seconds_max * SAMPLE_RATE)))
        try:
            for packet in container.demux(*reading.streams):
                reading.feed(packet)
                if on_progress is not None:
                    on_progress(min(1.0, file.tell() / size))
        except (MemoryError, av.MemoryError) as error:
            raise TakeTooCostly(what="memory") from error
        except (av.FFmpegError, ValueError) as error:
            reading.broken = in_words(error)
        return reading.facts()


class _Reading:
    """One recording as it is read: its packets in, its facts out."""

    def __init__(self, container: InputContainer, file: BinaryIO, tape: Tape) -> None:
        self.broken = ""
        self._container = container
        self._file = file
        self._tape = tape
        self._zero_s = presentation_zero_s(container)
        self._sound = best_sound(container)
        picture = best_picture(container)
        self._picture = picture
        self._watching = None if picture is None else Watching(picture)
        self._origin: Origin | None = None
        self._hearing: Hearing | None = None
        self._late_s = 0.0
        self.streams = [stream for stream in (self._sound, picture) if stream is not None]
        if not self.streams:
            raise TakeEmpty

    def feed(self, packet: av.Packet[Any]) -> None:
        """One packet of sound or picture; the last one of each is empty."""
        if packet.stream is self._sound:
            self._hear(packet, self._sound)
        elif self._watching is not None:
            self._watching.feed(packet)

    def _hear(self, packet: av.Packet[AudioStream], stream: AudioStream) -> None:
        if self._origin is None:
            self._origin = self._says(packet, stream)
        try:
            frames = packet.decode()
        except (MemoryError, av.MemoryError):
            raise
        except (av.FFmpegError, ValueError) as error:
            self.broken = in_words(error)
            return
        for frame in frames:
            if self._hearing is None:
                self._hearing = self._first_sound(frame, stream, self._origin)
            self._hearing.feed(frame)

    def _says(self, packet: av.Packet[AudioStream], stream: AudioStream) -> Origin:
        """What the file and its first packet say: what is skipped, and what is not said."""
        codec = stream.codec_context.codec.canonical_name
        first = bytes(packet)
        setup = stream.codec_context.extradata
        return Origin(
            codec=mpeg_layer(first) if codec in {"mp1", "mp2", "mp3"} else codec,
            rate_hz=stream.rate or SAMPLE_RATE,
            writer=writer(self._container),
            told_samples=self._told_samples(packet, stream),
            core_rate_hz=core_rate_hz(setup or b"", first) if codec == "aac" else 0,
        )

    def _first_sound(self, frame: av.AudioFrame, stream: AudioStream, says: Origin) -> Hearing:
        """Where the sound begins is known with its first frame, which tells at what rate it comes out."""
        rate_hz = frame.sample_rate or says.rate_hz
        origin = replace(says, rate_hz=rate_hz)
        self._late_s = late_samples(origin) / rate_hz
        return Hearing(
            self._tape,
            zero_s=self._zero_s,
            tick_s=float(stream.time_base or 0),
            late_s=self._late_s,
            begins_s=swallowed_samples(origin) / rate_hz,
        )

    def _told_samples(self, packet: av.Packet[AudioStream], stream: AudioStream) -> int | None:
        """How many samples the file says to skip at the start; None if it says nothing."""
        if packet.has_sidedata("skip_samples"):
            return int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
        if packet.is_discard or (packet.pts or 0) < 0:
            return 0
        has_boxes = "mov" in self._container.format.name.split(",")
        return 0 if has_boxes and stream.id in edited_tracks(self._file) else None

    def facts(self) -> TakeFacts:
        """Everything, when the last packet is in. Raises TakeUnreadable if there was nothing in them."""
        if self._hearing is not None:
            self._hearing.end()
        sound = self._sound_facts()
        picture = None if self._watching is None else self._watching.facts(self._picture_zero_s())
        if sound is None and picture is None:
            raise TakeUnreadable(reason=self.broken) if self.broken else TakeEmpty()
        return TakeFacts(
            container=self._container.format.name,
            writer=writer(self._container),
            samples=self._tape.position,
            sound=sound,
            picture=picture,
            notes=tuple(code for code, holds in self._notes(sound, picture).items() if holds),
        )

    def _picture_zero_s(self) -> float:
        """Which of the picture's timestamps is the take's 0."""
        hearing, watching = self._hearing, self._watching
        begins_s = None if watching is None else watching.begins_s
        if hearing is None or hearing.first_s is None or watching is None or begins_s is None:
            return self._zero_s
        late_s = begins_s - hearing.first_s
        return self._zero_s + picture_moves_s(late_s=self._late_s, picture_late_s=late_s, tick_s=watching.tick_s)

    def _sound_facts(self) -> Sounding | None:
        if self._sound is None or self._hearing is None or self._tape.start is None:
            return None
        return Sounding(
            codec=self._sound.codec_context.name,
            rate_hz=self._sound.rate or SAMPLE_RATE,
            channels=self._sound.channels,
            start=self._tape.start,
            stop=self._tape.position,
            streams=len(self._container.streams.audio),
            delay_samples=self._late_s * SAMPLE_RATE,
            gaps=tuple(self._tape.gaps),
            clock_samples=round(self._hearing.clock_s * SAMPLE_RATE),
        )

    def _notes(self, sound: Sounding | None, picture: Picture | None) -> dict[str, bool]:
        """Which notes hold."""
        stop_s = max(self._tape.position / SAMPLE_RATE, 0.0 if picture is None else picture.last_s)
        promised_s = (self._container.duration or 0) / av.time_base
        return {
            "no_sound": sound is None,
            "no_picture": picture is None,
            "several_sounds": sound is not None and sound.streams > 1,
            "late_sound": sound is not None and picture is not None and sound.start / SAMPLE_RATE > picture.first_s,
            "gaps": sound is not None and bool(sound.gaps),
            "cut_off": stop_s < 0.9 * promised_s - _CUT_OFF_S,
            "broken": bool(self.broken) or (self._watching is not None and self._watching.broken),
            "clock": sound is not None and abs(sound.clock_samples) > _CLOCK_SAMPLES,
        }
