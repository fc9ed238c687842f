"""`RecordRefusal`: decided again on the present state, bounded, and beside the session's stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.command import Command
from application.commands.pay_session import PaySession
from application.commands.record_refusal import RecordRefusal
from application.commands.scan_session import ScanSession
from domain import ids
from domain.money.money import Money
from domain.sessions.refusals import Action, SessionRefusals
from tests.support.given import (
    APP,
    CANCEL,
    CREATE,
    HOLDERS,
    MERCHANT,
    NOBODY,
    OPEN,
    OPEN_OTHER,
    OTHER_WALLET,
    OTHER_WALLET_ID,
    PAY,
    RELEASE,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    Elapsed,
    Expected,
    Scenario,
    event,
    given,
    refused,
)

STREAM = SessionRefusals.stream_id(SESSION_ID)
REFUSED_ID = UUID("01890a5d-ac96-774b-bcce-b3020000aaaa")
OTHER_SCAN = replace(SCAN, wallet_id=OTHER_WALLET_ID, claim_id=NOBODY)
OTHER_PAY = replace(PAY, wallet_id=OTHER_WALLET_ID, claim_id=ids.encode("clm", NOBODY))
OPENED = (*HOLDERS, OPEN, OPEN_OTHER, TOP_UP, CREATE)


def record(command: ScanSession | PaySession, code: str = "session-claimed") -> RecordRefusal:
    return RecordRefusal(
        refused=command,
        refused_command_id=REFUSED_ID,
        answered_code=code,
        action=Action.SCAN if isinstance(command, ScanSession) else Action.PAY,
        session_id=command.session_id,
        wallet_id=command.wallet_id,
        wallet_app_id=command.wallet_app_id,
    )


def recorded(action: str, code: str, status: str, version: int, **facts: Any) -> Expected:
    return event(
        SessionRefusals.Recorded,
        STREAM,
        **{
            "session_id": SESSION,
            "merchant_id": MERCHANT,
            "wallet_id": OTHER_WALLET,
            "wallet_app_id": APP,
            "action": action,
            "code": code,
            "answered_code": "session-claimed",
            "session_status": status,
            "session_version": version,
            "refused_command_id": str(REFUSED_ID),
            **facts,
        },
    )


def test_a_scan_while_another_wallet_holds_the_claim_is_recorded() -> None:
    scenario = given(*OPENED, SCAN).when(record(OTHER_SCAN))

    scenario.then(recorded("scan", "session-claimed", "scanned", 2))


def test_a_payment_after_a_takeover_is_recorded() -> None:
    scenario = given(*OPENED, SCAN, Elapsed(91), OTHER_SCAN).when(record(PAY, "claim-required"))

    scenario.then(
        recorded(
            "pay", "claim-required", "scanned", 3,
            wallet_id=ids.encode("wal", PAY.wallet_id), answered_code="claim-required",
        )
    )  # fmt: skip


@pytest.mark.parametrize("command", [OTHER_SCAN, OTHER_PAY])
def test_what_another_wallet_has_paid_since_the_answer_is_recorded_as_it_stands_now(
    command: ScanSession | PaySession,
) -> None:
    scenario = given(*OPENED, SCAN, PAY).when(record(command))

    action = "scan" if command is OTHER_SCAN else "pay"
    scenario.then(recorded(action, "session-not-payable", "paid", 3))


def test_a_payment_after_the_deadline_is_recorded() -> None:
    scenario = given(*OPENED, SCAN, Elapsed(900)).when(record(PAY, "session-expired"))

    scenario.then(
        recorded(
            "pay", "session-expired", "expired", 2,
            wallet_id=ids.encode("wal", PAY.wallet_id), answered_code="session-expired",
        )
    )  # fmt: skip


def test_a_payment_after_a_cancellation_is_recorded() -> None:
    scenario = given(*OPENED, SCAN, CANCEL).when(record(OTHER_PAY, "session-not-payable"))

    scenario.then(
        recorded("pay", "session-not-payable", "cancelled", 3, answered_code="session-not-payable")
    )


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ((SCAN, RELEASE), OTHER_SCAN),
        ((SCAN, Elapsed(91)), OTHER_SCAN),
        ((SCAN,), PAY),
        ((SCAN, PAY), PAY),
        ((SCAN, PAY), SCAN),
    ],
    ids=["released", "lapsed", "payable", "paid by itself", "scanned by the payer"],
)
def test_what_is_not_refused_any_more_is_neither_recorded_nor_done(
    before: tuple[Command | Elapsed, ...], command: ScanSession | PaySession
) -> None:
    scenario = given(*OPENED, *before).when(record(command))

    scenario.then()


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ((), PAY),
        ((SCAN, RELEASE), PAY),
        ((Elapsed(900),), OTHER_SCAN),
        ((CANCEL,), OTHER_SCAN),
        ((SCAN,), replace(PAY, amount=Money(1, "USD"))),
        ((SCAN,), replace(OTHER_SCAN, wallet_app_id="app_of_others")),
    ],
    ids=["no claim", "own release", "scan after expiry", "scan after cancel", "amount", "tenant"],
)
def test_a_mistake_of_the_wallet_or_of_a_stranger_is_not_recorded(
    before: tuple[Command | Elapsed, ...], command: ScanSession | PaySession
) -> None:
    scenario = given(*OPENED, *before).when(record(command))

    scenario.then()


def test_a_wallet_is_recorded_three_times_and_a_session_twenty_times() -> None:
    wallets = [UUID(int=OTHER_WALLET_ID.int + 0x100 + n) for n in range(8)]
    scenario = given(*HOLDERS, OPEN, TOP_UP, CREATE, SCAN)
    for wallet in wallets:
        scenario.run(replace(OPEN, wallet_id=wallet))

    counts = [_refusals_after(scenario, wallet) for wallet in wallets for _ in range(4)]

    assert counts[:8] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert counts[-8:] == [19, 20, 20, 20, 20, 20, 20, 20]


def test_a_command_that_was_sent_again_is_recorded_once() -> None:
    scenario = given(*OPENED, SCAN, record(OTHER_SCAN)).when(record(OTHER_SCAN))

    scenario.then()


def _refusals_after(scenario: Scenario, wallet_id: UUID) -> int:
    refused = replace(OTHER_SCAN, wallet_id=wallet_id)
    scenario.run(replace(record(refused), refused_command_id=uuid7()))
    return len(scenario.log.stream(STREAM))


def test_the_session_keeps_its_own_stream() -> None:
    scenario = given(*OPENED, SCAN, record(OTHER_SCAN))

    assert [one.topic for one in scenario.log.stream(SESSION_ID)] == [
        "payment_session.created", "payment_session.scanned",
    ]  # fmt: skip


def test_without_the_session_nothing_is_recorded() -> None:
    scenario = given(*HOLDERS, OPEN).when(record(SCAN))

    scenario.then(refused("not-found", thing="payment session"))
