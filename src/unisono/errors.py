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
    |   +-- BadPart             a name that no part of a piece can have
    |   +-- SeatTakenOver       the same seat was opened in another tab                   4409
    |   +-- RoomFull                                                                      4413
    |   +-- NoSuchPiece         the songbook has no piece of this name
    |   +-- BadPiece            a piece's file that cannot be read
    |   +-- GuideNotFound       neither a sound, nor a performance, nor a piece to sing to
    |   +-- NoSuchClip          a name that is none of the clips', or that of several
    |   +-- GuideGone           what was to be sung along to has been deleted
    |   +-- NothingSung         nobody was heard in what is to be kept
    |   +-- OutOfRange          a key, a tempo or the like that nobody can sing
    |   +-- TakeUnreadable      a file that is no recording, or is broken from the start
    |   +-- TakeEmpty           a recording without sound or picture
    |   +-- TakeTooLong         a recording longer than any song
    |   +-- TakeTooLarge        a file, or a picture, of a size that no phone makes
    |   +-- TakeTooCostly       a recording that takes too much time or memory to read
    |   +-- ClipTooBig          a clip larger than the server takes
    |   +-- ClipEmpty           a clip without a single byte
    |   +-- ClipsFull           a performance, or an address, has sent as many clips as it may
    |   +-- NoRoomForClip       the server's disk has no room for it
    |   +-- NotReady            a performance whose own mix is not there yet
    +-- OperatorError           a bad setting, a full disk, a missing library
        +-- LibraryMissing      a native library is not installed
        +-- BadSetting          a setting nobody can work with
        +-- DiskTrouble         a write that failed
        +-- MixFailed           the studio could not make a mix
        +-- FilmFailed          the studio could not make a film
        +-- TakeFailed          the studio could not work on a take

Our own mistakes are assertions and are not in this tree. Every error carries its facts as fields and a stable `code`,
which pages translate. Where an error ends a socket, `close_code` is the number it is closed with (docs/wire.md).

A new error is a dataclass: `code` (stable), `says` (a sentence in which {field} stands for a fact) and its facts.
Over 400 lines, because it is a list: one short class for each line of the tree, and nothing else.
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
class BadPart(UserError):
    """What somebody says they sing cannot be the name of a part."""

    code: ClassVar[str] = "bad_part"
    says: ClassVar[str] = "the name of a part has up to {letters_max} letters"
    letters_max: int


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
class GuideNotFound(UserError):
    """A guide that is no sound file, no performance's folder and no piece of the songbook."""

    code: ClassVar[str] = "guide_not_found"
    says: ClassVar[str] = "{guide} is no guide: give a sound file, a performance's folder, or a piece ({pieces})"
    guide: str
    pieces: str


@dataclass(eq=False, kw_only=True)
class NoSuchClip(UserError):
    """A clip that was named is not among those given, or several have that name."""

    code: ClassVar[str] = "no_such_clip"
    says: ClassVar[str] = "{clip!r} names no clip, or several; these are there: {clips}"
    clip: str
    clips: str


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
class ClipTooBig(UserError):
    """A clip larger than the server takes."""

    code: ClassVar[str] = "clip_too_big"
    says: ClassVar[str] = "a clip may have {most_bytes} bytes, not {size_bytes}"
    size_bytes: int
    most_bytes: int


@dataclass(eq=False, kw_only=True)
class ClipEmpty(UserError):
    """A clip without a single byte."""

    code: ClassVar[str] = "clip_empty"
    says: ClassVar[str] = "the clip is empty"


@dataclass(eq=False, kw_only=True)
class ClipsFull(UserError):
    """A performance keeps as many clips as it may, or an address has sent as many."""

    code: ClassVar[str] = "clips_full"
    says: ClassVar[str] = "{whose} has sent as many clips as it may"
    whose: str


@dataclass(eq=False, kw_only=True)
class NoRoomForClip(UserError):
    """The server's disk has no room for a clip; the fault is nobody's who sings, so it is told kindly."""

    code: ClassVar[str] = "no_room_for_clip"
    says: ClassVar[str] = "the server's disk has no room for this clip"


@dataclass(eq=False, kw_only=True)
class NotReady(UserError):
    """A performance whose own mix is not there yet: nothing can be sung to it."""

    code: ClassVar[str] = "not_ready"
    says: ClassVar[str] = "this song is still being mixed"


@dataclass(eq=False, kw_only=True)
class GuideGone(UserError):
    """A performance that somebody sings along to has been deleted meanwhile."""

    code: ClassVar[str] = "guide_gone"
    says: ClassVar[str] = "the performance that this sings along to is not there any more"


@dataclass(eq=False, kw_only=True)
class NothingSung(UserError):
    """A performance that is to be kept, in which nobody was heard."""

    code: ClassVar[str] = "nothing_sung"
    says: ClassVar[str] = "nobody was heard in it"


@dataclass(eq=False, kw_only=True)
class TakeUnreadable(UserError):
    """A file that FFmpeg cannot read as a recording, or that is none (a playlist, a still picture, a text)."""

    code: ClassVar[str] = "take_unreadable"
    says: ClassVar[str] = "this is no recording that can be read: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class TakeEmpty(UserError):
    """A recording in which there is nothing to hear and nothing to see."""

    code: ClassVar[str] = "take_empty"
    says: ClassVar[str] = "there is neither sound nor picture in this recording"


@dataclass(eq=False, kw_only=True)
class TakeTooLong(UserError):
    """A recording that lasts longer than takes may, as it says itself or as it turns out while it is read."""

    code: ClassVar[str] = "take_too_long"
    says: ClassVar[str] = "this recording is longer than {seconds_max:g} seconds"
    seconds_max: float


@dataclass(eq=False, kw_only=True)
class TakeTooLarge(UserError):
    """A file of too many bytes, or a picture of too many pixels: `what` is counted."""

    code: ClassVar[str] = "take_too_large"
    says: ClassVar[str] = "this recording is too large: {value} {what}, {most} are the most"
    what: str
    value: int
    most: int


@dataclass(eq=False, kw_only=True)
class TakeTooCostly(UserError):
    """Reading it ran into the limits of time or memory that keep the machine free for others."""

    code: ClassVar[str] = "take_too_costly"
    says: ClassVar[str] = "this recording takes too much {what} to read"
    what: str


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


@dataclass(eq=False, kw_only=True)
class TakeFailed(OperatorError):
    """The studio's worker ended without having placed a take; `why` is a code for its person."""

    code: ClassVar[str] = "take_failed"
    says: ClassVar[str] = "the take could not be worked on ({why}): {reason}"
    why: str
    reason: str


@dataclass(eq=False, kw_only=True)
class FilmFailed(OperatorError):
    """The studio could not make a film; the mix is as it was and it may be tried again."""

    code: ClassVar[str] = "film_failed"
    says: ClassVar[str] = "the film could not be made: {reason}"
    reason: str
