"""What the history page says: a line for each row of the picture, and the words of its legend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from babel.units import format_unit

from api.pages.texts import DEFAULT, Language, choose
from api.views import money
from application.session_history import DEADLINE, LEASE, NOTICE, Fact, Lane, Mark
from domain.money.money import Amount

ID_CHARS_SHOWN: Final = 6
"""The end of an id, which tells the wallets of one session apart; the table has all of it."""
LINE_CHARS_MAX: Final = 64
"""Of a line beside the picture; what is longer is cut, and the table has all of it."""
_OPEN, _CLOSE = "\u2066", "\u2069"
"""Isolate a value, which reads from left to right, as `<bdi dir="ltr">` does in HTML."""
_AMOUNTS: Final = {
    "amount_minor": "",
    "captured_minor": "",
    "fee_minor": "",
    "fee_returned_minor": "",
    "merchant_minor": "",
    "payer_amount_minor": "payer_",
    "spread_minor": "payer_",
    "credited_minor": "payer_",
    "spread_returned_minor": "payer_",
}
"""Fields that are amounts, and the beginning of the names of their currency and decimals."""
_DETAILS: Final = (
    "order_id", "description", "expires_at", "wallet_id", "claim_id", "lease_until", "attempt_id",
    "refund_id", "dispute_id", "quote_id", "processor", "funding", "reference", "flag",
    "suspense_id", "outcome", "code", "answered_code", "session_status", "refused_command_id",
    "by", "reason", "delivery_id", "url", "status", "milliseconds",
)  # fmt: skip


@cache
def lane_names(language: Language) -> Mapping[Lane, str]:
    """The headings of the lanes: short."""
    _ = language.gettext
    return {
        # Translators: heading of a narrow column: the states of a payment session.
        Lane.STATE: _("State"),
        # Translators: heading of a narrow column: wallets that have claimed the session.
        Lane.CLAIM: _("Claims"),
        # Translators: heading of a narrow column: wallets that scanned or paid in vain.
        Lane.LOSER: _("Losers"),
        # Translators: heading of a narrow column.
        Lane.MONEY: _("Money"),
        # Translators: heading of a narrow column: webhooks that were sent.
        Lane.NOTICE: _("Notices"),
    }


@cache
def mark_names(language: Language) -> Mapping[Mark, str]:
    """The legend of the marks."""
    _ = language.gettext
    return {
        Mark.STATE: _("The session changes"),
        Mark.END: _("The session ends"),
        Mark.CLOCK: _("A time is reached; nothing is recorded"),
        Mark.CLAIM: _("A wallet claims the session"),
        Mark.RELEASED: _("The wallet gives it back"),
        Mark.LOST: _("A wallet is refused"),
        Mark.ATTEMPT: _("A step of an attempt or a refund"),
        Mark.UNDONE: _("It came to nothing"),
        Mark.INTO: _("Money arrives"),
        Mark.OUT: _("Money goes back"),
        Mark.FLAG: _("Something is not as it should be"),
        Mark.TOLD: _("A webhook was accepted"),
        Mark.UNTOLD: _("A webhook was not accepted"),
        Mark.WAITING: _("A webhook is still to be sent"),
    }


@cache
def bar_names(language: Language) -> Mapping[str, str]:
    """The legend of the lines between marks."""
    _ = language.gettext
    return {
        "created": _("Waiting for a scan"),
        "scanned": _("Claimed"),
        "processing": _("Processing"),
        "ended": _("Ended"),
        "held": _("The lease runs"),
        "lapsed": _("The lease is over: another wallet may take it"),
    }


@cache
def session_status_names(language: Language) -> Mapping[str, str]:
    """The statuses of a session."""
    _ = language.gettext
    return {
        # Translators: a payment session that nobody has scanned yet.
        "created": _("Open"),
        "scanned": _("Scanned"),
        "processing": _("Processing"),
        "paid": _("Paid"),
        "expired": _("Expired"),
        "cancelled": _("Cancelled"),
        # Translators: a payment session none of whose attempts has succeeded.
        "failed": _("Payment failed"),
    }


@cache
def _lines(language: Language) -> Mapping[str, str]:
    """The line of each kind of row; placeholders are fields of the event."""
    _ = language.gettext
    return {
        "payment_session.created": _("Created: {amount}"),
        "payment_session.scanned": _("Scanned by wallet {wallet}"),
        "payment_session.claim_released": _("Claim released"),
        "payment_session.processing": _("Payment begins with {processor}"),
        "payment_session.paid": _("Paid: {amount}, fee {fee}"),
        "payment_session.declined": _("{processor} did not take the payment: {outcome}"),
        "payment_session.expired": _("Expired"),
        "payment_session.cancelled": _("Cancelled, by: {by}"),
        "payment_session.failed": _("Failed: no attempt is left"),
        "payment_session.flagged": _("Flagged: {flag}"),
        "payment_session.restricted": _("The texts are restricted"),
        "attempt.accepted": _("{processor} is working on it"),
        "attempt.unanswered": _("{processor} does not answer"),
        "attempt.void_requested": _("{processor} is asked to give up the payment"),
        "attempt.resolved": _("A person found out how the payment ended: {outcome}"),
        "refund.requested": _("Refund asked for: {amount}"),
        "refund.succeeded": _("Refunded: {amount}"),
        "refund.failed": _("Refund failed: {amount}"),
        "refund.resolved": _("A person found out how the refund ended: {outcome}"),
        "dispute.opened": _("Disputed: {amount} taken back"),
        "dispute.won": _("Dispute won: {amount} given back"),
        "dispute.lost": _("Dispute lost: {amount}"),
        "refusal.scan": _("Scan by wallet {wallet} refused: {code}"),
        "refusal.pay": _("Payment by wallet {wallet} refused: {code}"),
        DEADLINE: _("Deadline"),
        LEASE: _("The lease of wallet {wallet} is over"),
        "notice.answered": _("{type}: {url_status}"),
        "notice.silent": _("{type}: no response"),
        "notice.pending": _("{type}: to be sent"),
        "notice.failed": _("{type}: given up"),
        "notice.skipped": _("{type}: skipped"),
    }


def kinds() -> frozenset[str]:
    """Every kind of row that has a line of its own."""
    return frozenset(_lines(choose(DEFAULT, "")))


def line(language: Language, fact: Fact) -> str:
    """What a row is, as plain text. A type of event that has no line is its own."""
    values = _Values(fact.values, language)
    template = _lines(language).get(_kind(fact))
    return template.format_map(values) if template else fact.kind


def _kind(fact: Fact) -> str:
    """The name of a row's line."""
    if fact.kind == "refusal.recorded":
        return f"refusal.{fact.values['action']}"
    if fact.kind == NOTICE:
        if "status" not in fact.values:
            return f"notice.{fact.values['outcome']}"
        return "notice.silent" if fact.values["status"] is None else "notice.answered"
    return fact.kind


class _Values(dict[str, str]):
    """The placeholders of a line: amounts as people write them, the ends of ids, isolated."""

    def __init__(self, values: Mapping[str, Any], language: Language) -> None:
        super().__init__()
        self._values = values
        self._language = language

    def __missing__(self, name: str) -> str:
        if name == "wallet":
            text = f"…{str(self._values['wallet_id'])[-ID_CHARS_SHOWN:]}"
        elif name == "url_status":
            text = f"HTTP {self._values['status']}"
        elif f"{name}_minor" in _AMOUNTS:
            text = _amount(self._values, f"{name}_minor", self._language)
        else:
            text = str(self._values[name])
        return f"{_OPEN}{text}{_CLOSE}"


def _amount(values: Mapping[str, Any], field: str, language: Language) -> str:
    prefix = _AMOUNTS[field]
    currency, exponent = values[f"{prefix}currency"], values[f"{prefix}exponent"]
    return money.display(Amount(values[field], currency, exponent), language.locale)


def details(language: Language, fact: Fact) -> list[tuple[str, str]]:
    """The fields of a row by their names in the API, and amounts."""
    found: list[tuple[str, str]] = []
    if fact.position is not None:
        found += [("position", str(fact.position)), ("type", fact.kind)]
    for field in _AMOUNTS:
        if fact.values.get(field):
            name = field.removesuffix("_minor")
            found.append((name, _amount(fact.values, field, language)))
    for field in _DETAILS:
        value = fact.values.get(field)
        if value not in {None, ""}:
            found.append((field, str(value)))
    return found


def cut(text: str) -> str:
    """A line as it fits beside the picture, with the isolates that it opens closed."""
    if len(text) <= LINE_CHARS_MAX:
        return text
    kept = text[: LINE_CHARS_MAX - 1]
    return kept + _CLOSE * max(0, kept.count(_OPEN) - kept.count(_CLOSE)) + "…"


_UNITS: Final = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
    ("millisecond", timedelta(milliseconds=1)),
    ("microsecond", timedelta(microseconds=1)),
)


def duration(language: Language, between: timedelta) -> str:
    """A duration in its two largest units, such as `1 min 30 sec` or `12 ms`; 0 is 0 ms."""
    for number, (unit, size) in enumerate(_UNITS):
        if between < size:
            continue
        text = _count(language, unit, between // size)
        smaller = _UNITS[number + 1 : number + 2]
        if between < timedelta(seconds=1) or not smaller:
            return text
        rest = (between % size) // smaller[0][1]
        return f"{text} {_count(language, smaller[0][0], rest)}" if rest else text
    return _count(language, "millisecond", 0)


def _count(language: Language, unit: str, count: int) -> str:
    return format_unit(count, f"duration-{unit}", "short", locale=language.locale)


def clock(at: datetime) -> str:
    """The time of a day, in UTC."""
    return at.strftime("%H:%M:%S.%f")
