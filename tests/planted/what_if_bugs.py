"""Known bugs of `qrledger replay`."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

WHAT_IF = "application/what_if.py"
TESTS = "tests/application/test_what_if.py"

WHAT_IF_BUGS: Final = [
    Bug("refunds give nothing back under another policy", WHAT_IF,
        "    result.add(fees, -sum(one.fee_returned_minor for one in counted.values()), -fee_back)\n",
        "    result.add(fees, -sum(one.fee_returned_minor for one in counted.values()), 0)\n", TESTS),
    Bug("a fee that is kept is given back under another policy", WHAT_IF,
        "            fee = fee if prices.returns_fee else 0\n", "", TESTS),
    Bug("the last rule that applies counts", WHAT_IF,
        "        rules = (rule for rule in self.fees", "        rules = (rule for rule in reversed(self.fees)", TESTS),
    Bug("the spread is priced on what the payer paid", WHAT_IF,
        "spread_minor(paid.payer_amount_minor - spread,", "spread_minor(paid.payer_amount_minor,", TESTS),
    Bug("refunds of payments before the range are taken off", WHAT_IF,
        "    if not first <= recorded.position < end:\n", "    if not recorded.position < end:\n", TESTS),
]  # fmt: skip
