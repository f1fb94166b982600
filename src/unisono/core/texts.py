"""Texts: what people write, made harmless before anybody else sees it.

The page escapes what it shows; this takes out what escaping does not: control characters, characters that turn the
direction of the words around them, line breaks, and length.
"""

from __future__ import annotations

import unicodedata

_JOINERS = frozenset({"\u200c", "\u200d"})
"""Needed inside words of Persian and Hindi, and inside emoji."""
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_COMBINING_MAX = 4


def clean(text: str, *, characters_max: int) -> str:
    """One line of `text`: no control characters, single spaces, at most `characters_max` characters, perhaps empty."""
    line = " ".join("".join(_harmless(text)).split())
    return line[:characters_max].strip()


def _harmless(text: str) -> list[str]:
    """Spaces for breaks, nothing for what is harmful or piled up above a letter."""
    kept: list[str] = []
    combining = 0
    for character in unicodedata.normalize("NFC", text):
        combining = combining + 1 if unicodedata.combining(character) else 0
        if character.isspace():
            kept.append(" ")
        elif combining <= _COMBINING_MAX and (character in _JOINERS or unicodedata.category(character) not in _HARMFUL):
            kept.append(character)
    return kept
