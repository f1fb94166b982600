"""The yard by arithmetic (mirrors on paper) and by another program; parts, faders and levels as people expect them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyroomacoustics
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.studio import courtyard
from unisono.studio.courtyard import (
    DEPTH_M,
    GROUND_SHARE,
    LISTENER_M,
    SOUND_M_PER_S,
    STOREYS,
    WALL_SHARE,
    WIDTH_M,
    Balcony,
    Reflection,
    early,
    reflections,
)
from unisono.studio.loudness import integrated_lufs, ratio_of, step_energies, sung_lufs
from unisono.studio.mixdown import Fader, Measured, MixSettings, Voice, _voices_sum, measure, mix, part_gains_db
from unisono.units import SAMPLE_RATE, Audio

SECONDS = 3
DRY = MixSettings(courtyard_db=None, width=1.0)


def tone(hertz: float, *, peak: float = 0.1, seconds: float = SECONDS) -> Audio:
    """Float32, shape (samples, 1)."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[:, np.newaxis]


def strength(sound: Audio, hertz: float) -> float:
    """The amplitude of one frequency over both channels, over whole seconds."""
    turn = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / SAMPLE_RATE)
    return float(np.sqrt(np.sum(np.abs(2 * turn @ sound / len(sound)) ** 2)))


def summed(voices: list[Measured], chosen: MixSettings, samples: int = SECONDS * SAMPLE_RATE) -> Audio:
    return _voices_sum(voices, samples, chosen)[0]


# The yard.


@pytest.mark.parametrize(("across", "storey"), [(0.0, 0), (-1.0, 4), (0.35, 2), (1.0, 0)])
def test_reflections_come_when_mirrors_say(across: float, storey: int) -> None:
    """Each first bounce drawn on paper: the balcony mirrored at one wall or at the ground."""
    balcony = Balcony(across=across, storey=storey)
    x, y, z = balcony.metres
    assert y == DEPTH_M
    direct = math.dist((x, y, z), LISTENER_M)
    mirrored = {
        (-WIDTH_M - x, y, z): WALL_SHARE,
        (WIDTH_M - x, y, z): WALL_SHARE,
        (x, -y, z): WALL_SHARE,
        (x, y, -z): GROUND_SHARE,
    }
    for image, share in mirrored.items():
        way = math.dist(image, LISTENER_M)
        late = (way - direct) / SOUND_M_PER_S * SAMPLE_RATE
        side = (image[0] - LISTENER_M[0]) / math.hypot(image[0] - LISTENER_M[0], image[1] - LISTENER_M[1])
        assert any(
            abs(one.late_samples - late) <= 0.5
            and one.gain == pytest.approx(share * direct / way)
            and one.side == pytest.approx(side)
            for one in reflections(balcony)
        )


@pytest.mark.parametrize(("across", "storey"), [(0.0, 0), (-0.8, 3), (0.6, 1)])
def test_another_program_finds_the_same_reflections(across: float, storey: int) -> None:
    """pyroomacoustics' image sources up to two bounces, without those at the sky and at the balconies' own wall."""
    other: Any = pyroomacoustics
    balcony = Balcony(across=across, storey=storey)
    height = 1000.0
    walls = ("west", "east", "south", "north")
    swallowed = dict.fromkeys(walls, 1 - WALL_SHARE**2) | {"ceiling": 0.999999, "floor": 1 - GROUND_SHARE**2}
    room = other.ShoeBox(
        [WIDTH_M, DEPTH_M, height],
        fs=SAMPLE_RATE,
        max_order=2,
        materials={name: other.Material(share) for name, share in swallowed.items()},
    )
    x, y, z = balcony.metres
    room.add_source([x + WIDTH_M / 2, y - 1e-9, z])
    ears = np.array([LISTENER_M[0] + WIDTH_M / 2, LISTENER_M[1], LISTENER_M[2]])
    room.add_microphone(ears)
    room.image_source_model()
    source = room.sources[0]
    direct = math.dist((x, y, z), LISTENER_M)
    theirs = set()
    for image, damping in zip(source.images.T, source.damping[0], strict=True):
        ours = [one for one in reflections(balcony) if _fits(one, image, ears, float(damping), direct)]
        if ours:
            theirs.add(ours[0])
    assert theirs == set(reflections(balcony))


def _fits(one: Reflection, image: np.ndarray, ears: np.ndarray, damping: float, direct_m: float) -> bool:
    metres = float(np.linalg.norm(image - ears))
    late = (metres - direct_m) / SOUND_M_PER_S * SAMPLE_RATE
    side = (image[0] - ears[0]) / math.hypot(image[0] - ears[0], image[1] - ears[1])
    return bool(
        abs(late - one.late_samples) <= 0.5
        and abs(damping * direct_m / metres - one.gain) < 1e-6
        and abs(side - one.side) < 1e-6
    )


@given(across=st.floats(-3, 3), storey=st.integers(-2, 20))
def test_no_reflection_comes_before_the_voice_or_louder(across: float, storey: int) -> None:
    balcony = Balcony(across=across, storey=storey)
    assert abs(balcony.metres[0]) < WIDTH_M / 2
    for one in reflections(balcony):
        assert 0 < one.late_samples < SAMPLE_RATE // 5
        assert 0 < one.gain < 1
        assert -1 <= one.side <= 1


def test_reflections_are_sound_at_their_places_in_any_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    click = np.zeros(SAMPLE_RATE, dtype=np.float32)
    click[1000] = 1
    balcony = Balcony(across=-0.5, storey=1)
    whole = early(click, balcony)
    assert not np.any(whole[:1000])
    for one in reflections(balcony):
        assert np.max(np.abs(whole[1000 + one.late_samples])) > 0
    heavier_left = float(np.sum(whole[:, 0] ** 2) / np.sum(whole[:, 1] ** 2))
    mirrored = early(click, Balcony(across=0.5, storey=1))
    assert np.allclose(mirrored[:, ::-1], whole, atol=1e-7)
    assert heavier_left != pytest.approx(1, abs=0.05)
    monkeypatch.setattr(courtyard, "_SHORT_CHUNK_SAMPLES", 701)
    assert np.allclose(early(click, balcony), whole, atol=1e-6)


def test_every_voice_arrives_at_one_sample_and_level_wherever_its_balcony_is() -> None:
    click = np.zeros((SAMPLE_RATE, 1), dtype=np.float32)
    click[5000] = 0.5
    chosen = MixSettings(width=1.0)
    for pan in (-1.0, 0.0, 0.7):
        for storey in range(STOREYS):
            voice = measure(Voice(seat=1, sound=click, pan=pan, storey=storey), chosen)
            heard = summed([voice], chosen, SAMPLE_RATE) / ratio_of(voice.gain_db)
            assert not np.any(heard[:5000])
            assert math.hypot(*heard[5000]) == pytest.approx(0.5, rel=1e-3)


# Loudness while somebody sings.


def test_neither_rests_nor_leaks_nor_coughs_make_a_voice_louder_or_softer() -> None:
    sung = tone(300, seconds=4)
    alone = sung_lufs(step_energies(sung))
    assert alone == pytest.approx(integrated_lufs(sung), abs=0.1)
    leak = tone(700, peak=0.1 * ratio_of(-16), seconds=40)
    seldom = np.concatenate([leak, sung + leak[: len(sung)]])
    assert sung_lufs(step_energies(seldom)) == pytest.approx(alone, abs=0.5)
    assert abs(integrated_lufs(seldom) - alone) > 3
    cough = np.concatenate([sung, 10 * tone(200, seconds=0.4), sung, sung])
    assert sung_lufs(step_energies(cough)) == pytest.approx(alone, abs=1.5)


# Parts.


def test_three_sopranos_do_not_drown_one_bass() -> None:
    sopranos = [Voice(seat=k, sound=tone(700.0 + 37 * k), part="soprano", pan=k / 3 - 0.5) for k in range(3)]
    bass = Voice(seat=9, sound=tone(110), part="bass")
    voices = [measure(voice, DRY) for voice in (*sopranos, bass)]
    _, _, gains_db = _voices_sum(voices, SECONDS * SAMPLE_RATE, DRY)
    assert gains_db["bass"] - gains_db["soprano"] == pytest.approx(10 * math.log10(3), abs=0.05)
    apart = {part: [one for one in voices if one.voice.part == part] for part in ("soprano", "bass")}
    together = {
        part: summed(own, replace(DRY, part_db_max=0)) * ratio_of(gains_db[part]) for part, own in apart.items()
    }
    assert integrated_lufs(together["soprano"]) == pytest.approx(integrated_lufs(together["bass"]), abs=0.1)
    assert np.allclose(summed(voices, DRY), sum(together.values()), atol=1e-5)


def test_parts_are_weighed_within_limits_and_the_whole_stays_as_loud() -> None:
    gains = part_gains_db({"alto": -20.0, "bass": -26.0}, 9)
    assert gains["bass"] - gains["alto"] == pytest.approx(6)
    powers = [10 ** ((-20 + gains["alto"]) / 10), 10 ** ((-26 + gains["bass"]) / 10)]
    assert sum(powers) == pytest.approx(10**-2 + 10**-2.6)
    assert part_gains_db({"alto": -10.0, "bass": -60.0}, 9)["bass"] == 9
    assert part_gains_db({"alto": -10.0, "bass": -math.inf}, 9) == {"alto": pytest.approx(0), "bass": 0.0}
    assert part_gains_db({}, 9) == {}


def test_the_leader_is_on_top_of_all_parts() -> None:
    choir = [Voice(seat=k, sound=tone(200.0 + 61 * k), part="alto" if k < 4 else "bass") for k in range(5)]
    leader = Voice(seat=9, sound=tone(1000), part="alto", leader=True)
    voices = [measure(voice, DRY) for voice in (*choir, leader)]
    heard = summed(voices, DRY)
    assert strength(heard, 1000) == pytest.approx(0.1 * ratio_of(voices[-1].gain_db), rel=1e-3)
    assert _voices_sum(voices, SECONDS * SAMPLE_RATE, DRY)[2].keys() == {"alto", "bass"}


# The mix is a pure function of stems and settings.


def choir_of(seed: int, count: int) -> list[Measured]:
    chance = np.random.default_rng(seed)
    parts = ("", "soprano", "bass")
    return [
        measure(
            Voice(
                seat=seat,
                sound=chance.normal(0, 0.05 * chance.random() + 0.01, (SAMPLE_RATE, 1)).astype(np.float32),
                pan=float(chance.uniform(-1, 1)),
                storey=int(chance.integers(0, 5)),
                part=parts[int(chance.integers(0, 3))],
                leader=seat == 1,
            )
        )
        for seat in range(1, count + 1)
    ]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 5), data=st.data())
def test_same_stems_and_settings_same_mix_in_any_order(seed: int, count: int, data: st.DataObject) -> None:
    voices = choir_of(seed, count)
    backing = np.random.default_rng(seed).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    kept = [one.voice.sound.copy() for one in voices]
    first = mix(voices, SAMPLE_RATE, backing=backing)
    assert np.array_equal(mix(voices, SAMPLE_RATE, backing=backing).sound, first.sound)
    assert all(np.array_equal(one.voice.sound, sound) for one, sound in zip(voices, kept, strict=True))
    shuffled = data.draw(st.permutations(voices))
    assert np.allclose(mix(shuffled, SAMPLE_RATE, backing=backing).sound, first.sound, atol=2e-5)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31), gain_db=st.floats(-30, 12), seat=st.integers(1, 4))
def test_a_fader_changes_its_voice_by_its_gain_and_nothing_else(seed: int, gain_db: float, seat: int) -> None:
    voices = choir_of(seed, 4)
    plain = MixSettings()
    without = summed(voices, replace(plain, faders=(Fader(seat=seat, muted=True),)), SAMPLE_RATE)
    voice = summed(voices, plain, SAMPLE_RATE) - without
    moved = replace(plain, faders=(Fader(seat=99, gain_db=5), Fader(seat=seat, gain_db=gain_db)))
    heard = summed(voices, moved, SAMPLE_RATE)
    assert np.allclose(heard, without + voice * ratio_of(gain_db), atol=1e-5)


def test_a_fader_may_put_a_voice_elsewhere() -> None:
    voice = [measure(Voice(seat=3, sound=tone(500), pan=-1), DRY)]
    right = summed(voice, replace(DRY, faders=(Fader(seat=3, pan=1.0),)))
    assert np.max(np.abs(right[:, 0])) < 1e-6
    assert np.max(np.abs(right[:, 1])) > 0.01
