"""What `/docs` explains before the operations: what holds for all of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from api.http.errors import BODY_BYTES_MAX
from api.http.parsing import KEY_CHARS_MAX
from api.http.security_headers import API_VERSION


class Basic(NamedTuple):
    """One subject."""

    anchor: str
    title: str
    text: str
    """Paragraphs, with an empty line between them."""
    example: str
    """What is sent."""

    @property
    def paragraphs(self) -> list[str]:
        """The text, each paragraph in one line."""
        return [" ".join(one.split()) for one in self.text.split("\n\n")]


BASICS: Final = (
    Basic(
        "authentication",
        "Authentication",
        """
        Send your API key with every request. A key has a role, `merchant`, `wallet`, `auditor` or
        `operator`; each operation says who may call it. Keys begin with `qrl_live_` or `qrl_test_`
        and work in ledgers of their mode only.

        Keys belong on servers. Browsers get page tokens and the tokens of sessions.
        """,
        "Authorization: Bearer qrl_test_…",
    ),
    Basic(
        "bodies",
        "Bodies, money and times",
        f"""
        Bodies are JSON of at most {BODY_BYTES_MAX:,} bytes. Fields that an operation does not have
        are refused, so that a misspelt one is noticed.

        Amounts are integers in the currency's smallest unit: `1250` is USD 12.50 and JPY 1,250.
        Answers add `exponent` and `display`. Times are RFC 3339 in UTC with microseconds. Ids have
        a prefix that says what they name, such as `ps_` and `wal_`.

        Free text must not be personal data: it is kept for ever.
        """,
        '{"minor": 1250, "currency": "USD",\n "exponent": 2, "display": "$12.50"}',
    ),
    Basic(
        "errors",
        "Errors",
        """
        Errors are problem documents (RFC 9457) with a stable `code`; `type` is the address of the
        code's page. `transient` says whether the same request may succeed later. `invalid_params`
        names every mistake of a request at once.
        """,
        '{"type": "https://…/problems/invalid-request",\n "status": 400, "code": "invalid-request",'
        '\n "transient": false, "request_id": "req_…",\n "invalid_params": [{\n'
        '   "name": "amount.currency",\n'
        '   "reason": "must be an upper-case ISO 4217\n              code; did you mean USD?"}]}',
    ),
    Basic(
        "idempotency",
        "Repeating requests",
        f"""
        Send an `Idempotency-Key` of 1 to {KEY_CHARS_MAX} characters, and repeat the request for as
        long as you have no answer. The same key with the same body gets the first answer again,
        with `Idempotent-Replayed: true`; with another body it is refused. Payments, refunds,
        top-ups and payouts require a key. Keys are kept for ever.
        """,
        "Idempotency-Key: order-SN129803",
    ),
    Basic(
        "lists",
        "Lists and positions",
        """
        Lists have `data` and `next_cursor`, which is null at the end; send it as `cursor` for the
        next page.

        Lists may lag behind the log for a moment. Every answer to a command has a
        `Ledger-Position`; a list with `at_least` waits until it has taken in that position.
        """,
        "GET /v1/payment-sessions\n  ?status=paid&status=processing"
        "\n  &metadata[till]=3&at_least=17",
    ),
    Basic(
        "limits",
        "Limits",
        """
        `RateLimit-Policy` states your limit and `RateLimit` what is left of it: `q` requests in `w`
        seconds, `r` left, whole again in `t` seconds. Beyond it: 429 with `Retry-After`.
        """,
        'RateLimit-Policy: "default";q=100;w=1\nRateLimit: "default";r=99;t=1',
    ),
    Basic(
        "versions",
        "Versions and ids of requests",
        """
        Answers state the version of the API. Later releases add members and operations, so ignore
        what you do not know. Objects say with `livemode` whether the ledger is live.

        Every answer has a `Request-Id`, which is your `X-Request-Id` if you send one; name it when
        you ask for help. A `traceparent` is continued into events and logs.
        """,
        f"Qrledger-Version: {API_VERSION}\nRequest-Id: req_8f3c1f0a5c0e4d2b9a7e6d5c",
    ),
)
