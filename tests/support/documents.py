"""The reference pages, made from the code. `python -m tests.support.documents` writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec

from api.app import operations
from api.context import ApiConfig, Services
from api.http.errors import STATUS
from api.http.openapi import problems_of
from api.http.schema_text import fields
from api.tokens import Tokens
from domain.errors import LedgerError
from infrastructure.event_store.mapper import schema_version
from infrastructure.event_store.registry import AGGREGATES
from infrastructure.settings import PREFIX, Settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MADE = "<!-- made from the code by `make docs`; do not edit -->\n\n"


HTTP_PREFACE = (
    "Amounts are integers in minor units; times are RFC 3339 in UTC with microseconds. Errors are "
    "problem documents ([errors](errors.md)). Free texts (`description`, `metadata`, `reference`) "
    "are not for personal data. Every answer to a command carries `Ledger-Position`. A wrong field "
    "is `invalid-request` with its name."
)
EVENTS_PREFACE = (
    "Topics are stable for ever. Every event also has its position, stream, version, `recorded_at` "
    "(the ledger's time), id, command id, actor, trace id and schema version. `timestamp` is the "
    "ledger's time at which the command was decided. No event holds a secret or personal data."
)


def a_document_services() -> Services:
    """Services that describe operations and serve none."""
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
        health=nothing,
        qr_images=nothing,
        metrics=nothing,
        new_id=nothing,
        close=lambda: None,
    )


def http() -> str:
    """Every operation."""
    out = ["# HTTP", MADE + HTTP_PREFACE]
    for operation in operations(a_document_services()):
        path = operation.path.replace(":str}", "}")
        callers = ", ".join(sorted(operation.callers)) or "anybody"
        if operation.local_without_key:
            callers += ", or this machine without a key"
        responses = ", ".join(map(str, operation.responses))
        facts = [
            f"## {operation.method} `{path}`",
            f"{operation.summary}. {operation.description}".strip(),
            "\n".join(
                [
                    f"- who: {callers}",
                    f"- Idempotency-Key: {operation.idempotency.value}",
                    f"- answers: {responses}",
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
                    f"| {title} | required | what |\n| --- | --- | --- |\n" + "\n".join(rows)
                )
        out += facts
    return "\n\n".join(out) + "\n"


def events() -> str:
    """Every event."""
    out = ["# Events", MADE + EVENTS_PREFACE]
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
    for code, status in sorted(STATUS.items()):
        kind = LedgerError.by_code[code]
        doc = " ".join((kind.__doc__ or "").split())
        kept = "kept" if kind.kept else ""
        again = "yes" if kind.transient else ""
        rows.append(f"| `{code}` | {status} | {again} | {kept} | {doc} |")
    return (
        "# Errors\n\n"
        + MADE
        + "Problem documents (RFC 9457) with `type`, `title`, `status`, `detail`, `code`, "
        "`transient` and the facts as members. *Again*: asking again may help. *Kept*: an "
        "idempotency key answers with it for ever.\n\n"
        "| code | status | again | kept | when |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
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
        + MADE
        + "Variables win over `qrledger.toml` in the current folder. An unknown name or a wrong "
        "value ends the program with status 2 and one line that names it.\n\n"
        "| variable | in the file | default | what |\n| --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def _cell(text: str) -> str:
    """Fit for a table: a bar would end the cell."""
    return text.replace("|", "\\|")


DOCUMENTS: dict[str, Callable[[], str]] = {
    "http.md": http,
    "events.md": events,
    "errors.md": errors,
    "settings.md": settings,
}

if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in DOCUMENTS.items():
        (REFERENCE / name).write_text(make())
