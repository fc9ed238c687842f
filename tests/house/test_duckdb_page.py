"""The page on DuckDB: every question is asked of an exported ledger, and answered as the ledger does."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from application.commands.expire_session import ExpireSession
from domain import ids
from domain.accounting import chart
from infrastructure.cli import program
from infrastructure.lake.columns import AMOUNTS, COLUMNS, CURRENCIES, OWNER
from infrastructure.lake.export import export
from tests.support.api_fixture import api_fixture
from tests.support.book_history import BookHistory, balances
from tests.support.lake import PAGE, ask, questions
from tests.support.memory_log import MemoryLog

PAYMENTS = 400
PAID, REFUNDED = "payment_session.paid", "refund.succeeded"
ENDED = [PAID, *(f"payment_session.{word}" for word in ("expired", "cancelled", "failed"))]
Facts = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    history = BookHistory(seed=16)
    history.run(PAYMENTS // 2)
    history.log.advance(40 * 24 * 3600)
    return history.run(PAYMENTS)


@pytest.fixture(scope="module")
def lake(log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    export(log, folder)
    return folder


def facts(log: MemoryLog, *topics: str) -> list[Any]:
    return [(one, one.event) for one in log.events if one.topic in topics]


def answer(lake: Path, title: str) -> list[tuple[Any, ...]]:
    return ask(lake, questions()[title])


def test_the_page_has_the_questions_that_are_tested() -> None:
    assert list(questions()) == [
        "Volume per day and merchant", "Share of refunds", "Fees", "Rate of expiry",
        "A balance, recomputed",
    ]  # fmt: skip
    assert PAGE.read_text().count("```sql") == len(questions()) + 1


def test_the_page_names_every_column(lake: Path) -> None:
    described = ask(lake, "describe events")

    assert [name for name, *_ in described] == [*COLUMNS, OWNER, *CURRENCIES, *AMOUNTS]
    types = dict(line[:2] for line in described)
    page = PAGE.read_text()
    for name, kind in types.items():
        if name not in AMOUNTS:
            [line] = [
                one for one in page.splitlines() if one.startswith("| `") and f"`{name}`" in one
            ]
            assert f"| `{kind}` |" in line, name
    assert {types[name] for name in AMOUNTS} == {"BIGINT"}


def test_volume_per_day_and_merchant(log: MemoryLog, lake: Path) -> None:
    expected: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for recorded, event in facts(log, PAID):
        line = expected[recorded.recorded_at.date(), event.merchant_id, event.currency]
        line[0] += 1
        line[1] += event.amount_minor

    found = answer(lake, "Volume per day and merchant")

    assert found == [(*key, *line) for key, line in sorted(expected.items())]
    assert len({day for day, *_ in found}) > 1


def test_share_of_refunds(log: MemoryLog, lake: Path) -> None:
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for recorded, event in facts(log, PAID, REFUNDED):
        expected[event.merchant_id, event.currency][recorded.topic == REFUNDED] += (
            event.amount_minor
        )

    found = answer(lake, "Share of refunds")

    assert found == [
        (*key, paid, back, back * 10_000 // paid) for key, (paid, back) in sorted(expected.items())
    ]
    assert any(line[-1] for line in found)


def test_fees(log: MemoryLog, lake: Path) -> None:
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for recorded, event in facts(log, PAID, REFUNDED):
        fee = event.fee_minor if recorded.topic == PAID else -event.fee_returned_minor
        expected[f"{recorded.recorded_at:%Y-%m}", event.currency] += fee

    assert answer(lake, "Fees") == [(*key, fee) for key, fee in sorted(expected.items())]


def test_rate_of_expiry(log: MemoryLog, lake: Path) -> None:
    merchants = {one.stream_id: event.merchant_id for one, event in facts(log, ENDED[0])}
    expected = dict.fromkeys(merchants.values(), 0)
    for merchant in merchants.values():
        expected[merchant] += 1

    found = answer(lake, "Rate of expiry")

    assert {merchant: (ended, expired) for merchant, ended, expired, _ in found} == {
        merchant: (count, 0) for merchant, count in expected.items()
    }


def test_a_balance_recomputed(log: MemoryLog, lake: Path) -> None:
    expected = {key: -minor for key, minor in balances(log).items() if key[0].endswith(":payable")}

    found = answer(lake, "A balance, recomputed")

    payable = {(chart.PAYABLE.of(owner), code): minor for owner, code, minor, _ in found if minor}
    assert payable == expected


@pytest.mark.postgres
def test_the_recomputed_balance_is_that_of_the_api_and_expired_sessions_count(
    database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "lake"
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_HOME": str(tmp_path)}
    with api_fixture(database_url) as api:
        paid, _ = api.create_paid_session()
        cancelled = api.create_session()
        assert api.call(
            "merchant", "POST", f"/v1/payment-sessions/{cancelled['id']}/cancel"
        ).is_success
        late = api.create_session(expires_in_seconds=60)
        api.admin.advance_clock(61)
        api.admin.send(ExpireSession(session_id=ids.decode("ps", late["id"])))
        refund = {"amount": {"minor": 300, "currency": "USD"}, "reason": "cold"}
        path = f"/v1/payment-sessions/{paid['id']}/refunds"
        assert api.call("merchant", "POST", path, refund, key="r").status_code == 201
        head = api.position()
        balance = api.call("merchant", "GET", f"/v1/balance?at_least={head}").json()

        done = CliRunner().invoke(
            program, ["audit", "parquet", "--output", str(folder)], env=environment
        )

    assert done.exit_code == 0, done.output
    [line] = balance["data"]
    [(merchant, code, minor, position)] = answer(folder, "A balance, recomputed")
    assert (merchant, code) == (api.merchants[0], line["currency"])
    assert minor == line["payable"]["minor"] == 700
    assert position <= head
    assert answer(folder, "Rate of expiry") == [(merchant, 3, 1, 3_333)]
