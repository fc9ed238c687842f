"""A served API and a real Chromium, one of each per file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from infrastructure.postgres.migrate import migrate
from tests.end_to_end.browsing import PHONE, Visit, Visitor
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.postgres import TestClock

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
def api(make_database: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with served_api(url) as api:
        yield api


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
def visit(browser: Browser, api: ApiFixture) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def visit(**options: object) -> Visitor:
        visitor = Visitor(browser, api.settings.public_origin, **{"viewport": PHONE, **options})
        visitors.append(visitor)
        return visitor

    yield visit
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def clock(api: ApiFixture) -> TestClock:
    """The clock of the API's database."""
    return TestClock(api.url)
