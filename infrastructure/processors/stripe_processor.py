"""Stripe, through its own SDK: PaymentIntents that are confirmed on the server.

    begin ──▶ create, confirm=True ──▶ succeeded | requires_action (redirect) | declined
    void of what Stripe has never received ──▶ create unconfirmed under the same key, then cancel

Idempotency keys are the ledger's keys. Stripe forgets them after 24 hours, so that a call that is
older is not repeated: Stripe is asked by our reference, and otherwise a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
import stripe

from application.ports.processor import (
    Answer,
    Charge,
    NeedsPerson,
    Notice,
    OutcomeUnknown,
    RefundOrder,
    State,
)
from infrastructure.processors import stripe_objects
from infrastructure.processors.checks import check_api_key
from infrastructure.processors.outbound import Outbound
from infrastructure.processors.stripe_currencies import to_stripe
from infrastructure.processors.stripe_objects import (
    METADATA_KEY,
    Intent,
    Refund,
    answer_of_intent,
    answer_of_refund,
)
from infrastructure.processors.stripe_transport import Transport, made_by

NAME: Final = "stripe"
KEY_HOURS: Final = 23
"""Stripe keeps idempotency keys for at least 24 hours."""
REFUNDS_MAX: Final = 100
"""Of one charge, that are looked through for ours."""
_KEY: Final = re.compile(r"[A-Za-z0-9_:.-]{1,200}", re.ASCII)
_SOURCE: Final = re.compile(r"(pm|ctoken)_[A-Za-z0-9_]{1,200}", re.ASCII)
_T = TypeVar("_T", Intent, Refund)


class Stripe:
    """`application.ports.processor.Processor` over Stripe."""

    def __init__(
        self,
        api_key: str,
        webhook_secret: str,
        *,
        mode: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        confirms_manually: bool = False,
        redirect_method: str = "",
        api_base: str = "https://api.stripe.com",
        outbound: Outbound | None = None,
    ) -> None:
        """Connect an account of Stripe.

        Args:
            api_key: of the ledger's mode.
            webhook_secret: `whsec_…` of the endpoint of our callbacks.
            mode: `live` or `test`.
            now: the ledger's time, for the age of idempotency keys: its events say when they began.
            confirms_manually: whether a payment is confirmed again when the payer has come back.
            redirect_method: the type of payment method, such as `ideal`, of a charge without a
                source; empty: such charges are declined.
            api_base: where Stripe's API is.
            outbound: makes the calls.

        Raises:
            ValueError: see `check_api_key`.
        """
        self._livemode = mode == "live"
        self._webhook_secret = webhook_secret
        self._now = now
        self._confirms_manually = confirms_manually
        self._redirect_method = redirect_method
        client = stripe.StripeClient(
            check_api_key(api_key, mode),
            http_client=Transport(outbound or Outbound()),
            base_addresses={"api": api_base},
            max_network_retries=0,
        )
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds

    def begin(self, charge: Charge) -> Answer:
        """See `Processor`."""
        units, currency = to_stripe(charge.amount)
        if charge.reference:
            return self._go_on(charge)
        if self._is_forgotten(charge):
            return self._found_or_person(charge)
        method = self._method(charge)
        if method is None:
            return Answer(state=State.DECLINED, reason="payment_method_required")
        params: dict[str, Any] = {
            "amount": units,
            "currency": currency,
            "confirm": True,
            "capture_method": "automatic" if charge.capture else "manual",
            "confirmation_method": "manual" if self._confirms_manually else "automatic",
            "metadata": self._metadata(charge),
            **method,
        }
        if charge.description:
            params["description"] = charge.description
        return self._confirmed(
            charge,
            lambda: self._intents.create(params, {"idempotency_key": charge.key}),  # type: ignore[arg-type]
        )

    def capture(self, charge: Charge) -> Answer:
        """See `Processor`."""
        intent = self._find(charge)
        if intent is None:
            return Answer(state=State.NOT_FOUND)
        if intent.status == "requires_capture":
            intent = self._moved(intent, self._intents.capture)
        return self._said(answer_of_intent, intent)

    def void(self, charge: Charge) -> Answer:
        """See `Processor`."""
        intent = self._find(charge) or self._tombstone(charge)
        if intent.status not in {"succeeded", "canceled", "processing"}:
            intent = self._moved(intent, self._intents.cancel)
        return self._said(answer_of_intent, intent)

    def refund(self, order: RefundOrder) -> Answer:
        """See `Processor`."""
        units, _ = to_stripe(order.amount)
        if order.reference:
            return self.status(order)
        if self._is_forgotten(order):
            return self._found_or_person(order)
        params: dict[str, Any] = {
            "payment_intent": order.charge_reference,
            "amount": units,
            "metadata": self._metadata(order),
        }
        try:
            made = self._call(
                Refund,
                lambda: self._refunds.create(params, {"idempotency_key": order.key}),  # type: ignore[arg-type]
            )
        except stripe.InvalidRequestError as error:
            return Answer(state=State.DECLINED, reason=stripe_objects.code(error.code))
        except stripe.IdempotencyError:
            return self._found_or_unknown(order)
        return self._said(answer_of_refund, made)

    def status(self, asked: Charge | RefundOrder) -> Answer:
        """See `Processor`."""
        if isinstance(asked, Charge):
            intent = self._find(asked)
            return (
                Answer(state=State.NOT_FOUND)
                if intent is None
                else self._said(answer_of_intent, intent)
            )
        refund = self._find_refund(asked)
        return (
            Answer(state=State.NOT_FOUND)
            if refund is None
            else self._said(answer_of_refund, refund)
        )

    def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """See `Processor`."""
        return stripe_objects.read_callback(
            self._webhook_secret, headers, body, now, livemode=self._livemode
        )

    # Begin.

    def _go_on(self, charge: Charge) -> Answer:
        """How a known charge stands; it is confirmed again if it waits for that."""
        answer = self.status(charge)
        if answer.state is not State.CONFIRMABLE:
            return answer
        key = f"{charge.key}:confirm"
        return self._confirmed(
            charge, lambda: self._intents.confirm(answer.reference, {}, {"idempotency_key": key})
        )

    def _confirmed(self, charge: Charge, call: Callable[[], Any]) -> Answer:
        """The answer to a confirmation; a replayed one is old, so the charge is looked up."""
        try:
            intent, replayed = self._replayable(call)
        except stripe.CardError as error:
            return self._declined(error)
        except stripe.InvalidRequestError as error:
            return Answer(state=State.DECLINED, reason=stripe_objects.code(error.code))
        except stripe.IdempotencyError:
            return self._found_or_unknown(charge)
        if replayed:
            intent = self._retrieve(intent.id)
        return self._said(answer_of_intent, intent)

    def _declined(self, error: stripe.CardError) -> Answer:
        body = error.json_body if isinstance(error.json_body, dict) else {}
        fields = body.get("error")
        detail = fields if isinstance(fields, dict) else {}
        intent = detail.get("payment_intent")
        reference = intent.get("id") if isinstance(intent, dict) else ""
        reason = detail.get("decline_code") or detail.get("code")
        return Answer(
            state=State.DECLINED,
            reference=reference if isinstance(reference, str) and _KEY.fullmatch(reference) else "",
            reason=stripe_objects.code(reason if isinstance(reason, str) else None),
        )

    def _method(self, charge: Charge) -> dict[str, Any] | None:
        """What the payer pays with; None if nothing is known."""
        back = {"return_url": charge.return_url} if charge.return_url else {}
        if not charge.source:
            kind = self._redirect_method
            if not kind or not back:
                return None
            return {
                "payment_method_types": [kind],
                "payment_method_data": {"type": kind},
                **back,
            }
        match = _SOURCE.fullmatch(charge.source)
        if match is None:
            return None
        name = "payment_method" if match.group(1) == "pm" else "confirmation_token"
        redirects = "always" if back else "never"
        automatic = {"enabled": True, "allow_redirects": redirects}
        return {name: charge.source, "automatic_payment_methods": automatic, **back}

    # Find.

    def _find(self, charge: Charge) -> Intent | None:
        """The charge by its reference, else by our key; Stripe's search may lag by a minute."""
        if charge.reference:
            return self._retrieve(charge.reference)
        query = f"metadata['{METADATA_KEY}']:'{_checked(charge.key)}'"
        found = self._list(Intent, lambda: self._intents.search({"query": query, "limit": 10}))
        with_money = [one for one in found if one.status != "canceled"]
        return next(iter(with_money or found), None)

    def _find_refund(self, order: RefundOrder) -> Refund | None:
        if order.reference:
            known = _checked(order.reference)
            return self._convert(Refund, self._asked(lambda: self._refunds.retrieve(known)))
        charged = _checked(order.charge_reference)
        found = self._list(
            Refund,
            lambda: self._refunds.list({"payment_intent": charged, "limit": REFUNDS_MAX}),
        )
        return next((one for one in found if one.key == order.key), None)

    def _retrieve(self, reference: str) -> Intent:
        known = _checked(reference)
        return self._convert(Intent, self._asked(lambda: self._intents.retrieve(known)))

    def _tombstone(self, charge: Charge) -> Intent:
        """A charge that is never confirmed, under the key of the real one, which thus cannot begin.

        Raises:
            OutcomeUnknown: the real one has arrived, but is not found yet.
            NeedsPerson: Stripe may have forgotten the key.
        """
        if self._is_forgotten(charge):
            msg = "Stripe does not find it, and may have forgotten its key"
            raise NeedsPerson(msg)
        units, currency = to_stripe(charge.amount)
        params: dict[str, Any] = {
            "amount": units,
            "currency": currency,
            "metadata": self._metadata(charge),
        }
        try:
            return self._call(
                Intent,
                lambda: self._intents.create(params, {"idempotency_key": charge.key}),  # type: ignore[arg-type]
            )
        except stripe.StripeError:
            msg = "Stripe may have received it, and does not find it yet"
            raise OutcomeUnknown(msg) from None

    def _found_or_person(self, asked: Charge | RefundOrder) -> Answer:
        answer = self.status(asked)
        if answer.state is State.NOT_FOUND:
            msg = f"begun more than {KEY_HOURS} h ago, and Stripe does not find it"
            raise NeedsPerson(msg)
        return answer

    def _found_or_unknown(self, asked: Charge | RefundOrder) -> Answer:
        answer = self.status(asked)
        if answer.state is State.NOT_FOUND:
            msg = "Stripe has received it and does not find it yet"
            raise OutcomeUnknown(msg)
        return answer

    def _is_forgotten(self, asked: Charge | RefundOrder) -> bool:
        """Whether Stripe may have forgotten the idempotency key of the first call."""
        begun_at = asked.begun_at
        return begun_at is not None and self._now() - begun_at > timedelta(hours=KEY_HOURS)

    # Call.

    def _moved(self, before: Intent, move: Callable[[str], Any]) -> Intent:
        """The charge after a capture or a cancel, which Stripe refuses if it has moved already."""
        try:
            return self._call(Intent, lambda: move(before.id))
        except (stripe.InvalidRequestError, stripe.CardError):
            return self._retrieve(before.id)

    def _call(self, kind: type[_T], call: Callable[[], Any]) -> _T:
        return self._convert(kind, made_by(call))

    def _replayable(self, call: Callable[[], Any]) -> tuple[Intent, bool]:
        """The answer, and whether it is the first one again."""
        made = made_by(call)
        intent = self._convert(Intent, made)
        headers = getattr(made.last_response, "headers", None) or {}
        return intent, headers.get("idempotent-replayed") == "true"

    def _list(self, kind: type[_T], call: Callable[[], Any]) -> list[_T]:
        data = getattr(self._asked(call), "data", None)
        if not isinstance(data, list):
            msg = "Stripe's answer is not a list"
            raise OutcomeUnknown(msg)
        return [self._convert(kind, one) for one in data]

    def _asked(self, call: Callable[[], Any]) -> Any:
        """The result of a call that changes nothing; a refusal of it says nothing."""
        try:
            return made_by(call)
        except stripe.StripeError as error:
            msg = f"no answer of Stripe: {type(error).__name__}"
            raise OutcomeUnknown(msg) from None

    def _convert(self, kind: type[_T], made: Any) -> _T:
        try:
            found = msgspec.convert(stripe_objects.plain(made), kind)
        except (msgspec.ValidationError, AttributeError, TypeError):
            msg = "Stripe's answer is not as it is documented"
            raise OutcomeUnknown(msg) from None
        if isinstance(found, Intent) and found.livemode != self._livemode:
            msg = "Stripe's answer is of the other mode"
            raise OutcomeUnknown(msg)
        return found

    def _said(self, answer_of: Callable[[_T], Answer], found: _T) -> Answer:
        try:
            return answer_of(found)
        except ValueError as error:
            raise OutcomeUnknown(str(error)) from None

    @staticmethod
    def _metadata(asked: Charge | RefundOrder) -> dict[str, str]:
        metadata = {METADATA_KEY: _checked(asked.key)}
        if isinstance(asked, Charge):
            metadata["qrledger_session"] = asked.session_id
        return metadata


def _checked(name: str) -> str:
    """A key or a reference that may be part of an address or a query.

    Raises:
        OutcomeUnknown: not one.
    """
    if not _KEY.fullmatch(name):
        msg = "not a key or reference that Stripe could know"
        raise OutcomeUnknown(msg)
    return name
