"""The one road of every write: keys, batches, conflicts, clocks, in memory and one command at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.bus import TRIES_MAX
from application.command import Command, Decision, Envelope, Loaded, Outcome
from application.commands.top_up_wallet import TopUpWallet
from application.errors import LogRejected
from application.event_log import AppendRequest, LoadResult, Verdict
from domain import ids
from domain.errors import LedgerError
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog


def codes(results: Sequence[Outcome | LedgerError]) -> list[str]:
    return [one.code if isinstance(one, LedgerError) else "ok" for one in results]


def topics(log: MemoryLog, after: int = 0) -> list[str]:
    return [one.topic for one in log.events[after:]]


def test_a_payment_is_recorded_by_wallet_and_session_in_one_append() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(), ledger.create_session()
    claim = ledger.claim_session(session, wallet)
    before = log.head()

    outcome = ledger.send(ledger.pay(session, wallet, claim))

    assert topics(log, before) == ["wallet.captured", "payment_session.paid"]
    assert len({one.command_id for one in log.events[before:]}) == 1
    assert outcome.position == log.head()
    assert ledger.wallet(wallet).available_minor == 99_000


def test_the_same_key_and_body_is_answered_as_the_first_time_even_much_later() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    command = ledger.create("A-1")
    first = ledger.send(command, key="k", body="b")
    wallet = ledger.open_wallet()
    ledger.send(
        ledger.pay(command.session_id, wallet, ledger.claim_session(command.session_id, wallet))
    )
    log.advance(5000)
    head = log.head()

    again = ledger.send(ledger.create("A-1"), key="k", body="b")

    assert again.replayed
    assert (again.position, again.recorded_at) == (first.position, first.recorded_at)
    assert (again.subject.id, again.subject.version) == (command.session_id, 1)
    assert again.subject.status is Status.CREATED
    assert log.head() == head


def test_the_same_key_with_another_body_is_refused() -> None:
    ledger = LedgerFixture(MemoryLog())
    ledger.send(ledger.create(), key="k", body="b")

    assert ledger.try_send(ledger.create(), key="k", body="c") == "idempotency-key-reused"


def test_a_decided_refusal_is_kept_under_its_key_and_told_again() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(5), ledger.create_session()
    pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))

    assert ledger.try_send(pay, key="k") == "insufficient-funds"
    ledger.send(TopUpWallet(wallet_id=wallet, amount=Money(5000, "USD"), reference="more"))
    head = log.head()
    with pytest.raises(LedgerError) as told:
        ledger.send(pay, key="k")

    assert (told.value.code, told.value.replayed) == ("insufficient-funds", True)
    assert told.value.facts["asked_minor"] == 1000
    assert log.head() == head
    assert isinstance(ledger.try_send(pay, key="other"), Outcome)


def test_a_refusal_that_may_pass_is_not_kept() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    one, other, session = ledger.open_wallet(), ledger.open_wallet(), ledger.create_session()
    ledger.claim_session(session, one)
    scan = ledger.scan(session, other)

    assert ledger.try_send(scan, key="k") == "session-claimed"
    log.advance(90)

    assert isinstance(ledger.try_send(scan, key="k"), Outcome)


def test_twins_in_one_batch_are_one_command() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    head = log.head()

    results = ledger.bus.send_all([envelope(ledger.create("A-1"), "k", "b") for _ in range(50)])

    assert codes(results) == ["ok"] * 50
    outcomes = [one for one in results if isinstance(one, Outcome)]
    assert len({one.subject.id for one in outcomes}) == 1
    assert sum(one.replayed for one in outcomes) == 49
    assert log.head() == head + 2


def test_commands_of_one_batch_see_each_other() -> None:
    ledger = LedgerFixture(MemoryLog())
    wallet = ledger.open_wallet(2500)
    sessions = [ledger.create_session() for _ in range(4)]
    claims = [ledger.claim_session(session, wallet) for session in sessions]

    results = ledger.bus.send_all(
        [
            envelope(ledger.pay(session, wallet, claim))
            for session, claim in zip(sessions, claims, strict=True)
        ]
    )

    assert codes(results) == ["ok", "ok", "insufficient-funds", "insufficient-funds"]
    assert ledger.wallet(wallet).available_minor == 500


def test_a_second_create_for_the_order_is_refused_with_the_first_ones_id() -> None:
    ledger = LedgerFixture(MemoryLog())
    first = ledger.create("A-1")

    [_, refusal] = ledger.bus.send_all([envelope(first), envelope(ledger.create("A-1"))])

    assert isinstance(refusal, LedgerError)
    assert refusal.code == "order-open"
    assert refusal.facts["session_id"] == PaymentSession.public_id.fget(  # type: ignore[attr-defined]
        ledger.session(first.session_id)
    )


def test_a_create_after_the_deadline_records_the_old_session_as_expired_first() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    old = ledger.create_session("A-1")
    log.advance(900)
    before = log.head()

    ledger.send(ledger.create("A-1"))

    assert topics(log, before) == [
        "payment_session.expired",
        "order.released",
        "order.opened",
        "payment_session.created",
    ]
    assert ledger.session(old).status is Status.EXPIRED


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_an_order_is_free_again_when_its_session_has_ended(end: str) -> None:
    ledger = LedgerFixture(log := MemoryLog())
    session = ledger.create_session("A-1")
    log.advance(900 if end == "expire" else 1)

    ledger.send(ledger.cancel(session) if end == "cancel" else ledger.expire(session))

    assert isinstance(ledger.try_send(ledger.create("A-1")), Outcome)


def test_a_paid_order_stays_paid() -> None:
    ledger = LedgerFixture(MemoryLog())
    wallet, session = ledger.open_wallet(), ledger.create_session("A-1")
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))

    assert ledger.try_send(ledger.create("A-1")) == "order-paid"


def test_paying_again_answers_with_the_first_payment_whatever_the_key() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(), ledger.create_session()
    pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))
    first = ledger.send(pay, key="one")
    head = log.head()
    log.advance(5000)

    again = ledger.send(pay, key="two")

    assert (again.position, again.replayed) == (first.position, False)
    assert log.head() == head


def test_another_apps_wallet_is_not_found() -> None:
    ledger = LedgerFixture(MemoryLog())
    foreign = ledger.open_wallet(app="app_other")

    assert ledger.try_send(ledger.scan(ledger.create_session(), foreign)) == "not-found"


def test_an_unknown_payee_order_or_wallet_leaves_no_event() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    head = log.head()

    assert ledger.try_send(ledger.scan(uuid7(), uuid7())) == "not-found"
    assert ledger.try_send(ledger.cancel(uuid7())) == "not-found"
    assert log.head() == head


class InterferingLog(MemoryLog):
    """A log where somebody else is faster, or where something breaks, on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.before_append: Callable[[], object] | None = None
        self.after_load: Callable[[], object] | None = None

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        loading = super().load(streams, receipts)
        if self.after_load:
            self.after_load()
        return loading

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        if self.before_append:
            act, self.before_append = self.before_append, None
            act()
        return super().append(batch)


def test_a_conflict_is_decided_again_on_what_is_true_now() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet, rival, session = ledger.open_wallet(), ledger.open_wallet(), ledger.create_session()

    def overtake() -> None:
        other.send(other.scan(session, rival))

    log.before_append = overtake

    assert ledger.try_send(ledger.scan(session, wallet)) == "session-claimed"


@pytest.mark.parametrize("known", [True, False])
def test_a_twin_of_an_older_release_that_was_faster_is_known_by_its_fingerprint(
    known: bool,
) -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    command = ledger.create("A-1")
    older = ids.derive("body", "b, as an older release spells it").bytes
    first: list[Outcome] = []
    log.before_append = lambda: first.append(
        other.send(command, key="k", body="b, as an older release spells it")
    )

    result = ledger.bus.send_all(
        [
            replace(
                envelope(command, key="k", body="b"),
                older_fingerprints=lambda: (older,) if known else (),
            )
        ]
    )[0]

    if known:
        assert isinstance(result, Outcome)
        assert result.replayed
        assert result.position == first[0].position
    else:
        assert codes([result]) == ["idempotency-key-reused"]


@pytest.mark.parametrize("key", ["", "k"])
def test_an_answer_that_rests_on_a_loser_is_decided_again(key: str) -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet = ledger.open_wallet(1000)
    one, two = ledger.create_session(), ledger.create_session()
    claims = [ledger.claim_session(one, wallet), ledger.claim_session(two, wallet)]
    log.before_append = lambda: other.send(other.cancel(one))

    results = ledger.bus.send_all(
        [
            envelope(ledger.pay(one, wallet, claims[0])),
            envelope(ledger.pay(two, wallet, claims[1]), key=key),
        ]
    )

    assert codes(results) == ["session-not-payable", "ok"]
    assert ledger.wallet(wallet).available_minor == 0


def test_an_answer_knows_its_position_although_a_later_mate_lost() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet, session = ledger.open_wallet(1000), ledger.create_session()
    scan = ledger.scan(session, wallet)
    claim = ids.encode("clm", scan.claim_id)
    log.before_append = lambda: other.send(
        TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference="meanwhile")
    )

    scanned, again, paid = ledger.bus.send_all(
        [
            envelope(scan),
            envelope(ledger.scan(session, wallet)),
            envelope(ledger.pay(session, wallet, claim)),  # loses on the wallet, is decided again
        ]
    )

    assert isinstance(scanned, Outcome)
    assert isinstance(again, Outcome)
    assert isinstance(paid, Outcome)
    assert again.position == scanned.position
    assert again.subject.version == scanned.subject.version == 2


def test_a_kept_refusal_never_rests_on_a_mate_that_may_lose() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet = ledger.open_wallet(1000)
    one, two = ledger.create_session(), ledger.create_session()
    claims = [ledger.claim_session(one, wallet), ledger.claim_session(two, wallet)]
    log.before_append = lambda: other.send(other.cancel(one))

    ledger.bus.send_all(
        [
            envelope(ledger.pay(one, wallet, claims[0])),
            envelope(ledger.pay(two, wallet, claims[1]), key="k"),
        ]
    )

    assert isinstance(ledger.try_send(ledger.pay(two, wallet, claims[1]), key="k"), Outcome)


def test_whoever_always_loses_is_told_to_come_again() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet = ledger.open_wallet()

    def top_up(reference: str) -> None:
        command = TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference=reference)
        other.send(command)

    def again() -> None:
        log.after_load = None
        top_up(str(uuid7()))
        log.after_load = again

    log.after_load = again
    mine = TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference="mine")

    assert ledger.try_send(mine) == "overloaded"
    log.after_load = None
    assert log.stream(TopUpReference.stream_id(wallet, "mine")) == []
    assert ledger.wallet(wallet).version == 1 + 1 + TRIES_MAX


def test_time_that_passes_between_deciding_and_recording_is_seen() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    wallet, session = ledger.open_wallet(), ledger.create_session()
    pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))
    log.before_append = lambda: log.advance(900)

    assert ledger.try_send(pay) == "session-expired"
    assert ledger.session(session).status is Status.SCANNED


def test_a_clock_that_goes_back_does_not_expire_a_session_early() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    session = ledger.create_session()
    log.advance(900)
    log.before_append = lambda: log.advance(-1)

    outcome = ledger.send(ledger.expire(session))

    assert outcome.subject.status is Status.CREATED


def test_a_poisonous_command_does_not_fail_its_mates() -> None:
    class Picky(MemoryLog):
        def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
            if any(pending.trace_id == "poison" for pending in batch):
                raise LogRejected(reason="no")
            return super().append(batch)

    ledger = LedgerFixture(Picky())
    bad = Envelope(command=ledger.create(), command_id=uuid7(), actor="t", trace_id="poison")

    results = ledger.bus.send_all([envelope(ledger.create()), bad, envelope(ledger.create())])

    assert codes(results) == ["ok", "internal-error", "ok"]


def test_a_handler_that_breaks_harms_nobody_else() -> None:
    class Broken(Command):
        def decide(self, loaded: Loaded) -> Decision:
            raise ZeroDivisionError

    ledger = LedgerFixture(MemoryLog())

    results = ledger.bus.send_all(
        [envelope(ledger.create()), envelope(Broken()), envelope(ledger.create())]
    )

    assert codes(results) == ["ok", "internal-error", "ok"]


def test_a_stream_that_cannot_be_read_fails_nobody_elses_command(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = LedgerFixture(log := MemoryLog())
    broken, fine = ledger.open_wallet(), ledger.open_wallet()
    stream = log._streams[broken]
    stream[0] = stream[0]._replace(state=b"not JSON")
    commands = [
        TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference="r")
        for wallet in (fine, broken)
    ]

    results = LedgerFixture(log, like=ledger).bus.send_all(
        [envelope(one, key=str(one.wallet_id)) for one in commands]
    )

    assert isinstance(results[0], Outcome)
    assert getattr(results[1], "code", None) == "internal-error"
    assert "failed" in caplog.text


def test_a_command_that_needs_streams_without_end_fails_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Endless(Command):
        def decide(self, loaded: Loaded) -> Decision:
            while True:
                loaded.find(Wallet, uuid7())

    ledger = LedgerFixture(MemoryLog())

    results = ledger.bus.send_all([envelope(Endless()), envelope(ledger.create())])

    assert codes(results) == ["internal-error", "ok"]
    assert "Endless needs too many streams" in caplog.text
