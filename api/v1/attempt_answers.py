"""Answers to payments that a processor decides: by the attempt's present state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from api import blocking
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.v1.responses import command_response
from api.views.attempts import NextActionView, next_action_view, pays
from api.views.sessions import SessionViews, public_session_view
from application.command import Outcome
from application.reader import Current
from domain.sessions.attempt import Attempt, AttemptStatus
from domain.sessions.attempt_records import refusal
from domain.sessions.payment_session import PaymentSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

WAIT_SECONDS: Final = 3.0
"""How long a request waits for the processor's answer; then it is answered 202."""
WAITING_MAX: Final = 100
"""Requests that wait at a time in this process; any other is answered at once."""
_PAUSE_SECONDS: Final = 0.02
_PAUSE_SECONDS_MAX: Final = 0.2

Ended = Callable[[Attempt, str], bool]
"""Whether a wait is over, by an attempt and where its payer has to go."""


class _Waiting:
    """How many requests of this process wait; used on the event loop only."""

    count = 0

    @contextmanager
    def seconds(self, seconds: float) -> Iterator[float]:
        """For how long one more request may wait within the context."""
        self.count += 1
        try:
            yield seconds if self.count <= WAITING_MAX else 0.0
        finally:
            self.count -= 1


_waiting = _Waiting()


async def answer(call: Call, views: SessionViews, outcome: Outcome) -> HttpResponse:
    """200 if the session is paid, 202 while the end of the attempt is not known.

    The first answer waits for the processor. A replay does not; it is answered by the present
    state too, so the recorded outcome only names the attempt.

    Raises:
        PaymentDeclined: the attempt has ended without a payment.
    """
    begun: PaymentSession = outcome.subject
    attempt = begun.current_attempt
    if attempt is None:  # it was paid already
        return _response(call, views, outcome, None)
    seconds = 0.0 if outcome.replayed else WAIT_SECONDS
    current, redirect_url = await wait(call, begun.id, attempt.id, _is_answered, seconds)
    session = current.state
    declined = refusal(session, session.attempts[attempt.id])
    if declined is not None:
        raise declined
    action = next_action_view(call.identity, session.attempts[attempt.id], redirect_url)
    present = Outcome(session, current.position, current.now, outcome.replayed)
    return _response(call, views, present, action)


async def wait(
    call: Call, session_id: UUID, attempt_id: str, ended: Ended, seconds: float
) -> tuple[Current[PaymentSession], str]:
    """The session as it is now, or once a wait for its attempt is over.

    Also returns where the payer has to go; empty if nowhere, or if that is not known.

    Args:
        call: the request.
        session_id: the session.
        attempt_id: one of its attempts.
        ended: when to stop.
        seconds: how long to wait at most; not at all if too many requests wait.
    """
    pause, redirect_url, seen = _PAUSE_SECONDS, "", -1
    with _waiting.seconds(seconds) as allowed:
        deadline = time.monotonic() + allowed
        while True:
            current = await present_state(call, session_id)
            attempt = current.state.attempts[attempt_id]
            left = deadline - time.monotonic()
            if current.state.version != seen or left <= 0:
                seen = current.state.version
                redirect_url = await _redirect_url(call, attempt)
            if left <= 0 or ended(attempt, redirect_url):
                return current, redirect_url
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _PAUSE_SECONDS_MAX)


async def present_state(call: Call, session_id: UUID) -> Current[PaymentSession]:
    """The session as it is now."""
    get = call.services.reader.get
    return await blocking.read(get, PaymentSession, session_id, "payment session")


async def next_action(call: Call, session: PaymentSession) -> NextActionView | None:
    """What the caller has to do for a session's attempt under way, if it is the payer."""
    attempt = session.current_attempt
    if attempt is None or not pays(call.identity, attempt):
        return None
    return next_action_view(call.identity, attempt, await _redirect_url(call, attempt))


def _is_answered(attempt: Attempt, redirect_url: str) -> bool:
    """Whether there is nothing to wait for: an end, a payer who has to act, or silence."""
    unknown = attempt.status is AttemptStatus.UNKNOWN
    return not attempt.active or unknown or bool(redirect_url)


async def _redirect_url(call: Call, attempt: Attempt) -> str:
    if not attempt.active:
        return ""
    notes = await blocking.read(call.services.notes.of, attempt.id)
    return notes.redirect_url


def _response(
    call: Call, views: SessionViews, outcome: Outcome, action: NextActionView | None
) -> HttpResponse:
    """The session as the caller may see it: its token shows less than a key."""
    session: PaymentSession = outcome.subject
    status = 202 if session.current_attempt is not None else 200
    if call.identity.role is CallerRole.CHECKOUT:
        public = public_session_view(
            session,
            outcome.recorded_at,
            livemode=call.services.config.livemode,
            with_token=True,
            next_action=action,
        )
        return command_response(outcome, public, status=status)
    view = views.view(
        session,
        position=outcome.position,
        now=outcome.recorded_at,
        identity=call.identity,
        next_action=action,
    )
    return command_response(outcome, view, status=status)
