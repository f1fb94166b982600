"""The simulated page does what the real one does: the vectors in spec/ that its JavaScript is tested with, too."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sim.pageclock import PageClock

SPEC = json.loads((Path(__file__).parents[2] / "spec" / "clock.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", SPEC["cases"], ids=lambda case: case["name"])
def test_its_clock_is_the_pages_clock(case: dict[str, Any]) -> None:
    clock = PageClock()
    for sent_ms, position, received_ms in case["echoes"]:
        clock.add(sent_ms, received_ms, position)
    assert clock.at(case["at_ms"]) == pytest.approx(case["page_at"], abs=1e-3)
    assert clock.per_ms == pytest.approx(case["page_per_ms"], abs=1e-9)
    assert clock.at(case["at_ms"]) == pytest.approx(case["position"], abs=case["tolerance_samples"])
