"""Events that aggregates trigger equal the library's own, and always have a timestamp."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from domain.money.currencies import CURRENCIES
from domain.wallets.wallet import Wallet

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def open_wallet() -> Wallet:
    return Wallet.open(wallet_id=uuid7(), wallet_app_id="app_1", currency=CURRENCIES["USD"], at=NOW)


def make_top_up(**changes: Any) -> dict[str, Any]:
    return {"amount_minor": 5, "currency": "USD", "exponent": 2, "reference": "r"} | changes


def test_a_triggered_event_equals_one_made_by_its_frozen_dataclass() -> None:
    wallet = open_wallet()
    wallet.trigger_event(Wallet.ToppedUp, timestamp=NOW, **make_top_up())

    for event in wallet.pending_events:
        triggered: Any = event
        expected = type(triggered)(**vars(triggered))
        assert (triggered, repr(triggered)) == (expected, repr(expected))
        assert list(vars(triggered)) == list(vars(expected))  # the order in which it is stored
        with pytest.raises(dataclasses.FrozenInstanceError):
            triggered.timestamp = NOW


@pytest.mark.parametrize(
    ("changes", "named"), [({"colour": "red"}, "colour"), ({"originator_topic": "x"}, "topic")]
)
def test_an_unknown_field_is_named_and_changes_nothing(changes: Any, named: str) -> None:
    wallet = open_wallet()

    with pytest.raises(TypeError, match=named):
        wallet.trigger_event(Wallet.ToppedUp, timestamp=NOW, **make_top_up(**changes))

    assert (wallet.version, wallet.available_minor, len(wallet.pending_events)) == (1, 0, 1)


def test_a_missing_field_is_named_and_a_missing_timestamp_is_not_invented() -> None:
    wallet = open_wallet()
    trigger: Any = wallet.trigger_event

    with pytest.raises(TypeError, match="reference"):
        trigger(Wallet.ToppedUp, timestamp=NOW, amount_minor=1, currency="USD", exponent=2)
    with pytest.raises(TypeError, match="timestamp"):
        trigger(Wallet.ToppedUp, **make_top_up())

    assert (wallet.version, wallet.available_minor, len(wallet.pending_events)) == (1, 0, 1)
