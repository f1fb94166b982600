"""Text and drawings: every script that people's names are written in, emoji, flags, patches in planes."""

from __future__ import annotations

import numpy as np
import pytest

from unisono.studio.film import cloth, planes
from unisono.studio.film.lettering import clean, width, write


def ink(text: str) -> float:
    return float(write(text, 40).picture[..., 3].sum())


@pytest.mark.parametrize(
    "text", ["王小明", "Łucja Żółć", "Ελένη", "مريم", "नीला", "Ђорђе", "ქეთი", "김", "さくら", "Ñ"]
)
def test_names_are_drawn_and_every_letter_counts(text: str) -> None:
    assert clean(text) == text
    for sign in set(text) - {" "}:
        assert clean(sign) == sign
    assert ink(text) > ink(text[:1]) * 0.99
    assert ink(text) > 50


def test_letters_of_one_script_differ_so_they_are_no_boxes() -> None:
    pictures = [write(sign, 40).picture for sign in "王小明加油"]
    shapes = {picture[..., 3].round(2).tobytes() for picture in pictures}
    assert len(shapes) == 5


@pytest.mark.parametrize("text", ["❤️", "😀", "👨‍👩‍👧", "🇮🇹", "👩🏽‍🎤", "🎶"])
def test_emoji_are_drawn_in_colour_and_as_one(text: str) -> None:
    picture = write(text, 40, (1, 1, 1)).picture
    coloured = picture[picture[..., 3] > 0.9]
    assert len(coloured) > 100
    assert width(text, 40) == pytest.approx(width("😀", 40))
    if text != "🎶":
        assert np.ptp(coloured[:, :3], axis=1).max() > 0.3


def test_what_no_face_has_is_left_out() -> None:
    assert clean("a\U000f0000b\x07\u0378c") == "ab c"


def test_a_long_name_is_made_to_fit() -> None:
    line = write("Anna Maria Barbara Theresia von und zu Hohenfels", 40, fit=300)
    assert line.width <= 300


def test_digits_and_signs_stay_text() -> None:
    assert width("12 #5 ©", 40) < 40 * 4.5


def test_a_flag_moves_comes_round_and_is_the_flag() -> None:
    loop = cloth.loop("it", 60, (1, 1, 1))
    assert len(loop) == cloth.LOOP_FRAMES
    first, half = loop[0].over.y, loop[cloth.LOOP_FRAMES // 2].over.y
    assert first.shape != half.shape or np.any(first != half)
    canvas = planes.empty(100, 80)
    planes.lay(canvas, loop[0].moved(50, 10))
    left, right = canvas.v[10:20, 14:20].mean(), canvas.v[10:20, 30:34].mean()
    assert right > left + 30  # red on the right, green on the left


@pytest.mark.parametrize(("flag", "there"), [("it", True), ("CN", True), ("xx", False), ("", False), ("#ff0000", True)])
def test_which_flags_there_are(flag: str, there: bool) -> None:
    assert cloth.is_flag(flag) is there


def test_a_patch_covers_what_it_covers_and_leaves_the_rest() -> None:
    canvas = planes.from_rgb(np.full((40, 60, 3), 0.5, np.float32))
    before = canvas.copy()
    red = np.zeros((11, 13, 4), np.float32)
    red[..., 0] = red[..., 3] = 1.0
    patch = planes.patch_of(red, 21, 15)
    assert patch is not None
    planes.lay(canvas, patch)
    assert canvas.y[20, 25] == round(16 + 219 * 0.2126)
    assert canvas.v[10, 13] == 240
    assert np.array_equal(canvas.y[:15], before.y[:15])
    assert np.array_equal(canvas.y[26:], before.y[26:])
    half = before.copy()
    planes.lay(half, patch, 128)
    assert abs(int(half.y[20, 25]) - (int(before.y[20, 25]) + int(canvas.y[20, 25])) // 2) <= 2


def test_patches_may_reach_over_the_edge() -> None:
    canvas = planes.empty(20, 20)
    patch = planes.patch_of(np.ones((10, 10, 4), np.float32), -4, 14)
    assert patch is not None
    planes.lay(canvas, patch)
    assert canvas.y[16, 3] == 235
    assert canvas.y[16, 10] == 16
    planes.lay(canvas, patch.moved(100, 0))
