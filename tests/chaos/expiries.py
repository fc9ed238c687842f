"""Sessions that fall due throughout a chaos run, and what must have become of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Envelope, Outcome
from application.commands.create_session import CreateSession
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey
from domain.money.money import Money
from domain.sessions.state import LIFETIME_SECONDS_MIN
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from tests.chaos.installation import ChaosInstallation

PER_SECOND: Final = 40
BATCH: Final = 200
UNFINISHED: Final = "select count(*) from ledger.tasks where due_at <= ledger.now() or parked"


def create_due_sessions(installation: ChaosInstallation, seconds: float) -> set[UUID]:
    """Create sessions that fall due evenly within the next `seconds`; moves the clock ahead."""
    log = make_log(installation.url, DatabaseRole.WRITER, size_max=1)
    issued: Any = log.stream(BearerKey.parse(installation.merchant_key).key_id)[0].event
    assert isinstance(issued, ApiKey.Issued)
    commands = [
        CreateSession(
            session_id=(session := uuid7()),
            merchant_id=ids.decode("mer", issued.holder_id),
            order_id=str(session),
            amount=Money(1, "USD"),
            expires_in_seconds=LIFETIME_SECONDS_MIN + number // PER_SECOND,
        )
        for number in range(int(seconds * PER_SECOND))
    ]
    bus = Bus(log)
    for start in range(0, len(commands), BATCH):
        results = bus.send_all(
            [
                Envelope(command=command, command_id=uuid7(), actor="chaos")
                for command in commands[start : start + BATCH]
            ]
        )
        assert all(isinstance(result, Outcome) for result in results)
    log.close()
    installation.ahead_seconds = LIFETIME_SECONDS_MIN
    installation.shift_clock(0)
    return {command.session_id for command in commands}


def check_expired(due: set[UUID], events: Sequence[Any]) -> list[str]:
    """Every session that fell due has expired, once."""
    expired = Counter(e.stream_id for e in events if e.topic == "payment_session.expired")
    wrong = {session: expired[session] for session in due if expired[session] != 1}
    return [f"{session} expired {count} times" for session, count in wrong.items()]
