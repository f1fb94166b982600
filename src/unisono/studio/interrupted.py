"""Interrupted: what `unisono produce` says when somebody ends it, however little of it was imported by then."""

from __future__ import annotations

import locale
from typing import Final

import msgspec

from unisono.web.i18n import LANGUAGES, SOURCE_LANGUAGE, words
from unisono.web.take_words import STOPPED

INTERRUPTED: Final = 130
"""What the program ends with."""


def said_in(language: str) -> str:
    """In words."""
    return words(language).gettext(STOPPED)


def as_json() -> bytes:
    """As one of the lines for machines."""
    text = "interrupted; what is finished is kept"
    return msgspec.json.encode({"error": {"code": "interrupted", "text": text}}) + b"\n"


def language_here() -> str:
    """That of the terminal, if we speak it."""
    here = (locale.getlocale()[0] or "")[:2]
    return here if here in LANGUAGES else SOURCE_LANGUAGE
