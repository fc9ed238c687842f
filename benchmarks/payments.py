"""Payments through a processor: callbacks per second, and the time from begin to `paid`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count
from typing import Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.callbacks import Callbacks
from application.command import Command, Envelope
from application.commands.create_session import CreateSession
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.event_log import EventLog, history
from benchmarks.limits import TURN_SECONDS, TURNS
from benchmarks.table import Table, milliseconds, spread
from domain import ids, times
from domain.money.money import Money
from infrastructure.accounts import AccountAdmin
from infrastructure.opening import make_log
from infrastructure.postgres.attempts import PostgresCallbackInbox
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.processors import sandbox, signatures
from infrastructure.processors.sandbox import Sandbox
from infrastructure.processors.sandbox_store import MemorySandboxStore

SECRET: Final = b"s" * 32
PAYMENTS: Final = 200
WAIT_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.002
POSITIONS: Final = count(1)


def measure_callbacks(url: str, table: Table) -> None:
    """Callbacks that are read and durably stored by one thread, one after the other."""
    processor = Sandbox(
        MemorySandboxStore(), secret=SECRET, public_url="https://pay.example", now=_now
    )
    pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
    callbacks = Callbacks(
        {sandbox.NAME: processor}, PostgresCallbackInbox(pool.connection), now=_now
    )
    rates = []
    for _ in range(TURNS):
        until, done = time.perf_counter() + TURN_SECONDS, 0
        while time.perf_counter() < until:
            callbacks.receive(sandbox.NAME, *_signed(next(POSITIONS)))
            done += 1
        rates.append(done / TURN_SECONDS)
    pool.close()
    table.row("callbacks/s, read and durably stored, one connection", spread(rates))


def measure_begin_to_paid(url: str, table: Table) -> None:
    """Attempts of a running installation, one after the other, until the log has `paid`."""
    log = make_log(url, DatabaseRole.WRITER, size_max=1)
    bus = Bus(log)
    merchant = ids.decode("mer", AccountAdmin(log, bus, "bench").register_merchant("Cafe", ()))
    _send(bus, SetProcessors(merchant_id=merchant, processors=(sandbox.NAME,)))
    seconds = [_pay(bus, log, merchant) for _ in range(PAYMENTS)]
    log.close()
    table.row("begin to `paid` through the sandbox, p50 / p99", milliseconds(seconds))


def _pay(bus: Bus, log: EventLog, merchant: UUID) -> float:
    session_id, amount = uuid7(), Money(1200, "USD")
    _send(
        bus,
        CreateSession(
            session_id=session_id, merchant_id=merchant, order_id=str(session_id), amount=amount
        ),
    )
    before = time.perf_counter()
    _send(bus, StartAttempt(attempt_id=uuid7(), session_id=session_id, processor=sandbox.NAME))
    while history(log, session_id)[-1].topic != "payment_session.paid":
        if time.perf_counter() > before + WAIT_SECONDS_MAX:
            msg = "a payment through the sandbox does not end"
            raise RuntimeError(msg)
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - before


def _send(bus: Bus, command: Command) -> None:
    bus.send(Envelope(command=command, command_id=uuid7(), actor="bench"))


def _signed(number: int) -> tuple[dict[str, str], bytes]:
    now = _now()
    message = {
        "id": f"bench-{number}",
        "subject": "charge",
        "key": f"unknown-{number}",
        "reference": f"r-{number}",
        "status": "processing",
        "at": times.to_text(now),
    }
    body = msgspec.json.encode(message)
    headers = signatures.sign(
        SECRET,
        method="POST",
        path=sandbox.CALLBACK_PATH,
        body=body,
        now=now,
        nonce=f"{number:032x}",
    )
    return headers, body


def _now() -> datetime:
    return datetime.now(UTC)
