"""What every dashboard has around its content: the merchant, the other dashboards, signing out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from babel.dates import format_datetime

from api import blocking
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.pages.rendering import language_for, render
from api.pages.texts import Language
from api.v1.dashboard_links import DASHBOARDS
from domain import times
from domain.merchants.merchant import Merchant

DELIVERIES: Final = f"{DASHBOARDS}/deliveries"
ENDPOINTS: Final = f"{DASHBOARDS}/endpoints"
SIGN_OUT: Final = f"{DASHBOARDS}/sign-out"
HEADERS: Final = {
    # With `no-referrer`, as elsewhere, browsers would not say where a form's request comes from.
    "Referrer-Policy": "same-origin",
}


class Moment(NamedTuple):
    """A time, for machines and for people."""

    machine: str
    people: str


def moment(language: Language, at: datetime) -> Moment:
    """A time of the ledger, in UTC."""
    text = format_datetime(at.astimezone(UTC), "medium", locale=language.locale)
    return Moment(times.to_text(at), f"{text} UTC")


def address(call: Call, path: str, **query: str | None) -> str:
    """The address of a dashboard, in the language of this one if its address names one."""
    lang = dict(call.request.query).get("lang")
    given = {name: value for name, value in {**query, "lang": lang}.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def go_to(url: str) -> HttpResponse:
    """Send the browser there, with GET."""
    return HttpResponse(b"", status_code=303, headers={"Location": url})


async def dashboard_page(call: Call, template: str, **context: Any) -> HttpResponse:
    """A dashboard of the merchant who is signed in."""
    language = language_for(call.request)
    get = call.services.reader.get
    merchant = await blocking.read(get, Merchant, call.identity.stream_id, "merchant")
    _ = language.gettext
    ways = [
        (address(call, DELIVERIES), _("Deliveries"), DELIVERIES),
        # Translators: URLs of the merchant's own servers, which are told of events.
        (address(call, ENDPOINTS), _("Endpoints"), ENDPOINTS),
    ]
    page = render(
        template,
        call.services.config,
        language,
        merchant=merchant.state.name,
        ways=ways,
        here=call.request.path,
        sign_out=address(call, SIGN_OUT),
        **context,
    )
    page.headers = {**page.headers, **HEADERS}
    return page
