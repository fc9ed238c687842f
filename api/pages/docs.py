"""The page `/docs`: the OpenAPI document for people, with example requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from api.http.errors import status_of
from api.http.messages import HttpResponse
from api.http.openapi import DESCRIPTION, path_of, problems_of
from api.http.openapi_tags import TAGS, tag_of
from api.http.operation import Idempotency, Operation
from api.http.schema_text import words
from api.pages.docs_basics import BASICS
from api.pages.docs_samples import KEY, Request, pretty, samples
from api.pages.templating import to_html
from domain.errors import LedgerError

DEPTH_MAX: Final = 3
"""How deep the fields of an object are listed."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
}
"""Its only script searches, with what the page has."""


def docs_page(
    operations: Sequence[Operation], document: Mapping[str, Any], *, version: str
) -> HttpResponse:
    """One page that works without scripts.

    Args:
        operations: in the order of the page.
        document: the OpenAPI document of the operations.
        version: of the program.
    """
    pages = Docs(document)
    groups: dict[str, tuple[str, list[dict[str, Any]]]] = {
        tag: (description, []) for tag, (description, _) in TAGS.items()
    }
    for operation in operations:
        groups[tag_of(operation.path)][1].append(pages.facts(operation))
    html = to_html(
        "docs.html",
        version=version,
        description=DESCRIPTION.replace("\n", " "),
        basics=BASICS,
        groups=[
            (tag, tag.lower().replace(" ", "-"), description, found)
            for tag, (description, found) in groups.items()
        ],
    )
    return HttpResponse(html.encode(), media_type="text/html; charset=utf-8", headers=HEADERS)


class Docs:
    """What the page says of each operation."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]
        self._origin = document["servers"][0]["url"]

    def facts(self, operation: Operation) -> dict[str, Any]:
        """The facts of one operation, for the template."""
        path = path_of(operation)
        described = self._document["paths"][path][operation.method.lower()]
        body = described.get("requestBody", {}).get("content", {}).get("application/json")
        status, answer = self._answer(described)
        fields = list(self._fields(body["schema"])) if body else []
        names = {name for name, *_ in fields} | {one["name"] for one in described["parameters"]}
        return {
            "name": operation.name,
            "method": operation.method,
            "path": path,
            "summary": described["summary"],
            "description": operation.description,
            "callers": ", ".join(sorted(operation.callers)),
            "idempotency": operation.idempotency.value,
            "responses": ", ".join(str(status) for status in operation.responses),
            "parameters": [
                (one["name"], one["in"], one["required"], words(one["schema"]), one["description"])
                for one in described["parameters"]
            ],
            "body": fields,
            "words": " ".join(sorted(names)).lower(),
            "answer": list(self._fields(answer["schema"])) if answer else [],
            "samples": samples(self._request(operation, described, body)),
            "example_status": status,
            "example": pretty(answer["example"]) if answer else "",
            "problems": [
                (code, status_of(error), error.title)
                for code in problems_of(operation)
                for error in [LedgerError.by_code[code]]
            ],
        }

    def _answer(self, described: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
        """The first answer in JSON that is no problem, and its status."""
        for status, answer in described["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content is not None and "example" in content:
                return status, content
        return "", None

    def _request(self, operation: Operation, described: Mapping[str, Any], body: Any) -> Request:
        path = path_of(operation)
        for one in described["parameters"]:
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", str(one["example"]))
        required = [one for one in described["parameters"] if one["required"]]
        query = "&".join(f"{o['name']}={o['example']}" for o in required if o["in"] == "query")
        headers = {}
        if operation.callers:
            headers["Authorization"] = f"Bearer {KEY}"
        if operation.idempotency is not Idempotency.NONE:
            headers["Idempotency-Key"] = "SN129803-1"
        if body:
            headers["Content-Type"] = "application/json"
        url = f"{self._origin}{path}{'?' if query else ''}{query}"
        return Request(operation.method, url, headers, body["example"] if body else None)

    def _fields(
        self, schema: Mapping[str, Any], prefix: str = "", depth: int = 1
    ) -> Iterator[tuple[str, bool, str, str]]:
        """Name, whether it is always there, type and description of every field."""
        shape = self._shape(schema)
        for name, inner in shape.get("properties", {}).items():
            required = name in shape.get("required", [])
            yield prefix + name, required, words(inner), inner.get("description", "")
            if depth < DEPTH_MAX:
                suffix = "[]." if "items" in inner else "."
                yield from self._fields(inner, f"{prefix}{name}{suffix}", depth + 1)

    def _shape(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object that a schema is, or has, or is a list of; empty if none."""
        for one in (schema, *schema.get("anyOf", []), schema.get("items", {})):
            if "$ref" in one:
                found: Mapping[str, Any] = self._schemas[one["$ref"].rpartition("/")[2]]
                return found
        return schema if "properties" in schema else {}
