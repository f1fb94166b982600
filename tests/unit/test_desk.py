"""The live mix without sockets: who is in whose ears, exactly where, and when the bytes leave."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from unisono.core.messages import Output
from unisono.core.mix import pan_gains, pans_of_seats
from unisono.core.rows import PAIRED_FROM, Member, seat_rows
from unisono.core.song import SongRun
from unisono.core.wire import Codec, Kind, Packet, unpack
from unisono.live.desk import LISTENERS, Desk, Outgoing
from unisono.live.leading import Leading
from unisono.live.pcm import frame_of, sound_of
from unisono.opus import DecodeJob, Decoder, Encoder, decode_many
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Audio, Position, samples_of_ms

START = Position(10 * SAMPLE_RATE)
UP, DOWN = samples_of_ms(80), samples_of_ms(50)


def song_of(*outputs: Output, stop: int | None = None) -> SongRun:
    """A leader (seat 1) and singers (2, 3, ...), one to a row."""
    members = [Member(seat=1, up_samples=UP, down_samples=DOWN)]
    for seat, output in enumerate(outputs, start=2):
        members.append(Member(seat=seat, up_samples=UP, down_samples=DOWN, output=output))
    return SongRun(
        performance="p",
        piece=None,
        key=0,
        tempo_bpm=0,
        start=START,
        count_in_samples=0,
        leader=1,
        seating=seat_rows(members, leader=1),
        backing=None,
        stop=Position(stop) if stop is not None else None,
        state="singing",
        pans=pans_of_seats(sorted(member.seat for member in members)),
    )


def hold_of(song: SongRun, row: int) -> int:
    """How long voices are waited for, for the sake of a row."""
    seating = song.seating
    cut = seating.listener_cut_samples if row == LISTENERS else seating.cuts_samples[row]
    return cut - seating.mix_samples


def constant(value: float) -> bytes:
    return frame_of(np.full(FRAME_SAMPLES, value, dtype=np.float32))


def packet(position: int, frame: bytes, codec: Codec = Codec.PCM, epoch: int = 0) -> Packet:
    return Packet(
        kind=Kind.VOICE, seat=0, epoch=epoch, position=Position(position), frames=(frame,), codec=codec, level=10
    )


def run(
    desk: Desk, song: SongRun, voices: dict[int, float], seconds: float, *, late_ms: float = 0
) -> list[tuple[int, Outgoing]]:
    """Everybody sings a constant of their own, each frame arriving as late as their row allows; (now, what left)."""
    left: list[tuple[int, Outgoing]] = []
    arrivals: list[tuple[int, int, Packet]] = []
    for seat, value in voices.items():
        row = song.seating.row_of(seat)
        assert row is not None
        delay = song.seating.delays_samples[row] + UP + samples_of_ms(late_ms)
        for position in range(START, START + round(seconds * SAMPLE_RATE), FRAME_SAMPLES):
            arrivals.append((position + delay, seat, packet(position, constant(value))))
    arrivals.sort(key=lambda arrival: arrival[0])
    end = START + round(seconds * SAMPLE_RATE) + song.seating.listener_delay_samples
    for now in range(START, end, FRAME_SAMPLES):
        while arrivals and arrivals[0][0] <= now:
            _, seat, voice = arrivals.pop(0)
            desk.feed(seat, voice)
        outgoing, _ = desk.tick(Position(now))
        left += [(now, sound) for sound in outgoing]
    return left


def heard(left: list[tuple[int, Outgoing]], row: int, at: int) -> tuple[float, float]:
    """Left and right of what a row hears at a position, from PCM."""
    for _, sound in left:
        if sound.row == row and sound.pcm is not None:
            mix = unpack(sound.pcm)
            assert isinstance(mix, Packet)
            for position, frame in mix.positioned_frames():
                if position <= at < position + FRAME_SAMPLES:
                    pair = np.frombuffer(frame, dtype="<i2").reshape(-1, 2)[at - position] / 32_768
                    return float(pair[0]), float(pair[1])
    raise AssertionError(f"row {row} hears nothing at {at}")


def expected(song: SongRun, voices: dict[int, float], seats: tuple[int, ...]) -> tuple[float, float]:
    gain = 1 / np.sqrt(sum(len(row) for row in song.seating.rows[1:]))
    pairs = [np.array(pan_gains(song.pans[seat])) * voices[seat] * gain for seat in seats]
    left, right = np.sum(pairs, axis=0)
    return float(left), float(right)


@pytest.fixture
def voices() -> dict[int, float]:
    return {2: 0.1, 3: 0.05, 4: 0.02}


def test_each_row_hears_the_rows_before_it_and_listeners_everybody(voices: dict[int, float]) -> None:
    song = song_of("headphones", "headphones", "headphones")
    desk = Desk(song)
    desk.pcm_rows = frozenset({2, 3, LISTENERS})
    left = run(desk, song, voices, 3.0)
    at = START + SAMPLE_RATE
    for row, seats in ((2, (2,)), (3, (2, 3)), (LISTENERS, (2, 3, 4))):
        assert heard(left, row, at) == pytest.approx(expected(song, voices, seats), abs=1e-4)
    assert {sound.row for _, sound in left} == {2, 3, LISTENERS}, "row 0 and 1 hear no mix"


def test_nothing_is_encoded_for_nobody_and_who_comes_begins_a_new_epoch(voices: dict[int, float]) -> None:
    song = song_of("headphones", "headphones", "headphones")
    desk = Desk(song)
    desk.empty_rows = frozenset({LISTENERS})
    before = run(desk, song, voices, 1.0)
    assert {sound.row for _, sound in before} == {2, 3}
    desk.empty_rows = frozenset()
    later = START + 3 * SAMPLE_RATE
    heard = [sound for now in range(later, later + SAMPLE_RATE, FRAME_SAMPLES) for sound in desk.tick(Position(now))[0]]
    first = next(unpack(sound.opus) for sound in heard if sound.row == LISTENERS)
    assert isinstance(first, Packet)
    assert first.epoch > 0
    assert first.position > START + SAMPLE_RATE // 2


def test_whom_nobody_hears_is_not_decoded_and_begins_anew_when_somebody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[list[bool]] = [[] for _ in range(200)]

    def counted(jobs: Sequence[DecodeJob], *rest: Any, **more: Any) -> Audio:
        ticks[index] += [anew for _, _, anew in jobs]
        return decode_many(jobs, *rest, **more)

    monkeypatch.setattr("unisono.live.desk.decode_many", counted)
    song = song_of("headphones", "headphones")
    desk, frame = Desk(song), Encoder(1, 64_000).encode(np.zeros(FRAME_SAMPLES, dtype=np.float32))
    came = {seat: (song.seating.delay_of(seat) + UP) // FRAME_SAMPLES for seat in (2, 3)}
    for index in range(len(ticks)):
        desk.empty_rows = frozenset({LISTENERS} if index < 100 else ())
        for seat in (2, 3):
            if index >= came[seat]:
                desk.feed(seat, packet(START + (index - came[seat]) * FRAME_SAMPLES, frame, Codec.OPUS))
        desk.tick(Position(START + index * FRAME_SAMPLES))
    assert {len(jobs) for jobs in ticks[50:100]} == {1}, "the last row sings to nobody"
    assert {len(jobs) for jobs in ticks[150:]} == {2}
    assert sum(sum(jobs) for jobs in ticks[100:]) == 1, "and begins anew once"


def test_left_is_left(voices: dict[int, float]) -> None:
    song = song_of("headphones", "headphones", "headphones")
    assert song.pans[1] < song.pans[2] < song.pans[3] < song.pans[4]
    desk = Desk(song)
    desk.pcm_rows = frozenset({LISTENERS})
    left = run(desk, song, {4: 0.2}, 2.0)
    hears_left, hears_right = heard(left, LISTENERS, START + SAMPLE_RATE)
    assert hears_right > 3 * hears_left > 0


def test_nobody_hears_who_sings_before_loudspeakers(voices: dict[int, float]) -> None:
    song = song_of("headphones", "loudspeakers")
    desk = Desk(song)
    desk.pcm_rows = frozenset({2, LISTENERS})
    left = run(desk, song, {2: 0.1, 3: 0.05}, 2.0)
    assert heard(left, LISTENERS, START + SAMPLE_RATE) == pytest.approx(expected(song, voices, (2,)), abs=1e-4)


def test_every_frame_leaves_in_time_and_is_stamped_for_a_plain_decoder() -> None:
    song = song_of("headphones", "headphones")
    left = run(Desk(song), song, {2: 0.1, 3: 0.1}, 3.0)
    stamps = []
    for now, sound in left:
        mix = unpack(sound.opus)
        assert isinstance(mix, Packet)
        assert mix.stereo
        if sound.row == 2:
            stamps.append(mix.position)
            assert now <= mix.position + song.seating.cuts_samples[2]
            assert now + DOWN <= mix.position + song.seating.delays_samples[2]
        else:
            assert now + DOWN <= mix.position + song.seating.listener_delay_samples
    assert np.all(np.diff(stamps) == FRAME_SAMPLES)
    for row in (2, LISTENERS):
        blocks = [(now, unpack(sound.opus)) for now, sound in left if sound.row == row]
        waits = {now - mix.span.stop - 312 - hold_of(song, row) for now, mix in blocks if isinstance(mix, Packet)}
        assert len(waits) == 1, "the same for every frame"
        assert 0 <= waits.pop() < samples_of_ms(1), "and none waits for another tick"


def test_what_comes_as_late_as_allowed_is_heard_and_what_comes_later_is_told() -> None:
    song = song_of("headphones", "headphones")
    for late_ms, value in ((0.0, 0.1), (300.0, 0.0)):
        desk = Desk(song)
        desk.pcm_rows = frozenset({2})
        told: list[int] = []
        tick = desk.tick

        def listened(now: Position, tick=tick, told=told):  # type: ignore[no-untyped-def]
            outgoing, late = tick(now)
            told += [voice.seat for voice in late]
            return outgoing, late

        desk.tick = listened  # type: ignore[method-assign]
        left = run(desk, song, {2: value or 0.1}, 2.0, late_ms=late_ms)
        gain = pan_gains(song.pans[2])[0] / np.sqrt(2)
        assert heard(left, 2, START + SAMPLE_RATE)[0] == pytest.approx(value * gain, abs=1e-4)
        assert bool(told) == (late_ms > 0)


def test_the_mix_stops_where_the_song_does() -> None:
    stop = START + SAMPLE_RATE
    song = song_of("headphones", "headphones", stop=stop)
    desk = Desk(song)
    left = run(desk, song, {2: 0.1}, 3.0)
    for row in (2, LISTENERS):
        ends = []
        for _, sound in left:
            mix = unpack(sound.opus)
            assert isinstance(mix, Packet)
            if sound.row == row:
                ends.append(mix.span.stop)
        assert stop <= max(ends) < stop + 2 * FRAME_SAMPLES


def test_a_machine_that_stood_still_goes_on_from_now() -> None:
    song = song_of("headphones", "headphones")
    desk = Desk(song)
    desk.tick(Position(START + SAMPLE_RATE))
    outgoing, _ = desk.tick(Position(START + 20 * SAMPLE_RATE))
    first = unpack(outgoing[0].opus)
    assert isinstance(first, Packet)
    assert first.epoch > 0
    assert len(outgoing) < 100
    assert first.position > START + 19 * SAMPLE_RATE - song.seating.listener_delay_samples


def test_a_machine_that_stood_still_over_the_end_still_sends_it() -> None:
    """What waited for a listeners' bundle to be full leaves, and rows that are over begin no further epochs."""
    stop = START + 3 * SAMPLE_RATE
    song = song_of("headphones", "headphones", stop=stop)
    desk = Desk(song)
    before = stop + song.seating.listener_cut_samples - 19 * FRAME_SAMPLES
    left = [sound for at in range(START, before, FRAME_SAMPLES) for sound in desk.tick(Position(at))[0]]
    for later_s in (2, 4, 6):
        left += desk.tick(Position(before + later_s * SAMPLE_RATE))[0]
    for row in (2, LISTENERS):
        packets = [unpack(sound.opus) for sound in left if sound.row == row]
        last = packets[-1]
        assert isinstance(last, Packet)
        assert stop <= last.stop < stop + 2 * FRAME_SAMPLES
        assert last.epoch <= 1


def test_what_is_sung_when_a_machine_stood_still_is_heard_as_soon_as_it_goes_on() -> None:
    song = song_of("headphones", "headphones")
    desk = Desk(song)
    desk.pcm_rows = frozenset({2})
    desk.tick(Position(START + SAMPLE_RATE))
    goes_on = START + 20 * SAMPLE_RATE
    for position in range(goes_on - SAMPLE_RATE, goes_on, FRAME_SAMPLES):
        desk.feed(2, packet(position, constant(0.1)))
    left = [(goes_on, sound) for sound in desk.tick(Position(goes_on))[0]]
    last = max(sound.position for _, sound in left if sound.row == 2)
    assert heard(left, 2, last + 312)[0] == pytest.approx(expected(song, {2: 0.1}, (2,))[0], abs=1e-4)


def test_real_voices_through_opus_stand_where_they_were_sung() -> None:
    song = song_of("headphones", "headphones")
    with ThreadPoolExecutor(2) as pool:
        desk = Desk(song, pool=pool, threads=2)
        rng = np.random.default_rng(5)
        sung = np.convolve(rng.normal(0, 0.2, 2 * SAMPLE_RATE), np.hanning(16) / 8, "same").astype(np.float32)
        encoder = Encoder(1, 64_000)
        arrivals = []
        for index in range(0, len(sung), FRAME_SAMPLES):
            coded = encoder.encode(sung[index : index + FRAME_SAMPLES])
            position = START + index - encoder.lookahead_samples
            arrivals.append((position + song.seating.delays_samples[1] + UP, packet(position, coded, Codec.OPUS)))
        decoder, tape = Decoder(2), np.zeros((4 * SAMPLE_RATE, 2), dtype=np.float32)
        for now in range(START, START + 3 * SAMPLE_RATE, FRAME_SAMPLES):
            while arrivals and arrivals[0][0] <= now:
                desk.feed(2, arrivals.pop(0)[1])
            for sound in desk.tick(Position(now))[0]:
                mix = unpack(sound.opus)
                assert isinstance(mix, Packet)
                if sound.row == 2:
                    at = mix.position - START + SAMPLE_RATE
                    tape[at : at + FRAME_SAMPLES] = decoder.decode(mix.frames[0])
    middle = slice(SAMPLE_RATE // 2, 3 * SAMPLE_RATE // 2)
    lags = range(-40, 41)
    scores = [
        float(np.dot(tape[SAMPLE_RATE + middle.start + lag : SAMPLE_RATE + middle.stop + lag, 0], sung[middle]))
        for lag in lags
    ]
    assert abs(lags[int(np.argmax(scores))]) <= 1


def test_hostile_voices_do_not_stop_the_desk() -> None:
    song = song_of("headphones", "headphones")
    desk = Desk(song)
    rng = np.random.default_rng(6)
    for now in range(START, START + SAMPLE_RATE, FRAME_SAMPLES):
        for seat in (2, 3, 77):
            position = Position(int(rng.integers(0, 2**40)))
            desk.feed(seat, packet(position, rng.bytes(30), Codec.OPUS, epoch=int(rng.integers(0, 5))))
            desk.feed(seat, packet(now, rng.bytes(30), Codec.OPUS, epoch=5))
        desk.tick(Position(now))
    assert desk.tick(Position(START + 3 * SAMPLE_RATE))[0]


def test_the_leader_alone_needs_no_mix() -> None:
    song = song_of()
    assert run(Desk(song), song, {}, 1.0) == []


# ---------------------------------------------------------------------------------------- leading


def frames_of(led: list[bytes]) -> list[Packet]:
    packets = [unpack(wire) for wire in led]
    assert all(isinstance(found, Packet) for found in packets)
    return packets  # type: ignore[return-value]


def test_the_leader_is_forwarded_as_sung() -> None:
    from unisono.core.wire import pack

    leading = Leading(1)
    coded = Encoder(1, 64_000).encode(np.zeros(FRAME_SAMPLES, dtype=np.float32))
    bundles = []
    for index in range(25):
        voice = packet(START + index * FRAME_SAMPLES, coded, Codec.OPUS)
        now, listeners = leading.forward(voice, pack(voice), pcm_wanted=False)
        found = frames_of([now.opus])[0]
        assert (found.kind, found.seat, found.position, found.frames) == (Kind.LEADER, 1, voice.position, (coded,))
        assert now.pcm is None
        bundles += listeners
    bundles += leading.flush()
    assert [len(found.frames) for found in frames_of([led.opus for led in bundles])] == [10, 10, 5]
    assert frames_of([bundles[1].opus])[0].position == START + 10 * FRAME_SAMPLES


def test_pages_without_a_decoder_get_the_leader_decoded() -> None:
    from unisono.core.wire import pack

    leading, encoder, decoder = Leading(1), Encoder(1, 64_000), Decoder(1)
    rng = np.random.default_rng(1)
    for index in range(12):
        coded = encoder.encode(rng.normal(0, 0.1, FRAME_SAMPLES).astype(np.float32))
        voice = packet(START + index * FRAME_SAMPLES, coded, Codec.OPUS)
        now, _ = leading.forward(voice, pack(voice), pcm_wanted=True)
        assert now.pcm is not None
        found = frames_of([now.pcm])[0]
        assert found.codec is Codec.PCM
        assert found.position == voice.position
        wanted: Audio = decoder.decode(coded)[:, 0]
        assert np.max(np.abs(sound_of(found.frames[0], stereo=False) - wanted)) < 1e-4


def test_pcm_keeps_every_sample() -> None:
    samples = np.random.default_rng(2).integers(-32_768, 32_767, FRAME_SAMPLES).astype("<i2")
    assert frame_of(sound_of(samples.tobytes(), stereo=False)) == samples.tobytes()
    wild = np.array([np.nan, np.inf, -np.inf, 2.0, -2.0] * 192, dtype=np.float32)
    assert np.frombuffer(frame_of(wild), dtype="<i2")[:5].tolist() == [0, 32_767, -32_768, 32_767, -32_768]


def test_a_large_room_is_mixed_two_frames_a_packet_and_each_comes_in_time() -> None:
    outputs: list[Output] = ["headphones"] * PAIRED_FROM
    song = song_of(*outputs)
    desk = Desk(song)
    assert desk.packet_samples == 2 * FRAME_SAMPLES
    seats = [seat for row in song.seating.rows[1:] for seat in row]
    left = run(desk, song, dict.fromkeys(seats, 0.001), 1.0)
    whole = [(now, out, unpack(out.opus)) for now, out in left if out.row == 2][1:-1]
    assert len(whole) > 20
    for now, out, mix in whole:
        assert isinstance(mix, Packet)
        assert len(mix.frames) == 2
        assert now + DOWN <= out.position + song.seating.delays_samples[2]
    assert all(b.position - a.position == 2 * FRAME_SAMPLES for (_, a, _), (_, b, _) in pairwise(whole))
