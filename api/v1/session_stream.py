"""A session as server-sent events, for clients without sockets."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from api.context import Services
from api.http.authentication import client_address
from api.http.checkout import SESSION_TOKEN_CHARS_MAX
from api.http.messages import HttpRequest, HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query, SessionPathId, none_if_unset
from domain.errors import InvalidRequest

SEQ_MAX: Final = 999_999_999
_SEQ: Final = re.compile("0|[1-9][0-9]{0,8}")


class StreamQuery(Query):
    """The token of the session's `live_url`, and the last `seq` that the client has.

    `Last-Event-ID` takes precedence over `after`: a browser repeats the address that it was given.
    """

    token: Annotated[str, Meta(max_length=SESSION_TOKEN_CHARS_MAX)] = ""
    after: Annotated[int, Meta(ge=0, le=SEQ_MAX)] | UnsetType = UNSET


class SessionStreamRoutes:
    """The operation that streams a session."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="streamPaymentSession", method="GET",
                path="/v1/payment-sessions/{id:str}/stream", shared=True,
                summary="Follow one session by server-sent events",
                description=(
                    "The messages of the live socket; `id` is the `seq`, and `Last-Event-ID` or "
                    "`after` resumes. The last event is `close`, with the socket's code. A "
                    "session that has ended, with nothing missed, answers 204, after which a "
                    "browser does not reconnect."
                ),
                responses={200: "text/event-stream", 204: None},
                problems=("unauthorized", "too-many-streams", "not-found"), handler=self.stream,
            )
        ]  # fmt: skip

    async def stream(self, call: Call, query: StreamQuery, id: SessionPathId) -> HttpResponse:
        """The stream."""
        after = last_event_id(call.request)
        return await self._services.streams.admit(
            call.request,
            client_address(call.request, self._services.config),
            id,
            query.token,
            none_if_unset(query.after) if after is None else after,
        )


def last_event_id(request: HttpRequest) -> int | None:
    """The `seq` in `Last-Event-ID`; None if the header is missing or empty.

    Raises:
        InvalidRequest: it is sent twice, or is not the id of an event of a stream.
    """
    values = request.all(b"last-event-id")
    if len(values) > 1:
        raise InvalidRequest.of("Last-Event-ID", "is sent twice")
    if not values or not values[0]:
        return None
    if not _SEQ.fullmatch(values[0]):
        raise InvalidRequest.of("Last-Event-ID", "is not the id of an event of this stream")
    return int(values[0])
