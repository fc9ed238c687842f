"""`qrledger attempts`, and the read model behind it: what is open, and who ends it and why."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from application.command import Command
from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.decline_attempt import DeclineAttempt
from application.commands.fail_refund import FailRefund
from application.commands.flag_refund import FlagRefund
from application.commands.flag_session import FlagSession
from application.commands.refund_session import RefundSession
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.event_log import history
from application.reader import Reader
from domain import ids
from domain.accounting import chart
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from infrastructure.cli import program
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.attempts import Attempts
from projections.refunds import Refunds
from tests.support.ledger_fixture import LedgerFixture
from tests.support.payout_steps import LogCredits
from tests.support.read_models import apply_all

pytestmark = pytest.mark.postgres


class Desk:
    """An operator's desk: attempts through a processor that says nothing by itself."""

    def __init__(self, url: str, log: PostgresLog, pool: ConnectionPool) -> None:
        self.url, self.log, self.pool = url, log, pool
        self.ledger = LedgerFixture(log)
        merchant = ids.decode("mer", self.ledger.merchant)
        self.ledger.send(SetProcessors(merchant_id=merchant, processors=("psp",)))

    def attempt(self) -> dict[str, Any]:
        session_id, attempt_id = self.ledger.create_session(), self.ledger.new_id()
        about: dict[str, Any] = {"session_id": session_id, "attempt_id": attempt_id}
        self.ledger.send(StartAttempt(processor="psp", **about))
        return about

    def say(self, *commands: Command) -> None:
        for command in commands:
            self.ledger.send(command)

    def follow(self, size: int = 1000) -> Attempts:
        apply_all(Runner(Refunds, self.pool.connection), self.log, size=size)
        apply_all(Runner(Attempts, self.pool.connection), self.log, size=size)
        return Attempts(self.log._pool.connection)

    def refund(self, *, flag: bool = False) -> dict[str, Any]:
        """A refund of 4.00 USD of a captured attempt, which nobody has carried out."""
        paid = self.attempt()
        self.say(CaptureAttempt(reference="r-1", money=Money(1000, "USD"), **paid))
        about = {"session_id": paid["session_id"], "refund_id": self.ledger.new_id()}
        earned = LogCredits(self.log).credits(chart.PAYABLE.of(self.ledger.merchant), "USD")
        self.say(
            RefundSession(
                merchant_id=ids.decode("mer", self.ledger.merchant),
                amount=Money(400, "USD"),
                credits=earned,
                credits_are_current=True,
                **about,
            )
        )
        if flag:
            self.say(FlagRefund(reason="silence", **about))
        return about

    def run(self, *words: str) -> Result:
        environment = {"QRLEDGER_DATABASE_URL": self.url, "QRLEDGER_MODE": "test"}
        return CliRunner().invoke(program, ["attempts", *words], env=environment)

    def session(self, about: dict[str, Any]) -> PaymentSession:
        reader = Reader(self.log)
        return reader.get(PaymentSession, about["session_id"], "payment session").state


@pytest.fixture
def desk(database_url: str, postgres_log: PostgresLog) -> Iterator[Desk]:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    yield Desk(database_url, postgres_log, pool)
    pool.close()


def name_of(about: dict[str, Any]) -> str:
    return ids.encode("att", about["attempt_id"])


@pytest.mark.parametrize("size", [1, 1000])
def test_the_read_model_knows_which_attempts_are_open(desk: Desk, size: int) -> None:
    waiting, silent, declined, paid, under, late = (desk.attempt() for _ in range(6))
    ten, less = Money(1000, "USD"), Money(900, "USD")
    desk.say(
        FlagSession(reason="silence", **silent),
        DeclineAttempt(**declined),
        CaptureAttempt(reference="r-1", money=ten, **paid),
        CaptureAttempt(reference="r-2", money=less, **under),
        DeclineAttempt(**late),
        CaptureAttempt(reference="r-3", money=ten, **late),
    )

    model = desk.follow(size)

    pairs = [(one["attempt_id"], one["session_id"]) for one in (waiting, silent)]
    assert [one[:2] for one in model.open(unresolved=False, limit=10)] == pairs
    assert [one[:2] for one in model.open(unresolved=True, limit=10)] == pairs[1:]
    assert [one[:2] for one in model.open(unresolved=False, limit=1)] == pairs[:1]
    assert model.session_of(paid["attempt_id"]) == paid["session_id"]
    assert model.session_of(desk.ledger.new_id()) is None


def test_attempts_are_listed_for_people_and_programs(desk: Desk) -> None:
    waiting, silent, ended = (desk.attempt() for _ in range(3))
    desk.say(AcceptAttempt(reference="r-9", **silent), FlagSession(reason="silence", **silent))
    desk.follow()
    desk.say(DeclineAttempt(**ended))  # after the read model's position

    lines = desk.run("list")
    found = json.loads(desk.run("list", "--unresolved", "--json").stdout)["data"]

    assert [line.split()[0] for line in lines.stdout.splitlines()] == [
        name_of(waiting), name_of(silent),
    ]  # fmt: skip
    [one] = found
    assert (one["id"], one["processor"], one["unresolved"]) == (name_of(silent), "psp", True)
    assert (one["status"], one["reference"]) == ("processing", "r-9")
    assert one["amount"] == {"minor": 1000, "currency": "USD"}


def test_a_person_says_that_the_money_was_taken(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada\x00" + "x" * 200)
    about = desk.attempt()
    desk.follow()

    result = desk.run("resolve", name_of(about), "--captured", "pi_7", "--reason", "dashboard")

    assert result.exit_code == 0, result.output
    session = desk.session(about)
    assert (session.status, session.attempts[name_of(about)].reference) == ("paid", "pi_7")
    events = {one.topic: one.event for one in history(desk.log, about["session_id"])}
    resolved: Any = events["attempt.resolved"]
    assert resolved.by == ("cli:ada\ufffd" + "x" * 200)[:80]
    assert (resolved.reason, resolved.outcome) == ("dashboard", "captured")


def test_a_person_says_that_nothing_was_taken(desk: Desk) -> None:
    about = desk.attempt()
    desk.follow()

    result = desk.run("resolve", name_of(about), "--declined", "--reason", "asked by phone")
    again = desk.run("resolve", name_of(about), "--declined", "--reason", "asked by phone")

    assert (result.exit_code, desk.session(about).status) == (0, "created")
    assert (again.exit_code, "is declined" in again.stderr) == (1, True)


def test_another_amount_goes_the_way_of_a_processors_word(desk: Desk) -> None:
    about = desk.attempt()
    desk.follow()
    words = ["--captured", "pi_8", "--amount-minor", "900", "--currency", "USD"]

    result = desk.run("resolve", name_of(about), *words, "--reason", "statement")

    assert result.exit_code == 0, result.output
    assert (desk.session(about).status, desk.session(about).flags) == ("created", ("under",))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--declined"],
        ["--reason", "r"],
        ["--declined", "--captured", "x", "--reason", "r"],
        ["--captured", "", "--reason", "r"],
        ["--declined", "--amount-minor", "1", "--currency", "USD", "--reason", "r"],
        ["--captured", "x", "--amount-minor", "1", "--reason", "r"],
        ["--captured", "x", "--amount-minor", "1.5", "--currency", "USD", "--reason", "r"],
        ["--captured", "x", "--amount-minor", "1", "--currency", "XXY", "--reason", "r"],
        ["--declined", "--reason", ""],
        ["--declined", "--reason", "x" * 201],
        ["--declined", "--reason", "a\ud800b"],
    ],
)
def test_what_makes_no_sense_is_refused_and_not_recorded(desk: Desk, words: list[str]) -> None:
    about = desk.attempt()
    desk.follow()
    head = desk.log.head()

    result = desk.run("resolve", name_of(about), *words)

    assert result.exit_code == 2, result.output
    assert desk.log.head() == head


def test_an_attempt_that_nobody_knows_is_named(desk: Desk) -> None:
    desk.follow()
    unknown = ids.encode("att", desk.ledger.new_id())

    for name in (unknown, "att_x", "", "x" * 500):
        result = desk.run("resolve", name, "--declined", "--reason", "r")
        assert result.exit_code == 2, result.output


def refund_name(about: dict[str, Any]) -> str:
    return ids.encode("ref", about["refund_id"])


@pytest.mark.parametrize("size", [1, 1000])
def test_refunds_are_listed_with_attempts_until_their_end_is_known(desk: Desk, size: int) -> None:
    waiting, silent, failed = desk.refund(), desk.refund(flag=True), desk.refund(flag=True)
    attempt = desk.attempt()
    desk.say(FailRefund(**failed))
    desk.follow(size)

    every = json.loads(desk.run("list", "--json").stdout)["data"]
    [one] = json.loads(desk.run("list", "--unresolved", "--json").stdout)["data"]

    names = [refund_name(waiting), refund_name(silent), name_of(attempt)]
    assert [found["id"] for found in every] == names
    assert (one["id"], one["status"], one["unresolved"]) == (names[1], "pending", True)
    assert (one["processor"], one["amount"]["minor"], one["reference"]) == ("psp", 400, "r-1")


@pytest.mark.parametrize(("word", "end"), [("--refunded", "succeeded"), ("--declined", "failed")])
def test_a_person_says_how_a_refund_ended(
    desk: Desk, monkeypatch: Any, word: str, end: str
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    about = desk.refund(flag=True)
    desk.follow()

    result = desk.run("resolve", refund_name(about), word, "--reason", "asked by phone")
    again = desk.run("resolve", refund_name(about), word, "--reason", "asked by phone")

    assert result.exit_code == 0, result.output
    assert desk.session(about).refunds[refund_name(about)].status == end
    events = {one.topic: one.event for one in history(desk.log, about["session_id"])}
    resolved: Any = events["refund.resolved"]
    assert (resolved.by, resolved.reason, resolved.outcome) == ("cli:ada", "asked by phone", end)
    assert (again.exit_code, f"has {end}" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--reason", "r"],
        ["--refunded", "--declined", "--reason", "r"],
        ["--captured", "x", "--reason", "r"],
        ["--refunded", "--captured", "x", "--reason", "r"],
        ["--refunded", "--amount-minor", "1", "--currency", "USD", "--reason", "r"],
        ["--refunded", "--reason", ""],
        ["--refunded"],
    ],
)
def test_words_that_are_not_about_refunds_are_refused(desk: Desk, words: list[str]) -> None:
    about, attempt = desk.refund(), desk.attempt()
    desk.follow()
    head = desk.log.head()

    result = desk.run("resolve", refund_name(about), *words)
    of_attempt = desk.run("resolve", name_of(attempt), "--refunded", "--reason", "r")

    assert (result.exit_code, of_attempt.exit_code) == (2, 2), result.output
    assert desk.log.head() == head
