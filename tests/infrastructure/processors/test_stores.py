"""What is kept beside the log: one contract for the adapter and the fake of each store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from application.callbacks import PROCESS, from_payload, make_key, read_key
from application.ports.attempt_notes import AttemptNotes, Notes
from application.ports.callback_inbox import CallbackInbox
from application.ports.processor import Answer, Notice, State, Subject
from domain import ids
from domain.money.money import Money
from infrastructure.postgres.attempts import PostgresAttemptNotes, PostgresCallbackInbox
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.sandbox import PostgresSandboxStore
from infrastructure.processors.sandbox_store import MemorySandboxStore, SandboxStore, Stored
from tests.support.memory_notes import MemoryInbox, MemoryNotes
from tests.support.postgres import rows
from tests.support.processors import NOW

pytestmark = pytest.mark.contract


class Stores(NamedTuple):
    inbox: CallbackInbox
    notes: AttemptNotes
    sandbox: SandboxStore


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield Stores(MemoryInbox(), MemoryNotes(), MemorySandboxStore())
        return
    url = request.getfixturevalue("database_url")
    writer = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
    projector = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
    yield Stores(
        PostgresCallbackInbox(writer.connection),
        PostgresAttemptNotes(projector.connection),
        PostgresSandboxStore(projector.connection),
    )
    writer.close()
    projector.close()


NOTICE = Notice(
    id="n-1",
    subject=Subject.CHARGE,
    key="ps_1.att_1",
    charge_reference="r-1",
    answer=Answer(state=State.CAPTURED, reference="r-1", amount=Money(1200, "USD")),
    at=NOW,
)
STORED = Stored(
    key="att_1", reference="sbx_1", charge_key="", minor=1200, currency="USD", capture=True,
    behaviour="redirects", return_url="https://pay.example/", begun_at=NOW, state=State.PROCESSING,
)  # fmt: skip


def test_a_callback_is_new_once(stores: Stores) -> None:
    first = stores.inbox.receive("psp", NOTICE, bytes(32))

    assert first
    assert not stores.inbox.receive("psp", replace(NOTICE, key="ps_2.att_2"), bytes(32))
    assert stores.inbox.receive("stripe", NOTICE, bytes(32))


@pytest.mark.postgres
def test_a_callback_is_stored_with_its_task(database_url: str) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)
    inbox = PostgresCallbackInbox(pool.connection)

    for _ in range(2):
        inbox.receive("psp", NOTICE, b"s" * 32)
    pool.close()

    [(process, key, payload)] = rows(database_url, "select process, key, payload from ledger.tasks")
    [(fields, sha256)] = rows(database_url, "select fields, sha256 from ledger.processor_callbacks")
    assert (process, key, payload["processor"]) == (PROCESS, "psp n-1", "psp")
    assert from_payload(payload) == from_payload(fields) == NOTICE
    assert bytes(sha256) == b"s" * 32


@pytest.mark.postgres
def test_a_callback_is_due_at_once_although_the_clock_of_the_server_is_ahead(
    database_url: str,
) -> None:
    ahead = "clock_timestamp() + interval ''400 days''"
    rows(
        database_url,
        "create or replace function ledger.server_now() returns timestamptz language sql volatile "
        f"as 'select {ahead}'",
        fetch=False,
    )
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)

    PostgresCallbackInbox(pool.connection).receive("psp", NOTICE, bytes(32))
    pool.close()

    [(due_at,)] = rows(database_url, "select due_at from ledger.tasks")
    assert due_at == NOTICE.at


def test_notes_are_kept_until_they_are_forgotten(stores: Stores) -> None:
    notes = stores.notes
    notes.set_source("att_1", "pm_1")
    notes.set_redirect("att_1", "https://a.example/1")
    notes.set_redirect("att_1", "https://a.example/2")
    notes.set_redirect("att_2", "https://a.example/3")
    before = notes.of("att_1")
    notes.forget("att_1")

    assert before == Notes("pm_1", "https://a.example/2")
    assert notes.of("att_1") == Notes()
    assert notes.of("att_2") == Notes("", "https://a.example/3")


def test_the_first_key_of_a_reference_counts(stores: Stores) -> None:
    stores.notes.set_key("psp", "r-1", "ps_1.att_1")
    stores.notes.set_key("psp", "r-1", "ps_2.att_2")

    assert stores.notes.key_of("psp", "r-1") == "ps_1.att_1"
    assert stores.notes.key_of("stripe", "r-1") == ""


def test_the_sandbox_remembers_the_first_begin_and_the_first_end(stores: Stores) -> None:
    sandbox, later = stores.sandbox, NOW + timedelta(seconds=1)

    begun = sandbox.begin(STORED)
    again = sandbox.begin(replace(STORED, minor=1))
    voided = sandbox.settle("att_1", State.VOIDED, later)
    captured = sandbox.settle("att_1", State.CAPTURED, later + timedelta(seconds=1))

    assert begun == again == STORED
    assert voided == captured == replace(STORED, state=State.VOIDED, settled_at=later)
    assert sandbox.find("att_1") == sandbox.find_reference("sbx_1") == voided
    assert sandbox.find("att_2") is None
    assert sandbox.find_reference("sbx_2") is None
    with pytest.raises(KeyError):
        sandbox.settle("att_2", State.VOIDED, later)


def test_a_key_says_which_attempt_or_refund_it_is_about() -> None:
    session, attempt = ids.derive("session"), ids.derive("attempt")

    assert read_key(make_key(session, "att", attempt)) == (session, "att", attempt)
    assert read_key(make_key(session, "ref", attempt)) == (session, "ref", attempt)
    for none in ("", ".", "ps_1.att_1", make_key(session, "wal", attempt), "att_1.ps_1", "a" * 500):
        assert read_key(none) is None


@pytest.mark.postgres
def test_notes_of_attempts_that_were_never_recorded_are_deleted_by_their_age(
    database_url: str,
) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=1)
    notes = PostgresAttemptNotes(pool.connection)
    notes.set_source("att_old", "tok_1")
    notes.set_source("att_new", "tok_2")
    with pool.connection() as connection:
        connection.execute(
            "update ledger.attempt_notes set kept_at = kept_at - interval '8 days' "
            "where attempt = 'att_old'"
        )

    notes.clean()

    assert (notes.of("att_old").source, notes.of("att_new").source) == ("", "tok_2")
    pool.close()
