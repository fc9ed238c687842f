"""How Stripe's SDK calls: within our bounds, once, and with three kinds of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import stripe

from application.ports.processor import OutcomeUnknown, ProcessorError, Unavailable
from infrastructure.processors.outbound import Outbound

stripe.enable_telemetry = False


class Transport(stripe.HTTPClient):
    """Sends the SDK's requests with our bounds; see `Outbound`."""

    name = "qrledger"

    def __init__(self, outbound: Outbound) -> None:
        """Send through `outbound`."""
        super().__init__()
        self._outbound = outbound

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """One call, never repeated here."""
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        answer = self._outbound.call(method.upper(), url, headers or {}, body)
        try:
            return answer.body.decode(), answer.status, answer.headers
        except UnicodeDecodeError:
            msg = "the answer is not UTF-8"
            raise OutcomeUnknown(msg) from None

    def close(self) -> None:
        """Each call closes its connection itself."""


def made_by(call: Callable[[], Any]) -> Any:
    """The result of a call of the SDK.

    Raises:
        Unavailable: Stripe has refused the key, or is asked too often.
        OutcomeUnknown: anything else that is no answer.
        CardError: declined.
        InvalidRequestError: refused; nothing was done.
        IdempotencyError: the key was used for another request.
    """
    try:
        return call()
    except (
        ProcessorError,
        stripe.CardError,
        stripe.IdempotencyError,
        stripe.InvalidRequestError,
    ):
        raise
    except (
        stripe.AuthenticationError,
        stripe.PermissionError,
        stripe.RateLimitError,
    ) as error:
        msg = f"Stripe refused the call: {type(error).__name__}"
        raise Unavailable(msg) from None
    except Exception as error:  # noqa: BLE001 - whatever the SDK makes of a half answer
        msg = f"no answer of Stripe: {type(error).__name__}"
        raise OutcomeUnknown(msg) from None
