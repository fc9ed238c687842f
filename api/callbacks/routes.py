"""Callbacks of payment processors: authenticity first, then stored, then answered."""

from __future__ import annotations

import logging
from typing import Final

from api import blocking
from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from application.callbacks import UnknownProcessor
from application.errors import NotFound, Unauthorized
from application.ports.processor import CALLBACK_BYTES_MAX, BadSignature, Irrelevant, Malformed
from domain.errors import InvalidRequest

EMPTY: Final = b"{}"
_log = logging.getLogger(__name__)


class CallbackRoutes:
    """The operation that processors call."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="receiveCallback", method="POST", path="/v1/callbacks/{processor:str}",
                summary="Receive a callback of a payment processor",
                description=(
                    "Called by the processor, and signed by it as its protocol says. 200 once the "
                    "callback is stored, also if it is known already or about nothing that the "
                    "ledger follows; 401 if the signature is wrong, too old or too far ahead."
                ),
                raw_bytes_max=CALLBACK_BYTES_MAX, responses={200: None}, handler=self.receive,
                problems=("unauthorized", "not-found"),
            ),
        ]  # fmt: skip

    async def receive(self, call: Call, processor: str) -> HttpResponse:
        """Store a callback.

        Raises (checked in this order):
            BodyTooLarge: more than 64 KiB.
            NotFound: no such processor is configured.
            Unauthorized: not signed by the processor at about this time.
            InvalidRequest: signed, and not what the processor's protocol allows.
            LogUnavailable: not stored; the processor sends it again.
        """
        body = await call.request.body(CALLBACK_BYTES_MAX)
        received = self._services.callbacks.receive
        try:
            new = await blocking.read(received, processor, call.request.single_headers, body)
        except UnknownProcessor:
            raise NotFound(thing="processor") from None
        except BadSignature as error:
            self._count(processor, "unauthentic", str(error))
            raise Unauthorized(reason="The callback is not signed by the processor") from None
        except Malformed as error:
            self._count(processor, "malformed", str(error))
            raise InvalidRequest.of("body", str(error)) from None
        except Irrelevant as error:
            self._count(processor, "irrelevant", str(error))
        else:
            self._count(processor, "stored" if new else "repeated")
        return HttpResponse(EMPTY)

    def _count(self, processor: str, outcome: str, reason: str = "") -> None:
        self._services.metrics.callback_received(processor=processor, outcome=outcome)
        if reason:
            _log.warning("callback of %s is %s: %s", processor, outcome, reason)
