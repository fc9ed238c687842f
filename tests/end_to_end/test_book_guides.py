"""The commands of the guides on reconciling and on closing a month, run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure.postgres.migrate import migrate
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.postgres import TestClock

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
GUIDES = Path(__file__).parents[2] / "docs" / "howto"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
OCTOBER, NOVEMBER = datetime(2026, 10, 25, 9, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def ledger(make_database: Callable[[], str]) -> Iterator[ApiFixture]:
    """Two payments in October, and one in November."""
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    clock = TestClock(url)
    clock.set(OCTOBER)
    with served_api(url) as api:
        for _ in range(2):
            api.create_paid_session()
        clock.set(NOVEMBER)
        paid, _ = api.create_paid_session()
        api.call("merchant", "GET", f"/v1/balance?at_least={paid['position']}")
        yield api


def run(ledger: ApiFixture, folder: Path, page: str) -> str:
    """The output of all commands of a page, in one shell."""
    commands = [
        line.removeprefix("$ ")
        for block in BLOCK.findall((GUIDES / page).read_text())
        for line in block.splitlines()
    ]
    script = "\n".join(["set -euo pipefail", *commands])
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    environment = {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "QRLEDGER_DATABASE_URL": ledger.url,
        "QRLEDGER_HOME": str(folder / "home"),
        "BASE": ledger.settings.public_origin,
        "AUDITOR_KEY": ledger.keys["auditor"],
        "MERCHANT": ledger.merchants[0],
    }
    result = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=folder, capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_guide_to_reconciling(ledger: ApiFixture, tmp_path: Path) -> None:
    output = run(ledger, tmp_path, "reconcile.md")

    assert ": 0 violations" in output
    assert "journal: equal" in output
    assert f"-30.00 USD  liabilities:merchant:{ledger.merchants[0]}:payable" in output
    assert output.count("payment_session.paid") == 3  # of the explanation
    assert "2000.00 USD  assets:bank:safeguarded" in output  # before November


def test_the_guide_to_closing_a_month(ledger: ApiFixture, tmp_path: Path) -> None:
    output = run(ledger, tmp_path, "close-a-month.md")

    assert "final: True 2026-09-30T22:00:00.000000Z 2026-10-31T23:00:00.000000Z" in output
    statement = json.loads((tmp_path / "statement.json").read_text())
    assert [line["amount"]["minor"] for line in statement["data"][0]["lines"]] == [1000, 1000]
    assert (tmp_path / "statement.csv").read_text().splitlines()[-1].startswith("closing_balance")
    assert "month.beancount: 4 entries" in output
    assert len((tmp_path / "month.csv").read_text().splitlines()) == 9
