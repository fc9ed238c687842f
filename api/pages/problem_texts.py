"""What to do about each error code, and example facts: for the pages at `/problems/<code>`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.errors import Fact

_NEW_CODE: Final = "Ask the merchant for a new code."
_LATER: Final = "Repeat the request, with the same idempotency key, after Retry-After seconds."
_READ_IT: Final = "Read its current state; there is nothing left to do."
_NEW_QUOTE: Final = "Ask for a new exchange quote, show it to the payer, and pay with its id."
_OPERATOR: Final = "Tell the operator of this ledger: only an operator can change it."
_SMALLER: Final = "Send less: the limit is in the response."

REMEDIES: Final[Mapping[str, str]] = {
    "amount-mismatch": "Show the payer the amount of the session, and send exactly that amount.",
    "amount-outside-limits": "Ask the payer for an amount within `min_minor` and `max_minor`.",
    "amount-unsupported": "Let the payer pay in another way.",
    "attempt-ended": _READ_IT,
    "balance-limit": "Top up less.",
    "body-too-large": _SMALLER,
    "claim-required": "Scan the code again, and pay with the claim in that response.",
    "claims-exhausted": _NEW_CODE,
    "credits-not-counted": _LATER,
    "disputes-exhausted": "Settle the dispute with the processor; it is not recorded here.",
    "endpoint-limit": "Remove a webhook endpoint that is no longer used.",
    "endpoint-not-enabled": "Enable the webhook endpoint, then send the request again.",
    "forbidden": "Use an API key of a role that may do this; `reason` says which one was used.",
    "foreign-origin": "Use the form on the page of this ledger, under its public address.",
    "headers-too-large": _SMALLER,
    "idempotency-in-progress": _LATER,
    "idempotency-key-required": "Send an `Idempotency-Key`: a random text, new for each request.",
    "idempotency-key-reused": "Use a new key for a new request; do not change a repeated one.",
    "insufficient-funds": "Top up the wallet or use another one, under a new idempotency key.",
    "internal-error": "Repeat the request later, with the same key; tell the operator.",
    "invalid-qr": "Scan again. `cause` and `offset` say what is wrong with the text, and where.",
    "invalid-request": "Correct what `invalid_params` names, then send the request again.",
    "invalid-signature": "Do not pay. Tell the merchant: the code is not theirs, or was changed.",
    "key-limit": "Revoke one of the keys first: `qrledger keys list`, `qrledger keys revoke`.",
    "log-key-refused": "`reason` says why; `qrledger seal keys list` shows the keys.",
    "log-not-opened": "Set QRLEDGER_LOG_ORIGIN and run `qrledger migrate`.",
    "log-rejected": "Tell the operator: the server's log has the details.",
    "log-unavailable": _LATER,
    "method-not-allowed": "Use a method that `Allow` names.",
    "no-payout-destination": _OPERATOR,
    "not-caught-up": _LATER,
    "not-found": "Check the id, and that the key is of the tenant that owns it.",
    "not-ready": "Wait until `/readyz` answers 200; `qrledger status` says what is missing.",
    "not-sealed": _LATER,
    "nothing-to-accept": _READ_IT,
    "order-open": "Use the session that the order has, `session_id`, or cancel it first.",
    "order-paid": "Do not ask for the payment again: `session_id` has paid the order.",
    "overloaded": _LATER,
    "payable-insufficient": "Wait for further payments, or ask for less.",
    "payment-declined": "Let the payer pay in another way. Nothing was charged.",
    "payment-in-flight": "Wait for its end: follow the session's socket, or read the session.",
    "payout-not-funded": _LATER,
    "poster-font-missing": "Ask for the poster as SVG.",
    "processor-not-enabled": "Offer one of the processors that the merchant has enabled.",
    "processor-unavailable": "Offer another way to pay, or try again later.",
    "qr-settings-missing": "Set them with `qrledger merchants qr`.",
    "quote-expired": _NEW_QUOTE,
    "quote-mismatch": _NEW_QUOTE,
    "quote-used": _NEW_QUOTE,
    "quotes-exhausted": "Pay with another wallet, or ask the merchant for a new code.",
    "rate-unavailable": "Pay with a wallet in the currency of the session.",
    "reference-used": "The top-up of this reference is done; a new one needs its own.",
    "refund-ended": _READ_IT,
    "refund-exceeds-paid": "Refund at most what is left of the payment.",
    "refunds-exhausted": "Return the rest to the payer outside of this ledger.",
    "replay-limit": "Wait until one of the running replays has ended.",
    "request-timeout": _LATER,
    "secret-rotating": "Wait until `previous_until`, then rotate again.",
    "session-claimed": "Scan again after Retry-After seconds, when the other claim ends.",
    "session-expired": _NEW_CODE,
    "session-not-due": _LATER,
    "session-not-ended": "Wait until it has ended, or cancel it.",
    "session-not-paid": "Wait until it is paid.",
    "session-not-payable": "Read the session: `session_status` says how it ended. " + _NEW_CODE,
    "settlement-mismatch": "Compare the figures with the processor's report; correct the import.",
    "signing-unavailable": "Tell the operator: `qrledger migrate` makes the signing key.",
    "suspense-closed": _READ_IT,
    "suspense-not-due": "Wait until `accept_until`.",
    "test-only": "Use a test ledger and its keys.",
    "too-many-requests": "Wait Retry-After seconds, and send fewer requests.",
    "too-many-streams": "Close streams that are no longer read, then connect again.",
    "treasury-insufficient": "Move money in first: `qrledger treasury status` shows what is there.",
    "unauthorized": "Send `Authorization: Bearer <key>` with an active key of this ledger.",
    "unsupported-media-type": "Send JSON with `Content-Type: application/json`.",
    "uri-too-long": _SMALLER,
    "wallet-currency-mismatch": "Use the wallet's currency, or pay with an exchange quote.",
}  # fmt: skip
"""By code. Text between backticks is a name or a command."""

_SESSION: Final = "ps_01h455vb4pex5vsknk084sn02q"
_TIME: Final = "2026-11-02T09:30:00.000000Z"

FACTS: Final[Mapping[str, Fact]] = {
    "accept_until": _TIME, "amount_minor": 450, "asked_currency": "USD", "asked_minor": 450,
    "at_least": 812, "attempt_id": "att_01h455vb4pex5vsknk084sn02q", "attempt_status": "captured",
    "available_minor": 100, "character": "日", "claims_max": 3, "currency": "USD",
    "disputes_max": 20, "endpoint_id": "we_01h455vb4pex5vsknk084sn02q",
    "endpoint_status": "paused", "endpoints_max": 20, "expires_at": _TIME,
    "feature": "The clock", "from_currency": "EUR", "funds_minor": 100, "holder": "wallet",
    "holder_id": "mer_01h455vb4pex5vsknk084sn02q", "key_id": "0b5c5a6e", "keys_max": 2,
    "lease_until": _TIME, "limit": 100, "limit_bytes": 16_384, "limit_headers": 100,
    "limit_minor": 999_999_999_999, "limit_seconds": 10, "max_minor": 5000,
    "media_type": "text/plain", "merchant_id": "mer_01h455vb4pex5vsknk084sn02q",
    "method": "PUT", "min_minor": 100, "offered_currency": "USD", "offered_minor": 400,
    "order_id": "A-1", "owner": "session", "paid_minor": 450, "part": "headers",
    "payout_id": "po_01h455vb4pex5vsknk084sn02q", "position": 810, "previous_until": _TIME,
    "processor": "sandbox", "quote_id": "fxq_01h455vb4pex5vsknk084sn02q", "quotes_max": 10,
    "reason": "see the texts of this code", "reference": "ref 1",
    "refund_id": "re_01h455vb4pex5vsknk084sn02q", "refund_status": "succeeded",
    "refunded_minor": 450, "refunds_max": 250, "replays_max": 5, "role": "merchant",
    "sealed": 809, "session_id": _SESSION, "session_status": "paid",
    "static_code_id": "sc_01h455vb4pex5vsknk084sn02q",
    "suspense_id": "sus_01h455vb4pex5vsknk084sn02q", "suspense_status": "accepted",
    "thing": "payment session", "to_currency": "KWD", "wallet_currency": "EUR",
    "wallet_id": "wal_01h455vb4pex5vsknk084sn02q",
}  # fmt: skip
"""An example of every fact that a sentence needs."""

REASONS: Final[Mapping[str, str]] = {
    "forbidden": "A key of the role wallet may not do this",
    "invalid-qr": "The text is not a payment code",
    "invalid-request": "amount.minor: must be from 1 to 999999999999",
    "invalid-signature": "The code is not signed by this ledger",
    "log-key-refused": "the key is retired",
    "log-rejected": "a position is taken",
    "log-unavailable": "the connection was lost",
    "not-ready": "the worker is not running",
    "overloaded": "the queue is full",
    "unauthorized": "The key is not valid",
}
"""The example of `reason`, by code."""
