"""Packets survive the way to bytes and back; bytes that are no packet are refused with MalformedPacket."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core.wire import (
    EPOCH_MAX,
    FRAME_BYTES_MAX,
    FRAMES_MAX,
    PACKET_BYTES_MAX,
    SOUND_KINDS,
    Codec,
    Echo,
    Kind,
    Packet,
    Probe,
    bundled,
    pack,
    restamped,
    unpack,
    unpack_from_page,
)
from unisono.errors import MalformedPacket
from unisono.units import FRAME_SAMPLES, POSITION_END, Position

SPEC: dict[str, Any] = json.loads((Path(__file__).parents[2] / "spec" / "wire.json").read_text())

LAST_POSITION = POSITION_END - FRAMES_MAX * FRAME_SAMPLES
OPUS_FRAMES = st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=FRAMES_MAX).map(tuple)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    pcm, stereo = draw(st.booleans()), draw(st.booleans())
    frames = draw(OPUS_FRAMES)
    if pcm:
        frames = tuple((frame * 3840)[: 3840 if stereo else 1920] for frame in frames)
    return Packet(
        kind=draw(st.sampled_from(sorted(SOUND_KINDS))),
        seat=draw(st.integers(0, 65_535)),
        epoch=draw(st.integers(0, EPOCH_MAX)),
        position=Position(draw(st.integers(0, LAST_POSITION))),
        frames=frames,
        level=draw(st.integers(0, 127)),
        codec=Codec.PCM if pcm else Codec.OPUS,
        stereo=stereo,
        repair=draw(st.booleans()),
        unsure=draw(st.booleans()),
    )


def voice(position: int, *, frames: int = 1, epoch: int = 0, level: int = 20) -> Packet:
    coded = tuple(bytes((position // FRAME_SAMPLES + index & 255,)) for index in range(frames))
    return Packet(kind=Kind.VOICE, seat=4, epoch=epoch, position=Position(position), frames=coded, level=level)


def from_spec(fields: dict[str, Any]) -> Packet:
    return Packet(
        kind=Kind[fields["kind"]],
        seat=fields["seat"],
        epoch=fields["epoch"],
        position=Position(fields["position"]),
        frames=tuple(bytes.fromhex(frame) for frame in fields["frames"]),
        level=fields["level"],
        codec=Codec.PCM if fields["pcm"] else Codec.OPUS,
        stereo=fields["stereo"],
        repair=fields["repair"],
        unsure=fields["unsure"],
    )


@pytest.mark.parametrize("vector", SPEC["packets"], ids=lambda vector: vector["name"])
def test_packets_are_laid_out_as_the_spec_says(vector: dict[str, Any]) -> None:
    assert pack(from_spec(vector)).hex() == vector["hex"]
    assert unpack(bytes.fromhex(vector["hex"])) == from_spec(vector)


@pytest.mark.parametrize("vector", SPEC["probes"], ids=lambda vector: str(vector["sent_ms"]))
def test_probes_are_laid_out_as_the_spec_says(vector: dict[str, Any]) -> None:
    probe = Probe(sent_ms=vector["sent_ms"])
    assert pack(probe).hex() == vector["hex"]
    assert unpack(bytes.fromhex(vector["hex"])) == probe


@pytest.mark.parametrize("vector", SPEC["echoes"], ids=lambda vector: str(vector["position"]))
def test_echoes_are_laid_out_as_the_spec_says(vector: dict[str, Any]) -> None:
    echo = Echo(sent_ms=vector["sent_ms"], position=vector["position"])
    assert pack(echo).hex() == vector["hex"]
    assert unpack(bytes.fromhex(vector["hex"])) == echo


@pytest.mark.parametrize("vector", SPEC["malformed"], ids=lambda vector: vector["name"])
def test_what_the_spec_calls_malformed_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(MalformedPacket):
        unpack(bytes.fromhex(vector["hex"]))


@given(packets())
def test_a_packet_comes_back_as_it_was_sent(packet: Packet) -> None:
    data = pack(packet)
    assert unpack(data) == packet
    assert len(data) <= PACKET_BYTES_MAX


@given(packets(), st.data())
def test_a_packet_cut_anywhere_is_refused(packet: Packet, data: st.DataObject) -> None:
    whole = pack(packet)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedPacket):
        unpack(whole[:cut])


@given(st.binary(max_size=300) | st.binary(min_size=16, max_size=64).map(lambda tail: b"\x01\x00" + tail))
def test_any_bytes_are_a_message_or_refused_kindly(data: bytes) -> None:
    try:
        message = unpack(data)
    except MalformedPacket:
        return
    assert unpack(pack(message)) == message


@given(packets(), st.integers(0, 65_535))
def test_forwarding_changes_kind_and_seat_and_nothing_else(packet: Packet, seat: int) -> None:
    forwarded = unpack(restamped(pack(packet), kind=Kind.LEADER, seat=seat))
    assert isinstance(forwarded, Packet)
    assert (forwarded.kind, forwarded.seat) == (Kind.LEADER, seat)
    assert (forwarded.epoch, forwarded.position, forwarded.frames) == (packet.epoch, packet.position, packet.frames)
    assert (forwarded.level, forwarded.codec, forwarded.stereo) == (packet.level, packet.codec, packet.stereo)


def test_a_page_may_send_voices_talk_and_probes_only() -> None:
    assert unpack_from_page(pack(voice(960))) == voice(960)
    assert unpack_from_page(pack(Probe(sent_ms=1.0))) == Probe(sent_ms=1.0)
    for kind in (Kind.LEADER, Kind.MIX, Kind.CHATTER):
        with pytest.raises(MalformedPacket):
            unpack_from_page(restamped(pack(voice(960)), kind=kind, seat=0))
    with pytest.raises(MalformedPacket):
        unpack_from_page(pack(Echo(sent_ms=0.0, position=0.0)))


def test_a_message_longer_than_any_packet_is_refused_unread() -> None:
    with pytest.raises(MalformedPacket):
        unpack(bytes((1,)) + bytes(PACKET_BYTES_MAX))
    biggest = Packet(
        kind=Kind.MIX, seat=0, epoch=0, position=Position(0), frames=(bytes(FRAME_BYTES_MAX),) * FRAMES_MAX
    )
    assert len(pack(biggest)) == PACKET_BYTES_MAX


@given(st.lists(st.integers(1, FRAMES_MAX), min_size=1, max_size=20))
def test_bundling_keeps_every_frame_where_it_was(sizes: list[int]) -> None:
    starts = [sum(sizes[:index]) * FRAME_SAMPLES for index in range(len(sizes))]
    sent = [voice(start, frames=frames) for start, frames in zip(starts, sizes, strict=True)]
    joined = bundled(sent)
    assert [item for packet in joined for item in packet.positioned_frames()] == [
        item for packet in sent for item in packet.positioned_frames()
    ]
    assert len(joined) <= len(sent)
    assert len(bundled([voice(i * FRAME_SAMPLES, level=i) for i in range(20)])) == 2


def test_bundling_never_bridges_a_gap_or_an_epoch() -> None:
    apart = [voice(0), voice(2 * FRAME_SAMPLES), voice(3 * FRAME_SAMPLES, epoch=1)]
    assert bundled(apart) == apart
