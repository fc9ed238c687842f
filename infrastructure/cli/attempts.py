"""`attempts`: payments and refunds whose end only the processor can say, or who has asked it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol
from uuid import UUID

import rich_click as click

from application.bus import Bus
from application.commands.resolve_attempt import ResolveAttempt
from application.commands.resolve_refund import ResolveRefund
from application.reader import Reader
from domain import ids, times
from domain.money.money import Money
from domain.sessions.attempt import BY_CHARS_MAX, AttemptStatus, Flag
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import RefundStatus
from domain.text import replace_unacceptable
from infrastructure.accounts import AccountAdmin
from infrastructure.bootstrap.worker import open_subjects
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import DatabaseRole

LIST_MAX: Final = 1000
LIST_DEFAULT: Final = 100


class Listed(Protocol):
    """One that a read model lists."""

    @property
    def id(self) -> UUID: ...  # noqa: D102 - of the attempt or refund

    @property
    def session_id(self) -> UUID: ...  # noqa: D102 - the stream

    @property
    def begun_position(self) -> int: ...  # noqa: D102 - in the log


class OpenRows(Protocol):
    """The read model of attempts, or that of refunds."""

    def open(self, *, unresolved: bool, limit: int) -> Sequence[Listed]:
        """Those that have not ended, the first ones first."""
        ...

    def session_of(self, subject_id: UUID) -> UUID | None:
        """The stream of its session."""
        ...


@contextmanager
def attempt_admin() -> Iterator[tuple[AccountAdmin, PostgresLog, Mapping[str, OpenRows]]]:
    """The operator's commands on the configured database, its log, and what is open by prefix."""
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=make_guard(settings))
        try:
            with open_subjects(url) as rows:
                yield AccountAdmin(log, Bus(log), settings.mode), log, rows
        finally:
            log.close()


@click.group()
def attempts() -> None:
    """Payments and refunds through a processor that have not ended."""


@attempts.command("list")
@click.option("--unresolved", is_flag=True, help="Only those whose processor says nothing.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="The most to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_attempts(*, unresolved: bool, limit: int, as_json: bool) -> None:
    """List open attempts and refunds, those that began first at the top."""
    found: list[dict[str, Any]] = []
    with attempt_admin() as (_, log, rows):
        reader = Reader(log)
        listed = [
            (one.begun_position, ids.encode(prefix, one.id), one.session_id)
            for prefix, model in rows.items()
            for one in model.open(unresolved=unresolved, limit=limit)
        ]
        for _, name, session_id in sorted(listed)[:limit]:
            session = reader.get(PaymentSession, session_id, "payment session").state
            document = _document(session, name)
            if document is not None:  # the list may lag
                found.append(document)
    if as_json:
        click.echo(json.dumps({"data": found}))
        return
    for one in found:
        flag = "  unresolved" if one["unresolved"] else ""
        amount = f"{one['amount']['minor']} {one['amount']['currency']}"
        click.echo(
            f"{one['id']}  {one['session_id']}  {one['processor']}  {one['status']}  {amount} in "
            f"minor units  {one['reference'] or 'no reference'}  begun {one['created_at']}{flag}"
        )


@attempts.command("resolve")
@click.argument("attempt")
@click.option("--captured", metavar="REF", help="The money was taken, under this reference.")
@click.option("--refunded", is_flag=True, help="Of a refund: the payer has the money back.")
@click.option("--declined", is_flag=True, help="No money was moved, and none will be.")
@click.option("--amount-minor", help="What was captured, if it is not the session's amount.")
@click.option("--currency", help="Its currency; needs --amount-minor.")
@click.option("--reason", required=True, help="How this was found out; no personal data.")
def resolve(
    *,
    attempt: str,
    captured: str | None,
    refunded: bool,
    declined: bool,
    amount_minor: str | None,
    currency: str | None,
    reason: str,
) -> None:
    """End ATTEMPT, or the refund of this id, as its processor would, after a person has asked it.

    Who (the user of this system) and why are part of the event, for ever.
    """
    if attempt.startswith("ref_"):
        if refunded is declined or captured is not None or amount_minor or currency:
            _support.fail("a refund is resolved with either --refunded or --declined, and --reason")
        _resolve_refund(attempt, succeeded=refunded, reason=reason)
        return
    if (captured is None) is not declined or refunded:
        _support.fail("an attempt is resolved with either --captured REF or --declined")
    if captured is not None and not captured:
        _support.fail("--captured needs the processor's reference")
    if (amount_minor is None) is not (currency is None) or (declined and amount_minor is not None):
        _support.fail("--amount-minor and --currency go together, with --captured")
    money = None
    if amount_minor is not None and currency is not None:
        money = Money(_support.whole_number("--amount-minor", amount_minor), currency)
    attempt_id = _decode("att", attempt)
    with attempt_admin() as (admin, log, rows):
        session_id = rows["att"].session_of(attempt_id) or _unknown(attempt)
        session = Reader(log).get(PaymentSession, session_id, "payment session").state
        outcome = admin.send(
            ResolveAttempt(
                session_id=session_id,
                attempt_id=attempt_id,
                outcome=AttemptStatus.DECLINED if declined else AttemptStatus.CAPTURED,
                by=_user(),
                reason=reason,
                reference=captured or "",
                money=None if declined else money or session.amount,
            )
        )
        after: PaymentSession = outcome.subject
        status = after.attempts[attempt].status.value
        click.echo(f"{attempt} is {status}; {after.public_id} is {after.status.value}")
        click.echo(f"recorded at position {outcome.position}")


def _resolve_refund(refund: str, *, succeeded: bool, reason: str) -> None:
    refund_id = _decode("ref", refund)
    with attempt_admin() as (admin, _, rows):
        session_id = rows["ref"].session_of(refund_id) or _unknown(refund)
        outcome = admin.send(
            ResolveRefund(
                session_id=session_id,
                refund_id=refund_id,
                succeeded=succeeded,
                by=_user(),
                reason=reason,
            )
        )
        status = outcome.subject.refunds[refund].status.value
        click.echo(f"{refund} has {status}")
        click.echo(f"recorded at position {outcome.position}")


def _decode(prefix: str, name: str) -> UUID:
    try:
        return ids.decode(prefix, name)
    except ValueError:
        _support.fail(f"{name[:80]!r} is not the id of an attempt (att_…) or a refund (ref_…)")


def _unknown(name: str) -> NoReturn:
    _support.fail(f"there is no {name}, or the worker has not counted it yet")


def _user() -> str:
    """Who runs the program, as the system names its users."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = "unknown"
    return f"cli:{replace_unacceptable(name)}"[:BY_CHARS_MAX]


def _document(session: PaymentSession, name: str) -> dict[str, Any] | None:
    """What is shown of an attempt or a refund; None if its end is known."""
    refund = session.refunds.get(name)
    if refund is not None:
        payment = session.payment
        attempt = session.attempts[(payment.attempt_id if payment else None) or ""]
        still_open, status = refund.status is RefundStatus.PENDING, refund.status.value
        amount, created_at = Money(refund.amount_minor, session.amount.currency), refund.created_at
    else:
        attempt = session.attempts[name]
        still_open, status = attempt.active, attempt.status.value
        amount, created_at = attempt.amount, attempt.created_at
    if not still_open:
        return None
    return {
        "id": name,
        "session_id": session.public_id,
        "merchant_id": session.merchant_id,
        "processor": attempt.processor,
        "status": status,
        "unresolved": (Flag.UNRESOLVED, name) in session.flagged,
        "amount": {"minor": amount.minor, "currency": amount.currency},
        "reference": attempt.reference or None,
        "created_at": times.to_text(created_at),
        "expires_at": times.to_text(session.expires_at),
    }
