"""A served town and a real Chromium, one of each per file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from infrastructure.postgres.migrate import migrate
from tests.end_to_end.browsing import PHONE, Visit, Visitor
from tests.support.postgres import TestClock
from tests.support.town import Town, a_served_town

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def town(make_database: Callable[[], str]) -> Iterator[Town]:
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with a_served_town(url) as town:
        yield town


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("no chromium: install Debian's package `chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, town: Town) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def one(**facts: object) -> Visitor:
        visitor = Visitor(browser, town.settings.public_origin, **{"viewport": PHONE, **facts})
        visitors.append(visitor)
        return visitor

    yield one
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def clock(town: Town) -> TestClock:
    """The hand on the town's clock."""
    return TestClock(town.url)
