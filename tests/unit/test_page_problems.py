"""Every code that a page can be told has a sentence of its own on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from unisono import errors
from unisono.core.trouble import TroubleCode

SOURCES = Path(errors.__file__).parent
PROBLEMS = (SOURCES / "web/static/ui/problems.js").read_text()
SOCKET_ONLY = {"seat_taken_over"}
"""Told by their closing code."""
NEVER_TOLD = {"user", "bad_piece", "guide_not_found", "no_such_clip"}
"""A branch, and what only whoever runs the server, or `unisono produce`, meets."""


def told_codes() -> set[str]:
    """Codes in `problem` messages, in answers of the API, and of the engine's troubles."""
    python = "\n".join(path.read_text() for folder in ("core", "live") for path in (SOURCES / folder).glob("*.py"))
    engine = "\n".join(path.read_text() for path in (SOURCES / "web/static/engine").glob("*.js"))
    said = re.findall(r'_problem\(\w+, "(\w+)"', python) + re.findall(r'Problem\(code="(\w+)"', python)
    troubles = re.findall(r'"trouble", (?:\{ )?code: "(\w+)"', engine) + re.findall(r'onTrouble\("(\w+)"', engine)
    leaves = [kind.code for kind in _leaves(errors.UserError) if not kind.__module__.startswith("unisono.client")]
    return {*said, *troubles, *leaves, *get_args(TroubleCode)} - SOCKET_ONLY - NEVER_TOLD


def _leaves(kind: type[errors.UnisonoError]) -> list[type[errors.UnisonoError]]:
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in _leaves(child)] if below else [kind]


def test_there_are_codes() -> None:
    assert {"link_not_valid", "song_running", "mix_failed", "microphone_lost", "storage"} <= told_codes()


@pytest.mark.parametrize("code", sorted(told_codes()))
def test_the_page_has_a_sentence_for(code: str) -> None:
    assert re.search(rf"^  {code}: \(\) => t\(", PROBLEMS, re.MULTILINE), (
        f"{code} is told, but problems.js has no sentence"
    )


def marks() -> set[str]:
    """Codes that the studio puts on a voice."""
    made = [(SOURCES / "studio" / name).read_text() for name in ("stem.py", "produce.py")]
    tables = [table for text in made for table in re.findall(r"(?:marks|found) = \{\n(.*?)\n    \}", text, re.DOTALL)]
    of_stems = {code for table in tables for code in re.findall(r'^ +"(\w+)":', table, re.MULTILINE)}
    arrived = re.search(r"_TOLD_AS_MARKS = \((.*)\)", (SOURCES / "studio/arrived.py").read_text())
    assert arrived is not None
    return of_stems | set(re.findall(r'"(\w+)"', arrived[1]))


def test_every_mark_on_a_voice_is_said() -> None:
    assert {"gaps", "clipped", "tapped", "cut_off"} <= marks()
    said = re.search(r"const MARKS = \{\n(.*?)\n\};", PROBLEMS, re.DOTALL)
    assert said is not None
    assert set(re.findall(r"^  (\w+): \(\) => t\(", said[1], re.MULTILINE)) == marks()


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4408, 4409, 4413, 4429])
def test_every_closing_code_is_said(code: int) -> None:
    assert str(code) in PROBLEMS
