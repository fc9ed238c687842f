"""SendPayout: recorded once, of funded payouts only."""

from __future__ import annotations

from dataclasses import replace

from domain.payouts.payout import Payout
from tests.support.given import event, given, refused
from tests.support.payout_commands import EARNED, FUND, PAYOUT_ID, REQUEST, RETURN, SEND, SETTLE


def test_a_funded_payout_is_sent_with_the_banks_reference() -> None:
    given(*EARNED, REQUEST, FUND).when(SEND).then(
        event(Payout.Sent, PAYOUT_ID, bank_reference="B-1")
    )


def test_a_payout_is_sent_once_and_not_after_its_end() -> None:
    for later in ((SEND,), (SEND, SETTLE), (RETURN,), (SEND, SETTLE, RETURN)):
        given(*EARNED, REQUEST, FUND, *later).when(replace(SEND, bank_reference="B-2")).then()


def test_a_payout_that_is_not_funded_is_not_sent() -> None:
    given(*EARNED, REQUEST).when(SEND).then()


def test_the_banks_reference_is_shortened_and_cleaned() -> None:
    given(*EARNED, REQUEST, FUND).when(replace(SEND, bank_reference="a\0" + "9" * 99)).then(
        event(Payout.Sent, PAYOUT_ID, bank_reference="a\ufffd" + "9" * 78)
    )


def test_an_unknown_payout_is_not_found() -> None:
    given(*EARNED).when(SEND).then(refused("not-found", thing="payout"))
