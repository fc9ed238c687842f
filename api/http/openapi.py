"""The OpenAPI 3.1 document and the readable page, both made from the operations."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from api.http.errors import BODY_BYTES_MAX, status_of
from api.http.operation import KEY_CHARS_MAX, Idempotency, Operation
from api.http.schema_text import fields
from domain.errors import LedgerError

_REF = "#/components/schemas/{name}"
_PATH_PARAMETER = re.compile(r"\{(\w+):str\}")
_ALWAYS = (
    "invalid-request",
    "request-timeout",
    "uri-too-long",
    "headers-too-large",
    "too-many-requests",
    "overloaded",
    "internal-error",
)
_KEYED = ("unauthorized", "forbidden")
_WITH_BODY = ("body-too-large", "unsupported-media-type")
_WITH_KEY = ("idempotency-key-reused", "idempotency-in-progress")

DESCRIPTION: Final = f"""\
An event-sourced ledger for scan-to-pay. Amounts are integers in minor units; times are RFC 3339
in UTC; errors are RFC 9457 problem documents with a stable `code`. Bodies have at most
{BODY_BYTES_MAX} bytes. Send `Authorization: Bearer qrl_…`. Free texts are not for personal data."""


def problem_schema() -> dict[str, Any]:
    """The shape of every error."""
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "transient"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "enum": sorted(LedgerError.by_code)},
            "transient": {"type": "boolean", "description": "May asking again help?"},
            "invalid_params": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "reason"],
                    "properties": {"name": {"type": "string"}, "reason": {"type": "string"}},
                },
            },
        },
    }


def document(operations: Sequence[Operation], *, version: str, public_url: str) -> dict[str, Any]:
    """The whole document."""
    types: list[Any] = []
    for operation in operations:
        types += [kind for kind in (operation.body, operation.query) if kind]
        types += [kind for kind in operation.responses.values() if _is_struct(kind)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(map(str, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for operation in operations:
        path = _PATH_PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _describe(
            operation, by_type, components
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "qrledger",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": problem_schema()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def problems_of(operation: Operation) -> list[str]:
    """Every code an operation may answer with."""
    codes = list(_ALWAYS)
    if operation.callers:
        codes += _KEYED
    if operation.body:
        codes += _WITH_BODY
    if operation.idempotency is not Idempotency.NONE:
        codes += _WITH_KEY
    if operation.idempotency is Idempotency.REQUIRED:
        codes.append("idempotency-key-required")
    return list(dict.fromkeys([*codes, *operation.problems]))


def _is_struct(kind: Any) -> bool:
    return kind is not None and not isinstance(kind, str)


def _describe(
    operation: Operation, schemas: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation, schemas, components),
        "responses": _responses(operation, schemas),
    }
    if operation.description:
        told["description"] = operation.description
    if operation.callers:
        told["security"] = [{"key": []}, *([{}] if operation.local_without_key else [])]
        told["x-callers"] = sorted(operation.callers)
    if operation.body:
        content = {"application/json": {"schema": schemas[str(operation.body)]}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _parameters(
    operation: Operation, schemas: dict[str, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PATH_PARAMETER.findall(operation.path)
    ]
    if operation.query:
        reference = schemas[str(operation.query)]["$ref"].rpartition("/")[2]
        shape = components[reference]
        for name, schema in shape["properties"].items():
            required = name in shape.get("required", [])
            plain = _without_null(schema)
            found.append({"name": name, "in": "query", "required": required, "schema": plain})
    if operation.idempotency is not Idempotency.NONE:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": operation.idempotency is Idempotency.REQUIRED,
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": KEY_CHARS_MAX,
                    "pattern": "^[ -~]*[!-~][ -~]*$",
                },
            }
        )
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is left out rather than null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    plain = {k: v for k, v in schema.items() if k not in {"anyOf", "default"}}
    if kinds:
        plain = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if "enum" in plain:
        plain = {**plain, "enum": [value for value in plain["enum"] if value is not None]}
    return plain


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for status, kind in operation.responses.items():
        if kind is None:
            told[str(status)] = {"description": "Nothing new since the ETag you sent"}
        elif isinstance(kind, str):
            content = {kind: {"schema": {"type": "string"}}}
            told[str(status)] = {"description": operation.summary, "content": content}
        else:
            content = {"application/json": {"schema": schemas[str(kind)]}}
            if operation.page:
                content["text/html"] = {"schema": {"type": "string"}}
            told[str(status)] = {"description": operation.summary, "content": content}
    if operation.page and operation.method == "POST":
        told["303"] = {"description": "A browser is sent back to the page"}
    by_status: dict[int, list[str]] = {}
    for code in problems_of(operation):
        by_status.setdefault(status_of(LedgerError.by_code[code]), []).append(code)
    for status, codes in sorted(by_status.items()):
        schema = {"$ref": _REF.format(name="Problem")}
        told[str(status)] = {
            "description": "; ".join(f"`{c}`: {LedgerError.by_code[c].title}" for c in codes),
            "content": {"application/problem+json": {"schema": schema}},
        }
    return told


def page(operations: Sequence[Operation], *, version: str) -> str:
    """The document for people: one plain page, no script, nothing from another host."""
    rows = []
    for operation in operations:
        path = html.escape(_PATH_PARAMETER.sub(r"{\1}", operation.path))
        callers = ", ".join(sorted(operation.callers)) or "anybody"
        responses = ", ".join(str(status) for status in operation.responses)
        problems = "".join(
            f"<li><code>{c}</code> {status_of(error)} {html.escape(error.title)}</li>"
            for c in problems_of(operation)
            for error in [LedgerError.by_code[c]]
        )
        rows.append(
            f'<section id="{operation.name}"><h2><code>{operation.method} {path}</code></h2>'
            f"<p>{_marked(operation.summary)}. {_marked(operation.description)}</p>"
            f"<dl><dt>Who</dt><dd>{callers}</dd><dt>Idempotency-Key</dt>"
            f"<dd>{operation.idempotency.value}</dd><dt>Answers</dt><dd>{responses}</dd></dl>"
            f"{_fields('Body', operation.body)}{_fields('Query', operation.query)}"
            f"<details><summary>Problems</summary><ul>{problems}</ul></details></section>"
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>qrledger API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/static/icon.svg"><link rel="stylesheet" href="/static/docs.css">'
        f"</head><body><main><h1>qrledger API {html.escape(version)}</h1>"
        f"<p>{_marked(DESCRIPTION)}</p>"
        '<p><a href="/openapi.json">OpenAPI 3.1 document</a></p>'
        f"{''.join(rows)}</main></body></html>"
    )


def _marked(text: str) -> str:
    """Back quotes as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _fields(title: str, kind: type[Any] | None) -> str:
    if kind is None:
        return ""
    rows = []
    for name, required, schema in fields(kind):
        rows.append(
            f"<tr><td><code>{name}</code></td><td>{'required' if required else ''}</td>"
            f"<td>{html.escape(schema)}</td></tr>"
        )
    return f"<table><caption>{title}</caption><tbody>{''.join(rows)}</tbody></table>"
