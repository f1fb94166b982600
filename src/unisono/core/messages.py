"""Messages: the JSON half of docs/wire.md. Here text becomes messages and back; all their names are found here too.

`core/page_messages.py` lists what pages say, `core/room_messages.py` what the room says, `core/message_parts.py` what
both are made of. `decode_from_page` takes what a page sent, `decode_from_room` what the server sent (for the client
library); both raise MalformedMessage and nothing else. Unknown fields are ignored, so that pages and servers may grow
apart by one version.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from unisono.core.message_parts import Flag, Method, Output, Role, SongState
from unisono.core.page_messages import (
    Again,
    Check,
    Discard,
    FromPage,
    Hand,
    Hello,
    Lead,
    Link,
    Note,
    Part,
    Pick,
    Sent,
    Start,
    Stop,
    Talk,
    Watch,
    Wave,
    Who,
    Write,
)
from unisono.core.room_messages import (
    Backing,
    Film,
    FromRoom,
    Gone,
    Late,
    LeaderChanged,
    Left,
    Levels,
    Missing,
    MixProgress,
    NoteSounded,
    Picked,
    PiecePicked,
    Premiere,
    Problem,
    RoomInfo,
    Rows,
    Screening,
    SeatChanged,
    SeatHand,
    SeatInfo,
    SeatWaved,
    SeatWrote,
    Song,
    SongChanged,
    Way,
    Welcome,
    Written,
    Wrote,
)
from unisono.errors import MalformedMessage

__all__ = [
    "MESSAGE_BYTES_MAX",
    "PROTOCOL_VERSION",
    "Again",
    "Backing",
    "Check",
    "Discard",
    "Film",
    "Flag",
    "FromPage",
    "FromRoom",
    "Gone",
    "Hand",
    "Hello",
    "Late",
    "Lead",
    "LeaderChanged",
    "Left",
    "Levels",
    "Link",
    "Method",
    "Missing",
    "MixProgress",
    "Note",
    "NoteSounded",
    "Output",
    "Part",
    "Pick",
    "Picked",
    "PiecePicked",
    "Premiere",
    "Problem",
    "Role",
    "RoomInfo",
    "Rows",
    "Screening",
    "SeatChanged",
    "SeatHand",
    "SeatInfo",
    "SeatWaved",
    "SeatWrote",
    "Sent",
    "Song",
    "SongChanged",
    "SongState",
    "Start",
    "Stop",
    "Talk",
    "Watch",
    "Wave",
    "Way",
    "Welcome",
    "Who",
    "Write",
    "Written",
    "Wrote",
    "decode_from_page",
    "decode_from_room",
    "encode",
]

PROTOCOL_VERSION: Final = 1

MESSAGE_BYTES_MAX: Final = 16_384
"""The longest JSON text a page may send; the longest honest one, a `sent` or a `write`, is far below."""

_from_page: Final[msgspec.json.Decoder[FromPage]] = msgspec.json.Decoder(FromPage)
_from_room: Final[msgspec.json.Decoder[FromRoom]] = msgspec.json.Decoder(FromRoom)
_encoder: Final = msgspec.json.Encoder()


def decode_from_page(text: bytes | str) -> FromPage:
    """The message a page sent."""
    if len(text) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(reason=f"{len(text)} characters are too many")
    return _decode(_from_page, text)


def decode_from_room(text: bytes | str) -> FromRoom:
    """The message a room sent."""
    return _decode(_from_room, text)


_AnyMessage = TypeVar("_AnyMessage")


def _decode(decoder: msgspec.json.Decoder[_AnyMessage], text: bytes | str) -> _AnyMessage:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedMessage(reason=str(error)) from None


def encode(message: FromPage | FromRoom) -> str:
    """The JSON text of a message."""
    return _encoder.encode(message).decode()
