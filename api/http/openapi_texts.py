"""What every property and parameter of the API means, with an example: by name, for OpenAPI.

A name means the same wherever it is used; where it does not, `Struct.name` says what it means.
The example of an object is made of those of its properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class Words(NamedTuple):
    """A description, and an example unless it follows from the type."""

    description: str
    example: Any = None


_ID: Final = "01kaqm4z1hfdm8h3k9s2v7x5bt"
PS, WAL, MER = f"ps_{_ID}", f"wal_{_ID}", f"mer_{_ID}"
AT: Final = "2026-11-22T09:30:00.000000Z"
LATER: Final = "2026-11-22T09:45:00.000000Z"
HOST: Final = "https://pay.example"
DAY: Final = "2026-11-22"

PROPERTIES: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "account": Words("An account of the books.", f"merchant:{MER}:payable"),
        "actor": Words("Who caused it: an API key, a wallet's page, or the house.", f"key_{_ID}"),
        "advance_seconds": Words("By how much the test clock is advanced, in seconds.", 3600),
        "advanced_seconds": Words("By how much the clock has been advanced in total.", 3600),
        "after": Words("The position in the log after which it continues.", 17),
        "StreamQuery.after": Words("The `seq` after which it continues.", 2),
        "alg": Words("The algorithm."),
        "amount": Words("The amount."),
        "amounts": Words("Whether notifications state amounts.", example=True),
        "answer": Words("The first 1 KB of the answer.", "ok"),
        "as_of": Words("The day of the rate.", "2026-11-20"),
        "asked": Words("What the page says about the last click.", "redelivered"),
        "at": Words("The position at which it stood like this; only if that was asked for.", 18),
        "DisabledView.at": Words("When it was disabled.", AT),
        "CallView.at": Words("When the call was made.", AT),
        "Query.at": Words("A position of the log, or a time with an offset.", "18"),
        "at_least": Words(
            "Wait up to 5 s until the list has taken in this position of the log; then "
            "`not-caught-up`.",
            18,
        ),
        "attempt": Words("The latest attempt to pay through a processor, if there was one."),
        "attempt_id": Words("The attempt that paid; null if a wallet did.", f"att_{_ID}"),
        "attempts": Words("How many calls have been made.", 1),
        "auth": Words("The browser's authentication secret, base64url.", "DGv6ra1nlYgDCS1FRnbzlw"),
        "available": Words("What the wallet can spend."),
        "balance": Words("The balance after it."),
        "bank_reference": Words("The bank's name of the transfer; null until it has one.", "B-1"),
        "body": Words("What is sent, made from the log.", {"type": "payment_session.paid"}),
        "border": Words("Quiet zone around the code, in modules.", 4),
        "callback_url": Words(
            "Where notices of this one session go; https, on a registered host.",
            "https://shop.example/notices",
        ),
        "cause": Words("Of a refused payment code: why.", "not-a-url"),
        "change": Words("What the entry changed of the account."),
        "checkout_may_cancel": Words(
            "Whether the payer may cancel on the checkout screen; for the merchant and auditors.",
            example=False,
        ),
        "checkout_url": Words(
            "The checkout screen; it holds a token, so it is null in lists and for others than "
            "the merchant.",
            f"{HOST}/checkout/{PS}?token=…",
        ),
        "claim": Words("The caller's own claim, or anybody's for the merchant; null if none."),
        "claim_id": Words("The claim that a scan has returned.", f"clm_{_ID}"),
        "closing_balance": Words("The balance at the end of the period."),
        "Path.code": Words("The session's id without its prefix.", _ID),
        "code": Words("The stable code of the problem.", "order-open"),
        "command_id": Words(
            "The command that recorded it.", "019ab5d1-4000-7000-8000-000000000000"
        ),
        "created_at": Words("When it was recorded.", AT),
        "created_from": Words("Earliest time of creation, inclusive.", AT),
        "created_to": Words("Latest time of creation, exclusive.", LATER),
        "credited": Words("What the payer gets back, in the payer's currency."),
        "crv": Words("The curve."),
        "currency": Words("ISO 4217 code.", "USD"),
        "cursor": Words("`next_cursor` of the page before.", "MTguOWYyYw"),
        "EventsQuery.cursor": Words("`next_cursor` of the page before.", 18),
        "data": Words("The items of the page."),
        "EventView.data": Words(
            "The members of the event; see the events' reference.", {"by": "merchant"}
        ),
        "deleted": Words("Always true.", example=True),
        "description": Words(
            "What is paid for, shown to the payer; not for personal data.", "2 coffees"
        ),
        "destination": Words("The operator's reference of the bank account.", "DE-1234"),
        "detail": Words("The problem, in a sentence.", "The order has an open session."),
        "DisabledView.detail": Words("The reason, in a sentence.", "The endpoint answered 410."),
        "direction": Words("Into the house's account at the bank, or out of it."),
        "disabled": Words("When and why it was disabled; null if it was not."),
        "display": Words("The amount as text, with the currency's decimals.", "$123.45"),
        "emv": Words("The text for EMVCo readers; null if it was not asked for.", "000201…"),
        "endpoint": Words(
            "An endpoint's id, or `callback`: the sessions' own addresses.", f"whe_{_ID}"
        ),
        "PushSubscriptionBody.endpoint": Words(
            "The address of the browser's push service.", "https://push.example/s/1"
        ),
        "endpoint_id": Words(
            "The endpoint; null: the session's own callback address.", f"whe_{_ID}"
        ),
        "ends_at": Words("The end of the period, exclusive.", LATER),
        "entry_id": Words("The entry of the journal.", "18.1"),
        "event_id": Words("The event; `webhook-id` of its notices.", f"evt_{_ID}"),
        "event_position": Words("The event's position in the log.", 18),
        "events": Words("How many events it is behind.", 0),
        "expires_at": Words("From then on it is no longer valid.", LATER),
        "expires_in_seconds": Words("The lifetime that was asked for, in seconds.", 900),
        "exponent": Words("Decimals of the currency (ISO 4217).", 2),
        "failed": Words("Events given up after the last attempt; 1,000 means as many or more.", 0),
        "failing_since": Words("Since when no call has succeeded; null if the last one did.", AT),
        "failures": Words("Failed calls since the last success.", 0),
        "fee": Words(
            "What the merchant is charged once it is paid; for the merchant and auditors."
        ),
        "fee_returned": Words("The part of the fee that the merchant gets back."),
        "final": Words(
            "Whether the period is over and nothing in it changes any more.", example=True
        ),
        "first_day": Words("The first day of the list.", DAY),
        "first_position": Words("The position of the first event that was missed.", 18),
        "flags": Words("What is to be known beside the status.", []),
        "format": Words("Which text the picture shows."),
        "StatementQuery.format": Words("The media type of the answer."),
        "formats": Words("The texts that were asked for.", ["url", "emv"]),
        "from": Words("A position or time, inclusive.", "1"),
        "FxQuoteView.from": Words("Everything that the payer pays, the spread included."),
        "StatementQuery.from": Words("The first day.", DAY),
        "StatementView.from": Words("The first day.", DAY),
        "funding": Words("Where the money came from."),
        "held": Words("What is set aside for payments that are not captured."),
        "iat": Words("When the key was made, in seconds since 1970.", 1795339800),
        "id": Words("Its id.", _ID),
        "in_transit": Words("What is on its way to the bank."),
        "index": Words(
            "The number of the tile, in groups of three digits (C2SP tlog-tiles).", "000"
        ),
        "invalid_params": Words(
            "Every mistake of the request, the first 20 of them.",
            [{"name": "amount.minor", "reason": "must be from 1 to 999999999999"}],
        ),
        "key": Words("The id of the key that signed the code.", "k1"),
        "key_id": Words("The key that signed the texts.", "k1"),
        "keys": Words("The browser's keys."),
        "JwkSetView.keys": Words("The keys that are valid, the one that signs last."),
        "kid": Words("The key's id.", "k1"),
        "kind": Words("What the move is for."),
        "kty": Words("The key's type."),
        "label": Words("What the merchant calls the code, such as its till.", "Till 3"),
        "lang": Words("The language of the page.", "en"),
        "language": Words("The language of notifications; empty: English.", "pt-BR"),
        "last_day": Words("The last day of the list.", DAY),
        "latest_attempts": Words("At most 20 calls, the oldest first; for one delivery only."),
        "lease_until": Words("Until when no other wallet can claim the session.", LATER),
        "level": Words("The level of the tile.", "0"),
        "limit": Words("The maximum number of items on the page.", 20),
        "lines": Words("The lines of the statement, the oldest first."),
        "live_url": Words(
            "The live socket; it holds a token, so it is null in lists.",
            f"wss://live.pay.example/live?session={PS}&token=…",
        ),
        "livemode": Words("Whether the ledger is live; false: a test ledger.", example=False),
        "max": Words("The most that the payer may enter; null: no limit."),
        "may_stop": Words("Whether the payer may stop the attempt.", example=False),
        "merchant": Words("The merchant."),
        "Query.merchant": Words("The merchant, for auditors and operators.", MER),
        "merchant_id": Words("The merchant.", MER),
        "metadata": Words(
            "The merchant's own facts: up to 20 keys of 40 characters, values of 500. Not for "
            "personal data.",
            {"till": "3"},
        ),
        "SessionsQuery.metadata": Words(
            "Sessions with all of these members: `metadata[till]=3`.", {"till": "3"}
        ),
        "milliseconds": Words("How long the answer took.", 120),
        "min": Words("The least that the payer may enter; null: no limit."),
        "minor": Words("The amount in the currency's smallest unit.", 12345),
        "missed": Words("The events that it was not told of; null if none."),
        "name": Words("Its name.", "Corner Cafe"),
        "next_action": Words("What the payer has to do for the processor; null if nothing."),
        "next_attempt_at": Words("When it is called again; null if it is not.", LATER),
        "next_cursor": Words("`cursor` of the next page; null on the last one.", "MTguOWYyYw"),
        "not_called_before": Words("It is left in peace until then; null: it is not.", LATER),
        "notice": Words("What the payer must be told beside the status."),
        "now": Words("The ledger's time.", AT),
        "object": Words("The kind of object."),
        "PushSubscriptionView.object": Words("The kind of object.", "push_subscription"),
        "RemovedPushSubscriptionView.object": Words("The kind of object.", "push_subscription"),
        "of": Words("What the receipt proves."),
        "offset": Words("Of a refused payment code: the place, in characters from 0.", 0),
        "opening_balance": Words("The balance at the beginning of the period."),
        "order_id": Words("The merchant's number of the order.", "SN129803"),
        "overlap_seconds": Words("How long the secret before signs as well, in seconds.", 86400),
        "p256dh": Words(
            "The browser's public key, base64url.", "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-Jvw"
        ),
        "paid": Words("The payment; null until there is one that the caller may see."),
        "paid_at": Words("When it was paid.", AT),
        "paid_through": Words(
            "`wallet`, or the processor that took the payment; only if it is paid.", "wallet"
        ),
        "payable": Words("What the merchant can take out."),
        "payer_amount": Words("Everything that the payer paid, in the payer's currency."),
        "payload": Words("The text of the code.", f"{HOST}/q/{_ID}"),
        "payloads": Words("The texts to print."),
        "pictures": Words("The pictures to print; null once the code is revoked."),
        "png_url": Words("The code as a PNG.", f"{HOST}/v1/payment-sessions/{PS}/qr.png"),
        "position": Words("The position in the log of what it shows.", 18),
        "poster_pdf_url": Words(
            "A page to print, as PDF.", f"{HOST}/v1/static-codes/sc_{_ID}/poster.pdf"
        ),
        "poster_svg_url": Words(
            "A page to print, as SVG.", f"{HOST}/v1/static-codes/sc_{_ID}/poster.svg"
        ),
        "postings": Words("The postings of the entry, which balance."),
        "previous_secret_until": Words(
            "Until when the secret before signs as well; null: it does not.", LATER
        ),
        "processor": Words("The processor, such as `sandbox` or `stripe`.", "sandbox"),
        "public_key": Words("The public key that verifies signatures.", "whpk_…"),
        "qr": Words("The code: its text and its pictures."),
        "quote_id": Words("The exchange quote; null if none was needed.", f"quo_{_ID}"),
        "rate": Words("Units of `to` per unit of `from`, before the spread.", "1.0842"),
        "read_models": Words("The read models and how far they are behind."),
        "reason": Words("Why.", "returned by the customer"),
        "recorded_at": Words("The ledger's time when it was recorded.", AT),
        "reference": Words("The sender's reference; not for personal data.", "T-1"),
        "refunded_minor": Words("What has been refunded, in minor units.", 0),
        "request_headers": Words(
            "The headers that were sent; `…` for each signature.", {"webhook-id": f"evt_{_ID}"}
        ),
        "request_id": Words(
            "The id of the request, as in `Request-Id`.", "req_5f0c1a9be2d34470a6b1c2d3"
        ),
        "reserved": Words("What is set aside for refunds and disputes."),
        "retired_at": Words("From when the key signs no more, in seconds since 1970.", 1795339800),
        "return_url": Words(
            "Where the payer returns to; https, on a registered host.",
            "https://shop.example/thanks",
        ),
        "revoked": Words("When and why the key was revoked."),
        "revoked_at": Words("When it was revoked; null if it was not.", LATER),
        "RevokedView.revoked_at": Words("When, in seconds since 1970.", 1795339800),
        "revoked_keys": Words("Keys whose signatures must not be trusted."),
        "scale": Words("Pixels, or units, per module.", 8),
        "schema_version": Words("The version of the event's form.", 1),
        "sealed": Words(
            "Whether the receipt is ready; otherwise it will be within seconds.", example=True
        ),
        "seconds": Words("How far it is behind, in seconds.", 0.0),
        "secret": Words("The secret that signs; shown once.", "whsec_…"),
        "seq": Words("The event's place in its session or payout.", 3),
        "served_at": Words("The ledger's time of the scan.", AT),
        "server_time": Words("The ledger's time.", AT),
        "session": Words("A session's id.", PS),
        "session_id": Words("The session.", PS),
        "sha256": Words("The SHA-256 of a file, in hexadecimal.", "0" * 64),
        "side": Words("The side of the account."),
        "signature": Words("The signature of the code.", "AAAA"),
        "size": Words("The size of the paper."),
        "skipped": Words("Events that were not sent because it was paused or disabled.", 0),
        "source": Words("A processor that pays instead of the wallet."),
        "FxQuoteView.source": Words("Where the rate is from.", "ecb"),
        "spread": Words("The house's part."),
        "starts_at": Words("The beginning of the period, inclusive.", AT),
        "status": Words("Its status.", "paid"),
        "CallView.status": Words("Of the answer; null if there was none.", 200),
        "SandboxChargeView.status": Words("Its status.", "open"),
        "DeliveriesQuery.status": Words("Deliveries with this status."),
        "Problem.status": Words("The HTTP status.", 409),
        "SessionsQuery.status": Words("Sessions with any of these statuses.", ["paid", "expired"]),
        "subject": Words("What it is about.", PS),
        "subscription": Words("The id of the push subscription.", f"psh_{_ID}"),
        "svg_url": Words("The code as an SVG.", f"{HOST}/v1/payment-sessions/{PS}/qr.svg"),
        "ticket": Words("A ticket that works once.", "…"),
        "title": Words("The kind of problem.", "The order has an open session"),
        "to": Words("A position or time, exclusive.", "100"),
        "FxQuoteView.to": Words("What the merchant is paid: the session's amount."),
        "StatementQuery.to": Words("The last day.", DAY),
        "StatementView.to": Words("The last day.", DAY),
        "token": Words("The token.", "…"),
        "SourceBody.token": Words("The processor's token of the payer's way to pay.", "pm_1"),
        "trace_id": Words(
            "The caller's trace (W3C), or the command's id.", "4bf92f3577b34da6a3ce929d0e0e4736"
        ),
        "transient": Words("Whether the same request may succeed later.", example=False),
        "transport": Words("How notifications are sent.", "webpush"),
        "txt_url": Words(
            "The code as text, for a terminal.", f"{HOST}/v1/payment-sessions/{PS}/qr.txt"
        ),
        "type": Words("The type of the event.", "payment_session.paid"),
        "NextActionView.type": Words("What it is."),
        "Problem.type": Words("Where the problem is documented.", f"{HOST}/problems/order-open"),
        "types": Words("The types of events that it is told of.", ["payment_session.paid"]),
        "url": Words("The address.", "https://shop.example/hooks"),
        "use": Words("What the key is for."),
        "version": Words("Its place in its stream, raised by every event.", 3),
        "wallet_id": Words("The wallet.", WAL),
        "x": Words("The public key, base64url.", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        "zone": Words("The time zone of the days (IANA).", "Europe/Lisbon"),
    }
)
"""By name, or by struct and name. `Query.name` is for the parameters of queries."""
