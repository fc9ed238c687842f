"""20,000 mixed payments in six currencies: three outside programs agree with every balance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from infrastructure.exports.export import PositionRange, write_books
from infrastructure.exports.formats import FORMATS
from tests.support import accounting_programs as programs
from tests.support.book_history import PER_EUR, BookHistory, balances
from tests.support.memory_log import MemoryLog

pytestmark = pytest.mark.e2e
PAYMENTS = 20_000
PROGRAMS: dict[str, Callable[[Path], programs.Balances]] = {
    "beancount": programs.beancount,
    "hledger": programs.hledger,
    "ledger": partial(programs.ledger, codes=PER_EUR),
}


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return BookHistory(seed=12).run(PAYMENTS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_accepts_the_export_and_has_our_balances(
    log: MemoryLog, tmp_path: Path, program: str
) -> None:
    path = tmp_path / "books"
    with path.open("w", encoding="utf-8", newline="") as file:
        write_books(log, PositionRange(1, log.head() + 1), FORMATS[program](), file)

    found = PROGRAMS[program](path)

    expected = balances(log)
    assert found == expected
    assert len(expected) > 150
    assert {currency for _, currency in expected} == set(PER_EUR)
