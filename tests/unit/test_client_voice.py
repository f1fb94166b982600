"""A voice on its way out and in again: stamps, jumps, what is kept, what is heard."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.client.device import CardSpec
from unisono.client.ear import Ear
from unisono.client.keep import Keep
from unisono.client.singing import Performer, echo, recording
from unisono.client.tape import Tape
from unisono.client.voice import Voice
from unisono.core.wire import Codec, Kind, Packet
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position

START = Position(3_000_000)


def noise(samples: int, seed: int = 1) -> Audio:
    """Noise below 4 kHz, RMS 0.1: what Opus keeps well."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    spectrum[samples * 4000 // SAMPLE_RATE :] = 0
    sound = np.fft.irfft(spectrum, samples)
    quiet: Audio = (0.1 * sound / sound.std()).astype(np.float32)
    return quiet


def lag_samples(heard: Audio, sung: Audio) -> int:
    """How far `heard` lags `sung`, from the peak of their cross-correlation; both float32 (n,)."""
    size = 2 * heard.size
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sung, size))
    lag = int(np.argmax(np.fft.irfft(product, size)))
    return lag if lag < heard.size else lag - size


def heard_from(packets: list[Packet], start: Position, stop: Position) -> Audio:
    """The packets as a listener's tape has them, mono."""
    ear = Ear()
    for packet in packets:
        ear.hear(
            Packet(
                kind=Kind.LEADER,
                seat=1,
                epoch=packet.epoch,
                position=packet.position,
                frames=packet.frames,
                codec=packet.codec,
            )
        )
    return ear.tape(Kind.LEADER).read(start, stop)[:, 0]


def packed(sound: Audio, *, codec: str = "opus", cut: int = 700) -> tuple[Voice, list[Packet]]:
    """`sound` sung from START to its end in pieces of `cut` samples."""
    stop = Position(START + sound.size)
    voice = Voice(seat=1, start=START, stop=stop, epoch=4, codec="pcm" if codec == "pcm" else "opus")
    packets = []
    for at in range(0, sound.size, cut):
        packets += voice.sing(Position(START + at), sound[at : at + cut])
    return voice, packets + voice.finish()


def test_a_voice_is_heard_at_the_positions_it_was_sung_at() -> None:
    sung = noise(SAMPLE_RATE)
    _, packets = packed(sung)
    heard = heard_from(packets, START, Position(START + sung.size))
    assert lag_samples(heard, sung) == 0
    assert 0.9 < np.std(heard[2000:]) / np.std(sung[2000:]) < 1.1


def test_a_voice_in_pcm_comes_back_to_the_last_bit() -> None:
    sung = noise(SAMPLE_RATE // 2)
    _, packets = packed(sung, codec="pcm")
    assert all(packet.codec is Codec.PCM for packet in packets)
    heard = heard_from(packets, START, Position(START + sung.size))
    assert np.abs(heard - sung).max() <= 0.5 / 32768 + 1e-7


@given(cut=st.integers(1, 5000))
@settings(max_examples=15, deadline=None)
def test_however_a_voice_is_cut_its_packets_are_the_same(cut: int) -> None:
    sung = noise(SAMPLE_RATE // 4)
    assert packed(sung, cut=cut)[1] == packed(sung, cut=FRAME_SAMPLES)[1]


def test_packets_cover_the_song_without_a_gap_and_say_so() -> None:
    voice, packets = packed(noise(10_000))
    (sent,) = voice.sent_epochs()
    assert sent.epoch == 4
    assert voice.next_epoch == 5
    assert sent.span.start == packets[0].position <= START
    assert sent.span.stop == packets[-1].span.stop >= START + 10_000
    for before, after in itertools.pairwise(packets):
        assert after.position == before.span.stop


def test_nothing_outside_the_song_is_sung() -> None:
    stop = Position(START + 4800)
    voice = Voice(seat=1, start=START, stop=stop, epoch=0, codec="pcm")
    packets = voice.sing(Position(START - 5000), np.full(20_000, 0.5, np.float32)) + voice.finish()
    heard = heard_from(packets, Position(START - 2000), Position(stop + 2000))
    assert not heard[:2000].any()
    assert heard[2000:6800].min() > 0.49
    assert not heard[6800:].any()
    assert voice.sing(stop, np.ones(100, np.float32)) == []


def test_who_learns_of_the_stop_late_promises_nothing_behind_it() -> None:
    voice = Voice(seat=1, start=START, stop=None, epoch=0)
    packets = voice.sing(START, noise(SAMPLE_RATE))
    stop = Position(START + 20_000)
    voice.end_at(stop)
    assert voice.is_past_stop()
    keep = Keep()
    for packet in packets + voice.finish():
        keep.add(packet)
    keep.forget_from(stop)
    (sent,) = voice.sent_epochs()
    assert stop <= sent.span.stop <= stop + FRAME_SAMPLES
    assert stop <= keep.repairs()[-1].span.stop <= sent.span.stop + FRAME_SAMPLES


def test_a_jump_begins_an_epoch_and_loses_nothing_that_was_sung() -> None:
    sung = noise(SAMPLE_RATE)
    voice = Voice(seat=1, start=START, stop=Position(START + 2 * SAMPLE_RATE), epoch=0)
    packets = voice.sing(START, sung[:20_000]) + voice.sing(Position(START + 30_000), sung[30_000:])
    packets += voice.finish()
    assert [sent.epoch for sent in voice.sent_epochs()] == [0, 1]
    first = heard_from([packet for packet in packets if packet.epoch == 0], START, Position(START + 20_000))
    second = heard_from([p for p in packets if p.epoch == 1], Position(START + 30_000), Position(START + sung.size))
    assert lag_samples(first, sung[:20_000]) == 0
    assert lag_samples(second, sung[30_000:]) == 0
    assert voice.sent_epochs()[0].span.stop >= START + 20_000


@pytest.mark.parametrize(("latency_ms", "drift_ppm"), [(0.0, 0.0), (20.0, 100.0), (120.0, -100.0)])
def test_a_performer_through_any_card_sings_in_place(latency_ms: float, drift_ppm: float) -> None:
    sung = noise(4 * SAMPLE_RATE)
    stop = Position(START + sung.size)
    performer = Performer(
        voice=Voice(seat=1, start=START, stop=stop, epoch=0),
        source=recording(sung, start=START),
        card=CardSpec(latency_ms=latency_ms, drift_ppm=drift_ppm),
        opened_ms=0.0,
    )
    packets = []
    now_ms = 0.0
    while not performer.is_done:
        now_ms = performer.next_ms
        packets += performer.step(now_ms, lambda ms: START - 1234.5 + ms * SAMPLE_RATE / 1000)
    assert now_ms < 4200.0 + latency_ms
    heard = heard_from(packets, START, stop)
    for at in range(0, sung.size, SAMPLE_RATE):
        assert abs(lag_samples(heard[at : at + SAMPLE_RATE], sung[at : at + SAMPLE_RATE])) <= 1
    assert performer.jumps == 0


def test_an_echo_repeats_the_leader_in_place() -> None:
    sung = noise(2 * SAMPLE_RATE)
    ear = Ear()
    for packet in packed(sung)[1]:
        ear.hear(Packet(kind=Kind.LEADER, seat=1, epoch=0, position=packet.position, frames=packet.frames))
    positions = START + 0.25 + np.arange(SAMPLE_RATE, dtype=np.float64)
    assert abs(lag_samples(echo(ear)(positions), sung[:SAMPLE_RATE])) <= 1


def test_the_ear_leaves_doubles_alone_and_a_gap_blank() -> None:
    _, packets = packed(noise(12_000))
    ear = Ear()
    for packet in [*packets[:4], *packets[2:4], *packets[6:]]:
        ear.hear(Packet(kind=Kind.LEADER, seat=1, epoch=0, position=packet.position, frames=packet.frames))
    tape = ear.tape(Kind.LEADER)
    known = tape.known(packets[0].position, packets[-1].span.stop)
    assert known[: 4 * FRAME_SAMPLES].all()
    assert not known[4 * FRAME_SAMPLES : 6 * FRAME_SAMPLES].any()
    assert known[6 * FRAME_SAMPLES :].all()
    assert ear.heard.gaps == 1
    assert ear.heard.frames == len(packets) - 2


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), min_size=1, max_size=30))
def test_a_tape_holds_what_a_long_list_would(writes: list[tuple[int, int]]) -> None:
    tape = Tape(channels=1, seconds=100 / SAMPLE_RATE)
    model = np.full(400, np.nan, dtype=np.float32)
    for number, (at, count) in enumerate(writes, 1):
        tape.write(Position(at), np.full((count, 1), number, np.float32))
        assert tape.stop is not None
        model[at : at + count] = number
    oldest = max(0, (tape.stop or 0) - 100)
    # What fell off the tape before a later write reached back to it stays lost, and is never remembered wrongly.
    known = tape.known(Position(0), Position(400))
    assert not known[:oldest].any()
    read = tape.read(Position(0), Position(400))[:, 0]
    assert np.array_equal(read[known], model[known])
    assert not read[~known].any()


def test_what_is_kept_is_forgotten_when_written_and_bundled_when_sent_again() -> None:
    _, packets = packed(noise(20 * FRAME_SAMPLES - 312))
    keep = Keep()
    for packet in packets:
        keep.add(packet)
    assert len(keep) == 20
    keep.written(4, [(packets[0].position, packets[7].span.stop)])
    keep.written(3, [(0, 2**52)])
    assert len(keep) == 12
    repairs = keep.repairs()
    assert [len(packet.frames) for packet in repairs] == [10, 2]
    assert all(packet.repair for packet in repairs)
    asked = keep.repairs([(packets[9].position + 5, packets[9].position + 6)])
    assert [packet.position for packet in asked] == [packets[9].position]
