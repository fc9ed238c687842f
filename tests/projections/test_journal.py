"""The journal: running balances, what halts it, and queries that use its index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from uuid_utils.compat import uuid7

from application.event_log import AppendRequest
from domain import ids
from domain.accounting import chart
from domain.payouts.payout import Payout
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from projections._postings import BooksViolated
from projections._runner import Runner
from projections.balances import Balances
from projections.journal import Journal
from tests.support.book_history import BookHistory, balances
from tests.support.postgres import rows
from tests.support.read_models import apply_all

pytestmark = [pytest.mark.postgres, pytest.mark.unaudited]
ENTRIES = 60_000
PAGES_MAX = 600
"""Pages of the database that a question may touch, for 21 entries or lines; a scan needs 3,000."""
BIG, SMALL = (chart.PAYABLE.of(ids.encode("mer", uuid7())) for _ in range(2))
LAST = 2 * ENTRIES


@pytest.mark.parametrize("size", [3, 1000])
def test_balances_and_running_balances_are_the_sums_of_the_postings(
    database_url: str, pool: ConnectionPool, size: int
) -> None:
    log = BookHistory(seed=3).run(150)
    for model in (Journal, Balances):
        apply_all(Runner(model, pool.connection), log, size=size)

    found = rows(database_url, "select account, currency, balance_minor from read_models.balances")
    last = rows(
        database_url,
        "select distinct on (account, currency) account, currency, balance_minor "
        "from read_models.journal order by account, currency, position desc, no desc",
    )

    assert sorted(found) == sorted(last)
    signed = {
        (account, code): minor if _debit(account) else -minor
        for account, code, minor in found
        if minor
    }
    assert signed == balances(log)


def _debit(account: str) -> bool:
    return chart.parse(account)[0].kind.normal_side is chart.Side.DEBIT


@pytest.mark.parametrize("model", [Journal, Balances])
def test_an_account_that_may_not_be_negative_halts_the_books_at_its_position(
    postgres_log: PostgresLog, pool: ConnectionPool, model: type[Journal]
) -> None:
    event = _settled(postgres_log)
    postgres_log.append([AppendRequest(uuid7(), b"", [event])])

    with pytest.raises(BooksViolated, match="at position 1"):
        apply_all(Runner(model, pool.connection), postgres_log)


def _settled(log: PostgresLog) -> Any:
    """The settlement of a payout that nobody asked for, as the first event of a stream."""
    from domain.money.money import Money  # noqa: PLC0415

    payout = Payout.request(
        payout_id=uuid7(), merchant_id=ids.encode("mer", uuid7()), amount=Money(5, "USD"),
        destination="b", at=log.now(),
    )  # fmt: skip
    payout.fund(at=log.now())
    payout.send(bank_reference="b", at=log.now())
    payout.settle(at=log.now())
    event: Any = payout.collect_events()[-1]
    event.__dict__["originator_version"] = 1
    return event


@pytest.fixture(scope="module", params=["analyzed", "not analyzed"])
def filled(request: pytest.FixtureRequest, make_ledger: Callable[[], str]) -> str:
    """A journal of 60,000 entries, of which every 5,000th belongs to a small merchant."""
    url = make_ledger()
    runner_url = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
    from application.consumer import Page  # noqa: PLC0415

    Runner(Journal, runner_url.connection).prepare(lambda after, _limit: Page(after, after, ()))
    runner_url.close()
    rows(
        url,
        "insert into read_models.journal select 2 * n, no, now(), 'payment_session.paid', "
        "gen_random_uuid(), case when no = 1 then 'bank:safeguarded' "
        "when n % 5000 = 0 then %s else %s end, 'debit', 1, "
        "case when n % 3 = 0 then 'EUR' else 'USD' end, 2, n, gen_random_uuid() "
        f"from generate_series(1, {ENTRIES}) n, generate_series(1, 2) no".replace("%", "%%").replace("%%s", "%s"),
        SMALL, BIG, fetch=False,
    )  # fmt: skip
    if request.param == "analyzed":
        rows(url, "analyze read_models.journal", fetch=False)
    return url


class Asked:
    """A connection that keeps the statements."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.statements: list[tuple[str, Any]] = []

    def execute(self, query: str, parameters: Any) -> Any:
        self.statements.append((query, parameters))
        return self._connection.execute(query.encode(), parameters)

    def cursor(self, row_factory: Any) -> Any:
        asked, real = self, self._connection.cursor(row_factory=row_factory)

        class Cursor:
            def execute(self, query: str, parameters: Any) -> Any:
                asked.statements.append((query, parameters))
                return real.execute(query.encode(), parameters)

        return Cursor()


QUESTIONS: dict[str, Callable[[Journal], Any]] = {
    "all entries": lambda j: j.entries(after=LAST // 2, before=LAST, limit=21),
    "entries of a small account": lambda j: j.entries(
        accounts=[SMALL], only=[SMALL], before=LAST, limit=21
    ),
    "entries of a merchant": lambda j: j.entries(
        accounts=[BIG, BIG.replace("payable", "reserved")], only=[BIG], before=LAST, limit=21
    ),
    "the end of a large account": lambda j: j.entries(
        accounts=["bank:safeguarded"], after=LAST - 100, before=LAST, limit=21
    ),
    "history": lambda j: j.history(BIG, "USD", before=LAST // 2, limit=21),
    "history of a small account": lambda j: j.history(SMALL, "EUR", before=LAST, limit=21),
    "lines": lambda j: j.lines(BIG, "EUR", after=(LAST // 2, 1), before=LAST, limit=21),
    "a balance": lambda j: j.balance(BIG, "USD", before=LAST // 2),
    "balances": lambda j: j.balances(BIG, before=LAST // 2),
    "no account": lambda j: j.balances("fees", before=LAST),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_uses_the_index(filled: str, name: str) -> None:
    with connect(filled, DatabaseRole.READER) as connection:
        asked = Asked(connection)

        @contextmanager
        def reuse() -> Iterator[Any]:
            yield asked

        found = QUESTIONS[name](Journal(reuse))

        assert bool(found) == (name != "no account")
        [(query, parameters)] = asked.statements
        explained = f"explain (analyze, buffers, costs off, timing off) {query}".encode()
        plan = "\n".join(line for (line,) in connection.execute(explained, parameters).fetchall())
    assert "Seq Scan on journal" not in plan, plan
    touched = [
        int(part.removeprefix("hit=").removeprefix("read="))
        for part in plan.partition("Buffers: shared ")[2].partition("\n")[0].split()
        if part.startswith(("hit=", "read="))
    ]
    assert sum(touched) < PAGES_MAX, plan
