"""`qrledger merchants plan|payouts|processors` and `qrledger treasury`: set, listed, bad input in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infrastructure.cli import program
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.balances import Balances
from tests.support.ledger_fixture import LedgerFixture
from tests.support.read_models import apply_all

pytestmark = pytest.mark.postgres
Run = Callable[..., Result]
NOBODY = "mer_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def run(database_url: str) -> Run:
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_MODE": "test"}
    return lambda *words: CliRunner().invoke(program, words, env=environment)


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    yield pool
    pool.close()


@pytest.fixture
def merchant(postgres_log: PostgresLog) -> str:
    return LedgerFixture(postgres_log).merchant


def listed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_plan_is_set_and_listed(run: Run, merchant: str) -> None:
    set_plan = run(
        "merchants", "plan", merchant, "--currency", "USD", "--basis-points", "75", "--fixed", "30"
    )

    assert set_plan.exit_code == 0, set_plan.output
    assert set_plan.output == (
        "currency USD, basis_points 75, fixed_minor 30, refund_policy proportional\n"
    )
    kept = ("--currency", "EUR", "--fixed", "5", "--refund-policy", "kept")
    assert listed(run("merchants", "plan", merchant, *kept, "--json")) == {
        "merchant": merchant,
        "plans": [
            {"currency": "EUR", "basis_points": 0, "fixed_minor": 5, "refund_policy": "kept"},
            {
                "currency": "USD",
                "basis_points": 75,
                "fixed_minor": 30,
                "refund_policy": "proportional",
            },
        ],
    }


def test_processors_are_set_shown_and_removed(run: Run, merchant: str) -> None:
    assert run("merchants", "processors", merchant).output == ""

    said = run("merchants", "processors", merchant, "sandbox", "stripe")
    assert said.stdout == "sandbox\nstripe\n"
    assert said.stderr == (
        "qrledger: the processor stripe is not configured here: payers are not offered it\n"
    )
    assert json.loads(run("merchants", "processors", merchant, "--json").stdout) == {
        "merchant": merchant,
        "processors": ["sandbox", "stripe"],
    }
    assert listed(run("merchants", "processors", merchant, "--none", "--json"))["processors"] == []


def test_bad_processors_end_in_one_line(run: Run, merchant: str) -> None:
    for words in (("Stripe",), ("a", "a"), ("a", "--none"), tuple("abcdefghijk")):
        result = run("merchants", "processors", merchant, *words)

        assert result.exit_code != 0
        assert "Traceback" not in result.output


def test_payout_terms_are_set_and_listed(run: Run, merchant: str) -> None:
    terms = ("--currency", "USD", "--destination", "bank account 1")
    daily = ("--daily-at", "06:00", "--zone", "America/Sao_Paulo")

    asked = listed(run("merchants", "payouts", merchant, *terms, "--json"))
    scheduled = run("merchants", "payouts", merchant, *terms, *daily)

    assert asked["payouts"] == [
        {"currency": "USD", "destination": "bank account 1", "daily_at": None, "zone": "UTC"}
    ]
    assert scheduled.output == (
        "currency USD, destination bank account 1, daily_at 06:00, zone America/Sao_Paulo\n"
    )
    assert run("merchants", "payouts", merchant).output == scheduled.output


def test_money_is_moved_and_shown(
    run: Run, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    LedgerFixture(postgres_log).open_wallet(500, "EUR")
    apply_all(Runner(Balances, pool.connection), postgres_log)
    move = ("treasury", "move", "--kind", "own_funds", "--currency", "EUR", "--reference", "T-1")

    moved = run(*move, "--in", "--amount-minor", "250")
    again = run(*move, "--in", "--amount-minor", "250")
    apply_all(Runner(Balances, pool.connection), postgres_log)
    too_much = run(*move, "--out", "--amount-minor", "751")
    out = run(*move, "--out", "--amount-minor", "50")

    assert moved.exit_code == 0, moved.output
    assert moved.output == (
        "moved in: 250 EUR in minor units, own_funds\n"
        f"recorded at position {postgres_log.head() - 1}\n"
    )
    assert again.output == moved.output.replace("recorded at", "recorded before at")
    assert (too_much.exit_code, out.exit_code) == (1, 0)
    assert "qrledger: The bank holds 750 EUR" in too_much.stderr
    assert listed(run("treasury", "status", "--json")) == {
        "data": [
            {
                "currency": "EUR",
                "topped_up_minor": 500,
                "moved_minor": 200,
                "payouts_minor": 0,
                "available_minor": 700,
                "position": postgres_log.head() - 1,
            }
        ]
    }
    assert "EUR  700 available: 500 topped up, 200 moved in" in run("treasury", "status").output


PLAN, PAYOUTS = ("merchants", "plan"), ("merchants", "payouts")
MOVE = ("treasury", "move", "--kind", "own_funds", "--reference", "T", "--currency")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((*PLAN, "shop"), "not a merchant's id"),
        ((*PLAN, "mer_" + "z" * 26), "not a merchant's id"),
        ((*PLAN, NOBODY), "no merchant"),
        ((*PLAN, NOBODY, "--currency", "USD", "--fixed", "1"), "no merchant"),
        ((*PLAN, "{}", "--currency", "USD"), "--basis-points"),
        ((*PLAN, "{}", "--fixed", "1"), "--currency"),
        ((*PLAN, "{}", "--currency", "USD", "--basis-points", "10001"), "basis_points"),
        ((*PLAN, "{}", "--currency", "USD", "--basis-points", "-1"), "--basis-points"),
        ((*PLAN, "{}", "--currency", "USD", "--basis-points", "1.5"), "--basis-points"),
        ((*PLAN, "{}", "--currency", "USD", "--fixed", "１２"), "--fixed"),
        ((*PLAN, "{}", "--currency", "USD", "--fixed", "9" * 5000), "--fixed"),
        ((*PLAN, "{}", "--currency", "HRK", "--fixed", "1"), "withdrawn"),
        ((*PLAN, "{}", "--currency", "us\0", "--fixed", "1"), "currency"),
        ((*PAYOUTS, "{}", "--currency", "USD"), "--destination"),
        ((*PAYOUTS, "{}", "--destination", "a"), "--currency"),
        ((*PAYOUTS, "{}", "--daily-at", "06:00"), "--currency"),
        ((*PAYOUTS, "{}", "--currency", "USD", "--destination", "12345678"), "account number"),
        ((*PAYOUTS, "{}", "--currency", "USD", "--destination", "a\udc80"), "U+DC80"),
        ((*PAYOUTS, "{}", "--currency", "USD", "--destination", "a", "--zone", "Mars"), "zone"),
        (
            (*PAYOUTS, "{}", "--currency", "USD", "--destination", "a", "--daily-at", "6am"),
            "HH:MM",
        ),
        ((*MOVE, "USD", "--amount-minor", "5"), "--in or --out"),
        ((*MOVE, "USD", "--in", "--amount-minor", "0"), "amount.minor"),
        ((*MOVE, "USD", "--in", "--amount-minor", "1.00"), "--amount-minor"),
        ((*MOVE, "USD", "--in", "--amount-minor", "1000000000000"), "amount.minor"),
        ((*MOVE, "usd", "--in", "--amount-minor", "5"), "ISO 4217"),
        ((*MOVE, "XAU", "--in", "--amount-minor", "5"), "ISO 4217"),
        ((*MOVE, "USD", "--reference", "x" * 81, "--in", "--amount-minor", "5"), "reference"),
        ((*MOVE, "USD", "--reference", "a\udc80", "--in", "--amount-minor", "5"), "U+DC80"),
    ],
)
def test_bad_input_is_one_line_with_exit_2_and_no_event(
    run: Run, postgres_log: PostgresLog, merchant: str, words: tuple[str, ...], named: str
) -> None:
    before = postgres_log.head()

    result = run(*(merchant if word == "{}" else word for word in words))

    assert result.exit_code == 2, result.output
    assert named in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert postgres_log.head() == before
