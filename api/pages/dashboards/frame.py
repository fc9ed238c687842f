"""What every dashboard has around its content: its reader, the other dashboards, signing out."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from api import blocking
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.pages.rendering import language_for, render
from api.v1.dashboard_links import DASHBOARDS
from domain.merchants.merchant import Merchant

DELIVERIES: Final = f"{DASHBOARDS}/deliveries"
ENDPOINTS: Final = f"{DASHBOARDS}/endpoints"
SESSIONS: Final = f"{DASHBOARDS}/sessions"
PAYMENTS: Final = f"{DASHBOARDS}/payments"
SIGN_OUT: Final = f"{DASHBOARDS}/sign-out"
HEADERS: Final = {
    # With `no-referrer`, as elsewhere, browsers would not say where a form's request comes from.
    "Referrer-Policy": "same-origin",
}


def address(call: Call, path: str, **query: str | None) -> str:
    """The address of a dashboard, in the language of this one if its address names one."""
    lang = dict(call.request.query).get("lang")
    given = {name: value for name, value in {**query, "lang": lang}.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def go_to(url: str) -> HttpResponse:
    """Send the browser there, with GET."""
    return HttpResponse(b"", status_code=303, headers={"Location": url})


async def dashboard_page(call: Call, template: str, **context: Any) -> HttpResponse:
    """A dashboard of the merchant or auditor who is signed in."""
    language = language_for(call.request)
    _ = language.gettext
    # Translators: payment sessions.
    ways = [(address(call, SESSIONS), _("Sessions"), SESSIONS)]
    if call.identity.role is CallerRole.MERCHANT:
        get = call.services.reader.get
        merchant = await blocking.read(get, Merchant, call.identity.stream_id, "merchant")
        reader = merchant.state.name
        ways = [
            (address(call, PAYMENTS), _("Payments"), PAYMENTS),
            (address(call, DELIVERIES), _("Deliveries"), DELIVERIES),
            # Translators: URLs of the merchant's own servers, which are told of events.
            (address(call, ENDPOINTS), _("Endpoints"), ENDPOINTS),
            *ways,
        ]
    else:
        # Translators: who looks at the page: somebody who checks the books of all merchants.
        reader = _("Auditor")
    page = render(
        template,
        call.services.config,
        language,
        merchant=reader,
        ways=ways,
        here=call.request.path,
        sign_out=address(call, SIGN_OUT),
        **context,
    )
    page.headers = {**page.headers, **HEADERS}
    return page
