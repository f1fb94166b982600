"""Every error Unisono raises on purpose, split by whose fault it is.

    UnisonoError
    +-- PeerError               somebody broke the protocol: close the seat, keep the room
    |   +-- MalformedPacket     bytes that are no packet                                  4400
    |   +-- MalformedMessage    text that is no message                                   4400
    |   +-- ImpossiblePosition  a sound from a future nobody has heard                    4400
    |   +-- BrokenFrame         a codec frame that cannot be decoded                      4400
    |   +-- NoHello             a socket that never said who it is                        4408
    |   +-- Flood               more than anybody needs to send                           4429
    +-- UserError               said kindly on the page, in the reader's language
    |   +-- LinkNotValid        unknown or revoked link                                   4401
    |   +-- NotAllowed          somebody else may do this                                 4403
    |   +-- SeatTakenOver       the same seat was opened in another tab                   4409
    |   +-- RoomFull                                                                      4413
    |   +-- NoSuchPiece         the songbook has no piece of this name
    |   +-- BadPiece            a piece's file that cannot be read
    |   +-- OutOfRange          a key, a tempo or the like that nobody can sing
    +-- OperatorError           a bad setting, a full disk, a missing library
        +-- LibraryMissing      a native library is not installed
        +-- BadSetting          a setting nobody can work with
        +-- DiskTrouble         a write that failed
        +-- MixFailed           the studio could not make a mix

Our own mistakes are assertions and are not in this tree. Every error carries its facts as fields and a stable `code`,
which pages translate. Where an error ends a socket, `close_code` is the number it is closed with (docs/wire.md).

A new error is a dataclass: `code` (stable), `says` (a sentence in which {field} stands for a fact) and its facts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(eq=False, kw_only=True)
class UnisonoError(Exception):
    """The root: a code, a sentence, facts. Raise leaves, catch branches."""

    code: ClassVar[str] = "error"
    says: ClassVar[str] = "something went wrong"
    close_code: ClassVar[int | None] = None

    def facts(self) -> dict[str, Any]:
        """The fields of this error by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        return self.says.format(**self.facts())


@dataclass(eq=False, kw_only=True)
class PeerError(UnisonoError):
    """Somebody on the other end of a socket broke the protocol."""

    code: ClassVar[str] = "peer"
    says: ClassVar[str] = "the protocol was broken"
    close_code: ClassVar[int | None] = 4400


@dataclass(eq=False, kw_only=True)
class UserError(UnisonoError):
    """Something a person asked for cannot be done; told to them in their language."""

    code: ClassVar[str] = "user"


@dataclass(eq=False, kw_only=True)
class OperatorError(UnisonoError):
    """The machine or its settings are at fault: whoever runs the server is told."""

    code: ClassVar[str] = "operator"


@dataclass(eq=False, kw_only=True)
class MalformedPacket(PeerError):
    """Bytes that are no packet of docs/wire.md."""

    code: ClassVar[str] = "malformed_packet"
    says: ClassVar[str] = "malformed packet: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class MalformedMessage(PeerError):
    """Text that is no message of docs/wire.md."""

    code: ClassVar[str] = "malformed_message"
    says: ClassVar[str] = "malformed message: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class ImpossiblePosition(PeerError):
    """A sound stamped with a position that nobody can have heard yet."""

    code: ClassVar[str] = "impossible_position"
    says: ClassVar[str] = "position {position} cannot have been heard at {now}"
    position: int
    now: int


@dataclass(eq=False, kw_only=True)
class BrokenFrame(PeerError):
    """A codec frame that cannot be decoded, or does not last 20 ms."""

    code: ClassVar[str] = "broken_frame"
    says: ClassVar[str] = "broken frame of {length_bytes} bytes: {reason}"
    length_bytes: int
    reason: str


@dataclass(eq=False, kw_only=True)
class NoHello(PeerError):
    """The socket did not begin with `hello`, or not in time."""

    code: ClassVar[str] = "no_hello"
    says: ClassVar[str] = "no hello in time"
    close_code: ClassVar[int | None] = 4408


@dataclass(eq=False, kw_only=True)
class Flood(PeerError):
    """A peer sends more than any page does."""

    code: ClassVar[str] = "flood"
    says: ClassVar[str] = "too much was sent: {what}"
    close_code: ClassVar[int | None] = 4429
    what: str


@dataclass(eq=False, kw_only=True)
class LinkNotValid(UserError):
    """No room or performance has this link, or it was revoked."""

    code: ClassVar[str] = "link_not_valid"
    says: ClassVar[str] = "this link is not valid any more"
    close_code: ClassVar[int | None] = 4401


@dataclass(eq=False, kw_only=True)
class NotAllowed(UserError):
    """The seat's role does not permit this."""

    code: ClassVar[str] = "not_allowed"
    says: ClassVar[str] = "{what} is for somebody else to do"
    close_code: ClassVar[int | None] = 4403
    what: str


@dataclass(eq=False, kw_only=True)
class SeatTakenOver(UserError):
    """The same seat was opened in another tab; this one rests."""

    code: ClassVar[str] = "seat_taken_over"
    says: ClassVar[str] = "this balcony was opened in another tab"
    close_code: ClassVar[int | None] = 4409


@dataclass(eq=False, kw_only=True)
class RoomFull(UserError):
    """No balcony is free."""

    code: ClassVar[str] = "room_full"
    says: ClassVar[str] = "the courtyard is full: it has room for {capacity}"
    close_code: ClassVar[int | None] = 4413
    capacity: int


@dataclass(eq=False, kw_only=True)
class NoSuchPiece(UserError):
    """The songbook has no piece of this id."""

    code: ClassVar[str] = "no_such_piece"
    says: ClassVar[str] = "the songbook has no piece {piece!r}"
    piece: str


@dataclass(eq=False, kw_only=True)
class BadPiece(UserError):
    """A piece's file that cannot be read; `reason` says where to look."""

    code: ClassVar[str] = "bad_piece"
    says: ClassVar[str] = "{file} is not a piece: {reason}"
    file: str
    reason: str


@dataclass(eq=False, kw_only=True)
class OutOfRange(UserError):
    """A number outside of what can be done, such as a tempo nobody can sing."""

    code: ClassVar[str] = "out_of_range"
    says: ClassVar[str] = "{what} must be {low} to {high}, not {value}"
    what: str
    value: int
    low: int
    high: int


@dataclass(eq=False, kw_only=True)
class LibraryMissing(OperatorError):
    """A native library is not installed; `hint` says how to get it."""

    code: ClassVar[str] = "library_missing"
    says: ClassVar[str] = "{library} is missing: {hint}"
    library: str
    hint: str


@dataclass(eq=False, kw_only=True)
class BadSetting(OperatorError):
    """A setting with a value nobody can work with."""

    code: ClassVar[str] = "bad_setting"
    says: ClassVar[str] = "{name} cannot be {value!r}: {reason}"
    name: str
    value: str
    reason: str


@dataclass(eq=False, kw_only=True)
class DiskTrouble(OperatorError):
    """Something could not be written."""

    code: ClassVar[str] = "disk_trouble"
    says: ClassVar[str] = "the disk or database does not work: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class MixFailed(OperatorError):
    """The studio's worker ended without a mix; the stems are as they were and it may be tried again."""

    code: ClassVar[str] = "mix_failed"
    says: ClassVar[str] = "the mix could not be made: {reason}"
    reason: str
