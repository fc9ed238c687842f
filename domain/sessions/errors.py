"""Refusals of payment sessions and orders."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class SessionExpired(LedgerError):
    """The payment session's deadline has passed, by the ledger's time."""

    code = "session-expired"
    kind = ErrorKind.EXPIRED
    title = "Payment session has expired"
    sentence = "The payment session {session_id} expired at {expires_at}."


class SessionNotPayable(LedgerError):
    """The payment session is cancelled, failed, processing, or paid by another wallet."""

    code = "session-not-payable"
    kind = ErrorKind.CONFLICT
    title = "Payment session can no longer be paid"
    sentence = "The payment session {session_id} is {session_status}."


class SessionNotEnded(LedgerError):
    """The payment session goes on, so its texts are needed and cannot be restricted yet."""

    code = "session-not-ended"
    kind = ErrorKind.CONFLICT
    title = "Payment session has not ended"
    sentence = "The payment session {session_id} is {session_status}; wait until it has ended."


class SessionClaimed(LedgerError):
    """Another wallet holds a claim whose lease has not ended."""

    code = "session-claimed"
    kind = ErrorKind.BUSY
    title = "Payment session is claimed by another wallet"
    sentence = (
        "Another wallet holds a claim on the payment session {session_id} until {lease_until}."
    )


class ClaimRequired(LedgerError):
    """The wallet holds no claim on the payment session, or presented another claim's id."""

    code = "claim-required"
    kind = ErrorKind.CONFLICT
    title = "Payment session must be scanned first"
    sentence = "The wallet holds no claim on the payment session {session_id}; scan the code again."


class ClaimsExhausted(LedgerError):
    """The wallet, or all wallets of its app together, reached the limit of claims."""

    code = "claims-exhausted"
    kind = ErrorKind.CONFLICT
    title = "Claim limit reached"
    sentence = (
        "The {holder} has claimed the payment session {session_id} {claims_max} times, "
        "which is the limit."
    )


class AmountMismatch(LedgerError):
    """The payer's amount or currency is not the session's, or not the static code's."""

    # Facts beside those of the sentence: `session_id` or `static_code_id`.

    code = "amount-mismatch"
    kind = ErrorKind.UNPROCESSABLE
    title = "Amount does not match"
    sentence = (
        "The amount is {asked_minor} {asked_currency} in minor units, "
        "not {offered_minor} {offered_currency}."
    )


class SessionNotDue(LedgerError):
    """The payment session's deadline has not passed yet, by the ledger's time."""

    code = "session-not-due"
    kind = ErrorKind.UNAVAILABLE
    title = "Payment session has not expired yet"
    sentence = "The payment session {session_id} expires at {expires_at}."


class OrderOpen(LedgerError):
    """The merchant's order has a payment session that can still be paid."""

    code = "order-open"
    kind = ErrorKind.CONFLICT
    title = "Order has an open payment session"
    sentence = "The order {order_id} has an open payment session, {session_id}."


class OrderPaid(LedgerError):
    """The merchant's order has been paid."""

    code = "order-paid"
    kind = ErrorKind.CONFLICT
    title = "Order is already paid"
    sentence = "The order {order_id} was paid by the payment session {session_id}."


class SessionNotPaid(LedgerError):
    """Only a paid session can be refunded, and has a receipt."""

    code = "session-not-paid"
    kind = ErrorKind.CONFLICT
    title = "Payment session is not paid"
    sentence = (
        "The payment session {session_id} is {session_status}; only a paid one has refunds and a "
        "receipt."
    )


class RefundExceedsPaid(LedgerError):
    """The refunds of the session together would exceed what was paid."""

    code = "refund-exceeds-paid"
    kind = ErrorKind.UNPROCESSABLE
    title = "Refund exceeds the payment"
    sentence = (
        "Of the {paid_minor} {currency} in minor units paid in {session_id}, {refunded_minor} "
        "are refunded, being refunded or disputed."
    )


class RefundsExhausted(LedgerError):
    """The session has as many refunds as it may have."""

    code = "refunds-exhausted"
    kind = ErrorKind.UNPROCESSABLE
    title = "Refund limit reached"
    sentence = "The payment session {session_id} has {refunds_max} refunds, which is the limit."


class PaymentInFlight(LedgerError):
    """A processor is working on a payment of the session, and has not said how it ended."""

    code = "payment-in-flight"
    kind = ErrorKind.CONFLICT
    title = "Payment is in progress"
    sentence = "The processor {processor} has not said yet how a payment of {session_id} ended."


class PaymentDeclined(LedgerError):
    """The processor said no."""

    code = "payment-declined"
    kind = ErrorKind.INSUFFICIENT_FUNDS
    title = "Payment was declined"
    sentence = "The processor {processor} declined the payment of {session_id}."


class ProcessorNotEnabled(LedgerError):
    """The merchant does not take payments through this processor."""

    code = "processor-not-enabled"
    kind = ErrorKind.UNPROCESSABLE
    title = "Processor is not enabled"
    sentence = "The merchant {merchant_id} does not take payments through {processor}."


class AttemptEnded(LedgerError):
    """The end of the attempt is known, so there is nothing for a person to decide."""

    code = "attempt-ended"
    kind = ErrorKind.CONFLICT
    title = "Attempt has ended"
    sentence = "The attempt {attempt_id} is {attempt_status}."


class RefundEnded(LedgerError):
    """The end of the refund is known, so there is nothing for a person to decide."""

    code = "refund-ended"
    kind = ErrorKind.CONFLICT
    title = "Refund has ended"
    sentence = "The refund {refund_id} has {refund_status}."


class NothingToAccept(LedgerError):
    """The session has no late money that can be accepted, or it is on its way back."""

    code = "nothing-to-accept"
    kind = ErrorKind.CONFLICT
    title = "No money to accept"
    sentence = "The payment session {session_id} has no late money that can still be accepted."


class DisputesExhausted(LedgerError):
    """The session has as many disputes as it may have."""

    code = "disputes-exhausted"
    kind = ErrorKind.UNPROCESSABLE
    title = "Dispute limit reached"
    sentence = "The payment session {session_id} has {disputes_max} disputes, which is the limit."
