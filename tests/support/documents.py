"""The reference pages, generated from the code by `python -m tests.support.documents`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec

from api.app import operations
from api.context import ApiConfig, Services
from api.http.errors import status_of
from api.http.openapi import problems_of
from api.http.schema_text import fields
from api.tokens import Tokens
from domain.errors import LedgerError
from domain.merchants.webhook_endpoint import FOLLOWED
from infrastructure.event_store.mapper import schema_version
from infrastructure.event_store.registry import AGGREGATES
from infrastructure.settings import PREFIX, Settings
from tests.support.books_page import BOOKS, PICTURES, filled, picture

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
GENERATED = "<!-- generated from the code by `make docs`; do not edit -->\n\n"


HTTP_PREFACE = (
    "Amounts are integers in minor units; times are RFC 3339 in UTC with microseconds. Errors are "
    "problem documents ([errors](errors.md)). Do not put personal data into free text "
    "(`description`, `metadata`, `reference`, `label`). Every response to a command has a `Ledger-Position` "
    "header. A refused body is refused with `invalid-request`, which names every mistake. What every "
    "answer says beside its body is in [conventions](../explanation/http.md)."
)
EVENTS_PREFACE = (
    "Topics and fields never change. Every event also has a position, stream, version, "
    "`recorded_at` (the ledger's time when it was recorded), id, command id, actor, trace id and "
    "schema version; `timestamp` is the ledger's time when it was decided. No event contains a "
    "secret or personal data."
)
WEBHOOKS_PREFACE = (
    "The bodies of webhooks ([receive webhooks](../howto/receive-webhooks.md)). `data` has `position`, the event's place in the "
    "log, `seq`, its place in its session or payout, and what the event is about, as the event left it: "
    "the `session`, the `refund` or the `payout`, as the API shows it to its merchant "
    "but for addresses with tokens, which are null. Events of attempts and disputes show their session: its `status`, `flags` and `paid` say "
    "what has changed, and `GET /v1/payment-sessions/{id}/attempts` has the attempts. A receiver ignores types and "
    "members that it does not know, because later releases add some."
)


def document_services() -> Services:
    """Services that are sufficient to describe operations, but not to serve requests."""
    nothing = cast("Any", None)
    config = ApiConfig(
        public_url="http://127.0.0.1:8080",
        live_public_url="ws://127.0.0.1:8081",
        mode="test",
        claim_seconds=90,
        rate_limit=100,
        trusted_proxies=(),
    )
    return Services(
        config=config,
        log=nothing,
        reader=nothing,
        dispatcher=nothing,
        tokens=Tokens(b"s" * 32),
        read_models=nothing,
        event_lines=nothing,
        deliveries=nothing,
        used_tokens=nothing,
        live_tickets=nothing,
        streams=nothing,
        webhook_secrets=nothing,
        push=nothing,
        rates=nothing,
        health=nothing,
        pictures=nothing,
        logos=nothing,
        evidence=nothing,
        code_keys=nothing,
        metrics=nothing,
        callbacks=nothing,
        notes=nothing,
        terms=nothing,
        sandbox=nothing,
        new_id=nothing,
        close=lambda: None,
    )


def http() -> str:
    """Every operation."""
    out = ["# HTTP", GENERATED + HTTP_PREFACE]
    for operation in operations(document_services()):
        path = operation.path.replace(":str}", "}")
        callers = ", ".join(sorted(operation.callers)) or "anyone"
        if operation.local_without_key:
            callers += ", or this machine without an API key"
        responses = ", ".join(map(str, operation.responses))
        facts = [
            f"## {operation.method} `{path}`",
            f"{operation.summary}. {operation.description}".strip(),
            "\n".join(
                [
                    f"- callers: {callers}",
                    f"- Idempotency-Key: {operation.idempotency.value}",
                    f"- responses: {responses}",
                    f"- problems: {', '.join(f'`{code}`' for code in problems_of(operation))}",
                ]
            ),
        ]
        for title, kind in (("body", operation.body), ("query", operation.query)):
            if kind is not None:
                rows = [
                    f"| `{name}` | {'yes' if required else ''} | {_cell(schema)} |"
                    for name, required, schema in fields(kind)
                ]
                facts.append(
                    f"| {title} | required | type |\n| --- | --- | --- |\n" + "\n".join(rows)
                )
        out += facts
    return "\n\n".join(out) + "\n"


def events() -> str:
    """Every event."""
    out = ["# Events", GENERATED + EVENTS_PREFACE]
    for aggregate in AGGREGATES:
        for event in vars(aggregate).values():
            topic = getattr(event, "TOPIC", "")
            if not isinstance(event, type) or not topic or topic.endswith(".event"):
                continue
            own: dict[str, Any] = {}
            for base in reversed(event.__mro__):
                if base.__module__.startswith("domain"):
                    own.update(inspect.get_annotations(base))
            rows = [
                f"| `{name}` | `{_cell(kind if isinstance(kind, str) else kind.__name__)}` |"
                for name, kind in own.items()
            ]
            doc = (event.__doc__ or "").strip().splitlines()[0]
            out.append(f"## `{topic}`\n\nVersion {schema_version(event)}. {doc}")
            if rows:
                out.append("| field | type |\n| --- | --- |\n" + "\n".join(rows))
    return "\n\n".join(out) + "\n"


def errors() -> str:
    """Every error."""
    rows = []
    for code, error in sorted(LedgerError.by_code.items()):
        doc = " ".join((error.__doc__ or "").split())
        transient = "yes" if error.kind.transient else ""
        kept = "yes" if error.kind.kept else ""
        rows.append(
            f"| `{code}` | {error.kind} | {status_of(error)} | {transient} | {kept} | {doc} |"
        )
    return (
        "# Errors\n\n"
        + GENERATED
        + "Problem documents (RFC 9457) with `type`, `title`, `status`, `detail`, `code`, "
        "`transient` and the facts as members. *Transient*: the same request may succeed later. "
        "*Kept*: the refusal is recorded under the idempotency key, and every retry returns it. "
        "`invalid-qr` and `invalid-signature` have the facts `cause`, `reason` and `offset` "
        "([causes](../howto/read-and-write-qr-texts.md#what-a-refusal-states)).\n\n"
        "| code | kind | status | transient | kept | when |\n"
        "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def settings() -> str:
    """Every setting."""
    (reference,), components = msgspec.json.schema_components([Settings])
    shape = components[reference["$ref"].rpartition("/")[2]]
    rows = []
    for name, schema in shape["properties"].items():
        default = msgspec.json.encode(schema.get("default")).decode()
        rows.append(
            f"| `{PREFIX}{name.upper()}` | `{name}` | `{default}` | {schema['description']} |"
        )
    return (
        "# Settings\n\n"
        + GENERATED
        + "Environment variables take precedence over `qrledger.toml` in the current folder. With an "
        "unknown name or an invalid value the program exits with status 2 and a line that names "
        "it.\n\n"
        "| variable | in the file | default | description |\n| --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def webhooks() -> str:
    """Every webhook: what it says, and those beside a session's own with an example."""
    from tests.support import webhook_examples  # noqa: PLC0415 - it needs this module

    bodies = webhook_examples.bodies()
    kinds = {event.TOPIC: event for event in FOLLOWED}
    rows, examples = [], []
    for topic in sorted(kinds):
        doc = " ".join((kinds[topic].__doc__ or "").split("\n\n")[0].split())
        rows.append(f"| `{topic}` | `{next(reversed(bodies[topic]['data']))}` | {doc} |")
        if topic == "payment_session.paid" or not topic.startswith("payment_session."):
            text = webhook_examples.shown(bodies[topic])
            examples.append(f"## `{topic}`\n\n```json\n{text}\n```")
    table = "| type | member of `data` | when |\n| --- | --- | --- |\n" + "\n".join(rows)
    return "\n\n".join(["# Webhooks", GENERATED + WEBHOOKS_PREFACE, table, *examples]) + "\n"


def _cell(text: str) -> str:
    """Escape a bar, which would end the table's cell."""
    return text.replace("|", "\\|")


DOCUMENTS: dict[str, Callable[[], str]] = {
    "http.md": http,
    "events.md": events,
    "errors.md": errors,
    "settings.md": settings,
    "webhooks.md": webhooks,
}

if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in DOCUMENTS.items():
        (REFERENCE / name).write_text(make())
    BOOKS.write_text(filled(BOOKS.read_text()))
    for currency, path in PICTURES.items():
        path.write_text(picture(currency))
