"""Requests on the books that must all be refused: another tenant's money, and hostile input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote as quoted

from tests.abuse.tenant import Tenant

USD: Final = {"minor": 1, "currency": "USD"}
AMOUNTS: Final[dict[str, str]] = {
    "a float": '{"minor":1.0,"currency":"USD"}',
    "a fraction": '{"minor":1.5,"currency":"USD"}',
    "an exponent": '{"minor":1e2,"currency":"USD"}',
    "a text": '{"minor":"1","currency":"USD"}',
    "major units": '{"minor":"0.01","currency":"USD"}',
    "another exponent": '{"minor":1,"currency":"USD","exponent":3}',
    "a boolean": '{"minor":true,"currency":"USD"}',
    "nothing": '{"minor":null,"currency":"USD"}',
    "zero": '{"minor":0,"currency":"USD"}',
    "less than zero": '{"minor":-1,"currency":"USD"}',
    "2^63": '{"minor":9223372036854775808,"currency":"USD"}',
    "10^300": '{"minor":1' + "0" * 300 + ',"currency":"USD"}',
    "not a number": '{"minor":NaN,"currency":"USD"}',
    "a small currency": '{"minor":1,"currency":"usd"}',
    "an unknown currency": '{"minor":1,"currency":"QQQ"}',
    "a look-alike currency": '{"minor":1,"currency":"US\\u0404"}',
}
REASONS: Final[dict[str, str]] = {
    "NUL": '"\\u0000"', "a lone surrogate": '"\\ud800"', "a line separator": '"a\\u2028b"',
    "an escape": '"\\u001b[2J"', "201 characters": json.dumps("x" * 201),
    "201 astral characters": json.dumps("\U0001f4b8" * 201), "a number": "1", "a list": '["x"]',
    "depth": "[" * 5000 + "]" * 5000, "100 kB": json.dumps("x" * 100_000),
}  # fmt: skip
STATEMENTS: Final[dict[str, str]] = {
    "10,000 days": "from=2000-01-01&to=2027-05-19",
    "all days": "from=0001-01-01&to=9999-12-31",
    "reversed": "from=2026-03-02&to=2026-03-01",
    "no day": "from=2026-02-30&to=2026-03-01",
    "a zone of Mars": "from=2026-03-01&to=2026-03-02&zone=Mars/Olympus_Mons",
    "a file as zone": "from=2026-03-01&to=2026-03-02&zone=../../../etc/passwd",
    "NUL as zone": "from=2026-03-01&to=2026-03-02&zone=UTC%00",
    "a million lines": "from=2026-03-01&to=2026-03-02&limit=1000000",
}
INVALID: Final = frozenset({"invalid-request"})
NOT_FOUND: Final = frozenset({"not-found"})
FORBIDDEN: Final = frozenset({"forbidden"})


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and the codes of which its refusal must have one."""

    name: str
    path: str
    codes: frozenset[str]
    body: bytes | None = None
    """None: GET."""
    wallet: bool = False
    """Whether the wallet app's key is used; the merchant's otherwise."""


def of_others(attacker: Tenant, victim: Tenant) -> list[Probe]:
    """What belongs to another tenant, by its exact ids."""
    session, _ = victim.paid(1000)
    refund, payout = victim.refund(session, 100), victim.payout(100)
    merchant, wallet = payout["merchant_id"], victim.wallets["EUR"]
    own = attacker.scanned(250, attacker.wallets["EUR"])
    theirs = victim.quote(victim.scanned(250, wallet)["id"])
    paid = attacker.scanned(250, attacker.wallets["EUR"])
    used = attacker.quote(paid["id"])
    pay = f"/v1/payment-sessions/{paid['id']}/pay"
    attacker.post(pay, paid["pay"] | {"quote_id": used}, wallet=True)
    mismatch = frozenset({"quote-mismatch"})
    pay = f"/v1/payment-sessions/{own['id']}/pay"
    refunds = f"/v1/payment-sessions/{session}/refunds"
    quote = {"wallet_id": wallet, "session_id": own["id"]}
    days = "from=2026-03-01&to=2026-03-02"
    accounts = {
        "payable": f"merchant:{merchant}:payable", "wallet": f"wallet:{wallet}:available",
        "bank": "bank:safeguarded", "clearing": "fx:clearing",
    }  # fmt: skip
    reads = {
        "refunds": refunds, "refund": f"/v1/refunds/{refund}", "payout": f"/v1/payouts/{payout['id']}",
        "payouts": f"/v1/payouts?merchant={merchant}", "balance": f"/v1/balance?merchant={merchant}",
        "statement": f"/v1/statements?merchant={merchant}&{days}",
    }  # fmt: skip
    for name, account in accounts.items():
        reads[f"journal of {name}"] = f"/v1/journal?account={account}"
        reads[f"explanation of {name}"] = f"/v1/explain?account={account}&currency=USD"
    move = {"kind": "own_funds", "direction": "in", "amount": USD, "reference": "x"}
    return [
        Probe("refund another's", refunds, NOT_FOUND, _json({"amount": USD})),
        Probe("quote another's wallet", "/v1/fx-quotes", NOT_FOUND, _json(quote), wallet=True),
        Probe("quote as a merchant", "/v1/fx-quotes", FORBIDDEN, _json(quote)),
        Probe("pay by another's quote", pay, mismatch,
              _json(own["pay"] | {"quote_id": theirs}), wallet=True),
        Probe("pay by a used quote", pay, mismatch,
              _json(own["pay"] | {"quote_id": used}), wallet=True),
        Probe("pay another's session by its quote", f"/v1/payment-sessions/{session}/pay",
              frozenset({"session-not-payable"}),
              _json(own["pay"] | {"quote_id": theirs}), wallet=True),
        Probe("payout as a wallet", "/v1/payouts", FORBIDDEN, _json({"amount": USD}), wallet=True),
        Probe("move the treasury", "/v1/treasury/moves", FORBIDDEN, _json(move)),
        *(Probe(f"read another's {name}", path, NOT_FOUND) for name, path in reads.items()),
    ]  # fmt: skip


def hostile_input(attacker: Tenant) -> list[Probe]:
    """Amounts, texts, days and accounts that cannot be, on a payment that could be refunded."""
    session, _ = attacker.paid(10)
    return list(_hostile(session))


def _hostile(session: str) -> Iterator[Probe]:
    refunds = f"/v1/payment-sessions/{session}/refunds"
    for name, text in AMOUNTS.items():
        body = f'{{"amount":{text}}}'.encode()
        yield Probe(f"refund of {name}", refunds, INVALID, body)
        yield Probe(f"payout of {name}", "/v1/payouts", INVALID, body)
    for name, text in REASONS.items():
        body = f'{{"amount":{{"minor":1,"currency":"USD"}},"reason":{text}}}'.encode()
        yield Probe(f"reason: {name}", refunds, INVALID | {"body-too-large"}, body)
    for name, query in STATEMENTS.items():
        yield Probe(f"statement: {name}", f"/v1/statements?{query}", INVALID)
    for account in ("bank", "merchant:mer_x:payable", "x:*:y", "a" * 500, "bank:\x00", "'--"):
        path = f"/v1/journal?account={quoted(account)}"
        yield Probe(f"journal of {account[:20]!r}", path, INVALID)
    huge = "9" * 30
    yield Probe("journal from afar", f"/v1/journal?from={huge}", INVALID)
    yield Probe("journal backwards", "/v1/journal?from=9&to=1", INVALID)
    yen = _json({"amount": {"minor": 1, "currency": "JPY"}})
    yield Probe("payout without terms", "/v1/payouts", frozenset({"no-payout-destination"}), yen)
    yield Probe("refund in another currency", refunds, INVALID | {"amount-mismatch"}, yen)
    more = _json({"amount": {"minor": 11, "currency": "USD"}})
    yield Probe("refund of more", refunds, frozenset({"refund-exceeds-paid"}), more)


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
