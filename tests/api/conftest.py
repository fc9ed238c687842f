"""One town per file: tests make their own sessions and wallets in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infrastructure.postgres.migrate import migrate
from tests.support.town import Town, a_town


@pytest.fixture(scope="module")
def town(make_database: Callable[[], str]) -> Iterator[Town]:
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with a_town(url) as town:
        yield town
