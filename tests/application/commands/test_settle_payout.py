"""SettlePayout: recorded once, of sent payouts only."""

from __future__ import annotations

from domain.payouts.payout import Payout
from tests.support.given import event, given, refused
from tests.support.payout_commands import (
    EARNED,
    FIGURES,
    FUND,
    PAYOUT_ID,
    REQUEST,
    RETURN,
    SEND,
    SETTLE,
)  # fmt: skip


def test_a_sent_payout_is_settled() -> None:
    given(*EARNED, REQUEST, FUND, SEND).when(SETTLE).then(
        event(Payout.Settled, PAYOUT_ID, **FIGURES)
    )


def test_a_payout_is_settled_once_after_it_was_sent_and_not_after_a_return() -> None:
    for earlier in ((), (FUND,), (FUND, SEND, SETTLE), (FUND, SEND, RETURN), (RETURN,)):
        given(*EARNED, REQUEST, *earlier).when(SETTLE).then()


def test_an_unknown_payout_is_not_found() -> None:
    given(*EARNED).when(SETTLE).then(refused("not-found", thing="payout"))
