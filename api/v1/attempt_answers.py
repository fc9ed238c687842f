"""Answers to payments that a processor decides: by the attempt's present state."""

from __future__ import annotations

from api import blocking
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.v1.responses import command_response
from api.views.sessions import SessionViews
from application.command import Outcome
from application.reader import Current
from domain.sessions.attempt_records import refusal
from domain.sessions.payment_session import PaymentSession


async def answer(call: Call, views: SessionViews, outcome: Outcome) -> HttpResponse:
    """200 if the attempt has paid the session, 202 while its end is not known.

    A replay is answered in the same way, so the recorded outcome only names the attempt.

    Raises:
        PaymentDeclined: the attempt has ended without a payment.
    """
    begun: PaymentSession = outcome.subject
    attempt_id = next(reversed(list(begun.attempts)), None)
    current = await present_state(call, begun)
    session = current.state
    if attempt_id is not None:
        declined = refusal(session, session.attempts[attempt_id])
        if declined is not None:
            raise declined
    view = views.view(session, position=current.position, now=current.now, identity=call.identity)
    status = 202 if session.current_attempt is not None else 200
    present = Outcome(session, current.position, current.now, outcome.replayed)
    return command_response(present, view, status=status)


async def present_state(call: Call, begun: PaymentSession) -> Current[PaymentSession]:
    """The session as it is now. Waiting for the processor, at most 3 s, belongs here."""
    get = call.services.reader.get
    return await blocking.read(get, PaymentSession, begun.id, "payment session")
