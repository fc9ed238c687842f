"""Push notifications without a network: a ledger in memory, a payer's devices, and the process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from api.pages.push_texts import PageTexts
from application.ports.push import FCM, WEB_PUSH, PushMessage, PushSent, PushSubscription
from application.processes.push import Push
from domain import ids
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_push import ACCEPTED, FakeTransport, MemoryPushSubscriptions
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import Worker


class PushFixture:
    """A ledger with a payer's wallet, the process, and one worker."""

    def __init__(self, answer: Callable[[PushMessage], PushSent] = lambda _: ACCEPTED) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.wallet_id = self.ledger.open_wallet()
        self.subscriptions = MemoryPushSubscriptions()
        self.web, self.fcm = FakeTransport(answer), FakeTransport(answer)
        self.process = self.make_process()
        self.store = MemoryTasks(self.log.server_now)
        self.worker = Worker(self.process, self.store, self.log, elapsed=self.elapsed)
        self.worker.follow()  # notifications begin with the release

    def make_process(self) -> Push:
        transports = {WEB_PUSH: self.web, FCM: self.fcm}
        return Push(self.log, self.subscriptions, transports, PageTexts(), Random(1))

    def elapsed(self) -> float:
        return self.log.clock.timestamp()

    def subscribe(self, name: str = "phone", wallet: UUID | None = None, **facts: Any) -> str:
        """The id of a device of a wallet."""
        wallet_id = ids.encode("wal", wallet or self.wallet_id)
        id_ = ids.encode("psh", ids.derive(wallet_id, name))
        transport = facts.pop("transport", WEB_PUSH)
        target = {"name": name, "service": facts.pop("service", "service")}
        self.subscriptions.add(
            PushSubscription(
                id=id_, wallet_id=wallet_id, transport=transport, target=target, **facts
            )
        )
        return id_

    def pay(self) -> UUID:
        """A session that the wallet has paid."""
        session_id = self.ledger.create_session()
        claim = self.ledger.claim_session(session_id, self.wallet_id)
        self.ledger.send(self.ledger.pay(session_id, self.wallet_id, claim))
        return session_id

    def run(self, seconds: int = 0, step: int = 5, kill_at: str = "") -> None:
        """Follow, and perform what becomes due as time passes."""
        self.worker.follow()
        if kill_at:
            self.worker.perform(kill_at)
        for _ in range(seconds // step + 1):
            while self.worker.perform():
                pass
            self.log.clock += timedelta(seconds=step)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Device and type of each message, in order."""
        messages = self.web.sent + self.fcm.sent
        return [(one.subscription.target["name"], one.kind.value) for one in messages]
