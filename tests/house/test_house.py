"""Rules for the whole code base: imports, topics, golden events, names, sizes, documents."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import resolve_topic

from api.app import operations
from api.http.openapi import problems_of
from api.http.parsing import Body, Query
from application import commands
from application.command import Command
from application.event_log import AppendRequest, fold
from domain.errors import LedgerError
from domain.ids import PREFIXES, SUBJECT_PREFIXES
from infrastructure.event_store.mapper import LedgerMapper
from infrastructure.event_store.registry import AGGREGATES
from tests.support.documents import DOCUMENTS, document_services
from tests.support.golden import EVENTS, GOLDEN
from tests.support.golden_facts import STREAM

ROOT = Path(__file__).parents[2]
ROOMS = ["domain", "application", "infrastructure", "projections", "api"]
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "domain").rglob("*.py")), ids=lambda p: p.name)
def test_the_domain_imports_only_the_standard_library_and_the_event_library(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "domain"}

    foreign = {n for n in imports(path) if n.partition(".")[0] not in allowed}
    if path == ROOT / "domain/audit/vkey.py":  # the signatures of notes
        foreign = {name for name in foreign if name.partition(".")[0] != "cryptography"}

    assert foreign <= {"eventsourcing.domain"}


@pytest.mark.parametrize("room", ["domain", "application", "projections"])
def test_the_inner_layers_are_synchronous(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not any(isinstance(one, ast.AsyncFunctionDef | ast.Await) for one in nodes), path


def test_only_conversion_between_currencies_uses_decimals() -> None:
    inner = [
        p for room in ("domain", "application", "projections") for p in (ROOT / room).rglob("*.py")
    ]

    users = [path for path in inner if "decimal" in imports(path)]

    assert users == [ROOT / "domain/money/fx.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_have_at_most_400_lines(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= 400, f"{path} has {lines} lines"


def test_make_e2e_finds_every_test_with_a_browser() -> None:
    """It looks in one folder: reading all the others takes longer than ten browser tests."""
    mark = "mark." + "e2e"
    elsewhere = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if mark in path.read_text() and "end_to_end" not in path.parts
    }

    assert elsewhere == set()


def test_no_other_distribution_provides_our_packages() -> None:
    provided = metadata.packages_distributions()

    for room in ROOMS:
        assert set(provided.get(room, ["qrledger"])) == {"qrledger"}


def test_every_package_is_marked_as_typed() -> None:
    for room in ROOMS:
        assert (ROOT / room / "py.typed").exists()


def _events(aggregate: type[Any]) -> dict[str, type[Any]]:
    classes = [v for v in vars(aggregate).values() if isinstance(v, type)]
    events: dict[str, type[Any]] = {
        str(getattr(v, "TOPIC", "")): v for v in classes if issubclass(v, aggregate.Event)
    }
    return {topic: v for topic, v in events.items() if not topic.endswith(".event")}


CONTRACT = {
    "payment_session": [
        "created", "scanned", "claim_released", "processing", "paid", "declined", "expired",
        "cancelled", "failed", "flagged", "restricted",
    ],
    "attempt": ["accepted", "unanswered", "void_requested", "resolved"],
    "refund": ["requested", "succeeded", "resolved", "failed"],
    "dispute": ["opened", "won", "lost"],
    "refusal": ["recorded"],
    "suspense": ["received", "return_requested", "accepted", "returned"],
    "settlement": ["received"],
    "payout": ["requested", "funded", "sent", "settled", "returned"],
    "payable": ["opened", "debited", "restored"],
    "treasury": ["opened", "moved", "payout_funded", "payout_returned"],
    "fx_quote": ["opened", "given", "used"],
    "order": ["opened", "released"],
    "wallet": ["opened", "topped_up", "held", "captured", "released", "credited", "restricted"],
    "top_up_reference": ["used"],
    "static_code": ["issued", "revoked"],
    "code_session": ["opened"],
    "merchant": ["registered", "plan_changed", "payouts_changed", "processors_changed", "qr_changed", "branding_changed"],
    "wallet_app": ["registered"],
    "key": ["issued", "revoked"],
    "clock": ["accepted", "advanced"],
    "key_ring": ["key_added"],
    "log": ["opened", "key_added", "key_retired", "restarted"],
    "webhook_endpoint": [
        "opened",
        "added",
        "changed",
        "paused",
        "disabled",
        "enabled",
        "removed",
        "secret_rotated",
        "callback_secret_rotated",
        "test_requested",
        "replay_requested",
        "replay_finished",
        "redelivery_requested",
    ],
}  # fmt: skip


def test_topics_are_those_of_the_contract() -> None:
    ours = {topic for aggregate in AGGREGATES for topic in _events(aggregate)}

    assert ours == {f"{noun}.{word}" for noun, words in CONTRACT.items() for word in words}


def test_auditors_can_read_every_topic() -> None:
    from api.views.events import event_view  # noqa: PLC0415
    from tests.support.memory_log import MemoryLog  # noqa: PLC0415

    for event in EVENTS:
        log = MemoryLog()
        pending = AppendRequest(STREAM, b"", [replace(event, originator_version=1)])
        log.append([pending])
        view = event_view(log.read(0, 1)[0])
        assert (view.type, view.position) == (type(event).TOPIC, 1)


def test_the_event_feed_names_the_subject_of_every_event() -> None:
    topics = {topic.partition(".")[0] for one in AGGREGATES for topic in _events(one)}

    assert topics == set(SUBJECT_PREFIXES)
    assert set(SUBJECT_PREFIXES.values()) <= set(PREFIXES)
    assert len(set(SUBJECT_PREFIXES.values())) == len(AGGREGATES)  # refunds are their session's


def test_event_fields_are_primitives() -> None:
    allowed = {"str", "int", "bool", "str | None", "int | None", "dict[str, str]", "list[str]"}
    for aggregate in AGGREGATES:
        for event in _events(aggregate).values():
            annotations = inspect.get_annotations(event)
            own = {n: a for n, a in annotations.items() if not n.startswith("originator")}
            for name, kind in own.items():
                text = kind if isinstance(kind, str) else kind.__name__
                assert text in allowed | {"datetime"}, f"{event.TOPIC}.{name}: {text}"


def test_every_topic_has_a_golden_file_for_every_version() -> None:
    for aggregate in AGGREGATES:
        for topic, event in _events(aggregate).items():
            for version in range(1, getattr(event, "class_version", 1) + 1):
                assert (GOLDEN / f"{topic}.v{version}.json").exists(), topic


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda p: p.stem)
def test_golden_events_load(path: Path) -> None:
    golden = json.loads(path.read_text())
    stored = StoredEvent(
        originator_id=UUID(golden["originator_id"]),
        originator_version=golden["originator_version"],
        topic=golden["topic"],
        state=golden["state"].encode(),
    )

    event: Any = LedgerMapper().to_domain_event(stored)

    assert type(event) is resolve_topic(golden["topic"])
    assert msgspec.to_builtins({**vars(event)}) == golden["fields"]


def test_events_are_encoded_as_in_the_golden_files() -> None:
    for event in EVENTS:
        stored = LedgerMapper().to_stored_event(event)
        version = getattr(type(event), "class_version", 1)
        golden = json.loads((GOLDEN / f"{stored.topic}.v{version}.json").read_text())

        assert stored.state.decode() == golden["state"]


def test_states_hold_immutable_values_so_that_a_shallow_copy_is_independent() -> None:
    from tests.support.ledger_fixture import LedgerFixture  # noqa: PLC0415
    from tests.support.memory_log import MemoryLog  # noqa: PLC0415

    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(), ledger.create_session(metadata={"a": "b"})
    claim = ledger.claim_session(session, wallet)
    state: Any = fold(log.stream(session))
    before = {**vars(state)}
    frozen = {name: repr(value) for name, value in before.items() if name != "_pending_events"}

    ledger.send(ledger.pay(session, wallet, claim))

    assert {n: repr(v) for n, v in before.items() if n != "_pending_events"} == frozen


def test_every_problem_an_operation_names_exists() -> None:
    served = operations(document_services())

    assert len({operation.name for operation in served}) == len(served)
    for operation in served:
        assert set(problems_of(operation)) <= set(LedgerError.by_code)


def test_every_body_refuses_unknown_fields() -> None:
    for operation in operations(document_services()):
        if operation.body is not None:
            assert issubclass(operation.body, Body)
            assert operation.body.__struct_config__.forbid_unknown_fields
        if operation.query is not None:
            assert issubclass(operation.query, Query)


def test_every_file_of_commands_holds_one_command_of_the_same_name_that_decides() -> None:
    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    for name in names:
        if not name.startswith("_"):
            module = importlib.import_module(f"application.commands.{name}")
            own = [
                kind
                for kind in vars(module).values()
                if getattr(kind, "__module__", "") == module.__name__
            ]
            [command] = [
                kind for kind in own if isinstance(kind, type) and issubclass(kind, Command)
            ]
            assert command.__name__ == name.title().replace("_", "")
            assert "decide" in vars(command)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_reference_pages_are_up_to_date(name: str) -> None:
    path = ROOT / "docs" / "reference" / name

    assert path.read_text() == DOCUMENTS[name](), "run `make docs`"


def test_the_lock_file_has_hashes_and_no_url() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert "://" not in lock
    assert "--hash=sha256:" in lock


def test_pages_hold_no_inline_code_and_no_other_host() -> None:
    for path in (ROOT / "api" / "templates").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"\son\w+=|style=|javascript:|https?://", text), path
        assert "|safe" not in text
    for path in (ROOT / "api" / "static").glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|eval\(|https?://", path.read_text()
        )
