"""The pages of webhook deliveries: what was sent to whom, what was answered, and once more."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import DeliveryPathId, parse_time
from api.pages.dashboards.access import check_origin, for_merchant
from api.pages.dashboards.frame import (
    DELIVERIES,
    ENDPOINTS,
    SESSIONS,
    address,
    dashboard_page,
    go_to,
)
from api.pages.dashboards.texts import status_names
from api.pages.moments import moment
from api.pages.rendering import language_for
from api.pages.routes import LanguageQuery
from api.pages.texts import Language
from api.v1.lists import page_of, read_cursor
from api.v1.own_deliveries import Detail, delivery_detail, own_endpoints, redeliver
from api.views.webhooks import request_headers
from application.ports.webhooks import Attempt, Delivery, DeliveryFilter, DeliveryStatus
from domain.errors import InvalidRequest
from domain.merchants.errors import EndpointNotEnabled
from domain.merchants.webhook_endpoint import CALLBACK, TEST_TYPE, TYPES, WebhookEndpoints
from domain.merchants.webhook_events import EndpointStatus

ROWS_MAX: Final = 20
"""Deliveries on a page."""
FILTERS: Final = ("status", "endpoint", "type", "first_day", "last_day")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class DeliveriesQuery(LanguageQuery, kw_only=True):
    """The form's fields: empty ones do not filter. Days are of UTC, the last one included."""

    status: str = ""
    endpoint: str = ""
    type: str = ""
    first_day: str = ""
    last_day: str = ""
    cursor: str = ""


class DeliveryQuery(LanguageQuery, kw_only=True):
    """Whether the delivery has just been asked for once more."""

    asked: str = ""


class Row(NamedTuple):
    """A delivery in the list."""

    url: str
    type: str
    status: str
    status_name: str
    target: str
    subject: str
    created: Any
    attempts: int
    reason: str


class DeliveryPageRoutes:
    """The pages of a merchant's webhook deliveries."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        html = {200: "text/html"}
        return [
            Operation(
                name="getDeliveriesPage", method="GET", path=DELIVERIES,
                summary="The page of a merchant's webhook deliveries, newest first",
                responses=html, problems=("unauthorized",), handler=self.list,
            ),
            Operation(
                name="getDeliveryPage", method="GET", path=f"{DELIVERIES}/{{id:str}}",
                summary="The page of one delivery: its request, its attempts and the answers",
                responses=html, problems=("unauthorized", "not-found"), handler=self.get,
            ),
            Operation(
                name="redeliverFromPage", method="POST", path=f"{DELIVERIES}/{{id:str}}/redeliver",
                summary="Send one delivery once more; for our own page only",
                responses={303: None}, handler=self.redeliver,
                problems=("unauthorized", "not-found", "foreign-origin"),
            ),
        ]  # fmt: skip

    @for_merchant
    async def list(self, call: Call, query: DeliveriesQuery) -> HttpResponse:
        """A page of the list."""
        language = language_for(call.request)
        only = _filter(query)
        rows = await blocking.read(
            self._services.deliveries.newest,
            call.identity.holder,
            only,
            before=read_cursor(self._services.tokens, query.cursor or None),
            limit=ROWS_MAX + 1,
        )
        endpoints, _ = await own_endpoints(call)
        page = page_of(call, rows, ROWS_MAX, lambda one: one, lambda one: one.number)
        given = {name: getattr(query, name) for name in FILTERS}
        urls = _urls(endpoints)
        if query.endpoint and query.endpoint != CALLBACK:  # it may have been deleted
            urls.setdefault(query.endpoint, query.endpoint)
        cursor = page.next_cursor
        return await dashboard_page(
            call,
            "dashboard_deliveries.html",
            rows=[_row(call, language, one, urls) for one in page.data],
            given=given,
            filters=any(given.values()),
            statuses=status_names(language),
            endpoints=urls,
            callback=CALLBACK,
            types=sorted({*TYPES, TEST_TYPE}),
            lang=query.lang,
            here_url=address(call, DELIVERIES),
            newest=address(call, DELIVERIES, **given) if query.cursor else "",
            older=address(call, DELIVERIES, **given, cursor=cursor) if cursor else "",
            disabled=[one.url for one in _disabled(endpoints)],
            endpoints_url=address(call, ENDPOINTS),
        )

    @for_merchant
    async def get(self, call: Call, query: DeliveryQuery, id: DeliveryPathId) -> HttpResponse:
        """One delivery."""
        language = language_for(call.request)
        found = await delivery_detail(call, id)
        endpoints, _ = await own_endpoints(call)
        delivery = found.delivery
        return await dashboard_page(
            call,
            "dashboard_delivery.html",
            row=_row(call, language, delivery, _urls(endpoints)),
            delivery=delivery,
            created=moment(language, delivery.created_at),
            next_attempt=delivery.next_attempt_at and moment(language, delivery.next_attempt_at),
            attempts=[_attempt(language, one) for one in reversed(found.attempts)],
            hidden=max(0, delivery.attempts - len(found.attempts)),
            body=found.body.decode(),
            hindrance=_hindrance(found, endpoints),
            asked=bool(query.asked),
            history=_history(call, delivery),
            again=address(call, f"{DELIVERIES}/{delivery.id}/redeliver"),
            reload=address(call, f"{DELIVERIES}/{delivery.id}"),
            back=address(call, DELIVERIES),
        )

    @for_merchant
    async def redeliver(
        self,
        call: Call,
        query: LanguageQuery,  # noqa: ARG002 - the page reads `lang` from the request
        id: DeliveryPathId,
    ) -> HttpResponse:
        """Ask for a delivery once more, and show it again."""
        check_origin(call)
        page = call.request.path.removesuffix("/redeliver")
        try:
            await redeliver(call, id)
        except EndpointNotEnabled:  # meanwhile: the page says so
            return go_to(address(call, page))
        return go_to(address(call, page, asked="1"))


def _filter(query: DeliveriesQuery) -> DeliveryFilter:
    """What the form asks for.

    Raises:
        InvalidRequest: a status or day that the form does not offer.
    """
    try:
        status = DeliveryStatus(query.status) if query.status else None
    except ValueError:
        raise InvalidRequest.of("status", "is not a status") from None
    last = _day("last_day", query.last_day)
    return DeliveryFilter(
        status=status,
        target=query.endpoint or None,
        event_type=query.type or None,
        created_from=_day("first_day", query.first_day),
        created_to=last and last + timedelta(days=1),
    )


def _day(name: str, value: str) -> datetime | None:
    """The beginning of a day."""
    if not value:
        return None
    if not _DAY.fullmatch(value):
        raise InvalidRequest.of(name, "is not a day")
    return parse_time(name, f"{value}T00:00:00Z")


def _history(call: Call, delivery: Delivery) -> str:
    """The history of the session; empty for payouts, whose history no page shows, and tests."""
    subject = delivery.subject_id
    return address(call, f"{SESSIONS}/{subject}") if subject.startswith("ps_") else ""


def _urls(endpoints: WebhookEndpoints | None) -> dict[str, str]:
    return {one.id: one.url for one in endpoints.endpoints.values()} if endpoints else {}


def _disabled(endpoints: WebhookEndpoints | None) -> list[Any]:
    every = endpoints.endpoints.values() if endpoints else ()
    return [one for one in every if one.status is EndpointStatus.DISABLED]


def _row(call: Call, language: Language, one: Delivery, urls: dict[str, str]) -> Row:
    return Row(
        url=address(call, f"{DELIVERIES}/{one.id}"),
        type=one.event_type,
        status=one.status.value,
        status_name=status_names(language)[one.status.value],
        target="" if one.target == CALLBACK else urls.get(one.target, one.target),
        subject=one.subject_id,
        created=moment(language, one.created_at),
        attempts=one.attempts,
        reason=one.reason,
    )


def _attempt(language: Language, one: Attempt) -> dict[str, Any]:
    following = one.next_attempt_at
    return {
        "at": moment(language, one.at),
        "url": one.url,
        "answer_status": one.answer_status,
        "milliseconds": one.milliseconds,
        "answer": one.answer,
        "reason": one.reason,
        "headers": request_headers(one) or {},
        "next": following and moment(language, following),
    }


def _hindrance(found: Detail, endpoints: WebhookEndpoints | None) -> str:
    """Why the delivery cannot be sent again: `test`, or the endpoint's status; empty if it can."""
    delivery = found.delivery
    if delivery.event_type == TEST_TYPE:
        return "test"
    if delivery.target == CALLBACK:
        return ""
    endpoint = endpoints.endpoints.get(delivery.target) if endpoints else None
    if endpoint is None:
        return "deleted"
    return "" if endpoint.status is EndpointStatus.ENABLED else endpoint.status.value
