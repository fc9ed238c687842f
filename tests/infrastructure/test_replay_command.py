"""`qrledger replay`: policy files read strictly, and the differences as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from application.what_if import Policy
from domain.errors import InvalidRequest
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from infrastructure.cli import program
from infrastructure.what_if.policy_file import read_policy
from tests.support.api_fixture import ApiFixture, api_fixture

MERCHANT = "mer_01h455vb4pex5vsknk084sn02q"


def read(tmp_path: Path, text: str | bytes) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_policy(path)


def test_a_policy_has_rules_and_a_spread(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        f"""
        spread_basis_points = 25
        [[fees]]
        merchant = "{MERCHANT}"
        currency = "USD"
        basis_points = 120
        fixed_minor = 10
        refund_policy = "kept"
        [[fees]]
        """,
    )

    assert policy.spread_basis_points == 25
    assert policy.plan(MERCHANT, "USD") == FeePlan(120, 10, FeeRefundPolicy.KEPT)
    assert policy.plan(MERCHANT, "EUR") == FeePlan()
    assert read(tmp_path, "") == Policy()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("spread = 1", "spread"),
        ("spread_basis_points = 1001", "spread_basis_points"),
        ("spread_basis_points = -1", "spread_basis_points"),
        ("spread_basis_points = true", "spread_basis_points"),
        ("spread_basis_points = 1.0", "spread_basis_points"),
        ("fees = 1", "fees"),
        ("fees = [1]", "fees[0]"),
        ("[[fees]]\nmerchant = 'mer_1'", "fees[0].merchant"),
        ("[[fees]]\nmerchant = 7", "fees[0].merchant"),
        ("[[fees]]\ncurrency = 'usd'", "fees[0].currency"),
        ("[[fees]]\ncurrency = ['USD']", "fees[0].currency"),
        ("[[fees]]\nfixed_minor = 1", "fees[0].fixed_minor"),
        ("[[fees]]\n[[fees]]\nbasis_points = 10001", "fees[1]"),
        ("[[fees]]\nbasis_points = '1'", "fees[0].basis_points"),
        ("[[fees]]\nrefund_policy = 'all'", "fees[0].refund_policy"),
        ("[[fees]]\nfixed = 1", "fees[0].fixed"),
        ("a", "--policy"),
        ("a = '''" + "x" * 5_000_000 + "'''", "--policy"),
        (b"\xff", "--policy"),
        (b"a = '\x00'", "--policy"),
    ],
)
def test_a_policy_that_is_not_understood_is_refused_by_name(
    tmp_path: Path, text: str | bytes, name: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(tmp_path, text)

    params: Any = refused.value.facts["invalid_params"]
    assert [one["name"] for one in params] == [name]


def test_a_policy_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidRequest):
            read_policy(path)


@pytest.fixture
def ledger(make_ledger: Callable[[], str]) -> Iterator[tuple[ApiFixture, str]]:
    url = make_ledger()
    with api_fixture(url) as api:
        yield api, url


def run(url: str, tmp_path: Path, *arguments: str, policy: str = "") -> Result:
    path = tmp_path / "policy.toml"
    path.write_text(policy)
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_HOME": str(tmp_path)}
    command = ["replay", "--policy", str(path), *arguments]
    return CliRunner().invoke(program, command, env=environment)


@pytest.mark.postgres
def test_the_command_shows_the_difference_per_merchant_and_changes_nothing(
    ledger: tuple[ApiFixture, str], tmp_path: Path
) -> None:
    api, url = ledger
    paid, _ = api.create_paid_session()
    refund = {"amount": {"minor": 500, "currency": "USD"}, "reason": "cold"}
    path = f"/v1/payment-sessions/{paid['id']}/refunds"
    assert api.call("merchant", "POST", path, refund, key=str(uuid4())).status_code == 201
    head, merchant = api.position(), api.merchants[0]

    as_text = run(url, tmp_path, policy="[[fees]]\nbasis_points = 200")
    as_json = run(url, tmp_path, "--json", policy="[[fees]]\nbasis_points = 200")

    assert as_text.exit_code == 0, as_text.output
    assert f"{merchant}  fees USD: 0.00 -> 0.10 (+0.10) of 1 payments" in as_text.output
    assert json.loads(as_json.output) == {
        "position": head,
        "data": [
            {"merchant": merchant, "what": "fees", "currency": "USD", "payments": 1,
             "recorded_minor": 0, "repriced_minor": 10, "change_minor": 10}
        ],
    }  # fmt: skip
    assert api.position() == head
    assert "no payments" in run(url, tmp_path, "--from", "2999-01-01").output
    refused = run(url, tmp_path, policy="fees = 1")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
