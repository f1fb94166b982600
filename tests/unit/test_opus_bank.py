"""Many voices decoded in one call are, sample for sample, what plain decoders make of them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unisono.opus import Application, Decoder, Encoder
from unisono.opus_bank import DecoderBank, Job
from unisono.units import FRAME_SAMPLES, Audio

FRAMES = 12


def voices_of(count: int, *, seed: int = 1) -> list[list[bytes]]:
    """Frames of different voices: other sounds, other bit rates (lengths of one byte and of two), other modes."""
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        application: Application = ("audio", "lowdelay", "voip")[number % 3]
        encoder = Encoder(1, (16_000, 64_000, 160_000)[number // 3 % 3], application)
        sound = chance.normal(0, 0.1, FRAMES * FRAME_SAMPLES).astype(np.float32)
        found.append([encoder.encode(block) for block in sound.reshape(FRAMES, FRAME_SAMPLES)])
    return found


def plainly(decoder: Decoder, frame: bytes | None, anew: bool) -> Audio:
    if anew:
        decoder.reset()
    return (decoder.conceal() if frame is None else decoder.decode(frame))[:, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 31, 100])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_sample_is_that_of_a_plain_decoder(count: int, threads: int) -> None:
    frames = voices_of(count)
    bank, plain = DecoderBank(), [Decoder(1) for _ in range(count)]
    numbers = [bank.open() for _ in range(count)]
    with ThreadPoolExecutor(2) as pool:
        for index in range(FRAMES):
            jobs: list[Job] = [(numbers[voice], frames[voice][index], False) for voice in range(count)]
            for voice, sound in enumerate(bank.decode(jobs, pool, threads=threads)):
                assert sound is not None
                assert np.array_equal(sound, plainly(plain[voice], frames[voice][index], False))


def test_losses_jumps_pauses_and_bursts_change_nothing() -> None:
    """Any mixture of frames, none, several, concealed ones and fresh beginnings."""
    chance = random.Random(7)
    frames = voices_of(40, seed=7)
    bank, plain = DecoderBank(), [Decoder(1) for _ in frames]
    numbers = [bank.open() for _ in frames]
    places = [0] * len(frames)
    for _ in range(30):
        jobs: list[Job] = []
        wanted: list[Audio] = []
        for voice in range(len(frames)):
            for _ in range(chance.choice([0, 1, 1, 1, 1, 2, 3])):
                frame = None if chance.random() < 0.1 else frames[voice][places[voice] % FRAMES]
                anew = chance.random() < 0.1
                places[voice] += 1
                jobs.append((numbers[voice], frame, anew))
                wanted.append(plainly(plain[voice], frame, anew))
        order = list(range(len(jobs)))
        for sound, expected in zip(bank.decode(jobs), (wanted[index] for index in order), strict=True):
            assert sound is not None
            assert np.array_equal(sound, expected)


def test_one_broken_frame_costs_its_own_voice_only() -> None:
    frames = voices_of(8, seed=3)
    bank, plain = DecoderBank(), [Decoder(1) for _ in frames]
    numbers = [bank.open() for _ in frames]
    wrong = [b"", b"\xff", b"\x03\x00", bytes([0xF8 | 3]) + bytes(30), bytes([31 << 3 | 1]) + bytes(5), b"\x00" * 4000]
    for index in range(FRAMES):
        jobs: list[Job] = [(numbers[voice], frames[voice][index], False) for voice in range(1, 8)]
        jobs.insert(3, (numbers[0], wrong[index % len(wrong)], False))
        heard = bank.decode(jobs)
        assert heard.pop(3) is None
        for voice, sound in enumerate(heard, start=1):
            assert sound is not None
            assert np.array_equal(sound, plainly(plain[voice], frames[voice][index], False))


def test_hostile_bytes_break_nothing() -> None:
    chance = random.Random(11)
    bank = DecoderBank()
    numbers = [bank.open() for _ in range(20)]
    for _ in range(200):
        jobs: list[Job] = [(voice, chance.randbytes(chance.randint(0, 300)), False) for voice in numbers]
        for sound in bank.decode(jobs):
            assert sound is None or sound.shape == (FRAME_SAMPLES,)


def test_a_number_given_away_begins_afresh() -> None:
    frames = voices_of(2)
    bank = DecoderBank()
    first = bank.open()
    for frame in frames[0]:
        bank.decode([(first, frame, False)])
    bank.close(first)
    again = bank.open()
    assert again == first
    heard = bank.decode([(again, frames[1][0], False)])[0]
    assert heard is not None
    assert np.array_equal(heard, Decoder(1).decode(frames[1][0])[:, 0])
