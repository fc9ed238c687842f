"""One ledger per test file; tests create their own sessions and wallets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.api_fixture import ApiFixture, api_fixture


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with api_fixture(url) as api:
        yield api
