"""The store of push subscriptions: one contract, in PostgreSQL and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from application.ports.push import SUBSCRIPTIONS_MAX, PushSubscription, PushSubscriptions
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.push import PostgresPushSubscriptions
from infrastructure.push.keys import PushKeys
from tests.support.memory_push import KEYS, MemoryPushSubscriptions
from tests.support.postgres import rows

TARGET = {"endpoint": "https://push.example/secret-endpoint", "p256dh": "p", "auth": "a"}
NEW = PushSubscription(
    id="psh_1", wallet_id="wal_1", transport="webpush", target=TARGET, language="pt-BR", amounts=True
)  # fmt: skip


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Iterator[PushSubscriptions]:
    if request.param == "memory":
        yield MemoryPushSubscriptions()
        return
    pool = ConnectionPool(request.getfixturevalue("database_url"), DatabaseRole.WRITER, size_max=8)
    yield PostgresPushSubscriptions(pool.connection, KEYS)
    pool.close()


def test_a_subscription_is_read_as_it_was_added(store: PushSubscriptions) -> None:
    store.add(NEW)

    assert store.subscribed(["wal_1", "wal_2"]) == {"wal_1": ["psh_1"]}
    assert store.read(["psh_1", "psh_2"]) == {"psh_1": NEW}


def test_subscribing_again_changes_the_subscription(store: PushSubscriptions) -> None:
    store.add(NEW)
    again = replace(NEW, target={**TARGET, "auth": "b"}, language="", amounts=False)
    store.add(again)

    assert store.read(["psh_1"]) == {"psh_1": again}


def test_a_wallet_removes_its_own_subscriptions_only(store: PushSubscriptions) -> None:
    store.add(NEW)

    assert not store.remove("wal_2", "psh_1")
    assert store.remove("wal_1", "psh_1")
    assert not store.remove("wal_1", "psh_1")
    assert store.subscribed(["wal_1"]) == {}


def test_ended_subscriptions_are_dropped(store: PushSubscriptions) -> None:
    store.add(NEW)
    store.add(replace(NEW, id="psh_2"))

    store.drop(["psh_1", "psh_3"])

    assert store.subscribed(["wal_1"]) == {"wal_1": ["psh_2"]}


def test_a_further_subscription_takes_the_place_of_the_oldest(store: PushSubscriptions) -> None:
    store.add(replace(NEW, id="psh_other", wallet_id="wal_2"))
    names = [f"psh_{number:02}" for number in range(SUBSCRIPTIONS_MAX)]
    for name in names:
        store.add(replace(NEW, id=name))
    store.add(replace(NEW, id=names[0]))  # subscribes again: the newest now

    store.add(replace(NEW, id="psh_new"))

    found = store.subscribed(["wal_1", "wal_2"])
    assert list(found["wal_1"]) == [*names[2:], names[0], "psh_new"]
    assert found["wal_2"] == ["psh_other"]


@pytest.mark.postgres
def test_subscriptions_that_come_together_keep_the_limit(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=8)
    store = PostgresPushSubscriptions(pool.connection, KEYS)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.add(replace(NEW, id=f"psh_{n}")), range(40)))

    assert len(store.subscribed(["wal_1"])["wal_1"]) == SUBSCRIPTIONS_MAX
    pool.close()


@pytest.mark.postgres
def test_the_database_holds_no_endpoint_and_no_key(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)
    PostgresPushSubscriptions(pool.connection, KEYS).add(NEW)
    pool.close()

    [(row,)] = rows(database_url, "select push_subscriptions::text from ledger.push_subscriptions")
    [(sealed,)] = rows(database_url, "select sealed from ledger.push_subscriptions")

    assert "secret-endpoint" not in row
    assert b"secret-endpoint" not in bytes(sealed)


@pytest.mark.postgres
def test_a_row_that_was_moved_or_sealed_elsewhere_is_not_read(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)
    store = PostgresPushSubscriptions(pool.connection, KEYS)
    store.add(NEW)
    store.add(replace(NEW, id="psh_2"))
    PostgresPushSubscriptions(pool.connection, PushKeys(lambda: bytes(32))).add(
        replace(NEW, id="psh_3")
    )
    with pool.connection() as connection:
        connection.execute(
            "update ledger.push_subscriptions set wallet_id = 'wal_2' where id = 'psh_2'"
        )

    assert set(store.read(["psh_1", "psh_2", "psh_3"])) == {"psh_1"}
    assert "secret-endpoint" not in repr(store.read(["psh_1"]))
    pool.close()


@pytest.mark.postgres
def test_the_worker_may_read_and_delete_and_the_reader_nothing(database_url: str) -> None:
    query = (
        "select has_table_privilege(r.rolname, 'ledger.push_subscriptions', p) from pg_roles r, \
        unnest(array['select', 'insert', 'update', 'delete']) with ordinality as u (p, n) \
        where r.rolname like current_database() || %s order by n"
    )
    granted = {
        suffix: [row[0] for row in rows(database_url, query, f"%{suffix}")]
        for suffix in ("projector", "reader")
    }

    assert granted == {
        "projector": [True, False, False, True],
        "reader": [False, False, False, False],
    }
