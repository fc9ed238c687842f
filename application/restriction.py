"""What is shown of restricted sessions: everything but their texts, whatever version is shown.

The log keeps every text, because a stored event never changes. So each road on which a session or
its events leave the program, except those of auditors, goes through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar
from uuid import UUID

from application.command import A, Outcome
from application.event_log import Recorded
from application.reader import Current, Reader
from domain.sessions.payment_session import PaymentSession
from domain.sessions.restriction import Restricted, without_text

S = TypeVar("S")
TOPIC: Final = Restricted.TOPIC


def is_restricted(events: Iterable[Recorded]) -> bool:
    """Whether one of a session's events restricts its texts."""
    return any(recorded.topic == TOPIC for recorded in events)


def shown(state: S, later: Iterable[Recorded] = ()) -> S:
    """The aggregate as it may be shown.

    Args:
        state: of any kind; texts of restricted sessions are left out.
        later: events of its stream after this state, if it is not the present one.
    """
    if isinstance(state, PaymentSession) and (state.restricted or is_restricted(later)):
        hidden: Any = without_text(state)
        return hidden  # type: ignore[no-any-return]
    return state


def shown_at(events: Sequence[Recorded], version: int, fold: Callable[..., S]) -> S:
    """The aggregate at a version, as it may be shown now.

    Args:
        events: all events of the stream, from the first.
        version: of the state.
        fold: makes it from its events.
    """
    return shown(fold(events[:version]), events[version:])


def shown_result(outcome: Outcome) -> Outcome:
    """The result of a command as it may be shown."""
    state = shown(outcome.subject)
    return outcome if state is outcome.subject else outcome._replace(subject=state)


def _without_text(current: Current[A]) -> Current[A]:
    hidden = shown(current.state)
    return current if hidden is current.state else replace(current, state=hidden)


class ShownReader(Reader):
    """A reader for whoever shows what it reads. The past (`at`) is for auditors, and whole."""

    def get(self, kind: type[A], stream_id: UUID, thing: str) -> Current[A]:
        """See `Reader.get`; without texts that are restricted."""
        return _without_text(super().get(kind, stream_id, thing))

    def many(self, kind: type[A], stream_ids: Sequence[UUID], thing: str) -> list[Current[A]]:
        """See `Reader.many`; without texts that are restricted."""
        return [_without_text(one) for one in super().many(kind, stream_ids, thing)]

    def first_result(self, outcome: Outcome) -> Outcome:
        """The first result of a command that was sent again, as it may be shown now.

        It has the session as it was then, which may have been restricted since.

        Raises:
            LogUnavailable: that could not be read.
        """
        session = outcome.subject
        if not isinstance(session, PaymentSession) or session.restricted:
            return shown_result(outcome)
        now = super().get(PaymentSession, session.id, "payment session").state
        return outcome._replace(subject=without_text(session)) if now.restricted else outcome
