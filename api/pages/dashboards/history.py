"""The history of a session as a picture, for its merchant and for auditors."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from msgspec import UNSET, UnsetType

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import SessionPathId, path_id
from api.pages.dashboards import history_picture, history_texts
from api.pages.dashboards.access import for_reader
from api.pages.dashboards.frame import SESSIONS, address, dashboard_page, go_to
from api.pages.moments import moment
from api.pages.rendering import language_for
from api.pages.routes import LanguageQuery
from api.pages.texts import Language
from api.v1.access import readable_session
from api.v1.accounts import AT, PositionOrTime, only_auditors, read_moment
from api.views import money
from application.positions import Moment
from application.reader import Current
from application.session_history import (
    EVENTS_SHOWN_MAX,
    NOTICES_SHOWN_MAX,
    Fact,
    SessionHistory,
    read_history,
)
from domain import times
from domain.sessions.payment_session import PaymentSession

ID_CHARS_MAX: Final = 40


class FindQuery(LanguageQuery, kw_only=True):
    """The form's field: the id of a session."""

    id: str = ""


class HistoryQuery(LanguageQuery, kw_only=True):
    """When, if not now."""

    at: PositionOrTime | UnsetType = UNSET


class HistoryPageRoutes:
    """The pages on which a session is looked up, and its history."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        html = {200: "text/html"}
        return [
            Operation(
                name="getSessionsPage", method="GET", path=SESSIONS,
                summary="The page that leads to the history of a session",
                responses=html, problems=("unauthorized",), handler=self.find,
            ),
            Operation(
                name="getHistoryPage", method="GET", path=f"{SESSIONS}/{{id:str}}",
                summary="The page of a session's history: a picture for one sheet, and a table",
                description=f"Auditors may ask for the past: {AT}",
                responses=html, problems=("unauthorized", "forbidden", "not-found"),
                handler=self.get,
            ),
        ]  # fmt: skip

    @for_reader
    async def find(self, call: Call, query: FindQuery) -> HttpResponse:
        """The form, or the history of the session that it names."""
        session_id = query.id.strip()
        if session_id:
            found = path_id("ps", session_id[:ID_CHARS_MAX])
            current = await readable_session(call, found)
            return go_to(address(call, f"{SESSIONS}/{current.state.public_id}"))
        return await dashboard_page(
            call, "dashboard_sessions.html", lang=query.lang, here_url=SESSIONS
        )

    @for_reader
    async def get(self, call: Call, query: HistoryQuery, id: SessionPathId) -> HttpResponse:
        """The history of a session."""
        current, then = await self._stood(call, query, id)
        past = not isinstance(query.at, UnsetType)
        language, services = language_for(call.request), self._services
        read = partial(read_history, whole=past)
        history = await blocking.read(read, services.log, services.deliveries, current.state, then)
        picture = history_picture.draw(language, history)
        return await dashboard_page(
            call,
            "dashboard_history.html",
            facts=_session_facts(language, history),
            as_of=moment(language, then.at),
            position=then.position,
            past=past,
            picture=picture,
            lanes=history_picture.lanes(language),
            width=history_picture.WIDTH,
            place=lambda x: history_picture.across(language, x),
            places=history_picture,
            mark_names=history_texts.mark_names(language),
            bar_names=history_texts.bar_names(language),
            before=[_row(language, one) for one in history.before],
            after=[_row(language, one) for one in history.after],
            left_out=history.left_out,
            gap_text=language.gettext("Left out: {n}").format(n=history.left_out),
            more_events=history.more_events,
            more_notices=history.more_notices,
            events_max=EVENTS_SHOWN_MAX,
            notices_max=NOTICES_SHOWN_MAX,
            back=address(call, SESSIONS),
        )

    async def _stood(
        self, call: Call, query: HistoryQuery, id: Any
    ) -> tuple[Current[PaymentSession], Moment]:
        """The session at the moment that is asked for, and the moment.

        Raises (checked in this order):
            NotFound: there is no such session, it is not the reader's, or did not exist then.
            Forbidden: a merchant asks for the past.
            InvalidRequest: `at` is neither a position nor a time of the log's past.
        """
        current = await readable_session(call, id)
        if isinstance(query.at, UnsetType):
            head = await blocking.read(self._services.log.head)
            return current, Moment(max(head, current.position), current.now)
        then = await read_moment(call, only_auditors(call, query.at))
        get = self._services.reader.at
        return await blocking.read(get, PaymentSession, id, then, "payment session"), then


def _session_facts(language: Language, history: SessionHistory) -> dict[str, Any]:
    """What stands above the picture."""
    session, now = history.session, history.moment.at
    status = session.status_at(now).value
    return {
        "id": session.public_id,
        "merchant": session.merchant_name,
        "order_id": session.order_id,
        "amount": money.display(session.amount, language.locale),
        "status": history_texts.session_status_names(language)[status],
        "flags": ", ".join(session.flags),
        "created": moment(language, session.created_on),
        "deadline": moment(language, session.expires_at),
    }


def _row(language: Language, fact: Fact) -> dict[str, Any]:
    """A row of the table."""
    names = history_texts.lane_names(language)
    return {
        "machine": times.to_text(fact.at),
        "lanes": [names[lane] for lane in fact.marks],
        "line": history_texts.line(language, fact),
        "details": history_texts.details(language, fact),
    }
