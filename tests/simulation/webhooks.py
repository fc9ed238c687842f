"""Webhooks on virtual time: many deliveries, failing receivers, a dead one, workers that die.

`python -m tests.simulation.webhooks 100000` prints how long deliveries took and checks that none was
lost, none was out of order for its session, and every duplicate carried the same id and bytes.
"""

from __future__ import annotations

import heapq
import logging
import sys
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from application.ports.tasks import ClaimedTask, Parked, Settlement
from application.ports.webhook_sender import Answer, NoAnswer, Sent
from application.ports.webhooks import DeliveryStatus
from application.processes.process import Task
from domain import times
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_tasks import MemoryTasks, Row
from tests.support.task_fixture import STEPS
from tests.support.webhook_fixture import Received, WebhookFixture, add_endpoint

MERCHANTS, ENDPOINTS, EVENTS = 5, 20, 3
FAILING = 0.3
"""Of the answers of every receiver."""
KILLS_EVERY = 97
"""Batches."""
DAYS_MAX = 40
FAILED = NoAnswer("the connection failed", 9)
DEAD = "https://dead.example/"


class IndexedTasks(MemoryTasks):
    """The store in memory, with an index of what can run, for a hundred thousand tasks."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.parked = 0
        self._queues: defaultdict[str, deque[str]] = defaultdict(deque)
        self._heap: list[tuple[datetime, int, str]] = []

    def claim(
        self, process: str, *, now: datetime, tasks_max: int, lease_seconds: float, token: UUID,
        **_: Any,
    ) -> Sequence[ClaimedTask]:  # fmt: skip
        claimed: list[ClaimedTask] = []
        at = self._clock()
        while self._heap and self._heap[0][0] <= now and len(claimed) < tasks_max:
            due_at, _number, key = heapq.heappop(self._heap)
            row = self.rows.get((process, key))
            if row is None or row.parked or self._next(row) != due_at:
                continue
            row.attempts += 1
            row.token, row.leased_at = token, at
            row.due_at = at + timedelta(seconds=lease_seconds)  # claimed again then
            self._push(row)
            claimed.append(ClaimedTask(replace(row.task, due_at=due_at), row.attempts))
        return claimed

    def settle(
        self, process: str, token: UUID, settlements: Sequence[Settlement]
    ) -> frozenset[str]:
        before = {one.key: self.rows.get((process, one.key)) for one in settlements}
        settled = super().settle(process, token, settlements)
        self.parked += sum(isinstance(one, Parked) and one.key in settled for one in settlements)
        for key in settled:
            row = self.rows.get((process, key))
            if row is not None and not row.parked:
                self._push(row)
            elif (gone := before[key]) is not None and gone.task.lane:
                lane = self._queues[gone.task.lane]
                lane.remove(key)
                if lane:
                    self._push(self.rows[process, lane[0]])
                else:
                    del self._queues[gone.task.lane]
        return settled

    def _insert(self, process: str, tasks: Sequence[Task]) -> None:
        for task in tasks:
            known = (process, task.key) in self.rows
            super()._insert(process, [task])
            if known:
                continue
            row = self.rows[process, task.key]
            if task.lane:
                self._queues[task.lane].append(task.key)
            if not task.lane or self._queues[task.lane][0] == task.key:
                self._push(row)

    def _push(self, row: Row) -> None:
        heapq.heappush(self._heap, (row.due_at, row.number, row.task.key))

    def _next(self, row: Row) -> datetime:
        return row.due_at

    @property
    def next_due(self) -> datetime | None:
        """When the next task is due, about."""
        return self._heap[0][0] if self._heap else None


@dataclass
class Report:
    """What came of a run."""

    deliveries: int = 0
    delivered: int = 0
    parked: int = 0
    attempts: int = 0
    kills: int = 0
    duplicates: int = 0
    delays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def lines(self) -> list[str]:
        """A table of delays in seconds, from commit to success."""
        out = [
            f"{self.deliveries} deliveries: {self.delivered} delivered, {self.parked} parked",
            f"{self.attempts} attempts, {self.kills} kills, {self.duplicates} duplicates",
            "endpoints | deliveries | p50 | p90 | p99 | p99.9 | longest (s of virtual time)",
        ]
        for name, delays in sorted(self.delays.items()):
            ordered = sorted(delays)
            cuts = [
                ordered[min(len(ordered) - 1, int(len(ordered) * q))]
                for q in (0.5, 0.9, 0.99, 0.999)
            ]
            figures = " | ".join(f"{cut:.0f}" for cut in [*cuts, ordered[-1]])
            out.append(f"{name} | {len(ordered)} | {figures}")
        return out


class WebhookSimulation:
    """Five merchants with twenty endpoints each; one endpoint is dead until everybody else is done."""

    def __init__(self, deliveries: int, seed: int) -> None:
        self._random = Random(seed)
        self._fixture = WebhookFixture(self._answer, seed)
        self._accepted = 0
        self._store = self._fixture.store = IndexedTasks(self._fixture.log.server_now)
        self._worker = self._fixture.add_worker()
        self._worker.follow()
        self._dead = True
        self._seen: dict[tuple[str, str], bytes] = {}
        self._order: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._report = Report()
        self._sessions = -(-deliveries // (MERCHANTS * ENDPOINTS * EVENTS))
        """Of each merchant."""
        self._merchants = [self._fixture.ledger] + [
            LedgerFixture(self._fixture.log) for _ in range(MERCHANTS - 1)
        ]
        for number, ledger in enumerate(self._merchants):
            for place in range(ENDPOINTS):
                url = DEAD if number == place == 0 else f"https://m{number}-{place}.example/"
                add_endpoint(ledger, url)

    def run(self) -> Report:
        """Play every story, then let time pass until nothing is left to do."""
        for _ in range(self._sessions):
            for ledger in self._merchants:
                self._story(ledger)
            self._perform()
            self._fixture.advance(1)
        expected = self._sessions * MERCHANTS * ENDPOINTS * EVENTS
        self._drain(expected - self._sessions * EVENTS)
        self._dead = False
        self._drain(expected)
        return self._check(expected)

    def _story(self, ledger: LedgerFixture) -> None:
        """A session that is created, scanned and cancelled, so that no money is needed."""
        wallet = getattr(ledger, "wallet_of_simulation", None) or ledger.open_wallet(0)
        ledger.wallet_of_simulation = wallet  # type: ignore[attr-defined]
        session = ledger.create_session()
        ledger.claim_session(session, wallet)
        ledger.send(ledger.cancel(session))

    def _answer(self, call: Received) -> Sent:
        """What a receiver does; it keeps what it accepts."""
        body = self._seen.setdefault((call.url, call.id), call.body)
        assert body == call.body, "an attempt with other bytes"
        if call.url == DEAD and self._dead:
            return NoAnswer("no complete answer in time", 15_000)
        if self._random.random() < FAILING:
            failures: list[Sent] = [Answer(500, 9), Answer(429, 9, "", 20), FAILED]
            return self._random.choice(failures)
        session = call.data["session"]["id"]
        accepted = self._order[call.url, session]
        seq = call.data["seq"]
        if seq in accepted:
            self._report.duplicates += 1
        else:
            accepted.append(seq)
            self._accepted += 1
            name = "dead until the others were done" if call.url == DEAD else "the 99 others"
            at = times.from_text(call.timestamp)
            self._report.delays[name].append((self._fixture.log.clock - at).total_seconds())
        return Answer(200, 9)

    def _perform(self) -> None:
        self._worker.follow()
        while True:
            self._report.attempts += 1
            kill = self._report.attempts % KILLS_EVERY == 0
            count = self._worker.perform(kill_at=self._random.choice(STEPS) if kill else "")
            self._report.kills += kill
            self._worker.follow()
            if not count and not kill:
                return

    def _drain(self, deliveries: int) -> None:
        """Let time pass until so many deliveries have ended."""
        clock_end = self._fixture.log.clock + timedelta(days=DAYS_MAX)
        while self._ended() < deliveries:
            self._perform()
            due = self._store.next_due
            assert due is not None
            assert self._fixture.log.clock < clock_end, "deliveries do not end"
            self._fixture.log.clock = max(due, self._fixture.log.clock + timedelta(seconds=1))

    def _ended(self) -> int:
        return self._accepted + self._store.parked

    def _check(self, expected: int) -> Report:
        rows = self._fixture.deliveries.rows.values()
        report = self._report
        report.deliveries = len(rows)
        report.delivered = sum(row.status is DeliveryStatus.DELIVERED for row in rows)
        report.parked = sum(row.status is DeliveryStatus.FAILED for row in rows)
        report.attempts = len(self._fixture.deliveries.made)
        assert report.deliveries == expected, "a delivery was never made"
        assert report.delivered + report.parked == expected, "a delivery was lost"
        assert len(self._seen) == expected
        for accepted in self._order.values():
            assert accepted == sorted(accepted), "out of order for its session"
        return report


def main() -> None:
    """Run as many deliveries as the first argument says."""
    deliveries = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    logging.disable(logging.WARNING)  # of the clock, which jumps to whatever is due next
    sys.stdout.write("\n".join(WebhookSimulation(deliveries, seed).run().lines()) + "\n")


if __name__ == "__main__":
    main()
