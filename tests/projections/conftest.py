"""Fixtures of the read models' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infrastructure.postgres.connections import ConnectionPool, DatabaseRole


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    """The connections of a worker's read models."""
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    yield pool
    pool.close()
