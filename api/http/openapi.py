"""The OpenAPI 3.1 document, made from the operations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import UnionType
from typing import Any, Final, get_args

import msgspec

from api.http.errors import BODY_BYTES_MAX, status_of
from api.http.openapi_examples import Examples, example_id, problem_example
from api.http.openapi_tags import TAGS, tag_of
from api.http.operation import Idempotency, Operation
from api.http.parsing import KEY_CHARS_MAX
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
_WITH_CALLERS = ("unauthorized", "forbidden")
_WITH_BODY = ("body-too-large", "unsupported-media-type")
_WITH_IDEMPOTENCY = ("idempotency-key-reused", "idempotency-in-progress")

DESCRIPTION: Final = f"""\
An event-sourced ledger for scan-to-pay. Amounts are integers in minor units; times are RFC 3339
in UTC; errors are RFC 9457 problem documents with a stable `code`. Bodies have at most
{BODY_BYTES_MAX} bytes. Send `Authorization: Bearer qrl_…`. Free text must not be personal data."""


def problem_schema() -> dict[str, Any]:
    """The schema of every error response."""
    return {
        "type": "object",
        "required": ["type", "request_id", "title", "status", "detail", "code", "transient"],
        "properties": {
            "type": {"type": "string"},
            "request_id": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "enum": sorted(LedgerError.by_code)},
            "transient": {"type": "boolean", "description": "Whether a retry may succeed."},
            "reason": {"type": "string", "description": "The varying part of the detail."},
            "cause": {"type": "string", "description": "Of a refused payment code: why."},
            "offset": {
                "type": "integer",
                "description": "Of a refused payment code: the place, in characters from 0.",
            },
            "invalid_params": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "reason"],
                    "properties": {
                        "name": {
                            "type": "string",
                            "description": "The field, with its path; `body` for the whole.",
                            "examples": ["amount.minor"],
                        },
                        "reason": {
                            "type": "string",
                            "description": "What is wrong with it.",
                            "examples": ["must be from 1 to 999999999999"],
                        },
                    },
                },
            },
        },
    }


def document(operations: Sequence[Operation], *, version: str, public_url: str) -> dict[str, Any]:
    """The document of these operations."""
    types: list[Any] = []
    for operation in operations:
        types += [kind for kind in (operation.body, operation.query) if kind]
        types += [one for kind in operation.responses.values() for one in _structs(kind)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(map(str, types), schemas, strict=True))
    components["Problem"] = problem_schema()
    examples = Examples(components)
    examples.describe()
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(path_of(operation), {})[operation.method.lower()] = _describe(
            operation, by_type, components, examples
        )
    for operation in operations:  # the parameters say all of a query
        if operation.query:
            components.pop(by_type[str(operation.query)]["$ref"].rpartition("/")[2], None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "qrledger",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": [{"name": name, "description": words} for name, (words, _) in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def path_of(operation: Operation) -> str:
    """The operation's path as OpenAPI writes it, such as `/v1/wallets/{id}`."""
    return _PATH_PARAMETER.sub(r"{\1}", operation.path)


def problems_of(operation: Operation) -> list[str]:
    """Every error code that an operation may return."""
    codes = list(_ALWAYS)
    if operation.callers:
        codes += _WITH_CALLERS
    if operation.body:
        codes += _WITH_BODY
    if operation.idempotency is not Idempotency.NONE:
        codes += _WITH_IDEMPOTENCY
    if operation.idempotency is Idempotency.REQUIRED:
        codes.append("idempotency-key-required")
    return list(dict.fromkeys([*codes, *operation.problems]))


def _structs(kind: Any) -> tuple[Any, ...]:
    """The structs that a response may be; none if it has no JSON body."""
    if kind is None or isinstance(kind, str):
        return ()
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _describe(
    operation: Operation,
    schemas: dict[str, Any],
    components: dict[str, Any],
    examples: Examples,
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [tag_of(operation.path)],
        "summary": operation.summary,
        "description": operation.description or f"{operation.summary}.",
        "parameters": _parameters(operation, schemas, components, examples),
        "responses": _responses(operation, schemas, examples),
    }
    if operation.callers:
        described["security"] = [{"key": []}, *([{}] if operation.local_without_key else [])]
        described["x-callers"] = sorted(operation.callers)
    if operation.body:
        schema = schemas[str(operation.body)]
        example = examples.of(schema, body=True)
        content = {"application/json": {"schema": schema, "example": example}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(
    operation: Operation,
    schemas: dict[str, Any],
    components: dict[str, Any],
    examples: Examples,
) -> list[dict[str, Any]]:
    prefixes = dict(operation.path_ids)
    parameters: list[dict[str, Any]] = []
    for name in _PATH_PARAMETER.findall(operation.path):
        words = examples.words("Path", name)
        prefix = prefixes.get(name)
        parameters.append(
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": words.description,
                "schema": {"type": "string", "minLength": 1},
                "example": example_id(prefix) if prefix else str(words.example),
            }
        )
    if operation.query:
        struct_name = schemas[str(operation.query)]["$ref"].rpartition("/")[2]
        shape = components[struct_name]
        for name, schema in shape["properties"].items():
            plain = _without_null(schema)
            parameter = {
                "name": name,
                "in": "query",
                "required": name in shape.get("required", []),
                "description": schema["description"],
                "schema": plain,
                "example": schema["examples"][0],
            }
            if plain.get("type") == "object":  # `metadata[key]=value`
                parameter |= {"style": "deepObject", "explode": True}
            parameters.append(parameter)
    if operation.idempotency is not Idempotency.NONE:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The caller's name for this request: the same key and body, the "
                "first answer again.",
                "example": "4f1d2c9e-order-SN129803",
                "required": operation.idempotency is Idempotency.REQUIRED,
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": KEY_CHARS_MAX,
                    "pattern": "^[ -~]*[!-~][ -~]*$",
                },
            }
        )
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter, which is left out instead of being null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    left_out = {"anyOf", "default", "description", "examples"}
    plain = {k: v for k, v in schema.items() if k not in left_out}
    if kinds:
        plain = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if "enum" in plain:
        plain = {**plain, "enum": [value for value in plain["enum"] if value is not None]}
    return plain


def _responses(operation: Operation, schemas: dict[str, Any], examples: Examples) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in operation.responses.items():
        if kind is None:
            nothing = "Nothing was missed and nothing will follow"
            unchanged = "Not modified since the version of the ETag"
            responses[str(status)] = {"description": nothing if status == 204 else unchanged}  # noqa: PLR2004
        elif isinstance(kind, str):
            written = "object" if kind.endswith("+json") else "string"
            content: dict[str, Any] = {kind: {"schema": {"type": written}}}
            responses[str(status)] = {"description": operation.summary, "content": content}
        else:
            found = [schemas[str(one)] for one in _structs(kind)]
            schema: dict[str, Any] = found[0] if len(found) == 1 else {"anyOf": found}
            content = {"application/json": {"schema": schema, "example": examples.of(schema)}}
            if operation.page:
                content["text/html"] = {"schema": {"type": "string"}}
            for media_type in operation.media_types:
                content[media_type] = {"schema": {"type": "string"}}
            if operation.download:
                content[operation.download] = {"schema": {"type": "string"}}
            responses[str(status)] = {"description": operation.summary, "content": content}
    if operation.page and operation.method == "POST":
        responses["303"] = {"description": "Redirects a browser back to the page"}
    by_status: dict[int, list[str]] = {}
    for code in problems_of(operation):
        by_status.setdefault(status_of(LedgerError.by_code[code]), []).append(code)
    for status, codes in sorted(by_status.items()):
        schema = {"$ref": _REF.format(name="Problem")}
        responses[str(status)] = {
            "description": "; ".join(f"`{c}`: {LedgerError.by_code[c].title}" for c in codes),
            "content": {
                "application/problem+json": {"schema": schema, "example": problem_example(codes[0])}
            },
        }
    return responses
