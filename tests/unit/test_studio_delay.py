"""The delay test that all blocks of the studio's way from a voice to the mix share: a click goes in at sample n and
comes out at sample n, and so does a sweep, to a fiftieth of a sample.

Each block is given sound in which it finds something to do, and the test sees to it that it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tests.unit.test_studio_clean import SAMPLES, TIME, at_db, band, buzz, hiss, sung
from tests.unit.test_studio_stem import chirp, lag_samples
from unisono.studio.clean import CleanSettings, clean
from unisono.studio.debleed import without_guide
from unisono.studio.hum import without_hum
from unisono.studio.limiter import limit, settled
from unisono.studio.mixdown import MixSettings, Voice, honest, measure, mix, panned
from unisono.studio.noise import softened
from unisono.studio.rumble import without_rumble
from unisono.units import SAMPLE_RATE, Audio

TOLERANCE_SAMPLES = 0.02
CLICKS = (SAMPLE_RATE // 4 + 7, 4 * SAMPLE_RATE + 1, 8 * SAMPLE_RATE - 3, 12 * SAMPLE_RATE + 11)
"""In rests of `sung`, where nothing else is loud."""

SWEEP_START = 5 * SAMPLE_RATE + 13
SWEEP_SAMPLES = SAMPLE_RATE
VOICE = sung()
RUMBLE = (0.05 * np.sin(2 * np.pi * 13 * TIME) + 0.05).astype(np.float32)[:, np.newaxis]
HUM = at_db(buzz(50.0), 20, VOICE)
NOISE = at_db(hiss(), 8, VOICE)
LEAK = at_db(band(), 10, VOICE)
NO_DIRT = np.zeros((SAMPLES, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`run` is the block, `dirt` what it is to find, `acts` whether it must have changed the sound."""

    run: Callable[[Audio], Audio]
    dirt: Audio
    acts: bool = True


def mixed(sound: Audio, settings: MixSettings) -> Audio:
    return mix([measure(Voice(seat=1, sound=sound, pan=-0.4), settings)], len(sound), settings=settings).sound


BLOCKS = {
    "rumble": Block(run=lambda sound: without_rumble(sound, below_hz=40)[0], dirt=RUMBLE),
    "guide": Block(run=lambda sound: without_guide(sound, band())[0], dirt=LEAK),
    "hum": Block(run=lambda sound: without_hum(sound)[0], dirt=HUM),
    "noise": Block(run=lambda sound: softened(sound, reduction_db=10, snr_db_max=20)[0], dirt=NOISE),
    "clean": Block(run=lambda sound: clean(sound, CleanSettings(), band()).sound, dirt=RUMBLE + LEAK + HUM + NOISE),
    "honest": Block(run=lambda sound: honest(sound)[0], dirt=NO_DIRT, acts=False),
    "panned": Block(run=lambda sound: panned(sound, 0.3), dirt=NO_DIRT),
    "limiter": Block(run=lambda sound: settled(limit(sound, gain_db=12, ceiling_dbtp=-1).sound, -1.0), dirt=NO_DIRT),
    "mix": Block(run=lambda sound: mixed(sound, MixSettings()), dirt=NO_DIRT),
    "dry mix": Block(run=lambda sound: mixed(sound, MixSettings(courtyard_db=None)), dirt=NO_DIRT),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_click_at_a_sample_comes_out_at_that_sample_and_a_sweep_in_its_place(name: str) -> None:
    block = BLOCKS[name]
    sound = VOICE + block.dirt
    for click in CLICKS:
        sound[click] += 0.7
    sweep = np.asarray(chirp(SWEEP_SAMPLES))
    place = slice(SWEEP_START, SWEEP_START + SWEEP_SAMPLES)
    sound[place, 0] += sweep
    heard = block.run(sound)
    assert heard.shape[0] == len(sound)
    assert block.acts == (heard.shape != sound.shape or not np.array_equal(heard, sound))
    for channel in heard.T:
        for click in CLICKS:
            near = channel[click - 2000 : click + 2000]
            assert int(np.argmax(np.abs(near))) == 2000
        assert abs(lag_samples(channel[place], sweep)) < TOLERANCE_SAMPLES


@pytest.mark.parametrize("late", [1, 48])
def test_the_test_sees_a_block_that_is_late(late: int) -> None:
    sweep = chirp(SWEEP_SAMPLES)
    assert abs(lag_samples(np.pad(sweep, (late, 0))[:SWEEP_SAMPLES], sweep) - late) < TOLERANCE_SAMPLES
