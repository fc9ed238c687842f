"""The HTTP interface of a witness (C2SP tlog-witness): one operation, texts for answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from api.http.connections import ConnectionLimits
from api.http.errors import BodyTooLarge
from api.http.refusals import Refusals
from application.ports.witness_memory import MemoryUnavailable
from domain.audit.errors import (
    BadSignature,
    EvidenceError,
    HeadConflict,
    InvalidProof,
    OtherLog,
    UnknownSigner,
)
from domain.audit.submission import SUBMISSION_BYTES_MAX

PATH: Final = "/add-checkpoint"
CONNECTIONS_MAX: Final = 256
LIMITS: Final = ConnectionLimits(
    body_seconds=10.0,
    body_wire_bytes=4 * SUBMISSION_BYTES_MAX,
    total=CONNECTIONS_MAX,
    per_address=0,
)
"""Behind a proxy every client has the proxy's address."""
STATUS: Final[dict[type[EvidenceError], HTTPStatus]] = {
    OtherLog: HTTPStatus.NOT_FOUND,
    UnknownSigner: HTTPStatus.FORBIDDEN,
    BadSignature: HTTPStatus.FORBIDDEN,
    HeadConflict: HTTPStatus.CONFLICT,
    InvalidProof: HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""Everything else is a malformed request (400)."""
TEXT: Final = b"text/plain; charset=utf-8"
SIZE: Final = b"text/x.tlog.size"
_TOO_LARGE: Final = f"a request has at most {SUBMISSION_BYTES_MAX} bytes\n".encode()

_log = logging.getLogger(__name__)

Answer = tuple[HTTPStatus, bytes, bytes]
"""Status, content type and body."""


class WitnessRefusals(Refusals):
    """Responses to requests that the witness never receives."""

    def body_too_large(self) -> bytes:
        """The body is over its limit."""
        return self._write(BodyTooLarge(limit_bytes=SUBMISSION_BYTES_MAX))


class WitnessApplication:
    """The ASGI application of a witness."""

    def __init__(self, add_checkpoint: Callable[[bytes], str]) -> None:
        """Serve a witness.

        Args:
            add_checkpoint: see `Witness.add_checkpoint`; called in a thread.
        """
        self._add_checkpoint = add_checkpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request; start and stop with the server."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] != PATH:
            answer: Answer | None = HTTPStatus.NOT_FOUND, TEXT, b"there is nothing here\n"
        elif scope["method"] != "POST":
            answer = HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"only POST\n"
        else:
            answer = await self._serve(receive)
        if answer is not None:
            await _respond(send, *answer)

    async def _serve(self, receive: Any) -> Answer | None:
        """The answer to a request; None if its client has gone."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message["body"]
            more = message["more_body"]
            if len(body) > SUBMISSION_BYTES_MAX:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TEXT, _TOO_LARGE
        return await asyncio.to_thread(self._answer, bytes(body))

    def _answer(self, body: bytes) -> Answer:
        try:
            return HTTPStatus.OK, TEXT, self._add_checkpoint(body).encode()
        except HeadConflict as conflict:
            return HTTPStatus.CONFLICT, SIZE, f"{conflict.size}\n".encode()
        except EvidenceError as error:
            status = STATUS.get(type(error), HTTPStatus.BAD_REQUEST)
            return status, TEXT, f"{error.code}: {error}\n".encode()
        except MemoryUnavailable as error:
            _log.critical("nothing is cosigned: %s", error)
            return HTTPStatus.SERVICE_UNAVAILABLE, TEXT, b"the memory cannot be used\n"


async def _respond(send: Any, status: HTTPStatus, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
