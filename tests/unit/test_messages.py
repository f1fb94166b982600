"""Messages survive the way to JSON and back; text that is none is refused with MalformedMessage."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.core import messages
from unisono.core.messages import (
    MESSAGE_BYTES_MAX,
    Check,
    Flag,
    FromPage,
    FromRoom,
    Hello,
    Levels,
    Link,
    MixProgress,
    NoteSounded,
    Pick,
    Sent,
    Song,
    SongChanged,
    Stop,
    Welcome,
    Write,
    decode_from_page,
    decode_from_room,
    encode,
)
from unisono.errors import MalformedMessage

HELLO: dict[str, Any] = {"type": "hello", "version": 1, "token": "t", "decodes": "opus"}
SONG = Song(
    performance="p1",
    state="singing",
    piece="ode-to-joy",
    key=-2,
    tempo_bpm=96,
    start=480_000,
    stop=None,
    leader=1,
    delays_samples=(0, 9600),
    listener_delay_samples=40_000,
    rows=((1,), (2, 3)),
    backing=None,
    count_in_samples=96_000,
)


def page_says(**fields: Any) -> FromPage:
    return decode_from_page(json.dumps(fields))


def refused(**fields: Any) -> str:
    with pytest.raises(MalformedMessage) as caught:
        page_says(**fields)
    return caught.value.reason


def test_a_hello_needs_little_and_may_say_more() -> None:
    least = page_says(**HELLO)
    assert least == Hello(version=1, token="t", decodes="opus")
    most = page_says(
        **HELLO, key="k", name="Ada", flag={"country": "it"}, place="Turin", watch=True, from_the_future=[1, {"a": 2}]
    )
    assert most == Hello(
        version=1,
        token="t",
        decodes="opus",
        key="k",
        name="Ada",
        flag=Flag(country="it"),
        place="Turin",
        watch=True,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"token": 5},
        {"token": "x" * 101},
        {"decodes": "mp3"},
        {"name": "x" * 41},
        {"place": "x" * 61},
        {"flag": {}},
        {"flag": {"country": "IT"}},
        {"flag": {"country": "ita"}},
        {"flag": {"country": "it", "colours": ["#000000", "#ffffff"]}},
        {"flag": {"colours": ["#000000"]}},
        {"flag": {"colours": ["#000000"] * 5}},
        {"flag": {"colours": ["red", "blue"]}},
        {"flag": {"colours": ["#000000", "#ffffff;x"]}},
        {"watch": "yes"},
    ],
    ids=str,
)
def test_a_hello_of_the_wrong_shape_is_refused(change: dict[str, Any]) -> None:
    assert refused(**{**HELLO, **change})


def test_texts_and_numbers_have_their_limits() -> None:
    assert page_says(type="write", text="x" * 500) == Write(text="x" * 500)
    assert "500" in refused(type="write", text="x" * 501)
    assert refused(type="write", text="")
    assert page_says(type="pick", piece=None, key=6, tempo_bpm=40) == Pick(piece=None, key=6, tempo_bpm=40)
    assert page_says(type="pick", piece="ode", key=-6, tempo_bpm=0) == Pick(piece="ode", key=-6)
    for wrong in ({"key": 7}, {"key": -7}, {"tempo_bpm": 39}, {"tempo_bpm": 209}, {"tempo_bpm": -1}, {"piece": ""}):
        assert refused(**{"type": "pick", "piece": None, **wrong})
    assert page_says(type="stop", position=2**53 - 1) == Stop(position=2**53 - 1)
    for position in (-1, 2**53, 1.5, "1", None, True):
        assert refused(type="stop", position=position)
    assert refused(type="sent", performance="p", epoch=0, start=5, stop=4)
    assert refused(type="sent", performance="p", epoch=65_535, start=4, stop=5)


def test_measures_may_have_fractions_and_may_be_absurd_but_are_numbers() -> None:
    assert page_says(type="link", up_samples=4800.25, down_samples=-3) == Link(up_samples=4800.25, down_samples=-3.0)
    unmeasured = page_says(
        type="check", method="none", output="loudspeakers", round_trip_samples=None, spread_samples=None
    )
    assert unmeasured == Check(method="none", output="loudspeakers")
    assert refused(type="link", up_samples=None, down_samples=0)
    assert refused(type="link", up_samples=1e300, down_samples=0)
    assert refused(type="check", method="guess", output="headphones")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type": null}',
        '{"type": "applaud"}',
        '{"type": "welcome"}',
        '{"type": "wave"',
        '{"type": "wave"} {"type": "wave"}',
        "[" * MESSAGE_BYTES_MAX,
        '{"type": "wave", "x": ' + "[" * 10_000,
        '{"type": "stop", "position": ' + "9" * 5000 + "}",
        "\ud800",
        b"\xff\xfe",
        '{"type": "write", "text": "' + "x" * MESSAGE_BYTES_MAX + '"}',
    ],
    ids=lambda text: repr(text)[:40],
)
def test_text_that_is_no_message_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_from_page(text)
    with pytest.raises(MalformedMessage):
        decode_from_room(b"\x00" if text == '{"type": "welcome"}' else text)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_a_message_or_refused_kindly(text: str | bytes) -> None:
    for decode in (decode_from_page, decode_from_room):
        try:
            message: FromPage | FromRoom = decode(text)
        except MalformedMessage:
            continue
        assert decode(encode(message)) == message


KEYS = st.sampled_from(
    sorted({field for union in (FromPage, FromRoom) for s in get_args(union) for field in s.__struct_fields__})
)
TYPES = st.sampled_from(sorted({s.__struct_config__.tag for union in (FromPage, FromRoom) for s in get_args(union)}))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(TYPES, st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_shape_under_any_type_is_a_message_or_refused_kindly(kind: str, fields: dict[str, Any]) -> None:
    text = json.dumps({**fields, "type": kind})
    for decode in (decode_from_page, decode_from_room):
        try:
            message: FromPage | FromRoom = decode(text)
        except MalformedMessage:
            continue
        assert decode(encode(message)) == message


def test_what_a_room_says_is_json_as_documented() -> None:
    changed = SongChanged(**msgspec.structs.asdict(SONG))
    told = json.loads(encode(changed))
    assert told["type"] == "song"
    assert told["delays_samples"] == [0, 9600]
    assert told["rows"] == [[1], [2, 3]]
    assert told["stop"] is None
    assert decode_from_room(encode(changed)) == changed
    assert json.loads(encode(Levels(position=5, levels={3: 20, 12: 127}))) == {
        "type": "levels",
        "position": 5,
        "levels": {"3": 20, "12": 127},
    }
    assert json.loads(encode(MixProgress(performance="p", share=0.5, step="voices")))["page"] is None
    assert json.loads(encode(NoteSounded(midi=66, by=1)))["type"] == "note"


def test_a_welcome_carries_the_song_where_it_is() -> None:
    welcome = Welcome(
        room=messages.RoomInfo(title="Via Roma 4", place="Turin", role="performer"),
        seat=2,
        key="secret",
        seats=(
            messages.SeatInfo(
                seat=2, name="Ada", flag=Flag(colours=("#008c45", "#ffffff")), place="", role="performer", present=True
            ),
        ),
        leader=1,
        piece=messages.Picked(piece=None, key=0, tempo_bpm=0, by=1),
        song=SONG,
        written=(messages.Wrote(seat=2, text="ciao", at=480_000),),
        position=960_000,
        capacity=100,
    )
    text = encode(welcome)
    assert decode_from_room(text) == welcome
    assert "type" not in json.loads(text)["song"]
    assert json.loads(text)["seats"][0]["flag"] == {"colours": ["#008c45", "#ffffff"]}


def test_every_message_says_what_it_is_for() -> None:
    for struct in (*get_args(FromPage), *get_args(FromRoom)):
        assert struct.__doc__, struct
        assert not struct.__doc__.startswith(struct.__name__ + "("), struct


def test_a_sent_may_be_empty() -> None:
    assert page_says(type="sent", performance="p", epoch=3, start=7, stop=7) == Sent(
        performance="p", epoch=3, start=7, stop=7
    )
