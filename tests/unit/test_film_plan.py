"""A film worked out: seats, camera, words, lights. All of it is arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisono.studio.alignment import Alignment, Piece
from unisono.studio.film import camera, facade, lights, words
from unisono.studio.film.brief import FRAME_SAMPLES, Clip, Film, Knot, Voice, Word, pieces
from unisono.studio.film.folder import flag_of, knots_of
from unisono.studio.film.layout import Rect, lay_out
from unisono.units import SAMPLE_RATE

SHAPES = st.sampled_from([(1920, 1080), (1080, 1920), (1080, 1080), (320, 180)])
MANY = 300


def voices(count: int) -> tuple[Voice, ...]:
    return tuple(Voice(name=f"v{i}", pan=(i * 37 % 101) / 50 - 1, row=i % 4) for i in range(count))


@given(count=st.integers(1, MANY), shape=SHAPES, bay_height=st.sampled_from([0.92, 1.12]), with_words=st.booleans())
def test_everybody_has_a_bay_of_their_own_inside_the_frame(
    count: int, shape: tuple[int, int], bay_height: float, with_words: bool
) -> None:
    layout = lay_out(voices(count), *shape, bay_height, words=with_words)
    assert len(set(layout.bays)) == count
    assert all(0 <= column < layout.columns and 0 <= row < layout.rows for column, row in layout.bays)
    if layout.bay > 16:  # the smallest there is; a film of 320 pixels cannot show three hundred windows
        assert all(layout.wide.holds(layout.cell(voice)) for voice in range(count))
    assert layout.bay % 2 == 0
    assert layout.wide.w * layout.bay == pytest.approx(shape[0])
    assert layout.wide.h * layout.bay == pytest.approx(shape[1])


@given(count=st.integers(1, MANY), shape=SHAPES)
def test_bays_do_not_overlap(count: int, shape: tuple[int, int]) -> None:
    layout = lay_out(voices(count), *shape, 1.12)
    first = layout.cell(0)
    assert not any(first.overlaps(layout.cell(other)) for other in range(1, count))
    assert first.overlaps(first)


@given(count=st.integers(2, 60))
def test_left_in_the_picture_is_left_in_the_sound(count: int) -> None:
    sung = voices(count)
    layout = lay_out(sung, 1920, 1080, 1.12)
    for one, other in zip(range(count), range(1, count), strict=False):
        if layout.bays[one][0] < layout.bays[other][0]:
            assert sung[one].pan <= sung[other].pan


def test_a_frame_that_stands_has_a_façade_that_stands() -> None:
    lying, standing = (lay_out(voices(40), *shape, 1.12) for shape in ((1920, 1080), (1080, 1920)))
    assert lying.columns > lying.rows
    assert standing.rows > standing.columns


def test_who_sings_alone_is_seen_large_and_then_all_are_seen_again() -> None:
    layout = lay_out(voices(40), 1920, 1080, 1.12)
    light = np.full((40, 1500), 0.02, np.float32)
    light[7, 300:900] = 1.0
    plan = camera.shots(layout, light, 100, 1500)
    close = [shot for shot in plan if shot.close]
    assert close
    assert close[0].rect.holds(layout.cell(7))
    assert close[0].rect.w < layout.wide.w / 1.3
    assert not plan[0].close
    assert not plan[-1].close


@pytest.mark.parametrize("count", [1, 2])
def test_few_come_near_and_go_back_in_turn(count: int) -> None:
    layout = lay_out(voices(count), 1920, 1080, 1.12)
    plan = camera.shots(layout, np.ones((count, 1800), np.float32), 0, 1800)
    close = [shot.close for shot in plan]
    assert close[:4] == [False, True, False, True]
    assert all(shot.rect.holds(layout.cell(voice)) for shot in plan for voice in range(count))


@settings(max_examples=12)
@given(count=st.integers(1, 200), seed=st.integers(0, 5))
def test_the_camera_never_leaves_the_façade_and_never_jumps(count: int, seed: int) -> None:
    layout = lay_out(voices(count), 1920, 1080, 1.12)
    light = np.random.default_rng(seed).random((count, 900)).astype(np.float32)
    plan = camera.shots(layout, light, 50, 850)
    stage = layout.stage
    around = Rect(x=stage.x - 0.01, y=stage.y - 0.01, w=stage.w + 0.02, h=stage.h + 0.02)
    before = camera.strayed(camera.view(plan, 0).rect, layout, 0)
    for frame in range(900):
        now = camera.strayed(camera.view(plan, frame).rect, layout, frame)
        assert around.holds(now)
        assert abs(now.x - before.x) < layout.wide.w * 0.08
        before = now


def test_with_two_hundred_all_come_near_in_turn() -> None:
    layout = lay_out(voices(200), 1920, 1080, 1.12)
    frames = 25 * 60 * 4
    plan = camera.shots(layout, np.full((200, frames), 0.7, np.float32), 0, frames)
    near = {voice for shot in plan if shot.close for voice in range(200) if shot.rect.holds(layout.cell(voice))}
    assert len(near) > 120


def film(**more: object) -> Film:
    sung = tuple(
        Word(start=round(start * SAMPLE_RATE), text=text, line=line)
        for start, text, line in ((1.0, "Freude", 0), (1.5, "schöner", 0), (4.0, "Tochter", 1), (4.5, "<aus>", 1))
    )
    return Film(**{"voices": (), "samples": 10 * SAMPLE_RATE, "words": sung, "lead_s": 3.0} | more)  # type: ignore[arg-type]


def test_lines_come_one_after_another_and_words_fill_as_they_are_sung() -> None:
    first, second = words.lines(film())
    assert first.text == "Freude schöner"
    assert first.start < SAMPLE_RATE < first.stop <= second.words[0].start
    assert first.sung(0.5 * SAMPLE_RATE) == (0, 0.0)
    done, share = first.sung(1.25 * SAMPLE_RATE)
    assert done == 0
    assert share == pytest.approx(0.5)
    assert first.sung(1.5 * SAMPLE_RATE)[0] == 1


def test_subtitles_are_on_the_films_own_time() -> None:
    told = words.web_subtitles(film())
    assert told.startswith("WEBVTT\n")
    assert "00:00:02.600 --> " in told  # 1.0 s of the song, 3 s of title before it, 1.4 s early
    assert " line:6%\nTochter &lt;aus&gt;" in told, "above, for below they stand in the picture"


def test_chinese_words_stand_without_spaces() -> None:
    sung = [Word(start=0, text=text, line=0) for text in ("加", "油", "Wuhan", "加")]
    assert words.joined(sung) == "加油 Wuhan 加"


def test_a_line_can_be_read_before_it_is_sung() -> None:
    close = tuple(Word(start=at * SAMPLE_RATE, text="la", line=line) for at, line in ((1, 0), (2, 0), (4, 1)))
    first, second = words.lines(film(words=close))
    assert first.stop == second.start == round(3.4 * SAMPLE_RATE)


def test_what_was_not_sung_any_more_is_not_written() -> None:
    assert [line.text for line in words.lines(film(samples=4 * SAMPLE_RATE))] == ["Freude schöner"]


def test_lights_follow_the_voice_and_are_dark_where_it_is_silent() -> None:
    dbfs = np.concatenate([np.full(50, -120.0), np.full(50, -18.0), np.full(100, -120.0)])
    light = lights.light_of(dbfs)
    assert light[49] < 0.05
    assert light[60] > 0.9
    assert light[-1] < 0.05
    assert np.all(np.diff(light[100:]) <= 0)


def test_a_clips_place_is_that_of_its_alignment() -> None:
    parts = (
        Piece(take_start=1000, take_stop=50_000, guide_start=200.0, drift_ppm=80.0),
        Piece(take_start=50_000, take_stop=90_000, guide_start=51_000.0),
    )
    placed = Alignment(method="bleed", pieces=parts, confidence=1.0, certain=True)
    clip = Clip(path="x", knots=knots_of(placed))
    for sample in (1000, 20_000, 49_000, 50_000, 70_000):
        assert clip.take_sample(placed.guide_position(sample)) == pytest.approx(sample, abs=1e-6)


def test_a_warp_is_followed_between_its_knots() -> None:
    warp = ((0.0, 100.0), (1000.0, 1600.0), (2000.0, 2100.0))
    piece = Piece(take_start=0, take_stop=2000, guide_start=100.0)
    placed = Alignment(method="warp", pieces=(piece,), confidence=1.0, certain=True, warp=warp)
    clip = Clip(path="x", knots=knots_of(placed))
    assert clip.take_sample(850.0) == pytest.approx(500)
    assert clip.take_sample(1850.0) == pytest.approx(1500)


def test_pieces_cover_every_frame_once() -> None:
    cut = pieces(film(piece_frames=70), 333)
    assert [frame for part in cut for frame in part] == list(range(333))


def test_frames_are_whole_samples() -> None:
    assert film().position(75) == 0
    assert film().position(76) == FRAME_SAMPLES


def test_who_does_not_agree_is_not_seen() -> None:
    clip = Clip(path="x", knots=(Knot(take=0, guide=0),))
    assert Voice(clip=clip).seen is None
    assert Voice(clip=clip, pictures=True).seen == clip


@pytest.mark.parametrize(
    ("wire", "known"),
    [
        (None, ""),
        ({"country": "it"}, "it"),
        ({"colours": ["#ff0000", "#00ff00"], "upright": True}, "#ff0000 #00ff00"),
        ({"colours": ["#ff0000", "#00ff00"]}, "=#ff0000 #00ff00"),
    ],
)
def test_flags_of_the_wire(wire: dict[str, object] | None, known: str) -> None:
    assert flag_of(wire) == known


@pytest.mark.parametrize("name", facade.names())
def test_façades_can_be_read(name: str) -> None:
    drawn = facade.read(name)
    assert drawn.facts.window
    assert len(facade.names()) >= 2
