"""Tokens: unguessable links, kept so that who reads the database opens no door.

A room has one secret. It is kept sealed twice: under the host's token and under the recovery code. The singers' and the
listeners' tokens follow from the secret and the number of their link, so the host can be shown them again and nobody
else can. For everything presented from outside, the ledger keeps a SHA-256 only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_SECRET_BYTES = 32
_RECOVERY_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_RECOVERY_GROUPS, _RECOVERY_GROUP = 6, 4


def fresh_token() -> str:
    """Unguessable, fit for a link: 43 characters."""
    return secrets.token_urlsafe(32)


def fresh_id() -> str:
    """A name for a performance: short, unique, no secret."""
    return secrets.token_hex(8)


def fresh_secret() -> bytes:
    """A room's secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def fresh_recovery() -> str:
    """A code that can be written on paper: 24 characters in groups of four, 120 bits, none that look alike."""
    characters = [secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_GROUPS * _RECOVERY_GROUP)]
    groups = ["".join(characters[i : i + _RECOVERY_GROUP]) for i in range(0, len(characters), _RECOVERY_GROUP)]
    return "-".join(groups)


def plain_recovery(written: str) -> str:
    """The code as it was given out, however it was typed: spaces, hyphens and small letters do not matter."""
    letters = [character for character in written.upper() if character.isalnum()]
    text = "".join(letters).replace("O", "0").replace("I", "1")
    return "-".join(text[i : i + _RECOVERY_GROUP] for i in range(0, len(text), _RECOVERY_GROUP))


def hashed(token: str) -> str:
    """What the ledger keeps of a token, key or code: 64 hex digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def sealed(secret: bytes, under: str) -> bytes:
    """The secret, readable only with `under`; sealing the sealed secret opens it. 32 bytes in, 32 out.

    The pad is a keyed hash of the room's token, and each token seals one secret only, so it is used once.
    """
    pad = hmac.new(under.encode(), b"unisono room secret", hashlib.sha256).digest()
    return bytes(a ^ b for a, b in zip(secret, pad, strict=True))


def link_token(secret: bytes, role: str, number: int) -> str:
    """The token of the room's `number`th link for this role."""
    return _derived(secret, f"{role}:{number}")


def take_key(secret: bytes, take: str) -> str:
    """The key of a take that was sung in the room: its host is told it as often as it is asked for."""
    return _derived(secret, f"take:{take}")


def _derived(secret: bytes, what: str) -> str:
    digest = hmac.new(secret, what.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
