"""How a request begins an attempt: what is asked before, kept beside the log, and sent."""

from __future__ import annotations

from dataclasses import replace

from api import blocking
from api.http.operation import Call
from api.v1 import attempt_answers
from api.v1.attempt_answers import present_state, wait
from application.command import Outcome
from application.commands.request_void import RequestVoid
from application.commands.start_attempt import StartAttempt
from application.errors import LogUnavailable, NotFound, Overloaded
from application.ports.processor import BEHAVIOUR_KEY
from domain import ids
from domain.errors import ErrorKind, LedgerError
from domain.sessions.attempt import Attempt
from domain.sessions.errors import PaymentInFlight


async def begin(call: Call, command: StartAttempt, *, token: str = "") -> Outcome:
    """Begin an attempt; a payer's own attempt through another processor is voided first.

    Args:
        call: the request.
        command: begins it.
        token: the processor's token of the payer's way to pay. It is kept before the attempt is
            recorded, since the worker may begin at once, and never part of an event.

    Raises (checked in this order):
        SandboxInLiveLedger: see there.
        LedgerError: see `StartAttempt`.
    """
    command = await _with_known_refusal(call, command)
    attempt_id, notes = ids.encode("att", command.attempt_id), call.services.notes
    if not token:
        return await _send(call, command)
    await blocking.read(notes.set_source, attempt_id, token)
    try:
        outcome = await _send(call, command)
    except (Overloaded, LogUnavailable):
        raise  # it may be recorded yet; if not, the token is deleted by its age
    except LedgerError:
        await blocking.read(notes.forget, attempt_id)
        raise
    if attempt_id not in outcome.subject.attempts:
        await blocking.read(notes.forget, attempt_id)
    return outcome


async def _with_known_refusal(call: Call, command: StartAttempt) -> StartAttempt:
    """The command with what is known about the processor, for it to refuse in its order."""
    try:
        session = (await present_state(call, command.session_id)).state
    except NotFound:
        return command  # which says so
    behaviour = session.metadata.get(BEHAVIOUR_KEY, "")
    known = await blocking.read(
        call.services.terms.refusal, command.processor, session.amount, behaviour
    )
    if known is not None and known.kind is ErrorKind.FORBIDDEN:
        raise known
    return replace(command, known_refusal=known)


async def _send(call: Call, command: StartAttempt) -> Outcome:
    try:
        return await call.send(command)
    except PaymentInFlight:
        if command.any_processor or not await _void_own(call, command):
            raise
    return await call.send(command)


async def _void_own(call: Call, command: StartAttempt) -> bool:
    """Have the payer's own attempt voided; whether it was, and has ended within the wait."""
    session = (await present_state(call, command.session_id)).state
    current = session.current_attempt
    if current is None:
        return True
    wallet_id = None if command.wallet_id is None else ids.encode("wal", command.wallet_id)
    if current.wallet_id != wallet_id:
        return False
    request = RequestVoid(session_id=session.id, attempt_id=ids.decode("att", current.id))
    await call.send(request, keyed=False)
    seconds = attempt_answers.WAIT_SECONDS
    after, _ = await wait(call, session.id, current.id, _has_ended, seconds)
    return after.state.current_attempt is None


def _has_ended(attempt: Attempt, _redirect_url: str) -> bool:
    return not attempt.active
