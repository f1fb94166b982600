"""Clips are made small before their film, under the names by which it looks; only what changed is made again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.unit.test_film_job import TAKE
from tests.unit.test_film_make import clip, sound
from tests.unit.test_studio_jobs import performance
from unisono.studio.film import ahead, released, worker
from unisono.studio.film.brief import Clip, Film, Voice, mark_of, pieces
from unisono.studio.film.kept import piece_name, seen
from unisono.studio.film.layout import Rect
from unisono.studio.film.plan import Plan, work_out
from unisono.studio.seen import CONSENT_FILE, Consent, seat_folder
from unisono.studio.takes import TakeFacts, take_folder, write_take
from unisono.units import SAMPLE_RATE


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (released, worker, ahead):
        monkeypatch.setattr(module, "SIZES", {"wide": (320, 180), "tall": (180, 320)})


def camera(folder: Path, seat: int, *, consents: bool = True) -> Path:
    """What a seat's camera saw."""
    home = seat_folder(folder, seat)
    home.mkdir(parents=True)
    (home / CONSENT_FILE).write_bytes(msgspec.json.encode(Consent(pictures=consents)))
    path = home / f"{seat:016x}.mkv"
    clip(home / "made.mp4", [i / 25 for i in range(20)], lambda _: 180, size=(160, 96))
    return (home / "made.mp4").rename(path)


def small_clips(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in released.work_folder(folder).glob("proxies/*")}


def test_what_has_come_is_small_before_there_is_a_mix_and_the_film_finds_it(tmp_path: Path) -> None:
    folder = performance(tmp_path / "sung", 0.5, 3)
    released.film_folder(folder).mkdir()
    first, _ = camera(folder, 1), camera(folder, 3, consents=False)
    assert ahead.make_ahead(folder, workers=1) == 1
    made = small_clips(folder)
    assert {name.partition("-")[0] for name in made} == {mark_of([first])}
    assert ahead.make_ahead(folder, workers=1) == 0
    sound(folder / "mix.wav", 0.5)
    second = camera(folder, 2)
    assert ahead.make_ahead(folder, workers=1) == 1, "one comes late"
    both = small_clips(folder)
    assert made.items() <= both.items()
    worker.release(folder, "wide")
    assert small_clips(folder) == both, "the film makes none"
    released.take_away(folder, [[second]])
    left = small_clips(folder)
    assert left.keys() == both.keys() - made.keys()
    assert [path.name for path in released.film_folder(folder).iterdir()] == ["work"]


def test_a_take_that_is_expected_is_small_before_it_is_placed(tmp_path: Path) -> None:
    folder = performance(tmp_path / "sung", 0.5, 2)
    sound(folder / "mix.wav", 0.5)
    released.film_folder(folder).mkdir()
    other = "f" * 16
    for take, picture in ((TAKE, True), (other, False)):
        take_folder(folder, take).mkdir(parents=True)
        facts = TakeFacts(take=take, seat=50_001, original="original.mp4", picture=picture)
        write_take(take_folder(folder, take), facts)
    clip(take_folder(folder, TAKE) / "original.mp4", [i / 25 for i in range(20)], lambda _: 180)
    os.mkfifo(take_folder(folder, other) / "original.mp4")  # whoever opened it would wait for ever
    assert ahead.make_ahead(folder, workers=1) == 0
    released.write_wanted(folder, released.Wanted(forms=("wide", "tall")))
    assert ahead.make_ahead(folder, frozenset({TAKE, other}), workers=1) == 1
    made = small_clips(folder)
    assert len(made) == 4, "a picture and its times for each form"
    for take in (TAKE, other):
        told = json.loads((take_folder(folder, take) / "take.json").read_bytes())
        placed = {"method": "bleed", "certain": True, "confidence": 1, "offset_samples": 480, "drift_ppm": 3}
        (take_folder(folder, take) / "take.json").write_text(json.dumps(told | {"in_mix": True}))
        (take_folder(folder, take) / "placed.json").write_text(json.dumps(placed | {"samples": 24_000}))
    for form in ("wide", "tall"):
        worker.release(folder, form)
    assert small_clips(folder) == made


def crowd(count: int = 60, late: Path | None = None, **changes: object) -> Plan:
    """A minute in which everybody sings, seen wide and close; `late`: the clip of the first voice."""
    voices = [Voice(name=f"V{i}", pan=2 * i / count - 1, row=int(i > 0)) for i in range(count)]
    if late is not None:
        voices[0] = msgspec.structs.replace(voices[0], clip=Clip(path=str(late)), pictures=True)
    film = Film(voices=tuple(voices), samples=60 * SAMPLE_RATE, **changes)  # type: ignore[arg-type]
    sung = np.full((count, film.sung_frames), 0.6, np.float32)
    return work_out(film, sung, tuple(None if late is None else True if i == 0 else None for i in range(count)), 2)


def names(plan: Plan, folder: Path) -> list[str]:
    return [piece_name(plan, frames, folder) for frames in pieces(plan.film, plan.frames)]


def differ(one: Sequence[str], other: Sequence[str]) -> list[bool]:
    return [a != b for a, b in zip(one, other, strict=True)]


def test_a_piece_is_made_again_if_something_in_it_changes_and_else_not(tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    path.write_bytes(b"a clip")
    plan, folder = crowd(), tmp_path
    before = names(plan, folder)
    assert before == names(crowd(sound="another mix.wav"), folder), "faders change nothing that is seen"
    assert len(set(before)) == len(before)
    with_clip = crowd(late=path)
    after = names(with_clip, folder)
    for number, frames in enumerate(pieces(plan.film, plan.frames)):
        rests = [shot.rect for shot in plan.shots if shot.start in frames or shot.start <= frames.start]
        if before[number] == after[number]:
            assert not any(rect.overlaps(plan.layout.cell(0)) for rect in rests[-1:])
    assert {True, False} == set(differ(before, after)), "close shots of others stay"
    assert after[0] != before[0], "all are seen at the beginning"
    os.utime(path, ns=(1, 1))
    assert differ(after, names(with_clip, folder)) == differ(before, after), "a clip that is another file"
    for change in ({"title": "Ode"}, {"facade": "towers"}, {"lead_s": 4.04}):
        assert all(differ(before, names(crowd(**change), folder))), change
    assert all(differ(before, names(crowd(61), folder)))


def test_whoever_may_be_seen_counts_with_a_bay_to_spare() -> None:
    layout = crowd().layout
    whole = seen(layout, [layout.wide])
    assert whole == tuple(range(60))
    cell = layout.cell(7)
    near = seen(layout, [Rect(x=cell.x + 0.1, y=cell.y + 0.1, w=0.5, h=0.5)])
    assert 7 in near
    assert set(near) < set(whole)
    beside = {
        n
        for n, (column, row) in enumerate(layout.bays)
        if max(abs(column - layout.bays[7][0]), abs(row - layout.bays[7][1])) <= 1
    }
    assert beside <= set(near)
