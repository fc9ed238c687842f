"""What a browser shows when a page's request is refused: words for a person, not a document."""

from __future__ import annotations

from api.context import ApiConfig
from api.http.errors import to_problem
from api.http.messages import HttpRequest, HttpResponse
from api.pages.rendering import language_for, render
from domain.errors import LedgerError


def refusal_page(config: ApiConfig, request: HttpRequest, refusal: LedgerError) -> HttpResponse:
    """A page with what to do next, and what support asks for: the code and the request's id."""
    problem, language = to_problem(refusal), language_for(request)
    _ = language.gettext
    if problem.document["transient"]:
        title = _("This page cannot be shown right now")
        hint = _("Try again in a moment.")
    else:
        title = _("This page cannot be shown")
        hint = _("Open the link again as you received it, or ask for a new one.")
    reference = f"{problem.document['code']} · {problem.document['request_id']}"
    response = render(
        "message.html",
        config,
        language,
        title=title,
        hint=hint,
        reference=reference,
        status_code=problem.status.value,
    )
    response.headers = {**response.headers, **problem.headers}
    return response
