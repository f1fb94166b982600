"""A line that stood still: what is heard of it afterwards is of now, and nothing that was said is missing."""

from __future__ import annotations

import asyncio

from tests.unit.test_socket import Line
from unisono.core.wire import Kind, Packet, pack, stop_of
from unisono.live.frames import framed_packet
from unisono.live.pulse import Pulse, anchor_now
from unisono.live.session import SOUND_BYTES_MAX, Session
from unisono.live.socket import Socket
from unisono.units import FRAME_SAMPLES, Position

SOUND_BYTES = 300


class Still(Pulse):
    """A clock that stands where it is put."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        super().__init__(anchor_now())
        self.at = 0

    def now(self) -> Position:
        return Position(self.at)


def sound(position: int) -> bytes:
    return pack(Packet(kind=Kind.MIX, seat=0, epoch=0, position=Position(position), frames=(b"\1" * SOUND_BYTES,)))


def after_a_stall(frames: int, *, delay_samples: int, stall_samples: int) -> tuple[list[int], int]:
    """(positions of the sound that goes out, messages that do) when a line comes back that took nothing meanwhile."""

    async def stall() -> bytes:
        line, pulse = Line(), Still()
        session = Session(Socket(line, message_bytes_max=1000, heartbeat_seconds=20, stuck_seconds=30), number=1)
        reading = asyncio.create_task(session.read(pulse, lambda _: None, lambda *_: None))
        await asyncio.sleep(0)
        session._socket.pause_writing()
        for index in range(frames):
            packet = sound(index * FRAME_SAMPLES)
            session.send(framed_packet(packet), stop_of(packet) + delay_samples)
            session.send_text(f'{{"levels": {index}}}')
        session.flush()
        assert line.written == b"", "a stuck line takes nothing"
        pulse.at = stall_samples
        session._socket.resume_writing()
        session._socket.abort()
        reading.cancel()
        return line.written

    written = asyncio.run(stall())
    positions = [index * FRAME_SAMPLES for index in range(frames) if sound(index * FRAME_SAMPLES) in written]
    return positions, sum(f'{{"levels": {index}}}'.encode() in written for index in range(frames))


def test_sound_that_is_over_leaves_the_queue_and_messages_stay() -> None:
    delay = 20 * FRAME_SAMPLES
    positions, messages = after_a_stall(100, delay_samples=delay, stall_samples=100 * FRAME_SAMPLES)
    assert positions == [index * FRAME_SAMPLES for index in range(80, 100)]
    assert messages == 100


def test_after_a_short_stall_everything_is_still_in_time() -> None:
    positions, messages = after_a_stall(20, delay_samples=30 * FRAME_SAMPLES, stall_samples=20 * FRAME_SAMPLES)
    assert len(positions) == messages == 20


def test_however_far_behind_a_page_hears_no_more_than_so_much_waits() -> None:
    frames = SOUND_BYTES_MAX // SOUND_BYTES * 2
    positions, messages = after_a_stall(frames, delay_samples=10**9, stall_samples=0)
    assert SOUND_BYTES_MAX // 3 < len(positions) * SOUND_BYTES <= SOUND_BYTES_MAX + 20 * SOUND_BYTES
    assert positions[-1] == (frames - 1) * FRAME_SAMPLES, "the newest stays"
    assert messages == frames
