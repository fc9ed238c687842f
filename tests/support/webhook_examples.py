"""One webhook of each type, made by the code from a story, for the reference page."""

from __future__ import annotations

import json
from itertools import count
from typing import Any, Final
from uuid import UUID

from api.views.webhooks import ViewBodies
from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.close_dispute import CloseDispute
from application.commands.decline_attempt import DeclineAttempt
from application.commands.expire_session import ExpireSession
from application.commands.fail_refund import FailRefund
from application.commands.flag_session import FlagSession
from application.commands.fund_payout import FundPayout
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.commands.open_dispute import OpenDispute
from application.commands.release_claim import ReleaseClaim
from application.commands.request_void import RequestVoid
from application.commands.resolve_attempt import ResolveAttempt
from application.commands.resolve_refund import ResolveRefund
from application.commands.restrict_session import RestrictSession
from application.commands.return_payout import ReturnPayout
from application.commands.send_payout import SendPayout
from application.commands.set_payout_terms import SetPayoutTerms
from application.commands.set_processors import SetProcessors
from application.commands.settle_payout import SettlePayout
from application.commands.start_attempt import StartAttempt
from application.commands.succeed_refund import SucceedRefund
from application.forwarding import MerchantEvents
from domain.merchants.payout_terms import PayoutTerms
from domain.merchants.webhook_endpoint import TYPES
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.sessions.attempt import ATTEMPTS_MAX, AttemptStatus
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.payout_steps import request_payout

LINE_CHARS_MAX: Final = 110
PRICE: Final = Money(12345, "USD")


def bodies() -> dict[str, dict[str, Any]]:
    """The first webhook of each type in a story that has them all."""
    numbers = count(1)

    def new_id() -> UUID:
        return UUID(f"01890a5d-ac96-774b-bcce-b302{next(numbers):08x}")

    log = MemoryLog(new_id)
    ledger = LedgerFixture(log, new_id=new_id)
    _wallet_stories(ledger, log)
    _processor_stories(ledger)
    _payouts(ledger)
    events = MerchantEvents(log, ViewBodies(document_services().config), ledger.merchant, TYPES)
    found: dict[str, dict[str, Any]] = {}
    after, last = 0, -1
    while after != last:
        last = after
        notices, after = events.page(after)
        for notice in notices:
            found.setdefault(notice.recorded.topic, json.loads(notice.body))
    return found


def _wallet_stories(ledger: LedgerFixture, log: MemoryLog) -> None:
    """Claims, cancellation and expiry."""
    wallet = ledger.open_wallet()
    session = ledger.create_session("SN1001", amount=PRICE)
    ledger.claim_session(session, wallet)
    ledger.send(ReleaseClaim(session_id=session, wallet_app_id=ledger.app))
    ledger.send(ledger.cancel(session))
    ledger.send(RestrictSession(session_id=session))
    late = ledger.create_session("SN1002", amount=PRICE, expires_in_seconds=60)
    log.advance(60)
    ledger.send(ExpireSession(session_id=late))


def _processor_stories(ledger: LedgerFixture) -> None:
    """Attempts that end in each way, refunds, disputes."""
    processors = SetProcessors(merchant_id=ledger.merchant_id, processors=("sandbox",))
    ledger.send(processors)
    paid = _captured(ledger, "SN1003", "ch_1")
    for end in (SucceedRefund, FailRefund):
        refund = ledger.refund(paid, Money(2500, "USD"), earned=100_000)
        ledger.send(refund)
        ledger.send(end(session_id=paid, refund_id=refund.refund_id))
    unanswered = ledger.refund(paid, Money(500, "USD"), earned=100_000)
    ledger.send(unanswered)
    ledger.send(
        ResolveRefund(
            session_id=paid,
            refund_id=unanswered.refund_id,
            succeeded=True,
            by="cli:ops",
            reason="asked the processor",
        )
    )
    for reference, won in (("dp_1", True), ("dp_2", False)):
        about: dict[str, Any] = {"session_id": paid, "reference": reference, "reason": "fraudulent"}
        ledger.send(OpenDispute(money=Money(1000, "USD"), **about))
        ledger.send(CloseDispute(money=Money(1000, "USD"), won=won, **about))
    declined = ledger.create_session("SN1004", amount=PRICE)
    for _ in range(ATTEMPTS_MAX):
        about = {"session_id": declined, "attempt_id": ledger.new_id()}
        ledger.send(StartAttempt(processor="sandbox", **about))
        ledger.send(DeclineAttempt(reason="card_declined", **about))
    silent, attempt = _attempt(ledger, "SN1005")
    ledger.send(RequestVoid(session_id=silent, attempt_id=attempt))
    ledger.send(MarkAttemptUnknown(session_id=silent, attempt_id=attempt))
    ledger.send(FlagSession(session_id=silent, attempt_id=attempt))
    ledger.send(
        ResolveAttempt(
            session_id=silent,
            attempt_id=attempt,
            outcome=AttemptStatus.CAPTURED,
            by="cli:ops",
            reason="asked the processor",
            reference="ch_2",
        )
    )


def _attempt(ledger: LedgerFixture, order_id: str) -> tuple[UUID, UUID]:
    """A session with an attempt that the processor has taken up."""
    session, attempt = ledger.create_session(order_id, amount=PRICE), ledger.new_id()
    ledger.send(StartAttempt(attempt_id=attempt, session_id=session, processor="sandbox"))
    return session, attempt


def _captured(ledger: LedgerFixture, order_id: str, reference: str) -> UUID:
    session, attempt = _attempt(ledger, order_id)
    about: dict[str, Any] = {"session_id": session, "attempt_id": attempt}
    ledger.send(AcceptAttempt(reference=reference, **about))
    ledger.send(CaptureAttempt(reference=reference, money=PRICE, **about))
    return session


def _payouts(ledger: LedgerFixture) -> None:
    """One payout that is settled and comes back."""
    terms = PayoutTerms("the cafe's account")
    ledger.send(SetPayoutTerms(merchant_id=ledger.merchant_id, currency="USD", terms=terms))
    payout = request_payout(ledger, 5000)
    topped_up = Credits(100_000, ledger.log.head())
    ledger.send(FundPayout(payout_id=payout, credits=topped_up))
    ledger.send(SendPayout(payout_id=payout, bank_reference="tr_1"))
    ledger.send(SettlePayout(payout_id=payout))
    ledger.send(ReturnPayout(payout_id=payout, reason="account closed"))


def shown(value: object, indent: str = "") -> str:
    """JSON whose short objects are on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or len(indent) + len(line) <= LINE_CHARS_MAX:
        return line
    inner = f"{indent}  "
    members = [f"{inner}{json.dumps(key)}: {shown(one, inner)}" for key, one in value.items()]
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"
