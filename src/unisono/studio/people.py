"""People: a table of who is heard in which clip, as a spreadsheet saves it (CSV, UTF-8).

Its first line names the columns: `clip`, and any of `name`, `place`, `flag`, `part` and `lead`, in any order, others
are nobody's business. Commas, semicolons and tabs are understood, as spreadsheets of all countries write them.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from msgspec import Struct

from unisono.studio.film.cloth import is_flag

_COLUMNS = ("clip", "name", "place", "flag", "part", "lead")
_NO = ("", "0", "no", "n", "false")
_FIRST_REGIONAL_INDICATOR = 0x1F1E6
_LETTERS = 26


class Person(Struct, frozen=True, kw_only=True):
    """Who is heard in a clip. What is empty was not told."""

    clip: str
    name: str = ""
    place: str = ""
    flag: str = ""
    part: str = ""
    lead: bool = False


def read_people(path: Path) -> list[Person]:
    """The table's rows. Raises ValueError saying what is wrong with it, OSError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8; save it as “CSV UTF-8”") from None
    lines = text.splitlines()
    if not lines:
        return []
    between = max(",;\t", key=lines[0].count)
    rows = csv.DictReader(lines, delimiter=between)
    columns = {name: name.strip().casefold() for name in rows.fieldnames or () if name}
    if "clip" not in columns.values():
        raise ValueError(f"its first line names no column “clip”, only: {', '.join(columns)}")
    found = []
    for number, row in enumerate(rows, start=2):
        told = {columns[name]: (value or "").strip() for name, value in row.items() if name in columns}
        if told["clip"]:
            try:
                found.append(_person({name: told.get(name, "") for name in _COLUMNS}))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    return found


def _person(told: dict[str, str]) -> Person:
    return Person(
        clip=told["clip"],
        name=told["name"],
        place=told["place"],
        flag=read_flag(told["flag"]),
        part=told["part"],
        lead=told["lead"].casefold() not in _NO,
    )


def read_flag(text: str) -> str:
    """A flag as a film knows it, from two letters of a country, its emoji, or colours (#rrggbb). Raises ValueError."""
    flag = text.strip()
    letters = [ord(sign) - _FIRST_REGIONAL_INDICATOR for sign in flag]
    if len(letters) == 2 and all(0 <= letter < _LETTERS for letter in letters):
        flag = "".join(chr(ord("a") + letter) for letter in letters)
    if re.fullmatch("[A-Za-z]{2}", flag):
        flag = flag.lower()
    if flag and not is_flag(flag):
        raise ValueError(f"{text!r} is no flag: write a country's two letters (it), or colours (#009246 #ffffff)")
    return flag
