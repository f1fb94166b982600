"""Settings: defaults that work, variables that are read, mistakes that are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from unisono.config import Settings
from unisono.errors import BadSetting


def test_nothing_set_works(tmp_path: Path) -> None:
    settings = Settings.read({"XDG_DATA_HOME": str(tmp_path)})
    assert settings.port == 8000
    assert settings.data == tmp_path / "unisono"
    assert settings.database_url == f"sqlite:///{tmp_path}/unisono/unisono.db"


def test_a_folder_at_hand_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unisono-data").mkdir()
    assert Settings.read({}).data == Path("unisono-data")


def test_variables_are_read() -> None:
    settings = Settings.read({"UNISONO_PORT": "0", "UNISONO_PROXIED": "yes", "UNISONO_DATA": "/tmp/x"})
    assert (settings.port, settings.proxied, settings.data) == (0, True, Path("/tmp/x"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "many"), ("PORT", "70000"), ("PROXIED", "perhaps"), ("LOG", "loud"), ("CERT", "/only/one")],
)
def test_mistakes_are_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"UNISONO_{name}"):
        Settings.read({f"UNISONO_{name}": value})
