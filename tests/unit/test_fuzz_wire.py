"""The fuzz target runs, and notices when something breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import fuzz_wire


@given(st.binary(max_size=500))
def test_any_bytes_pass_through_every_door(data: bytes) -> None:
    fuzz_wire.try_bytes(data)


def test_damaged_packets_pass_through_every_door() -> None:
    assert fuzz_wire.run(seconds=1.0, seed=1) > 100


def test_the_target_notices_a_broken_door(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(data: bytes) -> None:
        raise IndexError(len(data))

    monkeypatch.setattr(fuzz_wire, "unpack", broken)
    with pytest.raises(IndexError):
        fuzz_wire.run(seconds=1.0, seed=7)
    assert "seed 7, input 0" in capsys.readouterr().err
