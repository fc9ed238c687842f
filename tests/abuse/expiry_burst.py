"""Many sessions that expire within the same second."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Final

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Envelope, Outcome
from application.commands.create_session import CreateSession
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey
from domain.money.money import Money
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from tests.abuse.honest import honest
from tests.chaos.installation import ChaosInstallation

BURST_SECONDS_MAX: Final = 300.0
BATCH: Final = 256


def create_burst(installation: ChaosInstallation, merchant_key: str, size: int) -> float:
    """Create `size` sessions that expire within one second; returns the seconds until they do."""
    log = make_log(installation.url, DatabaseRole.WRITER, size_max=1)
    bus = Bus(log)
    key = BearerKey.parse(merchant_key)
    issued = log.stream(key.key_id)[0].event
    assert isinstance(issued, ApiKey.Issued)
    expires_at = log.now() + timedelta(seconds=120 + size / 1000)
    created = 0
    while created < size:
        seconds_left = round((expires_at - log.now()).total_seconds())
        batch = [
            Envelope(
                command=CreateSession(
                    session_id=(session := uuid7()),
                    merchant_id=ids.decode("mer", issued.holder_id),
                    order_id=str(session),
                    amount=Money(1, "USD"),
                    expires_in_seconds=seconds_left,
                ),
                command_id=uuid7(),
                actor="abuse",
            )
            for _ in range(BATCH)
        ]
        created += sum(isinstance(result, Outcome) for result in bus.send_all(batch))
    left = (expires_at - log.now()).total_seconds()
    log.close()
    return left


async def expire_burst(
    installation: ChaosInstallation, seconds: int, size: int
) -> tuple[list[float], float]:
    """Let the sessions expire beside honest clients, who only pay.

    Credits lag behind such a burst, so refunds would rightly be refused for now (`not-caught-up`).

    Returns the honest clients' response times and the seconds until every expiry was recorded.
    """
    stop = asyncio.Event()
    keys = (installation.merchant_key, installation.wallet_key)
    serving = asyncio.create_task(honest(installation.apis[0], keys, stop, books=False))
    await asyncio.sleep(1)
    log = make_log(installation.url, DatabaseRole.READER, size_max=1)
    installation.shift_clock(seconds)
    started = time.monotonic()
    left = "select exists (select from ledger.tasks where process = 'expiry' and due_at <= %s)"
    query = "select count(*) from ledger.events where topic = 'payment_session.expired'"
    now = log.now()
    while time.monotonic() < started + BURST_SECONDS_MAX:
        await asyncio.sleep(0.5)
        with log.recorder.connections.connection() as connection:
            if connection.execute(left, (now,)).fetchone() == (False,):
                break
    took = time.monotonic() - started
    stop.set()
    with log.recorder.connections.connection() as connection:
        connection.execute("set enable_seqscan = on")
        [(expired,)] = connection.execute(query).fetchall()
    log.close()
    assert expired >= size, f"only {expired} of {size} sessions were recorded as expired"
    return await asyncio.wait_for(serving, 60), took
