"""Which event posts what: one rule for each event that moves money, and nothing looked up.

A journal entry is derived from its event alone. Every other event is declared to post nothing, and
a test refuses an event that is in neither table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from domain import ids
from domain.accounting import chart
from domain.accounting.posting import Posting, credit, debit, entry
from domain.clock import Clock
from domain.merchants.api_key import ApiKey
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.money.money import Amount
from domain.payouts.debits import MerchantDebits
from domain.payouts.payout import Payout
from domain.processors.settlement import Settlement
from domain.processors.suspense import Suspense
from domain.sealing.sealed_log import SealedLog
from domain.sessions import attempt_events as attempts
from domain.sessions import dispute_events as disputes
from domain.sessions import events as sessions
from domain.sessions import refund_events as refunds
from domain.sessions import restriction
from domain.sessions.order import Order
from domain.sessions.refusals import SessionRefusals
from domain.sessions.state import Funding
from domain.static_codes.code_sessions import CodeSessions
from domain.static_codes.static_code import StaticCode
from domain.treasury.treasury import MoveKind, Treasury
from domain.wallets.account import WalletAccount
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet
from domain.wallets.wallet_app import WalletApp

Rule = Callable[[Any], Iterable[Posting]]


def _amount(event: Any, minor: int) -> Amount:
    """An amount in the event's own currency."""
    return Amount(minor, event.currency, event.exponent)


def _payer_amount(event: Any, minor: int) -> Amount:
    """An amount in the payer's currency."""
    return Amount(minor, event.payer_currency, event.payer_exponent)


def _topped_up(event: Wallet.ToppedUp) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    wallet_id = ids.encode("wal", event.originator_id)
    return debit(chart.BANK.of(), amount), credit(chart.AVAILABLE.of(wallet_id), amount)


def _paid(event: sessions.Paid) -> Iterable[Posting]:
    """The payer pays, the merchant is owed the amount and charged the fee."""
    payable = chart.PAYABLE.of(event.merchant_id)
    amount, pays = event.amount_minor, event.payer_amount_minor
    yield debit(_payer_account(event), _payer_amount(event, pays))
    if event.payer_currency != event.currency:
        yield credit(chart.FX_CLEARING.of(), _payer_amount(event, pays - event.spread_minor))
        yield debit(chart.FX_CLEARING.of(), _amount(event, amount))
    yield credit(chart.FX_SPREAD.of(), _payer_amount(event, event.spread_minor))
    yield credit(payable, _amount(event, amount))
    yield debit(payable, _amount(event, event.fee_minor))
    yield credit(chart.FEES.of(), _amount(event, event.fee_minor))


def _payer_account(event: sessions.Paid) -> str:
    if event.funding == Funding.PROCESSOR:
        return chart.RECEIVABLE.of(event.processor or "")
    account = chart.HELD if event.source == WalletAccount.HELD else chart.AVAILABLE
    return account.of(event.wallet_id or "")


def _refund_requested(event: refunds.RefundRequested) -> Iterable[Posting]:
    """What the merchant will be debited is set aside."""
    amount = _amount(event, event.amount_minor - event.fee_returned_minor)
    yield debit(chart.PAYABLE.of(event.merchant_id), amount)
    yield credit(chart.RESERVED.of(event.merchant_id), amount)


def _refund_succeeded(event: refunds.RefundSucceeded) -> Iterable[Posting]:
    """The payment in reverse, in proportion; the merchant pays the refund less the returned fee."""
    merchant = chart.RESERVED if event.reserved else chart.PAYABLE
    amount, fee = event.amount_minor, event.fee_returned_minor
    spread = event.spread_returned_minor
    yield debit(merchant.of(event.merchant_id), _amount(event, amount - fee))
    yield debit(chart.FEES.of(), _amount(event, fee))
    if event.payer_currency != event.currency:
        yield credit(chart.FX_CLEARING.of(), _amount(event, amount))
        converted = event.credited_minor - spread
        # Shares are rounded one by one, so a refund of a few units may return spread alone.
        clear = debit if converted >= 0 else credit
        yield clear(chart.FX_CLEARING.of(), _payer_amount(event, abs(converted)))
    yield debit(chart.FX_SPREAD.of(), _payer_amount(event, spread))
    yield credit(_refunded_account(event), _payer_amount(event, event.credited_minor))


def _refunded_account(event: refunds.RefundSucceeded) -> str:
    if event.wallet_id is None:
        return chart.RECEIVABLE.of(event.processor or "")
    return chart.AVAILABLE.of(event.wallet_id)


def _refund_failed(event: refunds.RefundFailed) -> Iterable[Posting]:
    """What was set aside is the merchant's again."""
    amount = _amount(event, event.amount_minor - event.fee_returned_minor)
    yield debit(chart.RESERVED.of(event.merchant_id), amount)
    yield credit(chart.PAYABLE.of(event.merchant_id), amount)


def _payout_requested(event: Payout.Requested) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    yield debit(chart.PAYABLE.of(event.merchant_id), amount)
    yield credit(chart.IN_TRANSIT.of(event.merchant_id), amount)


def _payout_settled(event: Payout.Settled) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    yield debit(chart.IN_TRANSIT.of(event.merchant_id), amount)
    yield credit(chart.BANK.of(), amount)


def _payout_returned(event: Payout.Returned) -> Iterable[Posting]:
    """Back to the merchant: from the bank if it had been settled."""
    amount = _amount(event, event.amount_minor)
    in_transit = chart.IN_TRANSIT.of(event.merchant_id)
    yield debit(chart.BANK.of() if event.after_settlement else in_transit, amount)
    yield credit(chart.PAYABLE.of(event.merchant_id), amount)


def _wallet_held(event: Wallet.Held) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    wallet_id = ids.encode("wal", event.originator_id)
    return debit(chart.AVAILABLE.of(wallet_id), amount), credit(chart.HELD.of(wallet_id), amount)


def _wallet_released(event: Wallet.Released) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    wallet_id = ids.encode("wal", event.originator_id)
    return debit(chart.HELD.of(wallet_id), amount), credit(chart.AVAILABLE.of(wallet_id), amount)


def _suspense_received(event: Suspense.Received) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    return debit(chart.RECEIVABLE.of(event.processor), amount), credit(chart.SUSPENSE.of(), amount)


def _suspense_ended(event: Suspense.Accepted | Suspense.Returned) -> Iterable[Posting]:
    """What was returned is not receivable any more; what was accepted, `paid` posts again."""
    amount = _amount(event, event.amount_minor)
    return debit(chart.SUSPENSE.of(), amount), credit(chart.RECEIVABLE.of(event.processor), amount)


def _settlement_received(event: Settlement.Received) -> Iterable[Posting]:
    """The bank and the processor's fee; a difference to the statement stays receivable."""
    received, fee = event.received_minor, event.fee_minor
    yield debit(chart.BANK.of(), _amount(event, received))
    yield debit(chart.PROCESSOR_FEES.of(event.processor), _amount(event, fee))
    yield credit(chart.RECEIVABLE.of(event.processor), _amount(event, received + fee))


def _dispute_opened(event: disputes.DisputeOpened) -> Iterable[Posting]:
    """The merchant bears what it has not returned, the house the rest."""
    house = event.amount_minor - event.merchant_minor
    yield debit(chart.PAYABLE.of(event.merchant_id), _amount(event, event.merchant_minor))
    yield debit(chart.DISPUTES.of(), _amount(event, house))
    yield credit(chart.RECEIVABLE.of(event.processor), _amount(event, event.amount_minor))


def _dispute_won(event: disputes.DisputeWon) -> Iterable[Posting]:
    """The reverse."""
    house = event.amount_minor - event.merchant_minor
    yield debit(chart.RECEIVABLE.of(event.processor), _amount(event, event.amount_minor))
    yield credit(chart.PAYABLE.of(event.merchant_id), _amount(event, event.merchant_minor))
    yield credit(chart.DISPUTES.of(), _amount(event, house))


def _treasury_moved(event: Treasury.Moved) -> Iterable[Posting]:
    amount = _amount(event, event.amount_minor)
    settlement = event.kind == MoveKind.FX_SETTLEMENT.value
    other = (chart.FX_CLEARING if settlement else chart.EQUITY).of()
    yield debit(chart.BANK.of() if event.incoming else other, amount)
    yield credit(other if event.incoming else chart.BANK.of(), amount)


RULES: Final[Mapping[type[Any], Rule]] = MappingProxyType(
    {
        Wallet.ToppedUp: _topped_up,
        sessions.Paid: _paid,
        refunds.RefundRequested: _refund_requested,
        refunds.RefundSucceeded: _refund_succeeded,
        refunds.RefundFailed: _refund_failed,
        Payout.Requested: _payout_requested,
        Payout.Settled: _payout_settled,
        Payout.Returned: _payout_returned,
        Treasury.Moved: _treasury_moved,
        Wallet.Held: _wallet_held,
        Wallet.Released: _wallet_released,
        Suspense.Received: _suspense_received,
        Suspense.Accepted: _suspense_ended,
        Suspense.Returned: _suspense_ended,
        Settlement.Received: _settlement_received,
        disputes.DisputeOpened: _dispute_opened,
        disputes.DisputeWon: _dispute_won,
    }
)
"""The rule of every event that posts an entry."""

POSTS_NOTHING: Final[Mapping[type[Any], str]] = MappingProxyType(
    {
        sessions.Created: "a request moves no money",
        sessions.Scanned: "a claim moves no money",
        sessions.ClaimReleased: "a claim moves no money",
        sessions.Expired: "nothing was paid",
        sessions.Cancelled: "nothing was paid",
        restriction.Restricted: "who is shown texts moves no money",
        attempts.Processing: "wallet.held posts what is held; a processor has taken nothing yet",
        attempts.Accepted: "nothing is captured yet",
        attempts.Unanswered: "what is not known is not posted",
        attempts.VoidRequested: "a request moves no money",
        attempts.Resolved: "the event of the end posts",
        refunds.RefundResolved: "the event of the end posts",
        attempts.Declined: "nothing was captured; wallet.released posts what was held",
        attempts.Failed: "nothing was paid",
        attempts.Flagged: "suspense.received posts the money",
        disputes.DisputeLost: "the money is gone since dispute.opened",
        Suspense.ReturnRequested: "suspense.returned posts the return",
        Order.Opened: "an order moves no money",
        Order.Released: "an order moves no money",
        Wallet.Opened: "the wallet is empty",
        Wallet.Restricted: "who is shown texts moves no money",
        Wallet.Captured: "payment_session.paid posts the payment",
        Wallet.Credited: "refund.succeeded posts the refund",
        MerchantDebits.Opened: "refunds, payouts and disputes post",
        MerchantDebits.Debited: "refunds, payouts and disputes post",
        MerchantDebits.Restored: "refunds, payouts and disputes post",
        Payout.Funded: "payout.settled posts the payout",
        Payout.Sent: "the money is in transit since payout.requested",
        Treasury.Opened: "no money moves yet",
        Treasury.PayoutFunded: "payout.settled posts the payout",
        Treasury.PayoutReturned: "payout.returned posts the return",
        FxQuotes.Opened: "a quote moves no money",
        FxQuotes.Given: "a quote moves no money",
        FxQuotes.Used: "payment_session.paid posts the payment",
        StaticCode.Issued: "a printed code moves no money",
        StaticCode.Revoked: "a printed code moves no money",
        CodeSessions.Opened: "a request moves no money",
        SessionRefusals.Recorded: "a refusal moves no money",
        TopUpReference.Used: "wallet.topped_up posts the top-up",
        Merchant.Registered: "an account holder",
        Merchant.PlanChanged: "fees are charged by payment_session.paid",
        Merchant.PayoutsChanged: "terms move no money",
        Merchant.QrChanged: "what codes say moves no money",
        Merchant.ProcessorsChanged: "terms move no money",
        Merchant.BrandingChanged: "what payers see moves no money",
        WalletApp.Registered: "an account holder",
        ApiKey.Issued: "access",
        ApiKey.Revoked: "access",
        KeyRing.KeyAdded: "access",
        Clock.Accepted: "time",
        Clock.Advanced: "time",
        **dict.fromkeys(WebhookEndpoints.events(), "notices move no money"),
        **dict.fromkeys(SealedLog.events(), "evidence"),
    }
)
"""Every other event, and why it posts nothing."""


def postings(event: Any) -> tuple[Posting, ...]:
    """The journal entry of an event; empty if it posts nothing.

    Raises (checked in this order):
        KeyError: the event is in neither table.
        UnbalancedEntry: the rule is wrong.
    """
    kind = type(event)
    rule = RULES.get(kind)
    if rule is not None:
        return entry(rule(event))
    if kind not in POSTS_NOTHING:
        raise KeyError(kind.TOPIC)
    return ()
