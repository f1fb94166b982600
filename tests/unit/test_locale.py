"""Words: every one goes through gettext, and every language that we offer has all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.jslexer import Token, tokenize
from babel.messages.pofile import read_po

from tools import words as collecting
from unisono.web import i18n

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "src/unisono/web/templates").glob("*.html"))
SCRIPTS = sorted((ROOT / "src/unisono/web/static/ui").glob("*.js"))
KEYWORDS = {"t": None, "tn": (1, 2), "_": None, "gettext": None, "ngettext": (1, 2)}
TRANSLATED = [language for language in i18n.LANGUAGES if language != i18n.SOURCE_LANGUAGE]
NAMES = {"Unisono", "– Unisono", "Unisono:"}
"""What is the same in every language."""
KEYS = {"Enter", "Escape", "Free", "Tab"}


@cache
def used() -> set[str | tuple[str, ...]]:
    """Every message id in templates and scripts, found as `make locale` finds them."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    web = "src/unisono/web/"
    methods = [(pattern.removeprefix(web), method) for pattern, method in methods]
    options = {pattern.removeprefix(web): chosen for pattern, chosen in options.items()}
    return {message for _, _, message, _, _ in extract_from_dir(str(ROOT / web), methods, options, KEYWORDS)}


def catalogue(language: str) -> dict[str | tuple[str, ...], Message]:
    with i18n.catalogue_path(language).open("rb") as file:
        read = read_po(file, locale=language)
    return {(m.id if isinstance(m.id, str) else tuple(m.id)): m for m in read if m.id}


def forms(message: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    if message is None:
        return ("",)
    return (message,) if isinstance(message, str) else tuple(message)


def test_the_page_has_words_at_all() -> None:
    assert len(used()) > 150
    assert "Step onto the balcony" in used()
    assert ("{n} person is listening", "{n} people are listening") in used()


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_message_lacks_a_translation(language: str) -> None:
    known = catalogue(language)
    missing = [message for message in used() if message not in known or not all(forms(known[message].string))]
    assert missing == []
    assert [message for message, entry in known.items() if entry.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_left_over(language: str) -> None:
    assert [message for message in catalogue(language) if message not in used()] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_name_the_same_facts(language: str) -> None:
    def facts(text: str) -> set[str]:
        return set(re.findall(r"\{\w+\}", text))

    pairs = [(forms(m)[0], form) for m, entry in catalogue(language).items() for form in forms(entry.string)]
    wrong = [translation for message, translation in pairs if facts(message) != facts(translation)]
    assert wrong == []


class _Texts(HTMLParser):
    """What a reader of a template sees or hears, with what Jinja puts in taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {"aria-label", "placeholder", "title", "alt", "aria-description"}
        self.found += [value or "" for name, value in attrs if name in said]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_word_of_a_template_bypasses_gettext(template: Path) -> None:
    seen = re.sub(r"\{% block body_class %\}.*?\{% endblock %\}", "", template.read_text())
    bare = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", seen, flags=re.DOTALL)
    texts = _Texts()
    texts.feed(bare)
    assert [text for text in texts.found if re.search(r"[^\W\d_]", text) and text not in NAMES] == []


def sentences(script: str) -> Iterator[str]:
    """Strings of a script that look like words for people and are not given to t or tn."""
    tokens = list(tokenize(script))
    for i, token in enumerate(tokens):
        if token.type in ("string", "template_string") and not _is_translated(tokens, i) and not _is_thrown(tokens, i):
            text = token.value.strip("\"'`")
            if re.match(r"[A-Z][a-z’']+([ ,.!?…]|$)", text) and text not in KEYS | NAMES:
                yield text


def _is_translated(tokens: list[Token], i: int) -> bool:
    before = [token.value for token in tokens[max(0, i - 4) : i]]
    return before[-2:] in (["t", "("], ["tn", "("]) or before[:2] == ["tn", "("]


def _is_thrown(tokens: list[Token], i: int) -> bool:
    return any(token.value in ("Error", "Problem") for token in tokens[max(0, i - 5) : i])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_word_of_a_script_bypasses_gettext(script: Path) -> None:
    assert list(sentences(script.read_text())) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_message_hides_inside_a_template_literal(script: Path) -> None:
    """Babel does not look there, so that translators would never see it."""
    assert re.findall(r"\$\{[^}]*\btn?\(", script.read_text()) == []


def test_the_bypass_test_sees_a_bypass() -> None:
    assert list(sentences('say(byId("x"), "Come in"); h("p", {}, t("Come in")); tn("One", "Many", 2)')) == ["Come in"]


@pytest.mark.parametrize(
    ("cookie", "header", "chosen"),
    [
        (None, None, "en"),
        (None, "it-IT,it;q=0.9,en;q=0.8", "it"),
        (None, "de-DE,de;q=0.9,it;q=0.5", "it"),
        (None, "en;q=0.1,it;q=0.9", "it"),
        (None, "it;q=0,fr", "en"),
        ("it", "en", "it"),
        ("xx", "it", "it"),
        (None, "it;q=nonsense,,;;", "en"),
    ],
)
def test_the_reader_chooses_then_the_browser_then_english(cookie: str | None, header: str | None, chosen: str) -> None:
    assert i18n.choose_language(cookie, header) == chosen


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_scripts_get_words_plurals_and_countries(language: str) -> None:
    body = json.loads(i18n.page_words(language))
    assert [body["plural"][n] for n in (0, 1, 2, 101)] == [1, 0, 1, 1]
    assert body["countries"]["it"] == {"en": "Italy", "it": "Italia"}[language]
    assert len(body["countries"]) > 240


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("template", ["home.html", "courtyard.html", "performance.html"])
def test_pages_render_in_every_language_without_inline_scripts_or_styles(template: str, language: str) -> None:
    html = i18n.render(template, language)
    assert f'<html lang="{language}">' in html
    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", html) is None


def test_collecting_words_again_changes_nothing_wherever_they_stand_in_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = i18n.catalogue_path("it").read_text(encoding="utf-8")
    copy = tmp_path / "it" / "LC_MESSAGES" / "unisono.po"
    copy.parent.mkdir(parents=True)
    copy.write_text(kept, encoding="utf-8")
    extract = extract_from_dir
    orders = (list, lambda found: [(name, 9999 - line, *rest) for name, line, *rest in reversed(list(found))])
    for order in orders:
        monkeypatch.setattr(collecting, "extract_from_dir", lambda *told, order=order: order(extract(*told)))
        assert collecting.update(copy, collecting.collected()) == 0
        assert copy.read_text(encoding="utf-8") == kept
