"""RestrictSession, RestrictWallet: texts are for auditors only, once and for good."""

from __future__ import annotations

import pytest

from application.command import Command
from application.commands.restrict_session import RestrictSession
from application.commands.restrict_wallet import RestrictWallet
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet
from tests.support.attempts import STARTED
from tests.support.given import (
    CANCEL,
    CREATE,
    EXPIRE,
    HOLDERS,
    NOBODY,
    OPEN,
    PAY,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET_ID,
    Elapsed,
    event,
    given,
    refused,
)

RESTRICT = RestrictSession(session_id=SESSION_ID)
RESTRICT_WALLET = RestrictWallet(wallet_id=WALLET_ID)
RESTRICTED = event(PaymentSession.Restricted, SESSION_ID)
SCANNED = (*HOLDERS, OPEN, TOP_UP, CREATE, SCAN)


@pytest.mark.parametrize(
    "end",
    [(PAY,), (CANCEL,), (Elapsed(900), EXPIRE), (Elapsed(900),)],
    ids=["paid", "cancelled", "expired", "due"],
)
def test_a_session_that_has_ended_is_restricted_once(end: tuple[Command | Elapsed, ...]) -> None:
    scenario = given(*SCANNED, *end).when(RESTRICT)

    scenario.then(RESTRICTED)
    assert scenario.subject.restricted
    scenario.when(RESTRICT).then()


def test_a_session_that_goes_on_is_not_restricted() -> None:
    for steps, status in ((SCANNED[:-1], "created"), (SCANNED, "scanned")):
        given(*steps).when(RESTRICT).then(
            refused("session-not-ended", session_id=SESSION, session_status=status)
        )
    given(*STARTED).when(RESTRICT).then(
        refused("session-not-ended", session_id=SESSION, session_status="processing")
    )


def test_a_due_session_is_expired_after_its_restriction_too() -> None:
    scenario = given(*SCANNED, Elapsed(900), RESTRICT).when(EXPIRE)

    assert scenario.subject.status == "expired"
    assert scenario.subject.restricted


def test_a_wallet_is_restricted_once_and_goes_on() -> None:
    scenario = given(*SCANNED).when(RESTRICT_WALLET)

    scenario.then(event(Wallet.Restricted, WALLET_ID))
    scenario.when(RESTRICT_WALLET).then()
    assert scenario.when(PAY).subject.status == "paid"


def test_nothing_is_nobodys() -> None:
    for command, thing in (
        (RestrictSession(session_id=NOBODY), "payment session"),
        (RestrictSession(session_id=WALLET_ID), "payment session"),
        (RestrictWallet(wallet_id=NOBODY), "wallet"),
        (RestrictWallet(wallet_id=SESSION_ID), "wallet"),
    ):
        given(*SCANNED).when(command).then(refused("not-found", thing=thing))
