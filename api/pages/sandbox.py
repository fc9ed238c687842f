"""The sandbox processor's page, in test ledgers: the payer approves or declines."""

from __future__ import annotations

import msgspec

from api import blocking
from api.context import Services
from api.http.accept import wants_html
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.pages.amounts import amount_chars
from api.pages.rendering import language_for, render
from api.pages.routes import LanguageQuery
from api.pages.templating import isolated
from api.v1.responses import json_response
from api.views import money
from api.views.money import MoneyView, money_view
from application.errors import NotFound
from application.ports.sandbox import AskedPayer


class SandboxChargeView(msgspec.Struct, frozen=True):
    """A charge of the sandbox whose payer is asked."""

    reference: str
    status: str
    amount: MoneyView


class SandboxRoutes:
    """The operations of the sandbox's page. They need no key, and do nothing in a live ledger."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getSandboxCharge", method="GET", path="/sandbox/{reference:str}",
                summary="The sandbox's page: the payer is asked to approve or decline",
                page=True, responses={200: SandboxChargeView}, problems=("not-found",),
                handler=self.ask,
            ),
            Operation(
                name="approveSandboxCharge", method="POST", path="/sandbox/{reference:str}/approve",
                summary="Approve a charge of the sandbox, as its payer",
                page=True, responses={200: SandboxChargeView}, problems=("not-found",),
                handler=self.approve,
            ),
            Operation(
                name="declineSandboxCharge", method="POST", path="/sandbox/{reference:str}/decline",
                summary="Decline a charge of the sandbox, as its payer",
                page=True, responses={200: SandboxChargeView}, problems=("not-found",),
                handler=self.decline,
            ),
        ]  # fmt: skip

    async def ask(
        self,
        call: Call,
        query: LanguageQuery,  # noqa: ARG002 - the page reads `lang` from the request
        reference: str,
    ) -> HttpResponse:
        """The page for a browser, otherwise the charge."""
        found = await blocking.read(self._services.sandbox.asked, reference)
        if found is None:
            raise NotFound(thing="charge of the sandbox")
        if not wants_html(call.request):
            return _view(reference, found)
        language = language_for(call.request)
        shown = money.display(found.amount, language.locale)
        return render(
            "sandbox.html",
            call.services.config,
            language,
            amount=isolated(shown, "ltr"),
            amount_chars=amount_chars(shown),
            waits=found.state == "processing",
            address=f"/sandbox/{reference}",
            return_url=found.return_url,
        )

    async def approve(self, call: Call, reference: str) -> HttpResponse:
        """The payer approves."""
        return await self._answer(call, reference, approved=True)

    async def decline(self, call: Call, reference: str) -> HttpResponse:
        """The payer declines."""
        return await self._answer(call, reference, approved=False)

    async def _answer(self, call: Call, reference: str, *, approved: bool) -> HttpResponse:
        """Decide, and send a browser back to our own page, which reads the state."""
        answer = self._services.sandbox.answer
        found = await blocking.read(answer, reference, approved=approved)
        if found is None:
            raise NotFound(thing="charge of the sandbox")
        if not wants_html(call.request):
            return _view(reference, found)
        back = found.return_url or f"/sandbox/{reference}"
        return HttpResponse(b"", status_code=303, headers={"Location": back})


def _view(reference: str, found: AskedPayer) -> HttpResponse:
    return json_response(SandboxChargeView(reference, found.state.value, money_view(found.amount)))
