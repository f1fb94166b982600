"""`unisono check` tells the truth about a machine that lacks something."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from unisono import fitness, opus
from unisono.addresses import Address, Use, addresses, links
from unisono.check import check_command
from unisono.config import Settings
from unisono.errors import LibraryMissing
from unisono.fitness import Verdict


def run(*arguments: str) -> tuple[int, dict[str, object]]:
    result = CliRunner().invoke(check_command, [*arguments, "--json"])
    return result.exit_code, json.loads(result.output)


def test_this_machine_is_fit(tmp_path: Path) -> None:
    code, told = run("--data", str(tmp_path / "new"), "--host", "127.0.0.1", "--port", "0")
    assert (code, told["fit"]) == (0, True), told
    assert not (tmp_path / "new").exists(), "asking must not make the data folder"


def test_the_table_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(check_command, ["--data", str(tmp_path), "--port", "0"], env={"COLUMNS": "160"})
    assert "unisono serve" in result.output
    assert "libopus" in result.output


def test_a_missing_libopus_is_essential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise LibraryMissing(library="libopus", hint="apt-get install libopus0")

    monkeypatch.setattr(opus, "version", missing)
    code, told = run("--data", str(tmp_path), "--port", "0")
    assert (code, told["fit"]) == (1, False)
    assert "apt-get install libopus0" in json.dumps(told["findings"])


def test_more_time_per_frame_means_fewer_singers() -> None:
    # 2 cores, half of them: 20 000 us a frame; six rows at 100 us leave 19 400; at 50 us a voice that is 388.
    assert fitness.singers_carried(50, 100, cores=2) == 388
    assert fitness.singers_carried(100, 100, cores=2) == 194
    assert fitness.singers_carried(50, 10_000, cores=1) == 0


def test_the_measured_sound_is_loud_enough_to_be_work() -> None:
    blocks = fitness.sung(5)
    assert [block.shape for block in blocks] == [(960, 1)] * 5
    assert 0.1 < float(max(abs(block).max() for block in blocks)) <= 1.0


def test_a_taken_port_is_bad_and_a_free_one_good() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        number = holder.getsockname()[1]
        assert fitness.port("127.0.0.1", number).verdict is Verdict.BAD
    assert fitness.port("127.0.0.1", number).verdict is Verdict.GOOD


def test_a_port_where_unisono_already_serves_is_good() -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"ok": true}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        finding = fitness.port("127.0.0.1", server.server_port)
        server.shutdown()
    assert finding.verdict is Verdict.GOOD
    assert "already" in finding.says


def test_a_data_folder_that_is_a_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert fitness.data_folder(tmp_path / "file").verdict is Verdict.BAD
    assert fitness.disk(tmp_path / "file").verdict is Verdict.BAD
    assert fitness.ledger(Settings(data=tmp_path / "file")).verdict is Verdict.BAD


def test_a_full_disk_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 50_000_000

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage)
    finding = fitness.disk(tmp_path)
    assert finding.verdict is Verdict.BAD
    assert "50 MB" in finding.says


def test_a_database_that_does_not_answer_is_bad_and_keeps_its_password(tmp_path: Path) -> None:
    finding = fitness.ledger(Settings(data=tmp_path, database=f"sqlite+pysqlite:///{tmp_path}/room.db"))
    assert finding.verdict is Verdict.GOOD
    finding = fitness.ledger(Settings(data=tmp_path, database="postgresql://u:secret@127.0.0.1:1/x"))
    assert finding.verdict is Verdict.BAD
    assert "secret" not in finding.says


def test_a_song_nobody_can_read_is_named(tmp_path: Path) -> None:
    assert fitness.songbook(None).verdict is Verdict.GOOD
    assert fitness.songbook(tmp_path / "nowhere").verdict is Verdict.WEAK
    (tmp_path / "inno.json").write_text("{")
    finding = fitness.songbook(tmp_path)
    assert finding.verdict is Verdict.WEAK
    assert "inno" in finding.says


ADDRESS = Address(interface="eth0", text="192.0.2.7")


@pytest.mark.parametrize(
    ("host", "secure", "use"),
    [
        ("localhost", False, Use.NOTHING),
        ("localhost", True, Use.NOTHING),
        ("0.0.0.0", False, Use.LISTENING),
        ("192.0.2.7", False, Use.LISTENING),
        ("192.0.2.8", True, Use.NOTHING),
        ("0.0.0.0", True, Use.EVERYTHING),
    ],
)
def test_what_another_device_can_do(host: str, secure: bool, use: Use) -> None:
    here, away = links(host, 8000, secure=secure, addresses=[ADDRESS])
    assert here.use is Use.EVERYTHING
    assert away.use is use
    assert away.url == ("https" if secure else "http") + "://192.0.2.7:8000"


def test_an_ipv6_address_is_bracketed() -> None:
    address = Address(interface="eth0", text="fd00::2")
    assert links("::", 8000, secure=False, addresses=[address])[1].url == "http://[fd00::2]:8000"


def test_no_loopback_among_the_addresses() -> None:
    assert not [address for address in addresses() if address.text.startswith(("127.", "::1", "fe80"))]
