"""Every behaviour of the sandbox by create, pay, cancel, expire and refund: state, books and flags.

A cell is `status receivable/suspense/payable flags`, in minor units of USD, of a payment of 12.00:

- pay: 130 s after the attempt began;
- cancel: the merchant cancels after 1 s; what it is told, and how it stands after 130 s;
- expire: a day after the deadline, when everything that goes back has gone back;
- refund: the whole payment is refunded after 130 s; the same day later.

A session that was created and not paid is `created 0/0/0` whatever its processor is going to do.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pytest

from application.checks.checker import check_log
from application.commands.refund_session import RefundSession
from domain.errors import LedgerError
from domain.money.money import Money
from domain.payouts.debits import Credits
from infrastructure.processors.sandbox_behaviours import BEHAVIOURS, BY_NAME
from tests.support.payments import Payers

LIFETIME: Final = 900
ACTIONS: Final = ("pay", "cancel", "expire", "refund")
MATRIX: Final = """
approves             | paid 1200/0/1200       | session-not-payable paid 1200/0/1200      | paid 1200/0/1200            | ok paid 0/0/0
declines             | created 0/0/0          | ok cancelled 0/0/0                        | expired 0/0/0               | session-not-paid expired 0/0/0
redirects            | processing 0/0/0       | payment-in-flight processing 0/0/0        | expired 0/0/0               | session-not-paid expired 0/0/0
slow                 | paid 1200/0/1200       | payment-in-flight paid 1200/0/1200        | paid 1200/0/1200            | ok paid 0/0/0
declines_later       | created 0/0/0          | payment-in-flight created 0/0/0           | expired 0/0/0               | session-not-paid expired 0/0/0
silent               | paid 1200/0/1200       | payment-in-flight paid 1200/0/1200        | paid 1200/0/1200            | ok paid 0/0/0
silent_for_ever      | processing 0/0/0       | payment-in-flight processing 0/0/0        | processing 0/0/0 unresolved | session-not-paid processing 0/0/0 unresolved
late                 | paid 1200/0/1200       | payment-in-flight paid 1200/0/1200        | paid 1200/0/1200            | ok paid 0/0/0
twice                | paid 1200/0/1200       | session-not-payable paid 1200/0/1200      | paid 1200/0/1200            | ok paid 0/0/0
out_of_order         | paid 1200/0/1200       | payment-in-flight paid 1200/0/1200        | paid 1200/0/1200            | ok paid 0/0/0
takes_more           | paid 1200/0/1200 over  | session-not-payable paid 1200/0/1200 over | paid 1200/0/1200 over       | ok paid 0/0/0 over
takes_less           | created 0/0/0 under    | ok cancelled 0/0/0 under                  | expired 0/0/0 under         | session-not-paid expired 0/0/0 under
other_currency       | created 0/0/0 conflict | ok cancelled 0/0/0 conflict               | expired 0/0/0 conflict      | session-not-paid expired 0/0/0 conflict
unavailable          | processing 0/0/0       | payment-in-flight processing 0/0/0        | expired 0/0/0               | session-not-paid expired 0/0/0
captures_when_voided | processing 0/0/0       | payment-in-flight processing 0/0/0        | expired 0/0/0 late          | session-not-paid expired 0/0/0 late
unsupported          | created 0/0/0          | ok cancelled 0/0/0                        | expired 0/0/0               | session-not-paid expired 0/0/0
disputes             | paid 0/0/0             | session-not-payable paid 0/0/0            | paid 0/0/0                  | refund-exceeds-paid paid 0/0/0
dispute_won          | paid 1200/0/1200       | session-not-payable paid 1200/0/1200      | paid 1200/0/1200            | ok paid 0/0/0
dispute_lost         | paid 0/0/0             | session-not-payable paid 0/0/0            | paid 0/0/0                  | refund-exceeds-paid paid 0/0/0
"""
"""The behaviour, then a cell for each action."""
ROWS: Final = {
    cells[0]: dict(zip(ACTIONS, cells[1:], strict=True))
    for line in MATRIX.strip().splitlines()
    if (cells := [text.strip() for text in line.split("|")])
}


def cell(name: str, action: str) -> str:
    """What comes of an action for a behaviour."""
    payers = Payers()
    session_id = payers.ledger.create_session(amount=Money(1200, "USD"), metadata={"sandbox": name})
    assert _state(payers, session_id) == "created 0/0/0"
    payers.attempt(session_id)
    told = ""
    if action == "cancel":
        payers.run(1, step=1)
        outcome = payers.ledger.try_send(payers.ledger.cancel(session_id))
        told = outcome if isinstance(outcome, str) else "ok"
    payers.run(130)
    if action == "refund":
        told = _refund(payers, session_id)
    if action in {"expire", "refund"}:
        payers.run(LIFETIME + 2000, step=20)
        payers.run(86_400, step=1200)
    assert payers.taken_minor() <= 1200
    assert not payers.notes.notes or payers.session(session_id).status == "processing"
    return f"{told} {_state(payers, session_id)}".strip()


def _refund(payers: Payers, session_id: UUID) -> str:
    command = RefundSession(
        refund_id=payers.ledger.new_id(),
        session_id=session_id,
        merchant_id=payers.ledger.merchant_id,
        amount=Money(1200, "USD"),
        credits=Credits(position=payers.log.head(), minor=1200),
        credits_are_current=True,
    )
    try:
        payers.ledger.send(command)
    except LedgerError as refusal:
        return str(refusal.code)
    return "ok"


def _state(payers: Payers, session_id: UUID) -> str:
    """The status, the books and the flags; the log as a whole is in order."""
    checker, violations = check_log(payers.log.events, payers.log.receipts.values())
    assert violations == []
    session, balances = payers.session(session_id), checker.books.balances
    accounts = (
        "processor:sandbox:receivable",
        "suspense",
        f"merchant:{payers.ledger.merchant}:payable",
    )
    figures = [
        "/".join(str(balances.get((account, currency), 0)) for account in accounts)
        for currency in ("USD", "EUR")
    ]
    books = figures[0] if figures[1] == "0/0/0" else f"{figures[0]} EUR {figures[1]}"
    return " ".join([session.status, books, *session.flags])


@pytest.mark.parametrize("name", ROWS)
def test_each_behaviour_of_the_sandbox_has_its_end(name: str) -> None:
    assert {action: cell(name, action) for action in ACTIONS} == ROWS[name]


def test_the_matrix_has_every_behaviour() -> None:
    assert set(ROWS) == set(BY_NAME)
    assert len(BEHAVIOURS) == len(BY_NAME)
