"""Known bugs of the posting rules, the journal, statements and exports."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

RULES_FILE, RULES = "domain/accounting/rules.py", "tests/domain/accounting/test_rules.py"
BOOKS, STATEMENTS = "tests/api/test_books.py", "tests/api/test_statements.py"
STATEMENTS_FILE = "api/v1/statements.py"
EXPORTS = "tests/infrastructure/test_book_exports.py"

JOURNAL_BUGS: Final = [
    Bug("a posting on the wrong side", RULES_FILE,
        "    yield debit(payable, _amount(event, event.fee_minor))\n"
        "    yield credit(chart.FEES.of(), _amount(event, event.fee_minor))",
        "    yield credit(payable, _amount(event, event.fee_minor))\n"
        "    yield debit(chart.FEES.of(), _amount(event, event.fee_minor))", RULES),
    Bug("both paid and captured post the payment", RULES_FILE,
        "        sessions.Paid: _paid,\n",
        "        sessions.Paid: _paid,\n        Wallet.Captured: lambda event: (\n"
        "            debit(chart.AVAILABLE.of(ids.encode('wal', event.originator_id)),\n"
        "                  _amount(event, event.amount_minor)),\n"
        "            credit(chart.BANK.of(), _amount(event, event.amount_minor))),\n", RULES),
    Bug("a fee is rounded twice", "domain/merchants/fee_plan.py",
        "share = (doubled + BASIS_POINTS) // (2 * BASIS_POINTS)",
        "share = ((doubled // (BASIS_POINTS // 10) + 1) // 2 + 5) // 10",
        "tests/domain/test_money.py"),
    Bug("a statement's day is taken in UTC", "domain/days.py",
        "datetime.combine(day, time(), zone)", "datetime.combine(day, time(), UTC)", STATEMENTS),
    Bug("a statement is final before the log goes on", STATEMENTS_FILE,
        "before, ends is not None", "before, True", STATEMENTS),
    Bug("a statement includes the first instant after its period", "application/positions.py",
        "        if log.read(middle - 1, 1)[0].recorded_at < at:",
        "        if log.read(middle - 1, 1)[0].recorded_at <= at:", f"{STATEMENTS} {EXPORTS}"),
    Bug("a statement does not wait for the journal", STATEMENTS_FILE,
        "        await caught_up_with_log(call, Journal, before - 1)\n", "", STATEMENTS),
    Bug("an export gives a currency without decimals two", "domain/money/decimals.py",
        '    sign = "-" if amount.minor < 0 else ""\n',
        '    amount = amount._replace(exponent=amount.exponent or 2)\n'
        '    sign = "-" if amount.minor < 0 else ""\n', EXPORTS),
    Bug("an interrupted export replaces the file", "infrastructure/exports/output.py",
        "            temporary.unlink()", "            temporary.replace(target)", EXPORTS),
    Bug("an export keeps what it has read", "application/book_entries.py",
        "        position = page.last\n",
        "        position = page.last\n        log.__dict__.setdefault('kept', []).append("
        "[recorded.event for recorded in page.events])\n", EXPORTS),
    Bug("a merchant's journal shows others' postings", "api/v1/books.py",
        "            only=own,", "            only=None,", BOOKS),
    Bug("a merchant reads another merchant's account", "api/v1/accounts.py",
        "owner_id != call.identity.holder", "not owner_id", BOOKS),
    Bug("the next page explains another balance", "api/v1/books.py",
        "            at, before = _read_explain_cursor(self._services.tokens, cursor)",
        "            at, before = _read_explain_cursor(self._services.tokens, cursor)\n"
        "            at = before - 1", BOOKS),
    Bug("a spreadsheet takes a text for a formula", "application/csv_text.py",
        "if cell.startswith(FORMULA_STARTS) and not isinstance(cell, Number)", "if False",
        "tests/application/test_csv_text.py"),
    Bug("a running balance forgets the page before", "projections/journal.py",
        "balances = cls._balances(accounts, cursor, table)",
        "balances = {key: 0 for key in accounts}", "tests/projections/test_journal.py"),
    Bug("wallets see the merchant's fee", "api/views/sessions.py",
        "_fee_view(session) if seller else UNSET", "_fee_view(session)",
        "tests/api/test_refunds.py"),
]  # fmt: skip
