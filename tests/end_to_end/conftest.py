"""A served API and a real Chromium, one of each per file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, sync_playwright

from infrastructure.postgres.migrate import migrate
from infrastructure.qr_keys import key_file
from tests.end_to_end.browsing import PHONE, Visit, Visitor
from tests.end_to_end.fake_camera import film
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
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="module")
def api(
    make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiFixture]:
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    keys = tmp_path_factory.mktemp("keys") / "qr-keys.json"
    key_file.create_if_absent(keys, Ed25519PrivateKey.generate(), datetime.now(UTC))
    with served_api(url, qr_keys=str(keys)) as api:
        yield api


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the camera shows. It is read when the camera opens, so a test may rewrite it."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    film(path, None)
    return path


def whole_browser() -> str:
    """The program with the windows of a browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("no chromium: install Debian's package `chromium`")
    return found


@pytest.fixture(scope="module")
def chromium() -> str:
    """The program: without windows, if there is that, at a third of the processor time.

    A file whose tests need the whole browser overrides this.
    """
    return shutil.which("chromium-headless-shell") or whole_browser()


@pytest.fixture(scope="module")
def browser(camera: Path, chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera}"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
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
