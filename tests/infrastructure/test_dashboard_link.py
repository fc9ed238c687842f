"""`qrledger merchants dashboard-link`: a link for the operator, bad input in one line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from api.tokens import DashboardUse
from domain import ids
from infrastructure.bootstrap.common import read_tokens
from infrastructure.cli import program
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole
from tests.support.ledger_fixture import LedgerFixture

pytestmark = pytest.mark.postgres
NOBODY = "mer_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def run(database_url: str) -> Callable[..., Result]:
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_MODE": "test"}
    return lambda *words: CliRunner().invoke(
        program, ("merchants", "dashboard-link", *words), env=environment
    )


def test_a_link_is_printed_whose_token_is_in_the_fragment(
    run: Callable[..., Result], database_url: str, postgres_log: PostgresLog
) -> None:
    merchant = LedgerFixture(postgres_log).merchant

    plain, as_json = run(merchant), run(merchant, "--json")

    assert plain.exit_code == as_json.exit_code == 0, plain.output
    address, _, token = plain.output.strip().partition("#")
    assert address == "http://127.0.0.1:8080/dashboard"
    tokens = read_tokens(database_url, DatabaseRole.READER)
    holder = tokens.check_dashboard(DashboardUse.LINK, token)
    assert ids.encode("mer", holder.merchant_id) == merchant
    facts = json.loads(as_json.output)
    assert facts.keys() == {"url", "expires_at"}
    assert facts["url"] != plain.output.strip()


@pytest.mark.parametrize("who", [NOBODY, "mer_", "Cafe", "wal_01h455vb4pex5vsknk084sn02q"])
def test_for_nobody_there_is_no_link(run: Callable[..., Result], who: str) -> None:
    result = run(who)

    assert result.exit_code == 2
    assert "#" not in result.output
    assert len(result.output.splitlines()) == 1


def test_a_link_leads_to_the_history_of_a_session(
    run: Callable[..., Result], postgres_log: PostgresLog
) -> None:
    ledger = LedgerFixture(postgres_log)
    session = ids.encode("ps", ledger.create_session())

    result = run(ledger.merchant, "--session", session)

    address, _, token = result.output.strip().partition("#")
    assert address == f"http://127.0.0.1:8080/dashboard?session={session}"
    assert token.startswith("qrd_")


def test_the_session_of_a_link_is_the_merchants(
    run: Callable[..., Result], postgres_log: PostgresLog
) -> None:
    ledger, other = LedgerFixture(postgres_log), LedgerFixture(postgres_log)
    foreign = ids.encode("ps", other.create_session())
    for session in (foreign, NOBODY.replace("mer_", "ps_"), "ps_", "A-1", "../x", "\u2028"):
        result = run(ledger.merchant, "--session", session)

        assert result.exit_code == 2, session
        assert "#" not in result.output
        assert len(result.output.splitlines()) == 1
