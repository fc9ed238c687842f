"""The pages at `/problems/<code>`, to which the `type` of every problem document leads.

A browser gets the cause, an example and the remedy; a program gets the same as JSON. In English, as
all documentation of the API is.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import Any, Final

import msgspec

from api.context import ApiConfig
from api.http.accept import HTML, JSON, preferred
from api.http.errors import status_of, to_problem
from api.http.messages import HttpResponse
from api.http.problems import to_response
from api.pages.problem_texts import FACTS, REASONS, REMEDIES
from api.pages.rendering import render
from api.pages.texts import DEFAULT, languages
from application.errors import NotFound
from domain.errors import LedgerError

CODE_CHARS_MAX: Final = 60
_CODE: Final = re.compile("[a-z-]+", re.ASCII)


def problem_response(config: ApiConfig, code: str, accept: str | None) -> HttpResponse:
    """What an error code means, for a person or a program; 404 for an unknown one."""
    html = preferred(accept, (HTML, JSON)) == HTML
    known = len(code) <= CODE_CHARS_MAX and _CODE.fullmatch(code)
    error = LedgerError.by_code.get(code) if known else None
    english = languages()[DEFAULT]
    if error is None and html:
        hint = "There is no error code of this name."
        title = "Unknown error code"
        return render("message.html", config, english, title=title, hint=hint, status_code=404)
    if error is None:
        return to_response(NotFound(thing="address"))
    facts = {
        "code": error.code,
        "title": error.title,
        "description": " ".join((error.__doc__ or "").split()),
        "status": status_of(error).value,
        "transient": error.kind.transient,
        "remedy": REMEDIES.get(error.code, ""),
        "example": example(error),
    }
    if not html:
        return HttpResponse(msgspec.json.encode(facts), headers={"Vary": "Accept"})
    text = msgspec.json.format(msgspec.json.encode(facts["example"]), indent=2).decode()
    shown: dict[str, Any] = {**facts, "example": text, "kept": error.kind.kept}
    return render("problem.html", config, english, **shown)


def example(error: type[LedgerError]) -> dict[str, Any]:
    """A problem document of this class of errors."""
    names = {name for _, name, _, _ in Formatter().parse(error.sentence) if name}
    facts = {name: FACTS[name] for name in sorted(names)}
    if "reason" in facts:
        facts["reason"] = REASONS[error.code]
    return to_problem(error(**facts)).document
