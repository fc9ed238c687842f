"""The page on the books shows what the program computes."""

from __future__ import annotations

from collections import Counter

import pytest

from domain.accounting.chart import FX_CLEARING, Side
from domain.accounting.rules import RULES
from tests.support.books_page import BLOCKS, BOOKS, PICTURES, filled, picture, plain
from tests.support.worked_example import MERCHANT, PLAN, PRICE, REFUND, Entry, balances, example


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return example()


def test_the_generated_parts_are_up_to_date() -> None:
    page = BOOKS.read_text()

    assert page == filled(page), "run `make docs`"
    for name, make in BLOCKS.items():
        assert make() in page, name


@pytest.mark.parametrize("currency", PICTURES)
def test_the_pictures_are_up_to_date(currency: str) -> None:
    assert PICTURES[currency].read_text() == picture(currency), "run `make docs`"
    assert f"]({PICTURES[currency].name})" in BOOKS.read_text()


def test_the_table_shows_every_rule() -> None:
    table = BLOCKS["postings"]()

    assert all(f"| `{event.TOPIC}` |" in table for event in RULES)


def test_the_prose_states_the_numbers_of_the_example(entries: list[Entry]) -> None:
    prose = " ".join(BOOKS.read_text().partition("<!-- end example -->")[2].split())
    paid = {line.account: line for line in entries[2].postings if line.side is Side.DEBIT}
    refunded = {line.account: line for line in entries[3].postings}
    fee = PLAN.fee(PRICE).minor
    payable = f"merchant:{MERCHANT}:payable"
    debited = refunded[payable].minor
    pays = next(line for line in entries[2].postings if line.account.startswith("wallet:")).minor
    credited = next(line for line in entries[3].postings if line.account.startswith("wallet:"))
    taken_out = entries[4].postings[0].minor

    assert f"Ana pays {plain(pays, 'EUR')}" in prose
    assert f"plus 0.30: {plain(fee, 'USD')} dollars" in prose
    assert paid[payable].minor == fee
    assert f"gets {plain(refunded['fees'].minor, 'USD')} of its fee back" in prose
    assert f"debited {plain(debited, 'USD')}" in prose
    assert REFUND.minor - refunded["fees"].minor == debited
    assert f"gets {plain(credited.minor, 'EUR')} euro" in prose
    sum_text = f"{plain(PRICE.minor, 'USD')} − {plain(fee, 'USD')} − {plain(debited, 'USD')}"
    assert f"{sum_text} = {plain(taken_out, 'USD')} dollars" in prose
    assert PRICE.minor - fee - debited == taken_out


def test_the_example_ends_with_no_open_position_and_nothing_owed_to_the_merchant(
    entries: list[Entry],
) -> None:
    after = balances(entries)

    assert [accounts[FX_CLEARING.of()] for accounts in after.values()] == [0, 0]
    assert after["USD"][f"merchant:{MERCHANT}:payable"] == 0
    assert after["USD"][f"merchant:{MERCHANT}:in_transit"] == 0


def test_the_example_is_balanced_in_every_currency(entries: list[Entry]) -> None:
    total: Counter[str] = Counter()
    for entry in entries:
        for line in entry.postings:
            total[line.currency] += line.signed_minor

    assert total == {"EUR": 0, "USD": 0}


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(10_842, "USD", "108.42"), (5, "USD", "0.05"), (-5, "KWD", "-0.005"), (12, "JPY", "12")],
)
def test_amounts_are_written_by_the_exponent(minor: int, currency: str, text: str) -> None:
    assert plain(minor, currency) == text
