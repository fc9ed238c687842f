"""Known bugs of payouts, their schedules and the treasury."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

COMMANDS = "tests/application/commands"
PROCESS = "tests/application/processes/test_payouts.py"
SCHEDULE = "tests/application/processes/test_payout_schedule.py"
CREDITS = "tests/projections/test_credits.py"
PAYOUT, TRANSFERS = "domain/payouts/payout.py", "application/processes/payouts.py"
SCHEDULE_FILE = "application/processes/payout_schedule.py"

PAYOUT_BUGS: Final = [
    Bug("a returned payout counts twice", PAYOUT,
        "        if self.status is PayoutStatus.RETURNED:\n            return False\n", "",
        f"{COMMANDS}/test_return_payout.py"),
    Bug("a payout is sent again under a new key", TRANSFERS,
        "TransferOrder(payout_id, amount,", "TransferOrder(f'{payout_id} {task.due_at}', amount,",
        PROCESS),
    Bug("credits are read beyond the proven position", "projections/balances.py",
        "select t.position, coalesce(b.earned_minor, 0)\n",
        "select (select max(position) from ledger.events), coalesce(b.earned_minor, 0)\n", CREDITS),
    Bug("credits that may lag refuse a payout for good", "api/v1/debits.py",
        "        return await call.send(make_command(earned, current=False))\n",
        "        return await call.send(make_command(earned, current=True))\n",
        "tests/api/test_payouts_lagging.py"),
    Bug("debits count as negative credits too", "projections/balances.py",
        "coalesce(b.earned_minor, 0)", "coalesce(b.balance_minor, 0)", CREDITS),
    Bug("the treasury is not checked when it funds a payout", "domain/treasury/treasury.py",
        "        self._check_funds(amount_minor, credits)\n", "", f"{COMMANDS}/test_fund_payout.py"),
    Bug("a payout is funded twice", PAYOUT,
        "        if self.funded or self.status", "        if self.status",
        f"{COMMANDS}/test_fund_payout.py"),
    Bug("a payout that was returned before is funded", PAYOUT,
        "        if self.funded or self.status is not PayoutStatus.REQUESTED:\n            return False",
        "        if self.funded:\n            return False", f"{COMMANDS}/test_fund_payout.py"),
    Bug("the treasury gets back what it has not funded", "application/commands/return_payout.py",
        "        if payout.funded:\n", "        if True:\n", f"{COMMANDS}/test_return_payout.py"),
    Bug("a payout that waits for money is given up", "application/commands/fund_payout.py",
        "        except TreasuryInsufficient:\n", "        except ZeroDivisionError:\n", PROCESS),
    Bug("all questions about a payout have one key", TRANSFERS,
        'key=f"{payout_id} {number}"', 'key=f"{payout_id} 1"', PROCESS),
    Bug("after settlement the bank is not asked any more", TRANSFERS,
        "        commands.append(SettlePayout(payout_id=stream_id))\n",
        "        return Done(commands=[SettlePayout(payout_id=stream_id)])\n", PROCESS),
    Bug("all daily payouts of a merchant have one key", SCHEDULE_FILE,
        " {times.to_text(due_at)}", "", SCHEDULE),
    Bug("changed terms do not end the old schedule", SCHEDULE_FILE,
        "if terms is None or _chain(terms) !=", "if terms is None or () ==", SCHEDULE),
    Bug("of a local time that occurs twice the second counts", "domain/merchants/payout_terms.py",
        "timedelta(days=days), at, tzinfo=zone)",
        "timedelta(days=days), at.replace(fold=1), tzinfo=zone)", "tests/domain/test_payout_terms.py"),
    Bug("a bank's reason is stored with an account number", PAYOUT,
        "WITHHELD if may_be_account_number(reason) else reason", "reason",
        f"{COMMANDS}/test_return_payout.py"),
    Bug("a live ledger pays out through the sandbox bank", "infrastructure/workers/ports.py",
        'SandboxBank() if settings.mode == "test" else UnconnectedBank()', "SandboxBank()",
        "tests/infrastructure/test_banks.py"),
    Bug("a merchant lists the payouts of others", "api/v1/payouts.py",
        "            merchant_id = call.identity.holder\n", "", "tests/api/test_payouts.py"),
]  # fmt: skip
