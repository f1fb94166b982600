"""The ledger and the pulse: what outlives the process."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from tests.unit.test_desk import song_of
from unisono.core.messages import Flag
from unisono.core.seats import Seat
from unisono.errors import DiskTrouble, LinkNotValid
from unisono.live import pulse
from unisono.live.pulse import Pulse, again_from, anchor_now
from unisono.store import ledger as ledger_module
from unisono.store import tokens
from unisono.store.ledger import Ledger
from unisono.store.records import Anchor, StemRecord
from unisono.store.schema import Base
from unisono.units import SAMPLE_RATE, Position


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/unisono.db"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


def opened(ledger: Ledger) -> tuple[int, str]:
    keys = ledger.open_room(title="Via Roma", place="Siena", anchor=anchor_now())
    return ledger.admit(keys.host).room, keys.host


def test_the_migrations_make_what_the_code_expects(ledger: Ledger, url: str) -> None:
    with create_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_opening_twice_changes_nothing(ledger: Ledger, url: str) -> None:
    room, host = opened(ledger)
    assert Ledger(url).admit(host).room == room


def test_who_reads_the_database_opens_no_door(ledger: Ledger, tmp_path: Path) -> None:
    keys = ledger.open_room(title="Via Roma", place="Siena", anchor=anchor_now())
    ledger.close()
    with sqlite3.connect(tmp_path / "deep" / "unisono.db") as database:
        dump = "\n".join(database.iterdump())
    for secret in (keys.host, keys.singers, keys.listeners, keys.recovery):
        assert secret not in dump
        assert secret.encode().hex() not in dump.lower()


def test_a_sealed_secret_opens_with_its_token_only() -> None:
    secret = tokens.fresh_secret()
    sealed = tokens.sealed(secret, "the host's token")
    assert sealed != secret
    assert tokens.sealed(sealed, "the host's token") == secret
    assert tokens.sealed(sealed, "another token") != secret


def test_recovery_codes_forgive_how_they_are_typed() -> None:
    code = tokens.fresh_recovery()
    assert tokens.plain_recovery(f"  {code.lower().replace('-', ' ')} ") == code
    assert len({tokens.fresh_recovery() for _ in range(50)}) == 50


def test_links_of_one_room_do_not_open_another(ledger: Ledger) -> None:
    first, second = opened(ledger), opened(ledger)
    assert first[0] != second[0]
    fresh, revoked = ledger.revoke(first[1], "host")
    assert len(revoked) == 1
    with pytest.raises(LinkNotValid):
        ledger.keys(first[1])
    assert ledger.keys(fresh.host).singers == fresh.singers
    assert ledger.admit(second[1]).role == "host"


def test_recovery_closes_every_earlier_link_of_hosts(ledger: Ledger) -> None:
    keys = ledger.open_room(title="Via Roma", place="", anchor=Anchor(boot_id="b", monotonic_ns=0, wall_ns=0))
    first = ledger.admit(keys.host).link
    stolen, _ = ledger.revoke(keys.host, "host")
    second = ledger.admit(stolen.host).link
    fresh, closed = ledger.recover(keys.recovery)
    assert closed == {first, second}
    assert ledger.admit(fresh.host).link not in closed


def test_seats_come_back_as_they_were(ledger: Ledger, url: str) -> None:
    room, host = opened(ledger)
    link = ledger.admit(host).link
    seat = Seat(number=3, key_hash="k", role="host", link=link, name="Ada", flag=Flag(colours=("#000000", "#ffffff")))
    ledger.keep_seat(room, seat)
    seat.name, seat.part = "Ada B.", "alto"
    ledger.keep_seat(room, seat)
    (kept,) = Ledger(url).seats(room)
    assert (kept.number, kept.key_hash, kept.name, kept.flag, kept.gone) == (3, "k", "Ada B.", seat.flag, True)
    assert kept.part == "alto"
    ledger.forget_seat(room, 3)
    assert ledger.seats(room) == []


def test_performances_are_kept_found_and_forgotten(ledger: Ledger) -> None:
    room, _ = opened(ledger)
    song = song_of("headphones", stop=600_000)
    ledger.keep_song(room, song, title="Ode")
    song.state = "done"
    ledger.keep_song(room, song, title="Ode")
    (record,) = ledger.performances(room)
    assert (record.song, record.title, record.place, record.state) == (song, "Ode", "Siena", "done")
    assert ledger.performance(token=record.token) == record
    assert ledger.performance(media_key=record.media_key) == record
    assert ledger.performance(token="x") is None
    stems = [StemRecord(seat=2, name="Bea", place="", flag=Flag(country="it"), row=None, part="alto")]
    ledger.keep_stems("p", stems)
    assert ledger.stems("p") == stems
    assert ledger.unfinished() == []
    ledger.set_state("p", "mixing")
    assert [found.performance for found in ledger.unfinished()] == ["p"]
    assert not ledger.delete_performance(room + 1, "p"), "another room's is not to be deleted"
    assert ledger.delete_performance(room, "p")
    assert ledger.performances(room) == []


def test_a_song_that_was_kept_before_the_servers_share_was_counted_is_read(ledger: Ledger, tmp_path: Path) -> None:
    room, _ = opened(ledger)
    ledger.keep_song(room, song_of("headphones", stop=600_000), title="Ode")
    database = sqlite3.connect(tmp_path / "deep/unisono.db")
    with closing(database), database:
        database.execute("UPDATE performances SET song = json_remove(song, '$.seating.mix_samples')")
        (text,) = database.execute("SELECT song FROM performances").fetchone()
    assert "mix_samples" not in text
    (record,) = ledger.performances(room)
    assert record.song.seating.mix_samples > 0


def test_what_was_kept_before_parts_were_said_is_nobodys_part(ledger: Ledger, url: str) -> None:
    room, host = opened(ledger)
    ledger.keep_song(room, song_of("headphones", stop=600_000), title="Ode")
    ledger.keep_seat(room, Seat(number=3, key_hash="k", role="host", link=ledger.admit(host).link, name="Ada"))
    ledger.keep_stems("p", [StemRecord(seat=2, name="Bea", place="", flag=None, row=1)])
    ledger.close()
    config = Config()
    config.set_main_option("script_location", str(Path(ledger_module.__file__).parent / "migrations"))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    engine.dispose()
    again = Ledger(url)
    assert [(seat.name, seat.part) for seat in again.seats(room)] == [("Ada", "")]
    assert [(stem.name, stem.part) for stem in again.stems("p")] == [("Bea", "")]


def test_a_database_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DiskTrouble):
        Ledger(f"sqlite:///{tmp_path}/file/unisono.db")


# ---------------------------------------------------------------------------------------- the clock


def test_the_pulse_counts_samples_of_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic_ns", lambda: 5_000_000_000)
    clock = Pulse(Anchor(boot_id="b", monotonic_ns=3_000_000_000, wall_ns=0))
    assert clock.now() == 2 * SAMPLE_RATE
    assert clock.seconds_until(Position(3 * SAMPLE_RATE)) == 1.0
    assert clock.seconds_until(Position(SAMPLE_RATE)) == 0.0


def test_after_a_restart_of_the_server_the_axis_goes_on_to_the_sample() -> None:
    kept = anchor_now()
    assert again_from(kept, reached=Position(0)) == kept


def test_after_a_reboot_the_wall_clock_says_how_long_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Anchor(boot_id="another boot", monotonic_ns=10**15, wall_ns=time.time_ns() - 60 * 10**9)
    now = Pulse(again_from(kept, reached=Position(0))).now()
    assert 60 * SAMPLE_RATE <= now < 70 * SAMPLE_RATE


def test_no_axis_ever_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the wall clock was set back by an hour while the machine was off."""
    monkeypatch.setattr(pulse, "boot_id", lambda: "now")
    kept = Anchor(boot_id="before", monotonic_ns=0, wall_ns=time.time_ns() + 3600 * 10**9)
    assert Pulse(again_from(kept, reached=Position(10**9))).now() >= 10**9 - 1


def test_a_room_remembers_how_far_it_counted(ledger: Ledger) -> None:
    room, _ = opened(ledger)
    ledger.keep_anchor(room, anchor_now(), Position(500))
    ledger.keep_anchor(room, anchor_now(), Position(400))
    assert ledger.room(room).reached == 500
    song = song_of(stop=9_000_000)
    ledger.keep_song(room, song, title="")
    assert ledger.room(room).reached == song.start, "the end of a piece is known ahead"
    song.state = "mixing"
    ledger.keep_song(room, song, title="")
    assert ledger.room(room).reached == 9_000_000
