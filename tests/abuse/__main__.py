"""`make abuse SECONDS=5 BURST=100000`: honest clients' response times during every attack."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from api.tokens import Use
from application.bus import Bus
from benchmarks.load import Connection, percentile
from domain import ids, times
from infrastructure import audit
from infrastructure.bootstrap.common import read_tokens
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from tests.abuse import unknown_keys
from tests.abuse.attacks import Attack, Target
from tests.abuse.books import BookAttacks
from tests.abuse.clocks import jumping_clocks
from tests.abuse.expiry_burst import create_burst, expire_burst
from tests.abuse.honest import AMOUNT, during_attack
from tests.abuse.long_wallet import BusyTenant
from tests.abuse.outages import outages
from tests.abuse.ports import PortAttacks
from tests.chaos.installation import ChaosInstallation, wait_ready

DESCRIPTORS_MAX: Final = 1024
"""Limit of open files per process: a common default, and low enough to be exhausted."""
SESSIONS_WATCHED: Final = 20
FAILURES_SHOWN_MAX: Final = 5


def main(arguments: list[str]) -> int:
    seconds, size = float(arguments[0]), int(arguments[1])
    with tempfile.TemporaryDirectory(prefix="qrledger-abuse-") as name:
        limits = {"QRLEDGER_RATE_LIMIT": "400", "QRLEDGER_LIVE_PER_ADDRESS": "64"}
        installation = ChaosInstallation(
            Path(name), settings=limits, descriptors_max=DESCRIPTORS_MAX
        )
        try:
            wait_ready(installation.apis[0])
            attacker, busy = installation.register_tenant()
            left = create_burst(installation, attacker, size)
            asyncio.run(_attacks(installation, attacker, seconds))
            books = BookAttacks(installation)
            asyncio.run(_book_attacks(installation, books, seconds))
            asyncio.run(_long_wallet(installation, busy, seconds, size))
            print(f"clock jumps of a year: {listing(jumping_clocks(installation))}")
            failures = outages(installation, print)
            took, recorded = asyncio.run(expire_burst(installation, int(left) + 1, size))
            show(f"{size:,} expiries at once", took, f"all recorded {recorded:.1f} s later")
            print(f"payment by an expired quote: {books.pay_by_expired_quote()}")
            print(f"attacks on the books: {len(books.failures)} failures")
            for failure in books.failures[:FAILURES_SHOWN_MAX]:
                print(f"  {failure}")
            failures += len(books.failures)
            books.close()
            peaks = ", ".join(f"{p.name} {p.peak_mib} MiB" for p in installation.processes)
            print(f"peak memory: {peaks}")
            log = make_log(installation.url, DatabaseRole.READER, size_max=1)
            report = audit.check(installation.url, log)
            log.close()
            print(f"audit: {report.events} events, {len(report.violations)} violations")
            return 1 if report.violations or failures else 0
        finally:
            installation.close()


def show(name: str, times: list[float], details: str = "") -> None:
    """Print one line: the honest clients' response times, and what the attack counted."""
    print(
        f"{name:<24} honest p50 {percentile(times, 0.5):6.1f} ms, p99 {percentile(times, 0.99):6.1f}"
        f" ms, {len(times)} responses, 0 refused; {details}",
        flush=True,
    )


def listing(counts: Counter[str], limit: int | None = None) -> str:
    """The counts as text, largest first."""
    return ", ".join(f"{count} x {what}" for what, count in counts.most_common(limit))


async def no_attack(stop: asyncio.Event, _counts: Counter[str]) -> None:
    """The baseline."""
    await stop.wait()


async def _attacks(installation: ChaosInstallation, attacker: str, seconds: float) -> None:
    connection, urls = Connection(installation.apis[0]), []
    for number in range(SESSIONS_WATCHED):
        body = {"order_id": f"watched {number}", "amount": AMOUNT}
        session = await connection.post("/v1/payment-sessions", body, installation.merchant_key)
        urls.append(session["live_url"])
    tokens = read_tokens(installation.url, DatabaseRole.READER)
    watch = tokens.for_session(
        Use.WATCH, ids.decode("ps", session["id"]), times.from_text(session["expires_at"])
    )
    ports = PortAttacks(
        installation.apis[0],
        installation.live_port,
        key=attacker,
        till_url=urls[-1],
        public_url=f"{urls[-1].partition('token=')[0]}token={watch}",
    )
    connection.close()
    target = Target(installation.apis[0], installation.live_port, attacker, urls)
    attacks: tuple[Attack, ...] = (
        no_attack, target.session_flood, target.wrong_keys, target.expensive_lists,
        target.one_byte_handshakes, target.slow_readers, target.reconnect_storm,
        target.oversize_frames, *ports.all(),
        unknown_keys.attack_on(installation.apis[0]),
    )  # fmt: skip
    for attack in attacks:
        took, counts = await during_attack(installation, attack, seconds)
        show(attack.__name__.replace("_", " "), took, listing(counts, 4))


async def _book_attacks(
    installation: ChaosInstallation, books: BookAttacks, seconds: float
) -> None:
    for attack in books.all():
        took, counts = await during_attack(installation, attack, seconds)
        show(attack.__name__.replace("_", " "), took, listing(counts, 4))


async def _long_wallet(
    installation: ChaosInstallation, key: str, seconds: float, top_ups: int
) -> None:
    """One busy tenant at one rate: first on a new wallet, then on one with a long history."""
    log = make_log(installation.url, DatabaseRole.WRITER, size_max=1)
    bus, p99 = Bus(log), []
    for name, count in (("busy, new wallet", 0), (f"busy, {top_ups:,} top-ups", top_ups)):
        tenant = BusyTenant(installation.apis[0], key)
        await tenant.open(bus, count)
        took, counts = await during_attack(installation, tenant.run, seconds)
        p99.append(percentile(took, 0.99))
        show(name, took, listing(counts))
    print(f"honest p99 with the long wallet over the new one: {p99[1] / p99[0]:.2f} (at most 2)")
    log.close()


if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], *["5", "100000"][len(sys.argv) - 1 :]]))
