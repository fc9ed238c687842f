"""The page `/docs`: the operations of the API, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.http.errors import status_of
from api.http.messages import HttpResponse
from api.http.openapi import DESCRIPTION, path_of, problems_of
from api.http.operation import Operation
from api.http.schema_text import fields
from api.pages.templating import to_html
from domain.errors import LedgerError


def docs_page(operations: Sequence[Operation], *, version: str) -> HttpResponse:
    """One plain page without scripts."""
    html = to_html(
        "docs.html",
        version=version,
        description=DESCRIPTION.replace("\n", " "),
        operations=[_facts(operation) for operation in operations],
    )
    return HttpResponse(html.encode(), media_type="text/html; charset=utf-8")


def _facts(operation: Operation) -> dict[str, Any]:
    structs = (("Body", operation.body), ("Query", operation.query))
    return {
        "name": operation.name,
        "method": operation.method,
        "path": path_of(operation),
        "summary": operation.summary,
        "description": operation.description,
        "callers": ", ".join(sorted(operation.callers)),
        "idempotency": operation.idempotency.value,
        "responses": ", ".join(str(status) for status in operation.responses),
        "structs": [(title, fields(kind)) for title, kind in structs if kind is not None],
        "problems": [
            (code, status_of(error), error.title)
            for code in problems_of(operation)
            for error in [LedgerError.by_code[code]]
        ],
    }
