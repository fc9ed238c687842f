"""`make abuse SECONDS=5 BURST=100000`: honest clients' p50 and p99 beside every attack; memory."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from uuid_utils.compat import uuid7

from api.tokens import Use
from application.command import Envelope, Outcome
from application.commands.create_session import CreateSession
from benchmarks.load import Connection, percentile
from domain import ids, times
from domain.merchants.api_key import ApiKey, BearerKey
from domain.money.money import Money
from infrastructure import audit, bootstrap
from infrastructure.postgres.connections import DatabaseRole
from tests.abuse import strangers
from tests.abuse.attacks import Attack, Target
from tests.abuse.clocks import jumping_clocks
from tests.abuse.long_wallet import BusyTenant
from tests.abuse.outages import outages
from tests.abuse.ports import PortAttacks
from tests.chaos.installation import ChaosInstallation, wait_ready

HONEST: Final = 4
PAUSE_SECONDS: Final = 0.03
HERD_SECONDS_MAX: Final = 300.0
DESCRIPTORS: Final = 1024
"""What a process may have on many a machine, so that exhausting them takes no more."""
AMOUNT: Final = {"minor": 1, "currency": "USD"}


async def honest(api: str, keys: tuple[str, str], over: asyncio.Event) -> list[float]:
    """Honest tills and wallets: how long each answer took, in milliseconds; a refusal raises."""
    took: list[float] = []

    async def ask(link: Connection, path: str, body: object, key: str) -> dict[str, object]:
        started = time.perf_counter()
        answer: dict[str, object] = await link.post(path, body, key, str(uuid4()))
        took.append(1000 * (time.perf_counter() - started))
        return answer

    async def one() -> None:
        link = Connection(api)
        wallet = (await ask(link, "/v1/wallets", {"currency": "USD"}, keys[1]))["id"]
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        await ask(link, f"/v1/wallets/{wallet}/top-ups", top_up, keys[1])
        while not over.is_set():
            body = {"order_id": str(uuid4()), "amount": AMOUNT}
            session = await ask(link, "/v1/payment-sessions", body, keys[0])
            qr = session["qr"]
            assert isinstance(qr, dict)
            scan = {"payload": qr["payload"], "wallet_id": wallet}
            claim = (await ask(link, "/v1/scans", scan, keys[1]))["claim"]
            assert isinstance(claim, dict)
            pay = {"claim_id": claim["id"], "wallet_id": wallet, "amount": AMOUNT}
            await ask(link, f"/v1/payment-sessions/{session['id']}/pay", pay, keys[1])
            await asyncio.sleep(PAUSE_SECONDS)
        link.close()

    await asyncio.gather(*(one() for _ in range(HONEST)))
    return took


async def beside(
    installation: ChaosInstallation,
    attack: Attack,
    seconds: float,
) -> tuple[list[float], Counter[str]]:
    """Honest clients while an attack runs."""
    over, seen = asyncio.Event(), Counter[str]()
    keys = (installation.merchant_key, installation.wallet_key)
    attacking = asyncio.create_task(attack(over, seen))
    serving = asyncio.create_task(honest(installation.apis[0], keys, over))
    await asyncio.sleep(seconds)
    over.set()
    took = await asyncio.wait_for(serving, 60)
    await asyncio.wait_for(attacking, 60)
    return took, seen


async def nothing(over: asyncio.Event, _seen: Counter[str]) -> None:
    """No attack."""
    await over.wait()


def burst(installation: ChaosInstallation, merchant_key: str, size: int) -> float:
    """Sessions that all end within one second; answers with the seconds until they do."""
    log = bootstrap.make_log(installation.url, DatabaseRole.WRITER, size_max=1)
    bus = bootstrap.make_bus(log)
    key = BearerKey.parse(merchant_key)
    holder = log.stream(key.key_id)[0].event
    assert isinstance(holder, ApiKey.Issued)
    ends = log.now() + timedelta(seconds=120 + size / 1000)
    made = 0
    while made < size:
        left = round((ends - log.now()).total_seconds())
        batch = [
            Envelope(
                command=CreateSession(
                    session_id=(session := uuid7()),
                    merchant_id=ids.decode("mer", holder.holder_id),
                    order_id=str(session),
                    amount=Money(1, "USD"),
                    expires_in_seconds=left,
                ),
                command_id=uuid7(),
                actor="abuse",
            )
            for _ in range(256)
        ]
        made += sum(isinstance(result, Outcome) for result in bus.send_all(batch))
    left_seconds = (ends - log.now()).total_seconds()
    log.close()
    return left_seconds


async def expiring(
    installation: ChaosInstallation, seconds: int, size: int
) -> tuple[list[float], float]:
    """Let the herd's second come while honest clients pay; how long until all are recorded."""
    over = asyncio.Event()
    keys = (installation.merchant_key, installation.wallet_key)
    serving = asyncio.create_task(honest(installation.apis[0], keys, over))
    await asyncio.sleep(1)
    log = bootstrap.make_log(installation.url, DatabaseRole.READER, size_max=1)
    installation.jump(seconds)
    started = time.monotonic()
    query = "select count(*) from ledger.events where topic = 'payment_session.expired'"
    expired = 0
    while expired < size and time.monotonic() < started + HERD_SECONDS_MAX:
        await asyncio.sleep(0.5)
        with log.recorder.connections.connection() as connection:
            connection.execute("set enable_seqscan = on")
            [(expired,)] = connection.execute(query).fetchall()
    took = time.monotonic() - started
    over.set()
    log.close()
    assert expired >= size, f"only {expired} of {size} were expired"
    return await asyncio.wait_for(serving, 60), took


def show(name: str, took: list[float], more: str = "") -> None:
    print(
        f"{name:<22} honest p50 {percentile(took, 0.5):6.1f} ms, p99 {percentile(took, 0.99):6.1f} ms"
        f", {len(took)} answers, 0 refused; {more}",
        flush=True,
    )


def main(words: list[str]) -> int:
    seconds, size = float(words[0]), int(words[1])
    with tempfile.TemporaryDirectory(prefix="qrledger-abuse-") as name:
        limits = {"QRLEDGER_RATE_LIMIT": "400", "QRLEDGER_LIVE_PER_ADDRESS": "64"}
        installation = ChaosInstallation(Path(name), settings=limits, descriptors=DESCRIPTORS)
        try:
            wait_ready(installation.apis[0])
            attacker, busy = installation.let_in()
            left = burst(installation, attacker, size)
            asyncio.run(_attacks(installation, attacker, seconds))
            asyncio.run(_long_wallet(installation, busy, seconds, size))
            clocks = jumping_clocks(installation)
            print("clocks that jump a year: " + ", ".join(f"{n} x {w}" for w, n in clocks.items()))
            failures = outages(installation, print)
            took, drained = asyncio.run(expiring(installation, int(left) + 1, size))
            show(f"{size:,} expiries", took, f"all recorded {drained:.1f} s after their second")
            peaks = ", ".join(f"{p.name} {p.peak_mib} MiB" for p in installation.processes)
            print(f"peak memory: {peaks}")
            log = bootstrap.make_log(installation.url, DatabaseRole.READER, size_max=1)
            report = audit.check(installation.url, log)
            log.close()
            print(f"audit: {report.events} events, {len(report.violations)} violations")
            return 1 if report.violations or failures else 0
        finally:
            installation.close()


async def _attacks(installation: ChaosInstallation, attacker: str, seconds: float) -> None:
    link, urls = Connection(installation.apis[0]), []
    for number in range(20):
        body = {"order_id": f"watched {number}", "amount": AMOUNT}
        session = await link.post("/v1/payment-sessions", body, installation.merchant_key)
        urls.append(session["live_url"])
    tokens = bootstrap.read_tokens(installation.url, DatabaseRole.READER)
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
    link.close()
    target = Target(installation.apis[0], installation.live_port, attacker, urls)
    attacks = (
        nothing, target.flood, target.wrong_keys, target.expensive_lists,
        target.one_byte_handshakes, target.slow_readers, target.reconnect_storm,
        target.oversize_frames, *ports.all(),
    )  # fmt: skip
    for attack in attacks:
        took, seen = await beside(installation, attack, seconds)
        told = ", ".join(f"{count} x {what}" for what, count in seen.most_common(4))
        show(attack.__name__, took, told)
    await strangers.run(installation, seconds, beside, show)


async def _long_wallet(
    installation: ChaosInstallation, key: str, seconds: float, top_ups: int
) -> None:
    """The same tenant at the same rate, on a new wallet and on a long one."""
    log = bootstrap.make_log(installation.url, DatabaseRole.WRITER, size_max=1)
    bus, p99 = bootstrap.make_bus(log), []
    for name, count in (("busy, new wallet", 0), (f"busy, {top_ups:,} top-ups", top_ups)):
        tenant = BusyTenant(installation.apis[0], key)
        await tenant.open(bus, count)
        took, seen = await beside(installation, tenant.run, seconds)
        p99.append(percentile(took, 0.99))
        show(name, took, ", ".join(f"{count} x {what}" for what, count in seen.items()))
    print(f"the long wallet moves the others' p99 by {p99[1] / p99[0]:.2f} (at most 2)")
    log.close()


if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], *["5", "100000"][len(sys.argv) - 1 :]]))
