"""ReleaseClaim: another wallet can scan at once."""

from __future__ import annotations

from dataclasses import replace

from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.given import (
    CANCEL,
    CLAIM,
    CREATE,
    HOLDERS,
    OPEN,
    OTHER_WALLET,
    RELEASE,
    SCAN,
    SESSION,
    SESSION_ID,
    WALLET,
    Elapsed,
    at,
    event,
    given,
    refused,
)

CLAIMED = (*HOLDERS, OPEN, CREATE, SCAN)
RELEASED = event(PaymentSession.ClaimReleased, SESSION_ID, claim_id=CLAIM)


def test_the_app_releases_a_claim_of_any_of_its_wallets() -> None:
    scenario = given(*CLAIMED).when(RELEASE).then(RELEASED)

    assert scenario.subject.status is Status.CREATED
    assert scenario.subject.claim is None


def test_a_named_wallet_releases_its_own_claim_only() -> None:
    given(*CLAIMED).when(replace(RELEASE, wallet_id=WALLET)).then(RELEASED)
    given(*CLAIMED).when(replace(RELEASE, wallet_id=OTHER_WALLET)).then(
        refused("claim-required", session_id=SESSION)
    )


def test_another_app_cannot_release_the_claim() -> None:
    scenario = given(*CLAIMED).when(replace(RELEASE, wallet_app_id="app_other"))

    scenario.then(refused("claim-required", session_id=SESSION))


def test_without_a_claim_there_is_nothing_to_release() -> None:
    scenario = given(*HOLDERS, CREATE).when(RELEASE)

    scenario.then(refused("claim-required", session_id=SESSION))


def test_a_session_that_has_ended_has_no_claim_to_release() -> None:
    given(*CLAIMED, Elapsed(900)).when(RELEASE).then(
        refused("session-expired", session_id=SESSION, expires_at=at(900))
    )
    given(*CLAIMED, CANCEL).when(RELEASE).then(
        refused("session-not-payable", session_id=SESSION, session_status="cancelled")
    )


def test_an_unknown_session_is_not_found() -> None:
    scenario = given(*HOLDERS).when(RELEASE)

    scenario.then(refused("not-found", thing="payment session"))
