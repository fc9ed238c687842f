"""Known bugs of the books: postings, refunds, debits, and the checks of all of them."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

MODEL = "tests/application/test_books_model.py"
RACES = "tests/faults/test_books_races.py"
CHECKS = "tests/application/checks/test_books.py"
VIOLATED = "tests/faults/test_violated_books.py"
RULES_FILE, RULES = "domain/accounting/rules.py", "tests/domain/accounting"
REFUND_FILE = "domain/sessions/refund.py"
SUPPORT = "application/commands/_support.py"
BOOKS, PAYABLES = "application/checks/books.py", "application/checks/payables.py"

BOOKS_BUGS: Final = [
    Bug("the fee is posted on the wrong sides", RULES_FILE,
        "    yield debit(payable, _amount(event, event.fee_minor))\n"
        "    yield credit(chart.FEES.of(), _amount(event, event.fee_minor))\n",
        "    yield credit(payable, _amount(event, event.fee_minor))\n"
        "    yield debit(chart.FEES.of(), _amount(event, event.fee_minor))\n", f"{RULES} {MODEL}"),
    Bug("the remainder is lost in the last refund", "domain/money/shares.py",
        "return max(0, total_minor * so_far // of - taken_minor)",
        "return max(0, (total_minor - taken_minor) * so_far // of - taken_minor // of)",
        f"tests/domain/test_money.py {MODEL}"),
    Bug("a share ignores what failed refunds have changed", REFUND_FILE,
        "earlier = [refund for refund in session.refunds.values() if refund.counts]",
        "earlier = list(session.refunds.values())", MODEL),
    Bug("the total of refunds ignores pending ones", REFUND_FILE,
        "refunded_minor(session.refunds.values(), pending=True), session.amount.minor",
        "refunded_minor(session.refunds.values(), pending=False), session.amount.minor", MODEL),
    Bug("the total of refunds is checked outside the append", REFUND_FILE,
        "    if before + disputed + amount.minor > paid:\n", "    if amount.minor > paid:\n", f"{RACES} {MODEL}"),
    Bug("a refusal is decided with stale credits", SUPPORT,
        "        if credits_are_current:\n            raise\n", "        raise\n", f"{MODEL} {RACES}"),
    Bug("credits are assumed to be current", "api/v1/debits.py",
        "make_command(earned, current=False)", "make_command(earned, current=True)",
        "tests/api/test_debits.py"),
    Bug("debits are not counted against credits", "domain/payouts/debits.py",
        "return credits.minor - self.debited_minor", "return credits.minor",
        f"{MODEL} {RACES}"),
    Bug("a returned payout is counted twice", "application/commands/return_payout.py",
        "        if not payout.give_back(reason=self.reason, at=loaded.now):\n"
        "            return Decision(payout)\n",
        "        payout.give_back(reason=self.reason, at=loaded.now)\n", MODEL),
    Bug("a refund credits the payer twice", "application/commands/refund_session.py",
        "        return Decision(session, [debits, wallet, session])\n",
        "        wallet.refund(amount=credited, session_id=session.public_id, refund_id=refund.id,"
        " at=loaded.now)\n        return Decision(session, [debits, wallet, session])\n", MODEL),
    Bug("the fee is kept although the policy returns it", REFUND_FILE,
        "fee_returned_minor=fee if proportional else 0,", "fee_returned_minor=0,",
        f"{MODEL} {RULES}"),
    Bug("the fee is rounded down", "domain/merchants/fee_plan.py",
        "share = (doubled + BASIS_POINTS) // (2 * BASIS_POINTS)",
        "share = doubled // (2 * BASIS_POINTS)", f"tests/domain/test_money.py {MODEL}"),
    Bug("an exchanged amount is rounded in the payer's favour", "domain/money/fx.py",
        "int(quotient.to_integral_value(ROUND_CEILING))", "int(quotient)",
        f"tests/domain/test_money.py {MODEL}"),
    Bug("an expired quote is used", "domain/wallets/fx_quotes.py",
        "        if at >= quote.expires_at:\n", "        if False:\n",
        f"tests/domain/test_fx_quotes.py {MODEL}"),
    Bug("nobody checks that the bank is not negative", "projections/_postings.py",
        "        if kind.never_negative:\n",
        "        if kind.never_negative and kind is not chart.BANK:\n", VIOLATED),
    Bug("the checks allow a negative bank", BOOKS,
        '":reserved", ":in_transit", BANK, SUSPENSE)', '":reserved", ":in_transit", SUSPENSE)', CHECKS),
    Bug("a violation inside a page goes unnoticed", "projections/balances.py",
        "            for line in page[name, currency]:\n",
        "            balance_minor = after_minor - page[name, currency][-1].change_minor\n"
        "            for line in page[name, currency][-1:]:\n", VIOLATED),
    Bug("a halt of the books does not name its position", "infrastructure/workers/supervisor.py",
        'return f"{name} at position {error.position}" if isinstance(error, InvariantBroken) else name',
        "return name", VIOLATED),
    Bug("stored credits are not counted again", PAYABLES,
        "        counted = debits.credits.at(position)\n",
        "        counted = event.credits_minor\n", CHECKS),
    Bug("credits beyond the stated position are counted", PAYABLES,
        "        return self._sums[bisect_right(self._positions, position)]\n",
        "        return self._sums[-1]\n", f"{CHECKS} {MODEL}"),
    Bug("the checks do not compare with the rules", BOOKS,
        "        self._compare(recorded.topic, event, net)\n", "",
        "tests/application/checks/test_books.py"),
]  # fmt: skip
