"""What unit tests share."""

import pytest

from tests.sim.courtyard import Courtyard


@pytest.fixture
def yard() -> Courtyard:
    """A room of the imagination with nobody in it."""
    return Courtyard()
