"""Privileged acts: every topic classified, by actor and period, one page in memory."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import pytest

from application import privileged_acts
from application.bus import Bus
from application.command import Command, Envelope
from application.commands.advance_clock import AdvanceClock
from application.commands.issue_key import IssueKey
from application.commands.register_merchant import RegisterMerchant
from application.commands.register_wallet_app import RegisterWalletApp
from application.commands.revoke_key import RevokeKey
from application.consumer import Page
from application.privileged_acts import ORDINARY, OTHERS, PRIVILEGED, Line, Report
from domain import ids
from domain.merchants.api_key import SECRET_BYTES, BearerKey, Role
from infrastructure.event_store import registry
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

LATER = {
    "log.opened", "log.key_added", "log.key_retired", "log.restarted", "refusal.recorded",
}  # fmt: skip
"""Topics of the contract that a program without sealing, or without refusals, does not know."""
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "report-privileged-acts.md"
ACTORS = 4
"""Lines of the page about actors."""
KEY = UUID("01890a5d-ac96-774b-8cce-b302099a8057")


def test_every_event_is_either_privileged_or_declared_to_be_ordinary() -> None:
    classified = PRIVILEGED.keys() | ORDINARY.keys()

    assert registry.EVENTS.keys() <= classified
    assert classified <= registry.EVENTS.keys() | LATER
    assert not PRIVILEGED.keys() & ORDINARY.keys()


def test_the_page_lists_every_privileged_act() -> None:
    page = PAGE.read_text()

    for topic, act in PRIVILEGED.items():
        facts = ", ".join(f"`{name}`" for name in act.shows) or "the subject"
        assert f"| `{topic}` | {act.says} | {facts} |" in page
    assert page.count("\n| `") == len(PRIVILEGED) + ACTORS


def test_a_report_shows_members_that_events_have_and_no_secret() -> None:
    for topic, act in PRIVILEGED.items():
        if topic in registry.EVENTS:
            assert set(act.shows) <= set(registry.EVENTS[topic].__dataclass_fields__), topic
        assert not {"secret_hash", "payloads"} & set(act.shows)


@pytest.mark.parametrize(
    "word", ["key.", "merchant.", "treasury.moved", "clock.", "attempt.resolved", "refund.resolved"]
)
def test_what_only_the_operator_does_is_privileged(word: str) -> None:
    assert {topic for topic in registry.EVENTS if topic.startswith(word)} <= PRIVILEGED.keys()


class Office:
    """A ledger whose commands are sent by many."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.bus = Bus(self.log)
        self.sent = 0

    def send(self, actor: str, command: Command) -> int:
        self.sent += 1
        envelope = Envelope(command=command, command_id=UUID(int=self.sent), actor=actor)
        return self.bus.send(envelope).position

    def register(self, actor: str, name: str = "Cafe") -> int:
        command = RegisterMerchant(
            merchant_id=UUID(int=10_000 + self.sent), name=name, return_hosts=()
        )
        return self.send(actor, command)

    def issue(self, actor: str, role: Role = Role.OPERATOR) -> int:
        random = bytes(SECRET_BYTES)
        key = BearerKey.make(mode="test", role=role, key_id=KEY, random=random)
        return self.send(actor, IssueKey(key=key, holder_id=role.value, known_keys=()))

    def report(
        self, first: int = 1, end: int | None = None, actor: str | None = None
    ) -> list[Line]:
        return list(Report(self.log).lines(first, end or self.log.head() + 1, actor=actor))


def test_acts_are_listed_with_who_when_and_what() -> None:
    office = Office()
    office.register("cli:anna", "Shop")
    issued = office.issue("cli:anna")
    office.log.advance(60)
    by_key = ids.encode("key", KEY)
    office.send(by_key, AdvanceClock(seconds=60, mode="test"))
    office.send("cli:ben", RevokeKey(key_id=KEY))

    lines = office.report()

    assert [(line.act.says, line.actor) for line in lines] == [
        ("merchant registered", "cli:anna"),
        ("API key issued", "cli:anna"),
        ("test clock advanced", f"{by_key} (operator)"),
        ("API key revoked", "cli:ben"),
    ]
    assert lines[0].facts == {"name": "Shop", "return_hosts": []}
    assert lines[1].facts == {"role": "operator", "holder_id": "operator", "mode": "test"}
    assert lines[1].recorded.position == issued
    assert lines[2].facts == {"seconds": 60}


def test_a_report_has_a_period_and_an_actor() -> None:
    office = Office()
    positions = [office.register(actor) for actor in ("cli:anna", "cli:ben", "cli:anna")]

    assert [one.recorded.position for one in office.report(2, 3)] == positions[1:2]
    assert [one.recorded.position for one in office.report(actor="cli:anna")] == positions[::2]
    assert office.report(actor="cli:ann") == []
    assert office.report(2, 2) == []


def test_daily_business_and_companions_are_left_out() -> None:
    log = MemoryLog()
    ledger = LedgerFixture(log)
    session = ledger.create_session()
    ledger.cancel(session)
    wallet = ledger.open_wallet()
    ledger.claim_session(session, wallet)

    listed = [line.recorded.topic for line in Report(log).lines(1, log.head() + 1)]

    assert listed == ["merchant.registered", "wallet_app.registered", "wallet.topped_up"]


def test_acts_are_counted_by_actor_and_actors_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileged_acts, "ACTORS_MAX", 2)
    office = Office()
    for actor in ("cli:anna", "cli:ben", "cli:eve", "cli:anna", "cli:joe"):
        office.register(actor)
    report = Report(office.log)

    assert len(list(report.lines(1, 6))) == 5

    assert report.counts == {"cli:anna": 2, "cli:ben": 1, OTHERS: 2}


def test_the_role_of_an_unknown_key_is_not_made_up() -> None:
    office, unknown = Office(), ids.encode("key", KEY)
    office.register(unknown)
    office.register("key_x")

    assert [line.actor for line in office.report()] == [f"{unknown} (unknown key)", "key_x"]


class CountingLog(MemoryLog):
    """Says how much of it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[tuple[int, int]] = []

    def page(self, after: int, limit: int, topics: Collection[str]) -> Page:
        self.pages.append((after, limit))
        assert set(topics) == PRIVILEGED.keys()
        return super().page(after, limit, topics)


def test_the_log_is_read_a_page_at_a_time_and_never_past_the_end() -> None:
    log = CountingLog()
    bus = Bus(log)
    for number in range(2_500):
        command = RegisterWalletApp(wallet_app_id=UUID(int=10_000 + number), name="App")
        bus.send(Envelope(command=command, command_id=UUID(int=number + 1), actor="cli:anna"))

    lines = list(Report(log).lines(11, 2_401))

    assert [line.recorded.position for line in lines] == list(range(11, 2_401))
    assert log.pages == [(10, 1000), (1010, 1000), (2010, 390)]
