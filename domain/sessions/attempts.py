"""Attempts to pay through a processor: what each word about an attempt leads to, in one table.

A processor may say anything at any time: twice, late, out of order, or with another amount. `WORDS`
has one line for each state of an attempt and each word, so every word has exactly one effect, and
the same word again has none. Nothing but a word ends an attempt: never a timeout.

One payment at a processor is known by its reference. Money that is not the session's payment is put
into suspense (`domain.processors.suspense`) and returned from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.money.money import Amount, Money
from domain.sessions.attempt import UNANSWERED_MAX, Attempt, AttemptStatus, Flag, Heard
from domain.sessions.attempt_records import Recorder, end_if_due, pay_by_attempt
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding, Status


class Word(StrEnum):
    """What is said about an attempt; captures by what was captured."""

    ACCEPTED = "accepted"
    EXACT = "captured: the amount"
    OVER = "captured: more"
    UNDER = "captured: less"
    FOREIGN = "captured: another currency"
    AGAIN = "captured: the same again"
    OTHER = "captured: another amount"
    SECOND = "captured: under another reference"
    DECLINED = "declined"
    VOIDED = "voided"
    UNANSWERED = "no answer"


class Effect(StrEnum):
    """What a word leads to."""

    NOTHING = "nothing"
    ACCEPT = "accept"
    PAY = "pay"
    PAY_OVER = "pay, excess to suspense"
    SUSPEND_ALL = "all to suspense, end"
    LATE = "late or duplicate, to suspense"
    DECLINE = "decline"
    VOID = "void"
    MARK = "unknown"
    CONFLICT = "conflict"
    REFUSE = "conflict, void"
    """What was authorised is not the amount, so the wallet's money is not captured."""


_STATES: Final = tuple(AttemptStatus)
_nil, _pay, _over, _all = Effect.NOTHING, Effect.PAY, Effect.PAY_OVER, Effect.SUSPEND_ALL
_late, _acc, _dec, _void = Effect.LATE, Effect.ACCEPT, Effect.DECLINE, Effect.VOID
_mark, _con = Effect.MARK, Effect.CONFLICT

WORDS: Final[Mapping[Word, tuple[Effect, ...]]] = MappingProxyType(
    {
        # what is said       started, processing, unknown, captured, declined, voided
        Word.ACCEPTED:      (_acc,    _nil,       _acc,    _nil,     _nil,     _nil),
        Word.EXACT:         (_pay,    _pay,       _pay,    _nil,     _late,    _late),
        Word.OVER:          (_over,   _over,      _over,   _nil,     _late,    _late),
        Word.UNDER:         (_all,    _all,       _all,    _nil,     _late,    _late),
        Word.FOREIGN:       (_all,    _all,       _all,    _nil,     _late,    _late),
        Word.AGAIN:         (_nil,    _nil,       _nil,    _nil,     _nil,     _nil),
        Word.OTHER:         (_nil,    _nil,       _nil,    _con,     _nil,     _nil),
        Word.SECOND:        (_nil,    _nil,       _nil,    _late,    _nil,     _nil),
        Word.DECLINED:      (_dec,    _dec,       _dec,    _con,     _nil,     _nil),
        Word.VOIDED:        (_void,   _void,      _void,   _con,     _nil,     _nil),
        Word.UNANSWERED:    (_mark,   _mark,      _nil,    _nil,     _nil,     _nil),
    }
)  # fmt: skip
"""The decision table. `AGAIN`, `OTHER` and `SECOND` are said of captured attempts only; `EXACT`,
`OVER`, `UNDER` and `FOREIGN` of the others."""

AUTHORISED: Final[Mapping[Effect, Effect]] = MappingProxyType(
    {
        Effect.PAY_OVER: Effect.REFUSE,
        Effect.SUSPEND_ALL: Effect.REFUSE,
        Effect.LATE: Effect.CONFLICT,
    }
)
"""What differs if the processor only authorises: it has no money that could be returned."""


class Consequence(NamedTuple):
    """What must be recorded with the session's events, in the same append."""

    effect: Effect
    attempt: Attempt
    """As it was before."""
    suspended: Money | None = None
    """What goes into suspense, under the reference."""
    flag: Flag | None = None
    """Why."""
    ended: Status | None = None
    """`expired` or `failed`: the order is released."""


def word_of(attempt: Attempt, heard: Heard) -> Word:
    """The line of the table that applies."""
    match heard.kind:
        case AttemptStatus.CAPTURED:
            return _captured(attempt, heard)
        case AttemptStatus.DECLINED:
            return Word.DECLINED
        case AttemptStatus.VOIDED:
            return Word.VOIDED
        case AttemptStatus.UNKNOWN:
            return Word.UNANSWERED
        case _:
            return Word.ACCEPTED


def effect_of(attempt: Attempt, word: Word) -> Effect:
    """The effect of a word, from the table."""
    effect = WORDS[word][_STATES.index(attempt.status)]
    if effect is Effect.MARK and attempt.unanswered >= UNANSWERED_MAX:
        return Effect.NOTHING
    return effect if attempt.funding is Funding.PROCESSOR else AUTHORISED.get(effect, effect)


def hear(
    session: PaymentSession,
    attempt_id: str,
    heard: Heard,
    *,
    at: datetime,
    suspense_id: str,
    in_suspense: bool = False,
) -> Consequence:
    """Record what is said about an attempt; the same word again records nothing.

    Args:
        session: the session; it has the attempt.
        attempt_id: the attempt.
        heard: what is said.
        at: the ledger's time, UTC.
        suspense_id: the suspense entry of the reference, existing or not.
        in_suspense: whether that entry exists: money is not counted twice.
    """
    attempt = session.attempts[attempt_id]
    effect = effect_of(attempt, word_of(attempt, heard))
    if in_suspense and heard.kind is AttemptStatus.CAPTURED and effect is not Effect.NOTHING:
        effect = Effect.CONFLICT if attempt.active else Effect.NOTHING
    record = Recorder(session, attempt, heard, at)
    match effect:
        case Effect.ACCEPT:
            record.accepted()
        case Effect.MARK:
            record.unanswered()
        case Effect.PAY:
            record.reference()
            pay_by_attempt(session, attempt, at=at)
        case Effect.DECLINE | Effect.VOID:
            record.declined(effect is Effect.DECLINE)
        case Effect.CONFLICT:
            record.flagged(Flag.CONFLICT, None, None)
        case Effect.REFUSE:
            record.declined(False)  # noqa: FBT003 - voided
            record.flagged(Flag.CONFLICT, None, None)
        case Effect.NOTHING:
            pass
        case Effect.PAY_OVER | Effect.SUSPEND_ALL | Effect.LATE:
            return _suspend(session, effect, record, suspense_id)
    ended = end_if_due(session, at) if attempt.active else None
    return Consequence(effect, attempt, ended=ended)


def _suspend(
    session: PaymentSession, effect: Effect, record: Recorder, suspense_id: str
) -> Consequence:
    """Record money that is not the session's payment, or not all of it."""
    attempt, at = record.attempt, record.at
    money = record.heard.money or session.amount
    captured = Amount(money.minor, money.currency, money.exponent)
    if effect is Effect.PAY_OVER:
        record.reference()
        pay_by_attempt(session, attempt, at=at)
        record.flagged(Flag.OVER, captured, suspense_id)
        excess = Money(money.minor - session.amount.minor, money.currency)
        return Consequence(effect, attempt, excess, Flag.OVER)
    if effect is Effect.SUSPEND_ALL:
        flag = Flag.UNDER if money.currency == session.amount.currency else Flag.CONFLICT
    elif attempt.status is AttemptStatus.CAPTURED or session.status is Status.PAID:
        flag = Flag.DUPLICATE
    else:
        flag = Flag.LATE
    record.flagged(flag, captured, suspense_id)
    ended = end_if_due(session, at) if attempt.active else None
    return Consequence(effect, attempt, money, flag, ended)


def _captured(attempt: Attempt, heard: Heard) -> Word:
    money, known = heard.money or attempt.amount, attempt.captured
    if known is not None:
        if heard.reference != attempt.reference:
            return Word.SECOND
        same = (money.minor, money.currency) == (known.minor, known.currency)
        return Word.AGAIN if same else Word.OTHER
    if money.currency != attempt.amount.currency:
        return Word.FOREIGN
    if money.minor == attempt.amount.minor:
        return Word.EXACT
    return Word.OVER if money.minor > attempt.amount.minor else Word.UNDER
