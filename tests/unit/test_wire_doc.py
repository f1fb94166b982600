"""docs/wire.md and the code name the same kinds, messages and fields, in both directions."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec

from unisono.core import messages
from unisono.core.wire import SOUND_KINDS, Kind

STATIC = Path(__file__).parents[2] / "src" / "unisono" / "web" / "static"
DOC = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
CODE_SPAN = re.compile(r"`([^`]+)`")


def section(title: str) -> str:
    """The text under a heading, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#+ |\Z)", DOC, re.MULTILINE | re.DOTALL)
    assert found, f"docs/wire.md has no section {title!r}"
    return found.group(1)


def table_rows(text: str) -> list[list[str]]:
    """The cells of every table row but head and rule."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return [row for row in rows if not set("".join(row)) <= set("-| ")]


def field_names(cell: str) -> set[str]:
    """The names in a cell of fields; what stands in brackets explains and does not count."""
    while (bare := re.sub(r"\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]", "", cell)) != cell:
        cell = bare
    return {name.split()[0] for name in CODE_SPAN.findall(cell)}


def documented_messages(title: str) -> dict[str, set[str]]:
    rows = table_rows(section(title))[1:]
    documented = {name: field_names(row[1]) for row in rows for name in CODE_SPAN.findall(row[0])}
    if "song" in documented:
        documented["song"] = documented_value("song")
    return documented


def documented_value(name: str) -> set[str]:
    """The fields of `{a, b, c}` in the sentence that says what a seat or a song is."""
    found = re.search(rf"^An? `{name}` is `\{{([a-z_, ]+)\}}`", DOC, re.MULTILINE)
    assert found, f"docs/wire.md does not say what a {name} is"
    return {field.strip() for field in found.group(1).split(",")}


def coded_messages(union: Any) -> dict[str, set[str]]:
    return {struct.__struct_config__.tag: set(struct.__struct_fields__) for struct in get_args(union)}


def test_every_message_a_page_sends_is_documented_field_by_field() -> None:
    assert documented_messages("Page to server") == coded_messages(messages.FromPage)


def test_every_message_a_room_sends_is_documented_field_by_field() -> None:
    assert documented_messages("Server to page") == coded_messages(messages.FromRoom)


def test_seats_songs_and_flags_are_documented_field_by_field() -> None:
    assert documented_value("seat") == set(messages.SeatInfo.__struct_fields__)
    assert documented_value("song") == set(messages.Song.__struct_fields__)
    flags = [msgspec.json.decode(example) for example in CODE_SPAN.findall(section("Page to server")) if "{" in example]
    assert {field for flag in flags for field in flag} == set(messages.Flag.__struct_fields__)
    assert [msgspec.convert(flag, messages.Flag) for flag in flags]


def test_every_kind_is_documented_with_its_number() -> None:
    rows = [row for row in table_rows(section("Packets (binary)")) if row[0].isdigit() and row[1].isupper()]
    assert {row[1]: int(row[0]) for row in rows} == {kind.name: kind.value for kind in Kind}
    from_page = {row[1] for row in rows if row[2] == "page to server"}
    assert from_page == {"VOICE", "TALK", "PROBE"}
    assert {row[1] for row in rows} - {"PROBE", "ECHO"} == {kind.name for kind in SOUND_KINDS}


def page_sources(*folders: str) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for folder in folders for path in sorted((STATIC / folder).glob("*.js"))
    )


def test_the_page_knows_the_same_kinds() -> None:
    found = re.search(
        r"Kind = Object\.freeze\(\{([^}]*)\}\)", (STATIC / "engine" / "wire.js").read_text(encoding="utf-8")
    )
    assert found
    kinds = {name: int(number) for name, number in re.findall(r"(\w+): (\d+)", found.group(1))}
    assert kinds == {kind.name: kind.value for kind in Kind}


def test_the_page_sends_documented_messages_only() -> None:
    sent = set(re.findall(r"\bsend\(\{ ?type: \"(\w+)\"", page_sources("engine", "ui")))
    assert {"wave", "write", "start", "stop"} <= sent, "the pattern finds what the page sends"
    assert sent <= set(coded_messages(messages.FromPage))


def test_the_page_understands_documented_messages_only() -> None:
    switch = re.search(
        r"switch \((?:\w+\.)*type\) \{(.*?)\n    \}", (STATIC / "ui" / "room.js").read_text(encoding="utf-8"), re.DOTALL
    )
    assert switch, "ui/room.js has no switch over messages"
    understood = set(re.findall(r"case \"(\w+)\"", switch.group(1)))
    assert "welcome" in understood
    assert understood <= set(coded_messages(messages.FromRoom))


def test_the_words_a_field_may_hold_are_documented() -> None:
    for words in (messages.Method, messages.Output):
        for word in get_args(words):
            assert f'"{word}"' in DOC, word
    for word in get_args(messages.SongState):
        assert f"`{word}`" in DOC, word


def test_the_closing_codes_of_errors_are_documented() -> None:
    from unisono import errors

    documented = {int(code) for code in re.findall(r"\b4\d{3}\b", section("Closing codes"))}
    used = {
        error.close_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.UnisonoError) and error.close_code
    }
    assert used <= documented
