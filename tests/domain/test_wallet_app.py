"""Wallet apps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.errors import InvalidRequest
from domain.wallets.wallet_app import WalletApp
from tests.support.aggregates import STREAM, fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CHARACTERS = "must have 1 to 80 characters"


@pytest.mark.parametrize("name", ["Wallet", "x" * 80])
def test_an_app_is_registered_under_its_name(name: str) -> None:
    given().when(lambda _: WalletApp.register(wallet_app_id=STREAM, name=name, at=NOW)).then(
        fact(WalletApp.Registered, NOW, name=name)
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", CHARACTERS), ("x" * 81, CHARACTERS), ("two\nlines", "may not contain the character U+000A")],
)  # fmt: skip
def test_an_unacceptable_name_is_refused(name: str, reason: str) -> None:
    given().when(lambda _: WalletApp.register(wallet_app_id=STREAM, name=name, at=NOW)).then(
        InvalidRequest.of("name", reason)
    )
