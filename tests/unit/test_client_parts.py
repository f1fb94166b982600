"""The client's small parts: links, weather, ways, and what it knows of its room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.client.device import CardSpec
from unisono.client.guest import SeatLost, seat_lost
from unisono.client.link import Link, parse_link
from unisono.client.view import RoomView
from unisono.client.ways import Ways
from unisono.client.weather import RETRANSMISSION_MS, Weather, WeatherSpec
from unisono.core import messages as m
from unisono.core.wire import Echo
from unisono.errors import LinkNotValid, SeatTakenOver
from unisono.units import SAMPLE_RATE


@pytest.mark.parametrize(
    ("text", "server", "socket"),
    [
        ("http://localhost:8000/courtyard#abc", "http://localhost:8000", "ws://localhost:8000/live"),
        (" https://sing.example/courtyard/#abc\n", "https://sing.example", "wss://sing.example/live"),
        ("https://example.org/unisono/courtyard#abc", "https://example.org/unisono", "wss://example.org/unisono/live"),
        ("http://[::1]:8000/courtyard#abc", "http://[::1]:8000", "ws://[::1]:8000/live"),
    ],
)
def test_a_link_is_taken_apart_and_put_together(text: str, server: str, socket: str) -> None:
    link = parse_link(text)
    assert link == Link(server=server, token="abc")
    assert link.socket_url == socket
    assert parse_link(link.page_url) == link


@pytest.mark.parametrize(
    "text",
    ["", "abc", "http://localhost/courtyard", "http://localhost/other#abc", "ftp://a/courtyard#b", "http:///courtyard#a",
     "http://host:port/courtyard#abc", "http://[::1/courtyard#abc"],
)  # fmt: skip
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(LinkNotValid):
        parse_link(text)


@given(st.text())
def test_any_text_is_a_link_or_refused(text: str) -> None:
    try:
        parse_link(text)
    except LinkNotValid:
        return


@given(st.lists(st.floats(0, 50), max_size=200), st.integers(0, 2**31))
def test_nothing_overtakes_and_nothing_comes_early(pauses_ms: list[float], seed: int) -> None:
    weather = Weather(WeatherSpec(jitter_ms=80.0, loss=0.1), seed=seed)
    sent_ms = arrived_ms = 0.0
    for pause_ms in pauses_ms:
        sent_ms += pause_ms
        came_ms = weather.arrival_ms(sent_ms)
        assert came_ms >= sent_ms
        assert came_ms >= arrived_ms
        arrived_ms = came_ms


def test_loss_stalls_the_share_of_messages_it_says() -> None:
    weather = Weather(WeatherSpec(loss=0.05), seed=3)
    stalled = [weather.arrival_ms(at * 1000.0) - at * 1000.0 for at in range(4000)]
    assert set(stalled) == {0.0, RETRANSMISSION_MS}
    assert 0.04 < sum(delay > 0 for delay in stalled) / 4000 < 0.06


def test_the_same_seed_is_the_same_weather() -> None:
    spec = WeatherSpec(jitter_ms=30.0, loss=0.2)
    first, second = Weather(spec, seed=9), Weather(spec, seed=9)
    assert [first.arrival_ms(at) for at in range(50)] == [second.arrival_ms(at) for at in range(50)]


@pytest.mark.parametrize("wrong", [{"jitter_ms": -1.0}, {"loss": 0.6}, {"loss": float("nan")}])
def test_weather_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WeatherSpec(**wrong)


def test_the_ways_are_measured_from_probes() -> None:
    ways = Ways()
    ready_at_first = ways.is_ready
    for number in range(20):
        sent_ms = 1000.0 + 50 * number
        trip_ms = 90.0 if number == 7 else 10.0 if number == 13 else 20.0
        ways.echoed(
            Echo(sent_ms=sent_ms, position=(sent_ms + trip_ms / 2) * SAMPLE_RATE / 1000), received_ms=sent_ms + trip_ms
        )
    ways.echoed(Echo(sent_ms=5000.0, position=0.0), received_ms=4000.0)
    assert (ready_at_first, ways.is_ready) == (False, True)
    assert 40.0 < max(ways.sights.up_ms(ways.position_at)) < 50.0
    assert ways.position_at(3000.0) == pytest.approx(3000 * SAMPLE_RATE / 1000, abs=2)
    far = CardSpec(latency_ms=100.0)
    assert ways.up_samples(far) - ways.up_samples(CardSpec()) == 4800
    before = ways.down_samples()
    assert before > 45 * 48
    for number in range(40):
        ways.woke(20.0 if number == 20 else 0.0)
    assert ways.down_samples() != before, "how late this process wakes counts"


def test_a_way_that_was_never_seen_is_not_known() -> None:
    ways = Ways()
    assert (ways.up_samples(CardSpec()), ways.down_samples()) == (0, 0)


def seat(number: int, **changes: object) -> m.SeatInfo:
    shown = {"name": f"n{number}", "flag": None, "place": "", "role": "performer", "present": True}
    return m.SeatInfo(seat=number, **(shown | changes))  # type: ignore[arg-type]


def song(state: m.SongState, rows: tuple[tuple[int, ...], ...]) -> m.SongChanged:
    return m.SongChanged(
        performance="p", state=state, piece=None, key=0, tempo_bpm=0, start=0, stop=None, leader=1,
        delays_samples=(0, 9600, 19_200), listener_delay_samples=40_000, rows=rows, backing=None, count_in_samples=0,
    )  # fmt: skip


def test_the_view_follows_the_room() -> None:
    view = RoomView()
    assert (view.row, view.delay_samples, view.is_live) == (None, 0, False)
    view.take(
        m.Welcome(
            room=m.RoomInfo(title="T", place="", role="performer"), seat=2, key="k", seats=(seat(1), seat(2)), leader=1,
            piece=None, song=None, written=(), position=0, capacity=100,
        )
    )  # fmt: skip
    view.take(m.SeatChanged(seat=seat(3)))
    view.take(m.SeatHand(seat=3, up=True))
    view.take(m.Left(seat=1))
    view.take(m.Gone(seat=9))
    view.take(m.LeaderChanged(seat=3))
    assert view.seats[3].hand
    assert not view.seats[1].present
    assert view.leader == 3
    view.take(song("singing", ((1,), (3,), (2,))))
    assert (view.row, view.delay_samples, view.is_live) == (2, 19_200, True)
    view.take(song("singing", ((1,), (3,))))
    assert (view.row, view.delay_samples) == (None, 40_000)
    view.take(song("mixing", ((1,), (2,))))
    assert not view.is_live


def test_closing_codes_become_errors() -> None:
    assert isinstance(seat_lost(4401), LinkNotValid)
    assert isinstance(seat_lost(4409), SeatTakenOver)
    lost = seat_lost(4429)
    assert isinstance(lost, SeatLost)
    assert "4429" in str(lost)
