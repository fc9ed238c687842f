"""`erase`: what the ledger keeps of people outside the log is deleted, and texts are restricted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

import rich_click as click

from application.bus import Bus
from application.errors import NotFound
from domain import ids
from domain.sessions.errors import SessionNotEnded
from infrastructure.accounts import AccountAdmin
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.erasure import Erased, Erasure
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.erasure import PostgresErasure

SUBJECTS_MAX: Final = 100
SESSION, WALLET = "ps", "wal"


@click.command("erase")
@click.argument("subjects", nargs=-1, required=True, metavar="SUBJECT...")
@click.option("--with-payments", is_flag=True, help="Of wallets: every session they paid as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def erase(subjects: tuple[str, ...], *, with_payments: bool, as_json: bool) -> None:
    """Erase what is kept of people in payment sessions (ps_…) and wallets (wal_…).

    What is kept outside the log is deleted. Texts in the log are restricted for good: nobody but
    auditors is shown them any more. Amounts, times and ids stay. Erased again, what has been
    added since is deleted. See docs/howto/erase-personal-data.md.
    """
    named = [_read(one) for one in dict.fromkeys(subjects)]
    if len(named) > SUBJECTS_MAX:
        _support.fail(f"at most {SUBJECTS_MAX} subjects at a time")
    settings = _support.settings()
    done: list[Erased] = []
    refused: list[str] = []
    with _support.report_errors(), open_database(settings) as url:
        guard = make_guard(settings)
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
        try:
            admin = AccountAdmin(log, Bus(log), settings.mode)
            erasure = Erasure(log, admin, PostgresErasure(pool.connection))
            for act, subject_id in _acts(erasure, named, with_payments=with_payments):
                try:
                    done.append(act(subject_id))
                except (NotFound, SessionNotEnded) as error:
                    refused.append(error.detail)
                else:
                    if not as_json:
                        click.echo(_line(done[-1]))
        finally:
            pool.close()
            log.close()
    if as_json:
        data = [{**one._asdict(), "deleted": one.deleted._asdict()} for one in done]
        click.echo(json.dumps({"data": data, "refused": refused}))
    if refused:
        _support.fail("; ".join(refused), _support.EXIT_FAILED)


def _acts(
    erasure: Erasure, named: list[tuple[str, UUID]], *, with_payments: bool
) -> Iterator[tuple[Callable[[UUID], Erased], UUID]]:
    """What is to be done, in order; a wallet comes before the sessions that it has paid."""
    for prefix, subject_id in named:
        if prefix == SESSION:
            yield erasure.erase_session, subject_id
            continue
        yield erasure.erase_wallet, subject_id
        if with_payments:
            for session_id in erasure.paid_sessions(subject_id):
                yield erasure.erase_session, session_id


def _read(subject: str) -> tuple[str, UUID]:
    """The kind and the stream of a subject; anything else ends the program."""
    prefix = WALLET if subject.startswith(WALLET) else SESSION
    try:
        return prefix, ids.decode(prefix, subject)
    except ValueError:
        _support.fail(f"{subject[:80]!r} is neither a payment session (ps_…) nor a wallet (wal_…)")


def _line(erased: Erased) -> str:
    deleted = [f"{n} {name.replace('_', ' ')}" for name, n in erased.deleted._asdict().items() if n]
    beside = (
        f"deleted beside the log: {', '.join(deleted)}" if deleted else "nothing beside the log"
    )
    return f"{erased.subject}  restricted, position {erased.position}; {beside}"
