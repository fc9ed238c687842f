"""Known bugs of `wallet.captured`: whom the payer's receipt names."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

WALLET, COMMANDS = "domain/wallets/wallet.py", "application/checks/commands.py"
PAY, HELD = "application/commands/pay_session.py", "application/commands/_attempts.py"
CHECKS = "tests/application/checks/test_wallets.py"

PAYEE_BUGS: Final = [
    Bug("a payer's receipt has no name", PAY,
        "        merchant_name=session.merchant_name,\n", '        merchant_name="",\n',
        "tests/application/commands/test_pay_session.py"),
    Bug("a payment with held money names the order as payee", HELD,
        "                merchant_name=session.merchant_name,\n",
        "                merchant_name=session.order_id,\n",
        "tests/application/commands/test_attempts.py"),
    Bug("captures of the second version cannot be read", WALLET,
        "            state.update(merchant_id=None, merchant_name=None)\n", "            pass\n",
        "tests/house/test_house.py"),
    Bug("captures of earlier versions are accused of naming nobody", "application/checks/wallets.py",
        "if recorded.schema_version >= PAYEE_SINCE and event", "if event", CHECKS),
    Bug("a receipt may name another payee than the payment", COMMANDS,
        "        if not set(told) <= set(paid):\n", "        if False:\n", CHECKS),
    Bug("a payment may go to another merchant than the session's", "application/checks/sessions.py",
        "        if event.merchant_id != session.merchant_id:\n", "        if False:\n", CHECKS),
]  # fmt: skip
