"""The store of push subscriptions in `ledger.push_subscriptions`; their targets are sealed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

import msgspec
from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.push import SUBSCRIPTIONS_MAX, PushSubscription
from infrastructure.push.keys import NotSealedHere, PushKeys

_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('push ' || %s, 0))"
_ADD: Final = """
insert into ledger.push_subscriptions (id, wallet_id, transport, sealed, language, amounts)
values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update
   set sealed = excluded.sealed, language = excluded.language, amounts = excluded.amounts,
       number = default
"""
_DROP_OLDEST: Final = """
delete from ledger.push_subscriptions where id in
    (select id from ledger.push_subscriptions where wallet_id = %s
      order by number desc offset %s)
"""
_SUBSCRIBED: Final = """
select wallet_id, array_agg(id order by number) from ledger.push_subscriptions
 where wallet_id = any(%s) group by wallet_id
"""
_READ: Final = """
select id, wallet_id, transport, sealed, language, amounts
  from ledger.push_subscriptions where id = any(%s)
"""
_log = logging.getLogger(__name__)


class PostgresPushSubscriptions:
    """`application.ports.push.PushSubscriptions` in PostgreSQL."""

    def __init__(
        self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]], keys: PushKeys
    ) -> None:
        """Keep subscriptions in a database.

        Args:
            connect: lends a connection of the writer, or of the projector.
            keys: seal what the database must not know.
        """
        self._connect = connect
        self._keys = keys

    def add(self, subscription: PushSubscription) -> None:
        """See the port."""
        wallet_id = subscription.wallet_id
        sealed = self._keys.seal(
            msgspec.json.encode(subscription.target), _name(subscription.id, wallet_id)
        )
        row = (
            subscription.id,
            wallet_id,
            subscription.transport,
            sealed,
            subscription.language,
            subscription.amounts,
        )
        with self._connect() as connection, connection.transaction():
            connection.execute(_LOCK, (wallet_id,))
            connection.execute(_ADD, row)
            connection.execute(_DROP_OLDEST, (wallet_id, SUBSCRIPTIONS_MAX))

    def remove(self, wallet_id: str, subscription_id: str) -> bool:
        """See the port."""
        query = "delete from ledger.push_subscriptions where wallet_id = %s and id = %s"
        with self._connect() as connection:
            return connection.execute(query, (wallet_id, subscription_id)).rowcount > 0

    def subscribed(self, wallet_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """See the port."""
        with self._connect() as connection:
            return dict(connection.execute(_SUBSCRIBED, (list(wallet_ids),)).fetchall())

    def read(self, subscription_ids: Collection[str]) -> Mapping[str, PushSubscription]:
        """See the port."""
        with self._connect() as connection:
            rows = connection.execute(_READ, (list(subscription_ids),)).fetchall()
        found = {}
        for id_, wallet_id, transport, sealed, language, amounts in rows:
            try:
                plain = self._keys.open(bytes(sealed), _name(id_, wallet_id))
            except NotSealedHere:
                _log.warning("the push subscription %s was sealed under another key", id_)
                continue
            found[id_] = PushSubscription(
                id=id_,
                wallet_id=wallet_id,
                transport=transport,
                target=msgspec.json.decode(plain, type=dict[str, str]),
                language=language,
                amounts=amounts,
            )
        return found

    def drop(self, subscription_ids: Collection[str]) -> None:
        """See the port."""
        query = "delete from ledger.push_subscriptions where id = any(%s)"
        with self._connect() as connection:
            connection.execute(query, (list(subscription_ids),))


def _name(subscription_id: str, wallet_id: str) -> str:
    """Under which a target is sealed, so that it cannot be moved to another row."""
    return f"{subscription_id} {wallet_id}"
