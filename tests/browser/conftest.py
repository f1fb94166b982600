"""What browser tests share: a server of their own, sound cards that end with the test, Playwright."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.browser.cards import CardPlan, SoundCard
from tests.browser.page_alone import PageAlone
from tests.browser.realtime import RealtimeSound
from tests.browser.serving import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One `unisono serve` for all browser tests: courtyards do not see each other."""
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    """Where the page stands that has no room behind it."""
    with PageAlone() as url:
        yield url


@pytest.fixture(scope="session")
def realtime() -> Iterator[RealtimeSound]:
    """Sound threads go first, as on people's machines."""
    with RealtimeSound() as raising:
        yield raising


@pytest.fixture
def new_card(realtime: RealtimeSound) -> Iterator[Callable[..., SoundCard]]:
    """Builds sound cards: `new_card(rate_hz=44_100, drift_ppm=100)`; all end with the test."""
    with ExitStack() as cards:
        yield lambda **plan: cards.enter_context(SoundCard(CardPlan(**plan)))


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    """A Playwright of this test's own."""
    expect.set_options(timeout=30_000)
    with sync_playwright() as running:
        yield running

