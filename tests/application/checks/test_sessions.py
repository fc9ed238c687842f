"""Transitions, deadlines and payments of sessions."""

from __future__ import annotations

import inspect
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from application.checks.checker import check_log
from application.checks.sessions import TRANSITIONS
from infrastructure.event_store import registry
from tests.support.damaged_logs import Damage, broken, changed, events, find, moved, twice, without
from tests.support.ledger_fixture import LEASE_SECONDS, LedgerFixture


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (without("payment_session.created"), "legal-transitions"),
        (without("payment_session.scanned"), "legal-transitions"),
        (twice("payment_session.paid"), "one-payment"),
        (twice("payment_session.cancelled"), "legal-transitions"),
        (twice("payment_session.created"), "legal-transitions"),
        (changed("payment_session.paid", amount_minor=999), "money-conserved"),
        (changed("payment_session.paid", claim_id="clm_other"), "legal-transitions"),
        (changed("payment_session.paid", wallet_id="wal_other"), "legal-transitions"),
        (changed("payment_session.created", expires_at="tomorrow"), "known-topics"),
        (moved("payment_session.scanned", LEASE_SECONDS + 900), "on-time"),
        (moved("payment_session.expired", -1), "on-time"),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(events(ledger)))


def test_a_claim_taken_over_before_its_lease_ended_is_reported(ledger: LedgerFixture) -> None:
    log = events(ledger)
    first = find(log, "payment_session.scanned")
    early = log[first].recorded_at + timedelta(seconds=1)
    second = first + 1 + find(log[first + 1 :], "payment_session.scanned")
    log[second] = log[second]._replace(recorded_at=early)

    assert "legal-transitions" in broken(log)


def test_every_event_that_changes_a_status_has_a_rule() -> None:
    kinds = [
        kind for topic, kind in registry.EVENTS.items() if topic.startswith("payment_session.")
    ]
    applied = {kind.TOPIC: inspect.getsource(kind.apply) for kind in kinds}

    assert {*TRANSITIONS, "payment_session.flagged"} == {
        topic for topic, source in applied.items() if "aggregate.status =" in source
    }


def test_an_event_that_changes_no_status_needs_no_rule(ledger: LedgerFixture) -> None:
    log = events(ledger)
    last, noted = log[-1], SimpleNamespace(timestamp=log[-1].recorded_at)
    decode: Any = lambda _: noted  # noqa: E731
    added = last._replace(
        position=last.position + 1, version=last.version + 1, command_id=uuid4(),
        topic="payment_session.noted", decode=decode,
    )  # fmt: skip
    assert last.topic == "payment_session.created"

    checker, violations = check_log([*log, added])

    assert violations == []
    assert checker.log.position == added.position
    session = checker.sessions.facts[last.stream_id]
    assert (session.version, session.status) == (2, "created")
    assert session.position == added.position
