"""The home page, `/`: what this is, and in a demo a payment that a person makes with a browser.

The page names no key. A payment is made only for a form of this page: its `Host` and `Origin` must
be ours, so neither a page of another site nor a name rebound to this machine can send one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Meta, Struct

from api.context import Services
from api.http.errors import ForeignOrigin
from api.http.identity import CallerRole, Identity
from api.http.messages import HttpRequest, HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Body
from api.pages.amounts import amount_chars
from api.pages.checkout import checkout_url
from api.pages.rendering import language_for, render
from api.pages.routes import LanguageQuery, message_page
from api.pages.templating import isolated
from api.tokens import Use
from api.v1.responses import json_response
from api.views import money
from application.commands.create_session import CreateSession
from application.demo_accounts import DemoAccounts
from application.errors import NotFound, Unauthorized
from application.ports.pictures import CodePicture
from domain import ids
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession

HOME: Final = "/"
PAYMENTS: Final = "/demo/payments"
PHONE: Final = "/demo/phone"
CURRENCY: Final = "USD"
FORM_BYTES_MAX: Final = 256
ACTOR: Final = "demo"
"""Recorded with what the page does, as with everything else that the demo does by itself."""
HEADERS: Final = {
    # With `no-referrer`, as elsewhere, browsers would not say where a form's request comes from.
    "Referrer-Policy": "same-origin",
}
_AMOUNT: Final = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,2}))?", re.ASCII)
_NUMBER: Final = re.compile("[0-9a-f]{32}", re.ASCII)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class PhoneBody(Body):
    """The code that the home page shows to a phone."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]


class PhoneView(Struct, frozen=True):
    """A page token of the demo's wallet."""

    token: str


class HomeRoutes:
    """The operations of the home page. They need no key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getHome", method="GET", path=HOME,
                summary="The home page",
                responses={200: "text/html"}, handler=self.home,
            ),
            Operation(
                name="makeDemoPayment", method="POST", path=PAYMENTS,
                summary="Make a payment of the demo; for the form of its home page only",
                description="Only `qrledger demo` has the accounts for it.",
                raw_bytes_max=FORM_BYTES_MAX, responses={200: "text/html"},
                problems=("not-found", "foreign-origin", "order-open"), handler=self.make_payment,
            ),
            Operation(
                name="getDemoPhone", method="GET", path=PHONE,
                summary="The page that signs a phone in to the wallet of a demo on the network",
                responses={200: "text/html"}, problems=("not-found",), handler=self.phone,
            ),
            Operation(
                name="signInDemoPhone", method="POST", path=PHONE,
                summary="Exchange a code of the home page for a page token, once; for our own page",
                responses={200: PhoneView},
                problems=("not-found", "foreign-origin", "unauthorized"), handler=self.sign_in,
            ),
        ]  # fmt: skip

    async def home(self, call: Call, query: LanguageQuery) -> HttpResponse:
        """The home page; under another name of this machine it leads to our own origin."""
        demo = self._services.demo.accounts is not None
        if demo and (own := _own_address(call)):
            lang = f"?lang={query.lang}" if query.lang.isalnum() else ""
            return HttpResponse(b"", status_code=307, headers={"Location": f"{own}{HOME}{lang}"})
        page = render(
            "home.html",
            call.services.config,
            language_for(call.request),
            demo=demo,
            test=call.services.config.mode == "test",
            payments_url=PAYMENTS,
            currency=CURRENCY,
            number=self._services.new_id().hex,
            phone=await self._phone_code(),
        )
        page.headers = {**page.headers, **HEADERS}
        return page

    async def _phone_code(self) -> str:
        """A picture that signs a phone in, as the address of an image; empty if there is none."""
        phones = self._services.demo.phones
        if phones is None:
            return ""

        async def nothing_to_check() -> None:
            return None

        text = f"{self._services.config.public_url}{PHONE}#{phones.new()}"
        picture = CodePicture(kind="svg", text=text, scale=1, border=4)
        drawn = await self._services.pictures.get(picture, nothing_to_check)
        return f"data:image/svg+xml;base64,{b64encode(drawn).decode()}"

    async def phone(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """The page that exchanges a code, which only the phone has; it has to be a script."""
        if self._services.demo.phones is None:
            raise NotFound(thing="address")
        language = language_for(call.request)
        _ = language.gettext
        texts = {
            "used": _("This code was used, or is too old. Open the home page again for a new one."),
            "failed": _("Something went wrong. Try again."),
        }
        data = {"exchange": PHONE, "next": f"/wallet?lang={language.tag}", "texts": texts}
        page = render("demo_phone.html", call.services.config, language, data=data)
        page.headers = {**page.headers, **HEADERS}
        return page

    async def sign_in(self, call: Call, body: PhoneBody) -> HttpResponse:
        """Exchange a code for a page token.

        Raises (checked in this order):
            NotFound: this is no demo on a network.
            ForeignOrigin: the request does not come from our own page, under our own name.
            Unauthorized: the code is unknown, used, or older than 15 minutes.
        """
        demo, phones = self._services.demo.accounts, self._services.demo.phones
        if demo is None or phones is None:
            raise NotFound(thing="address")
        _check_own(call)
        if not phones.use(body.code):
            raise Unauthorized(reason="The code was used, or is too old")
        return json_response(PhoneView(self._page_token(demo)))

    def _page_token(self, demo: DemoAccounts) -> str:
        now = self._services.reader.clock.estimate()
        return self._services.tokens.for_page(demo.wallet_id, demo.wallet_key_id, now)[0]

    async def make_payment(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """Create a session of the demo's merchant, and show both of its sides.

        Raises (checked in this order):
            NotFound: this is no demo.
            ForeignOrigin: the request does not come from our own page, under our own name.
            BodyTooLarge: more than 256 bytes.
        """
        demo = self._services.demo.accounts
        if demo is None:
            raise NotFound(thing="address")
        _check_own(call)
        form = await _form(call.request)
        number, amount = form.get("number", ""), _amount(form.get("amount", ""))
        language = language_for(call.request)
        _ = language.gettext
        if amount is None or not _NUMBER.fullmatch(number):
            hint = _("Go back and enter an amount from 0.01 to 9999.99.")
            return message_page(call, _("This amount is not valid"), hint, status=400)
        session = await self._create(call, demo, amount, number)
        tokens = self._services.tokens
        checkout = tokens.for_session(Use.CHECKOUT, session.id, session.expires_at)
        lang = f"lang={language.tag}"
        shown = money.display(amount, language.locale)
        page = render(
            "demo_payment.html",
            call.services.config,
            language,
            title=f"{_('New payment')} · {shown}",
            amount=isolated(shown, "ltr"),
            amount_chars=amount_chars(shown),
            payee=session.merchant_name,
            till_url=checkout_url(session.id, checkout, language.tag),
            wallet_url=f"/q/{ids.encode_suffix(session.id)}?{lang}#token={self._page_token(demo)}",
            home_url=f"{HOME}?{lang}",
        )
        page.headers = {**page.headers, **HEADERS}
        return page

    async def _create(
        self, call: Call, demo: DemoAccounts, amount: Money, number: str
    ) -> PaymentSession:
        """The session of this form: the same one, if the browser sends the form again."""
        merchant = Identity(CallerRole.MERCHANT, ids.encode("mer", demo.merchant_id), ACTOR)
        command = CreateSession(
            session_id=self._services.new_id(),
            merchant_id=demo.merchant_id,
            order_id=f"HOME-{number[-8:].upper()}-{amount.minor}",
            amount=amount,
            checkout_may_cancel=True,
        )
        outcome = await replace(call, identity=merchant, key=f"{number}-{amount.minor}").send(
            command
        )
        session: PaymentSession = outcome.subject
        return session


def _own_address(call: Call) -> str:
    """Our origin, if this machine was asked under another of its own names; empty otherwise."""
    own = urlsplit(call.services.config.public_url)
    host = call.request.header(b"host") or ""
    if host == own.netloc or own.hostname not in _LOOPBACK:
        return ""
    try:
        asked = urlsplit(f"//{host}").hostname
    except ValueError:
        return ""
    return call.services.config.public_url if asked in _LOOPBACK else ""


def _check_own(call: Call) -> None:
    """Check that a request is sent to our own name, by a page that has it too.

    Raises:
        ForeignOrigin: another page, another name, or a caller that does not say.
    """
    own = call.services.config.public_url
    request = call.request
    if request.header(b"host") != urlsplit(own).netloc or request.all(b"origin") != [own]:
        raise ForeignOrigin


async def _form(request: HttpRequest) -> dict[str, str]:
    """The fields of a form; empty if it is none, or a field is repeated."""
    body = await request.body(FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=4)
    except ValueError:
        return {}
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else {}


def _amount(text: str) -> Money | None:
    """An amount as browsers write numbers: `12`, `12.5`, `12.50`; None if it is none above zero."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    minor = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
    return Money(minor, CURRENCY) if minor else None
