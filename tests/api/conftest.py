"""One ledger per test file; tests create their own sessions and wallets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infrastructure.postgres.migrate import migrate
from tests.support.api_fixture import ApiFixture, api_fixture


@pytest.fixture(scope="module")
def api(make_database: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with api_fixture(url) as api:
        yield api
