"""Any payment service provider that speaks our small protocol; see docs/howto/connect-a-psp.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from application.ports.processor import (
    Answer,
    Charge,
    Malformed,
    Notice,
    OutcomeUnknown,
    RefundOrder,
    Subject,
    Unavailable,
)
from domain import times
from infrastructure.processors import psp_messages, signatures
from infrastructure.processors.checks import check_base_url
from infrastructure.processors.outbound import HttpAnswer, Outbound

NAME: Final = "psp"
CALLBACK_PATH: Final = f"/v1/callbacks/{NAME}"
OK: Final = 200
BUSY: Final = frozenset({429})
REFUSED: Final = frozenset({400, 401, 403, 404, 405, 413, 415, 422})
"""By the protocol, an answer with one of these means that nothing was done."""
RETRY_AFTER_SECONDS_MAX: Final = 86_400


class GenericPsp:
    """`application.ports.processor.Processor` over the generic PSP protocol."""

    def __init__(
        self,
        base_url: str,
        secret: bytes,
        *,
        new_nonce: Callable[[], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        outbound: Outbound | None = None,
    ) -> None:
        """Connect a PSP.

        Args:
            base_url: where its methods are, such as `https://psp.example/qrledger`.
            secret: shared with it; signs in both directions.
            new_nonce: 32 hexadecimal digits, new each time.
            now: this machine's time, for signing.
            outbound: makes the calls.

        Raises:
            ValueError: see `check_base_url`.
        """
        self._base_url = check_base_url(base_url)
        self._secret = secret
        self._new_nonce = new_nonce
        self._now = now
        self._outbound = outbound or Outbound()

    def begin(self, charge: Charge) -> Answer:
        """See `Processor`."""
        return self._call(
            "create-session",
            Subject.CHARGE,
            {
                "key": charge.key,
                "session_id": charge.session_id,
                "attempt_id": charge.attempt_id,
                "amount": psp_messages.encode_amount(charge.amount),
                "capture": charge.capture,
                "description": charge.description,
                "return_url": charge.return_url,
                "expires_at": times.to_text(charge.expires_at),
                "source": charge.source,
            },
        )

    def capture(self, charge: Charge) -> Answer:
        """See `Processor`."""
        return self._call("capture", Subject.CHARGE, {"key": charge.key})

    def void(self, charge: Charge) -> Answer:
        """See `Processor`."""
        return self._call("void", Subject.CHARGE, {"key": charge.key})

    def refund(self, order: RefundOrder) -> Answer:
        """See `Processor`."""
        return self._call(
            "refund",
            Subject.REFUND,
            {
                "key": order.key,
                "charge_key": order.charge_key,
                "charge_reference": order.charge_reference,
                "amount": psp_messages.encode_amount(order.amount),
            },
        )

    def status(self, asked: Charge | RefundOrder) -> Answer:
        """See `Processor`."""
        subject = Subject.CHARGE if isinstance(asked, Charge) else Subject.REFUND
        return self._call("status", subject, {"subject": subject.value, "key": asked.key})

    def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """See `Processor`."""
        return psp_messages.read_callback(self._secret, CALLBACK_PATH, headers, body, now)

    def _call(self, method: str, subject: Subject, message: Mapping[str, Any]) -> Answer:
        url, body = f"{self._base_url}/{method}", msgspec.json.encode(message)
        signed = signatures.sign(
            self._secret,
            method="POST",
            path=urlsplit(url).path,
            body=body,
            now=self._now(),
            nonce=self._new_nonce(),
        )
        headers = {"Content-Type": "application/json", **signed}
        answered = self._outbound.call("POST", url, headers, body)
        if answered.status in BUSY or answered.status in REFUSED:
            msg = f"the PSP refused {method} with {answered.status}"
            raise Unavailable(msg, _retry_after(answered))
        if answered.status != OK:
            msg = f"the PSP answered {method} with {answered.status}"
            raise OutcomeUnknown(msg)
        try:
            return psp_messages.read_standing(answered.body, subject)
        except Malformed as error:
            raise OutcomeUnknown(str(error)) from None


def _retry_after(answered: HttpAnswer) -> timedelta | None:
    text = answered.headers.get("retry-after", "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(RETRY_AFTER_SECONDS_MAX))):
        return None
    return timedelta(seconds=min(int(text), RETRY_AFTER_SECONDS_MAX))
