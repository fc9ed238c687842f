"""`qrledger merchants qr`: set, shown, bad input in one line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from infrastructure.cli import program
from infrastructure.event_store.postgres_log import PostgresLog
from tests.support.ledger_fixture import LedgerFixture

pytestmark = pytest.mark.postgres
Run = Callable[..., Result]
SET = ("--country", "US", "--city", "Springfield", "--category", "5812", "--name", "Corner Cafe")


@pytest.fixture
def run(database_url: str) -> Run:
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_MODE": "test"}
    return lambda *words: CliRunner().invoke(program, ("merchants", "qr", *words), env=environment)


@pytest.fixture
def merchant(postgres_log: PostgresLog) -> str:
    return LedgerFixture(postgres_log).merchant


def test_settings_are_set_and_shown(run: Run, merchant: str) -> None:
    nothing = run(merchant)
    done = run(merchant, *SET, "--language", "ZH", "--local-name", "街角咖啡")
    shown = run(merchant, "--json")

    assert (nothing.exit_code, nothing.output) == (0, "")
    assert done.output == (
        "country US, city Springfield, category 5812, name Corner Cafe, language ZH, "
        "local_name 街角咖啡\n"
    )
    assert json.loads(shown.output) == {
        "merchant": merchant,
        "qr": [
            {
                "country": "US", "city": "Springfield", "category": "5812", "name": "Corner Cafe",
                "postal_code": None, "language": "ZH", "local_name": "街角咖啡", "local_city": None,
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--country", "US"), "give --country, --city, --category and --name together"),
        (("--local-name", "街"), "give --country, --city, --category and --name together"),
        ((*SET, "--country", "XX"), "country: is not a code of ISO 3166-1"),
        ((*SET, "--name", "Café"), "name: must have 1 to 25 printable ASCII characters"),
        ((*SET, "--name", "x" * 26), "name: must have 1 to 25 printable ASCII characters"),
        ((*SET, "--category", "58"), "category: must have four digits"),
        ((*SET, "--local-name", "街"), "language: is given together"),
        ((*SET, "--language", "zh", "--local-name", "街"), "language: is not a code of ISO 639-1"),
    ],
)
def test_bad_input_is_one_line(run: Run, merchant: str, words: tuple[str, ...], said: str) -> None:
    result = run(merchant, *words)

    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_an_unknown_merchant_is_named(run: Run, merchant: str) -> None:
    nobody = "mer_01h455vb4pex5vsknk084sn02q"

    assert f"there is no merchant {nobody}" in run(nobody, *SET).output
    assert "is not a merchant's id" in run(merchant[:-1], *SET).output
