"""Events made by the house are the library's own, and never without their time."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from domain.money.currencies import CURRENCIES
from domain.wallets.wallet import Wallet

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def a_wallet() -> Wallet:
    return Wallet.open(wallet_id=uuid7(), wallet_app_id="app_1", currency=CURRENCIES["USD"], at=NOW)


def a_top_up(**changes: Any) -> dict[str, Any]:
    return {"amount_minor": 5, "currency": "USD", "exponent": 2, "reference": "r"} | changes


def test_an_event_is_what_its_frozen_dataclass_would_have_made() -> None:
    wallet = a_wallet()
    wallet.trigger_event(Wallet.ToppedUp, timestamp=NOW, **a_top_up())

    for event in wallet.pending_events:
        made: Any = event
        again = type(made)(**vars(made))
        assert (made, hash(repr(made))) == (again, hash(repr(again)))
        assert list(vars(made)) == list(vars(again))  # the order in which it is stored
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.timestamp = NOW


@pytest.mark.parametrize(
    ("changes", "named"), [({"colour": "red"}, "colour"), ({"originator_topic": "x"}, "topic")]
)
def test_a_field_too_many_is_named_and_changes_nothing(changes: Any, named: str) -> None:
    wallet = a_wallet()

    with pytest.raises(TypeError, match=named):
        wallet.trigger_event(Wallet.ToppedUp, timestamp=NOW, **a_top_up(**changes))

    assert (wallet.version, wallet.available_minor, len(wallet.pending_events)) == (1, 0, 1)


def test_a_missing_field_is_named_and_a_missing_time_is_not_made_up() -> None:
    wallet = a_wallet()
    trigger: Any = wallet.trigger_event

    with pytest.raises(TypeError, match="reference"):
        trigger(Wallet.ToppedUp, timestamp=NOW, amount_minor=1, currency="USD", exponent=2)
    with pytest.raises(TypeError, match="timestamp"):
        trigger(Wallet.ToppedUp, **a_top_up())

    assert (wallet.version, wallet.available_minor, len(wallet.pending_events)) == (1, 0, 1)
