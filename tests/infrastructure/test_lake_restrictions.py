"""Exported files have no texts of restricted sessions and wallets, those written earlier neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.create_session import CreateSession
from application.commands.restrict_session import RestrictSession
from application.commands.restrict_wallet import RestrictWallet
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.commands.top_up_wallet import TopUpWallet
from domain import ids
from domain.money.money import Money
from infrastructure.lake.export import Done, export
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

MONTH = 31 * 24 * 3600
SECRET = "jane-doe"
NAMES = ["events-2026-01.parquet", "events-2026-02.parquet", "events-2026-03.parquet"]


class Story:
    """January: too much is captured for a session full of texts, and a wallet is topped up.
    February: another session. March: nothing yet."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.ledger = ledger = LedgerFixture(self.log)
        ledger.send(SetProcessors(merchant_id=ledger.merchant_id, processors=("sandbox",)))
        self.session = self.create()
        attempt: dict[str, Any] = {"session_id": self.session, "attempt_id": ledger.new_id()}
        ledger.send(StartAttempt(processor="sandbox", **attempt))
        ledger.send(AcceptAttempt(reference=f"{SECRET}-1", **attempt))
        too_much = Money(1300, "USD")
        ledger.send(CaptureAttempt(reference=f"{SECRET}-1", money=too_much, **attempt))
        self.wallet = ledger.open_wallet(minor=0)
        amount = Money(100, "USD")
        ledger.send(TopUpWallet(wallet_id=self.wallet, amount=amount, reference=f"{SECRET}-2"))
        self.log.advance(MONTH)
        self.other = self.create()
        self.log.advance(MONTH)
        ledger.open_wallet(minor=0)

    def create(self) -> Any:
        session_id = self.ledger.new_id()
        self.ledger.send(
            CreateSession(
                session_id=session_id, merchant_id=self.ledger.merchant_id,
                order_id=f"{SECRET} {session_id}"[:64], amount=Money(1000, "USD"),
                description=SECRET, metadata={"note": SECRET},
            )
        )  # fmt: skip
        return session_id


@pytest.fixture
def story() -> Story:
    return Story()


def found(folder: Path) -> list[tuple[str, str]]:
    """Type and subject of every exported event that has the text."""
    rows = [
        row for path in sorted(folder.iterdir()) for row in parquet.read_table(path).to_pylist()
    ]
    return [(row["type"], row["subject"]) for row in rows if SECRET in json.dumps(row, default=str)]


def test_a_restricted_session_has_no_texts_in_any_of_its_streams(
    story: Story, tmp_path: Path
) -> None:
    export(story.log, tmp_path / "before")
    story.ledger.send(RestrictSession(session_id=story.session))

    export(story.log, tmp_path / "after")

    left = found(tmp_path / "after")
    other = ids.encode("ps", story.other)
    assert [topic for topic, _ in left] == [
        "top_up_reference.used", "wallet.topped_up", "order.opened", "payment_session.created",
    ]  # fmt: skip
    assert left[-1] == ("payment_session.created", other)
    assert {topic for topic, _ in found(tmp_path / "before")} - {topic for topic, _ in left} == {
        "attempt.accepted", "payment_session.flagged", "suspense.received",
        "suspense.return_requested",
    }  # fmt: skip


def test_a_restricted_wallet_has_none_either(story: Story, tmp_path: Path) -> None:
    story.ledger.send(RestrictWallet(wallet_id=story.wallet))

    export(story.log, tmp_path)

    topics = {topic for topic, _ in found(tmp_path)}
    assert not topics & {"wallet.topped_up", "top_up_reference.used"}
    assert "payment_session.created" in topics


def test_only_files_that_have_its_events_are_written_again(story: Story, tmp_path: Path) -> None:
    first = export(story.log, tmp_path)
    story.ledger.send(RestrictSession(session_id=story.session))

    second = export(story.log, tmp_path)
    third = export(story.log, tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    assert first == Done(events=story.log.head() - 1, written=3)
    assert (second.written, third.written, third.kept) == (3, 0, 3)
    story.log.advance(MONTH)
    april = story.ledger.create_session("A-9")
    story.ledger.send(story.ledger.cancel(april))
    export(story.log, tmp_path)
    story.ledger.send(RestrictSession(session_id=april))
    assert export(story.log, tmp_path).kept == 3


def test_amounts_and_everything_else_stay(story: Story, tmp_path: Path) -> None:
    export(story.log, tmp_path / "before")
    story.ledger.send(RestrictSession(session_id=story.session))
    export(story.log, tmp_path / "after")

    before, after = (
        parquet.read_table(tmp_path / name / NAMES[0]).to_pylist() for name in ("before", "after")
    )
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert {**new, "data": ""} == {**old, "data": ""}
        assert json.loads(new["data"]).keys() == json.loads(old["data"]).keys()
