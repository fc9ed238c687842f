"""The balances that Beancount, hledger and Ledger compute from an exported file, in strict mode."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from beancount import loader
from beancount.core import data

from domain.money.currencies import CURRENCIES
from domain.money.decimals import minor_units
from infrastructure.exports.names import from_beancount, from_ledger

Balances = dict[tuple[str, str], int]
"""Debits minus credits in minor units, by account and currency; without zeros."""
RUN_SECONDS = 60


def beancount(path: Path) -> Balances:
    """Fails on any error that `bean-check` would report."""
    entries, errors, _ = loader.load_file(str(path))
    assert errors == [], errors[:3]
    sums: dict[tuple[str, str], Decimal] = {}
    for entry in data.filter_txns(entries):
        for posting in entry.postings:
            units: Any = posting.units
            key = from_beancount(posting.account), units.currency
            sums[key] = sums.get(key, Decimal(0)) + units.number
    return _minor((account, code, str(number)) for (account, code), number in sums.items())


def hledger(path: Path) -> Balances:
    """Fails unless `check --strict` accepts the file."""
    _run("hledger", "-f", path, "check", "--strict")
    text = _run("hledger", "-f", path, "balance", "-N", "--flat", "-O", "csv", "--layout=bare")
    _, *rows = csv.reader(io.StringIO(text))
    return _minor((from_ledger(account), code, amount) for account, code, amount in rows)


def ledger(path: Path, codes: Iterable[str]) -> Balances:
    """Fails on any warning of `--strict --pedantic`."""
    rows = []
    for code in codes:
        text = _run(
            "ledger", "-f", path, "--strict", "--pedantic", "balance", "--flat", "--no-total",
            "-l", f'commodity == "{code}"', "--balance-format", "%(account)\\t%(display_total)\\n",
        )  # fmt: skip
        for line in text.splitlines():
            account, amount = line.split("\t")
            rows.append((from_ledger(account), code, amount.removesuffix(f" {code}")))
    return _minor(rows)


def _run(program: str, *arguments: Any) -> str:
    if shutil.which(program) is None:
        msg = f"no {program}: install Debian's package `{program}`"
        raise AssertionError(msg)
    result = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr[:1000]
    return result.stdout


def _minor(rows: Iterable[tuple[str, str, str]]) -> Balances:
    found = {
        (account, code): minor_units(amount, CURRENCIES[code].exponent)
        for account, code, amount in rows
    }
    return {key: minor for key, minor in found.items() if minor}
