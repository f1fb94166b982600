"""The simulated page does what the real one does: the vectors in spec/ that its JavaScript is tested with, too."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sim.page import probing
from tests.sim.pageclock import PageClock
from unisono.client.sights import TRAIN_MS, TRAIN_PROBES, TRAIN_TELLING

SPEC = json.loads((Path(__file__).parents[2] / "spec" / "clock.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", SPEC["cases"], ids=lambda case: case["name"])
def test_its_clock_is_the_pages_clock(case: dict[str, Any]) -> None:
    clock = PageClock()
    for sent_ms, position, received_ms in case["echoes"]:
        clock.add(sent_ms, received_ms, position)
    assert clock.at(case["at_ms"]) == pytest.approx(case["page_at"], abs=1e-3)
    assert clock.per_ms == pytest.approx(case["page_per_ms"], abs=1e-9)
    assert clock.at(case["at_ms"]) == pytest.approx(case["position"], abs=case["tolerance_samples"])


def test_it_probes_as_the_page_does() -> None:
    train = [probing(sent, sings=True) for sent in range(12, 12 + TRAIN_PROBES)]
    assert sum(wait for _, wait in train) == TRAIN_MS
    assert [telling for telling, _ in train] == [True] * TRAIN_TELLING + [False] * (TRAIN_PROBES - TRAIN_TELLING)
    assert probing(3, sings=True) == probing(3, sings=False) == (False, 120.0)
    assert probing(500, sings=False) == (True, 1000.0)
