"""Exports of the books: exact, whole or not at all, page by page."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from application.positions import first_position_at
from domain import ids, times
from domain.accounting import chart
from domain.accounting.rules import RULES, postings
from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES
from domain.money.decimals import minor_units
from infrastructure.cli import books, program
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.exports.export import PositionRange, read_range, write_books
from infrastructure.exports.formats import FORMATS
from infrastructure.exports.names import from_beancount, from_ledger, to_beancount, to_ledger
from infrastructure.exports.output import OutputError, written_whole
from tests.support import accounting_programs as programs
from tests.support.book_history import BookHistory, balances
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

PAYMENTS = 1_500
MEMORY_BYTES_MAX = 8_000_000
"""Far more than a page of the log needs, and far less than the file."""


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return BookHistory(seed=7).run(PAYMENTS)


def export(log: MemoryLog, form: str, first: int = 1, end: int | None = None) -> str:
    out = io.StringIO()
    write_books(log, PositionRange(first, end or log.head() + 1), FORMATS[form](), out)
    return out.getvalue()


def test_the_generated_history_has_every_posting_event_that_the_domain_can_make(
    log: MemoryLog,
) -> None:
    posted = {recorded.topic for recorded in log.events} & {event.TOPIC for event in RULES}

    assert posted == {event.TOPIC for event in RULES}


def test_beancount_accepts_an_export_and_has_our_balances(log: MemoryLog, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    path.write_text(export(log, "beancount"))

    assert programs.beancount(path) == balances(log)


def test_csv_has_every_posting_with_all_decimals(log: MemoryLog) -> None:
    header, *rows = csv.reader(io.StringIO(export(log, "csv"), newline=""))
    expected = [
        [
            str(recorded.position), ids.encode("evt", recorded.event_id),
            times.to_text(recorded.recorded_at), recorded.topic,
            ids.subject(recorded.topic, recorded.stream_id), line.account, line.side.value,
            line.minor, line.currency,
        ]
        for recorded in log.events for line in postings(recorded.event)
    ]  # fmt: skip

    assert header[7:] == ["amount", "currency"]
    found = [[*row[:7], minor_units(row[7], CURRENCIES[row[8]].exponent), row[8]] for row in rows]
    assert found == expected
    decimals = {row[8]: len(row[7].partition(".")[2]) for row in rows}
    assert decimals == {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3, "UYW": 4, "BRL": 2}


def test_an_entry_names_its_event_and_position(log: MemoryLog) -> None:
    position = next(r.position for r in log.events if r.topic == "payment_session.paid")
    event_id = ids.encode("evt", log.events[position - 1].event_id)

    for form in ("beancount", "ledger", "hledger"):
        text = export(log, form, position, position + 1)
        assert text.count("payment_session.paid") == 1
        assert f"position: {position}" in text
        assert event_id in text


def test_consecutive_ranges_have_every_entry_once(log: MemoryLog) -> None:
    cuts = [1, 2, 999, 1000, 1001, 1002, 2500, log.head() + 1]

    parts = [export(log, "csv", *cut).split("\r\n", 1)[1] for cut in pairwise(cuts)]

    assert "".join(parts) == export(log, "csv").split("\r\n", 1)[1]


def test_a_part_of_the_log_is_accepted_too(log: MemoryLog, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    path.write_text(export(log, "beancount", 4000, 6000))

    found = programs.beancount(path)

    expected: dict[tuple[str, str], int] = {}
    for recorded in log.events[3999:5999]:
        for line in postings(recorded.event):
            key = line.account, line.currency
            expected[key] = expected.get(key, 0) + line.signed_minor
    assert found == {key: minor for key, minor in expected.items() if minor}


def test_an_empty_log_is_an_empty_book(tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    path.write_text(export(MemoryLog(), "beancount", 1, 1))

    assert programs.beancount(path) == {}


def test_an_export_holds_a_page_of_the_log_and_not_the_file(log: MemoryLog, tmp_path: Path) -> None:
    with (tmp_path / "books").open("w") as file:
        write_books(log, PositionRange(1, 2000), FORMATS["beancount"](), file)  # warms the caches
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5):
            write_books(log, PositionRange(1, log.head() + 1), FORMATS["beancount"](), file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak - before < MEMORY_BYTES_MAX


ACCOUNTS = [
    kind.of({"merchant": ids.encode("mer", log_id), "wallet": ids.encode("wal", log_id),
             "processor": "card_rail_2"}.get(kind.owner.value, ""))
    for kind in chart.CHART
    for log_id in (UUID("01890a5d-ac96-774b-bcce-b302099a8057"),)
]  # fmt: skip


@pytest.mark.parametrize("account", ACCOUNTS)
def test_names_of_accounts_can_be_read_back(account: str) -> None:
    assert from_beancount(to_beancount(account)) == account
    assert from_ledger(to_ledger(account)) == account


@given(st.uuids(), st.uuids())
def test_two_accounts_never_have_one_name(one: Any, other: Any) -> None:
    names = {to_beancount(chart.PAYABLE.of(ids.encode("mer", each))) for each in (one, other)}

    assert len(names) == len({one, other})


def test_a_time_divides_the_log(log: MemoryLog) -> None:
    instants = sorted({recorded.recorded_at for recorded in log.events})

    for at in instants[:: len(instants) // 40]:
        first = next(r.position for r in log.events if r.recorded_at >= at)
        assert first_position_at(log, at) == first
    assert first_position_at(log, instants[-1].replace(year=2099)) is None
    assert first_position_at(MemoryLog(), instants[0]) is None


def test_bounds_are_positions_days_or_times(log: MemoryLog) -> None:
    day = log.events[-1].recorded_at.date()
    first = next(r.position for r in log.events if r.recorded_at.date() == day)

    assert read_range(log, None, None) == PositionRange(1, log.head() + 1)
    assert read_range(log, "7", "9") == PositionRange(7, 9)
    assert read_range(log, str(day), "2999-01-01") == PositionRange(first, log.head() + 1)
    assert read_range(log, f"{day}T00:00:00Z", "9999") == PositionRange(
        first, min(9999, log.head() + 1)
    )
    assert read_range(log, "999999", None) == PositionRange(log.head() + 1, log.head() + 1)
    assert read_range(log, "0", "0") == PositionRange(1, 1)
    assert read_range(log, "2999-01-01", None).first == log.head() + 1


@pytest.mark.parametrize(
    "bounds",
    [("9", "8"), ("2026-02-02", "2026-02-01"), ("2999-02-02", "2999-02-01"), ("-1", None), ("x", None), (None, "2026-02-30"),
     (None, "1" * 41), ("2026-01-01T00:00:00", None), ("٣", None), ("\ud800", None)],
)  # fmt: skip
def test_an_impossible_range_is_refused(log: MemoryLog, bounds: Sequence[str | None]) -> None:
    with pytest.raises(InvalidRequest):
        read_range(log, bounds[0], bounds[1])


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class Interrupted(Exception):
    pass


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "books"
    path.write_text("old")

    def interrupt() -> None:
        with written_whole(path) as file:
            file.write("half")
            raise Interrupted

    with pytest.raises(Interrupted):
        interrupt()
    assert [path.read_text(), *names_in(tmp_path)] == ["old", "books"]
    with written_whole(path) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert [path.read_text(), *names_in(tmp_path)] == ["new", "books"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "absent/books", "x" * 300, "file/books", "/dev/full"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError) as found, written_whole(tmp_path / name) as file:
        file.write("x")

    assert "\n" not in str(found.value)
    assert names_in(tmp_path) == ["file"]


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QRLEDGER_DATABASE_URL", database_url)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(program, ["books", "export", *arguments])

    return invoke


@pytest.mark.postgres
def test_the_command_writes_what_the_log_has(
    postgres_log: PostgresLog, run: Any, tmp_path: Path
) -> None:
    ledger = LedgerFixture(postgres_log)
    wallet, session = ledger.open_wallet(), ledger.create_session()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))

    result = run("--format", "beancount", "--output", "books.beancount")

    assert result.exit_code == 0, result.output
    head = postgres_log.head()
    assert result.output == f"books.beancount: 2 entries, positions 1 to {head}\n"
    wallet_account = chart.AVAILABLE.of(ids.encode("wal", wallet))
    assert programs.beancount(tmp_path / "books.beancount") == {
        ("bank:safeguarded", "USD"): 100_000, (wallet_account, "USD"): -99_000,
        (chart.PAYABLE.of(ledger.merchant), "USD"): -1000,
    }  # fmt: skip


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--format", "qif", "--output", "b"], "qif"), (["--format", "csv", "--output", "."], "folder"),
     (["--format", "csv", "--output", "no/b"], "no/b"),
     (["--format", "csv", "--output", "b", "--from", "2", "--to", "1"], "--to"),
     (["--format", "csv", "--output", "b", "--from", "noon"], "--from")],
)  # fmt: skip
def test_what_cannot_be_exported_is_one_line_and_no_file(
    run: Any, tmp_path: Path, arguments: list[str], word: str
) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert word in result.stderr
    assert names_in(tmp_path) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_progress_is_shown_on_a_terminal_only(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    shown = stream()
    monkeypatch.setattr("sys.stderr", shown)
    positions = read_range(log, None, None)

    with books.progress("books", positions.end - 1) as on_page:
        write_books(log, positions, FORMATS["csv"](), io.StringIO(), on_page=on_page)

    assert ("100%" in shown.getvalue()) == (stream is Terminal)
    assert bool(shown.getvalue()) == (stream is Terminal)
