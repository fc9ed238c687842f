"""ScanSession: a wallet claims the session of a scanned code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain import ids
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.given import (
    APP,
    CANCEL,
    CLAIM,
    CREATE,
    HOLDERS,
    NOBODY,
    OPEN,
    OPEN_OTHER,
    OTHER_WALLET,
    OTHER_WALLET_ID,
    PAY,
    PRICE,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET,
    Elapsed,
    at,
    event,
    given,
    refused,
)
from tests.support.memory_log import START

OTHER_CLAIM_ID = UUID("01890a5d-ac96-774b-bcce-b302000000aa")
SCAN_BY_OTHER = replace(SCAN, wallet_id=OTHER_WALLET_ID, claim_id=OTHER_CLAIM_ID)
READY = (*HOLDERS, OPEN, OPEN_OTHER, CREATE)


def scanned(seconds: float) -> dict[str, str]:
    return {"claim_id": CLAIM, "wallet_id": WALLET, "wallet_app_id": APP} | {
        "lease_until": at(seconds + 90)
    }


def test_a_scan_claims_the_session() -> None:
    scenario = given(*READY).when(SCAN)

    scenario.then(event(PaymentSession.Scanned, SESSION_ID, **scanned(0)))
    assert scenario.subject.status is Status.SCANNED
    assert scenario.subject.claim.id == CLAIM
    assert scenario.subject.claim.lease_until == START + timedelta(seconds=90)


def test_scanning_again_changes_nothing_and_shows_the_first_claim() -> None:
    scenario = given(*READY, SCAN, Elapsed(91)).when(replace(SCAN, claim_id=OTHER_CLAIM_ID))

    scenario.then()
    assert scenario.subject.claim.id == CLAIM


def test_scanning_after_the_own_payment_changes_nothing() -> None:
    scenario = given(*READY, TOP_UP, SCAN, PAY, Elapsed(5000)).when(SCAN)

    scenario.then()
    assert scenario.subject.status is Status.PAID


def test_another_wallets_claim_holds_until_its_lease_has_ended() -> None:
    scenario = given(*READY, SCAN, Elapsed(89)).when(SCAN_BY_OTHER)

    scenario.then(
        refused("session-claimed", session_id=SESSION, lease_until=at(90), retry_after_seconds=1)
    )


def test_another_wallet_may_claim_once_the_lease_has_ended() -> None:
    scenario = given(*READY, SCAN, Elapsed(90)).when(SCAN_BY_OTHER)

    scenario.then(
        event(
            PaymentSession.Scanned,
            SESSION_ID,
            claim_id=ids.encode("clm", OTHER_CLAIM_ID),
            wallet_id=OTHER_WALLET,
            wallet_app_id=APP,
            lease_until=at(180),
        )
    )


def test_a_wallet_may_claim_a_session_three_times() -> None:
    back_and_forth = (SCAN, Elapsed(90), SCAN_BY_OTHER, Elapsed(90))

    scenario = given(*READY, *back_and_forth, *back_and_forth, *back_and_forth).when(SCAN)

    scenario.then(refused("claims-exhausted", session_id=SESSION, holder="wallet", claims_max=3))


def test_another_apps_wallet_is_not_found() -> None:
    scenario = given(*READY).when(replace(SCAN, wallet_app_id="app_other"))

    scenario.then(refused("not-found", thing="wallet"))


def test_an_unknown_wallet_is_not_found() -> None:
    scenario = given(*READY).when(replace(SCAN, wallet_id=NOBODY))

    scenario.then(refused("not-found", thing="wallet"))


def test_an_unknown_session_is_not_found() -> None:
    scenario = given(*READY).when(replace(SCAN, session_id=NOBODY))

    scenario.then(refused("not-found", thing="payment session"))


def test_a_session_past_its_deadline_cannot_be_scanned() -> None:
    scenario = given(*READY, Elapsed(900)).when(SCAN)

    scenario.then(refused("session-expired", session_id=SESSION, expires_at=at(900)))


def test_a_cancelled_session_cannot_be_scanned() -> None:
    scenario = given(*READY, CANCEL).when(SCAN)

    scenario.then(refused("session-not-payable", session_id=SESSION, session_status="cancelled"))


def test_the_amount_that_the_payer_expects_must_be_the_sessions() -> None:
    given(*READY).when(replace(SCAN, amount=PRICE)).then(
        event(PaymentSession.Scanned, SESSION_ID, **scanned(0))
    )
    given(*READY).when(replace(SCAN, amount=Money(999, "USD"))).then(
        refused(
            "amount-mismatch", session_id=SESSION, asked_minor=1000, asked_currency="USD",
            offered_minor=999, offered_currency="USD",
        )
    )  # fmt: skip
