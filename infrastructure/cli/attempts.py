"""`attempts`: payments whose end only the processor, or a person who has asked it, can say."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol
from uuid import UUID

import rich_click as click

from application.bus import Bus
from application.commands.resolve_attempt import ResolveAttempt
from application.reader import Reader
from domain import ids, times
from domain.money.money import Money
from domain.sessions.attempt import BY_CHARS_MAX, Attempt, AttemptStatus, Flag
from domain.sessions.payment_session import PaymentSession
from domain.text import replace_unacceptable
from infrastructure import bootstrap
from infrastructure.accounts import AccountAdmin
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole

LIST_MAX: Final = 1000
LIST_DEFAULT: Final = 100


class ListedAttempts(Protocol):
    """The read model of attempts."""

    def open(self, *, unresolved: bool, limit: int) -> list[tuple[UUID, UUID]]:
        """Open attempts, each with the stream of its session."""
        ...

    def session_of(self, attempt_id: UUID) -> UUID | None:
        """The stream of an attempt's session."""
        ...


@contextmanager
def attempt_admin() -> Iterator[tuple[AccountAdmin, PostgresLog, ListedAttempts]]:
    """The operator's commands on the configured database, its log and its attempts."""
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        log = bootstrap.make_log(
            url, DatabaseRole.WRITER, size_max=1, guard=bootstrap.make_guard(settings)
        )
        try:
            with bootstrap.listed_attempts(url) as rows:
                yield AccountAdmin(log, Bus(log), settings.mode), log, rows
        finally:
            log.close()


@click.group()
def attempts() -> None:
    """Attempts to pay through a processor that have not ended."""


@attempts.command("list")
@click.option("--unresolved", is_flag=True, help="Only those whose processor says nothing.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="The most attempts to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_attempts(*, unresolved: bool, limit: int, as_json: bool) -> None:
    """List open attempts, those that began first at the top."""
    found: list[dict[str, Any]] = []
    with attempt_admin() as (_, log, rows):
        reader = Reader(log)
        for attempt_id, session_id in rows.open(unresolved=unresolved, limit=limit):
            session = reader.get(PaymentSession, session_id, "payment session").state
            attempt = session.attempts[ids.encode("att", attempt_id)]
            if attempt.active:  # the list may lag
                found.append(_document(session, attempt))
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
@click.option("--declined", is_flag=True, help="No money was taken, and none will be.")
@click.option("--amount-minor", help="What was captured, if it is not the session's amount.")
@click.option("--currency", help="Its currency; needs --amount-minor.")
@click.option("--reason", required=True, help="How this was found out; no personal data.")
def resolve(
    *,
    attempt: str,
    captured: str | None,
    declined: bool,
    amount_minor: str | None,
    currency: str | None,
    reason: str,
) -> None:
    """End ATTEMPT as its processor would, after a person has asked it.

    Who (the user of this system) and why are part of the event, for ever.
    """
    if (captured is None) is not declined:
        _support.fail("give either --captured REF or --declined")
    if captured is not None and not captured:
        _support.fail("--captured needs the processor's reference")
    if (amount_minor is None) is not (currency is None) or (declined and amount_minor is not None):
        _support.fail("--amount-minor and --currency go together, with --captured")
    money = None
    if amount_minor is not None and currency is not None:
        money = Money(_support.whole_number("--amount-minor", amount_minor), currency)
    try:
        attempt_id = ids.decode("att", attempt)
    except ValueError:
        _support.fail(f"{attempt[:80]!r} is not an attempt's id, such as att_…")
    with attempt_admin() as (admin, log, rows):
        session_id = rows.session_of(attempt_id) or _unknown(attempt)
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


def _unknown(attempt: str) -> NoReturn:
    _support.fail(f"there is no attempt {attempt}, or the worker has not counted it yet")


def _user() -> str:
    """Who runs the program, as the system names its users."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = "unknown"
    return f"cli:{replace_unacceptable(name)}"[:BY_CHARS_MAX]


def _document(session: PaymentSession, attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "session_id": session.public_id,
        "merchant_id": session.merchant_id,
        "processor": attempt.processor,
        "status": attempt.status.value,
        "unresolved": (Flag.UNRESOLVED, attempt.id) in session.flagged,
        "amount": {"minor": attempt.amount.minor, "currency": attempt.amount.currency},
        "reference": attempt.reference or None,
        "created_at": times.to_text(attempt.created_at),
        "expires_at": times.to_text(session.expires_at),
    }
