"""The read model of static codes: rows as the codes stand, in pages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.commands.register_merchant import RegisterMerchant
from domain.static_codes.terms import Terms
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool
from projections._runner import Runner
from projections.static_codes import StaticCodes
from tests.support.ledger_fixture import LedgerFixture
from tests.support.read_models import apply_all
from tests.support.static_codes import OPEN_TERMS, CodesFixture

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("size", [1, 1000])
def test_codes_are_listed_newest_first_as_they_stand(
    postgres_log: PostgresLog, pool: ConnectionPool, size: int
) -> None:
    ledger = LedgerFixture(postgres_log)
    codes = CodesFixture(ledger)
    opened = codes.issue(label="é✓ <b>'\u202e")
    fixed = codes.issue(Terms(currency="JPY", amount_minor=500), label="")
    revoked = ledger.send(codes.revoke(opened))
    runner = Runner(StaticCodes, pool.connection)
    apply_all(runner, postgres_log, size=size)
    model = StaticCodes(postgres_log._pool.connection)

    first, second = model.newest(merchant_id=ledger.merchant, limit=10)

    assert (first.public_id, first.terms, first.label) == (fixed.public_id, fixed.terms, "")
    assert (second.public_id, second.terms) == (opened.public_id, OPEN_TERMS)
    assert (second.label, second.key_id) == (opened.label, "K1")
    assert (second.merchant_id, second.merchant_name) == (ledger.merchant, "Cafe")
    assert (first.revoked_at, second.revoked_at) == (None, revoked.subject.revoked_at)
    assert second.position == revoked.position
    assert second.payloads == opened.payloads
    assert second.created_on == opened.created_on


def test_a_merchant_sees_its_own_codes_page_by_page(
    postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    ledger = LedgerFixture(postgres_log)
    codes = CodesFixture(ledger)
    other = ledger.new_id()
    ledger.send(RegisterMerchant(merchant_id=other, name="Shop", return_hosts=()))
    made = [codes.issue().public_id for _ in range(3)]
    own = ledger.merchant
    ledger.merchant_id = other
    foreign = codes.issue(replace(OPEN_TERMS, min_minor=None)).public_id
    apply_all(Runner(StaticCodes, pool.connection), postgres_log)
    model = StaticCodes(postgres_log._pool.connection)

    page = model.newest(merchant_id=own, limit=2)
    rest = model.newest(merchant_id=own, before=page[-1].created_position, limit=2)

    assert [row.public_id for row in (*page, *rest)] == made[::-1]
    assert [row.public_id for row in model.newest(limit=10)] == [foreign, *made[::-1]]
