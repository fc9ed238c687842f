"""Callbacks of processors: read, and stored before they are answered; see the process for the rest.

A callback's key is `ps_….att_…` for a charge and `ps_….ref_…` for a refund of a session, so that
nothing has to be looked up to know what it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from application.ports.callback_inbox import CallbackInbox
from application.ports.processor import Answer, Notice, Processor, State, Subject
from domain import ids, times
from domain.money.money import Money

PROCESS: Final = "processor_callbacks"
"""The process that performs the tasks of callbacks."""


class UnknownProcessor(Exception):
    """No processor of this name is configured."""


def make_key(session_id: UUID, prefix: str, subject_id: UUID) -> str:
    """The key of a session's attempt (`att`) or refund (`ref`), for the processor."""
    return f"{ids.encode('ps', session_id)}.{ids.encode(prefix, subject_id)}"


def read_key(key: str) -> tuple[UUID, str, UUID] | None:
    """The session, the prefix and the id of its attempt or refund; None if it is none of ours."""
    session_id, _, subject_id = key.partition(".")
    prefix = subject_id.partition("_")[0]
    if prefix not in {"att", "ref"}:
        return None
    try:
        return ids.decode("ps", session_id), prefix, ids.decode(prefix, subject_id)
    except ValueError:
        return None


def to_payload(notice: Notice) -> dict[str, str]:
    """A notice as the payload of a task."""
    answer = notice.answer
    return {
        "id": notice.id,
        "subject": notice.subject.value,
        "key": notice.key,
        "charge_reference": notice.charge_reference,
        "state": answer.state.value,
        "reference": answer.reference,
        "minor": str(answer.amount.minor) if answer.amount else "",
        "currency": answer.amount.currency if answer.amount else "",
        "reason": answer.reason,
        "at": times.to_text(notice.at),
    }


def from_payload(payload: Mapping[str, str]) -> Notice:
    """The notice of a task."""
    minor = payload["minor"]
    return Notice(
        id=payload["id"],
        subject=Subject(payload["subject"]),
        key=payload["key"],
        charge_reference=payload["charge_reference"],
        answer=Answer(
            state=State(payload["state"]),
            reference=payload["reference"],
            amount=Money(int(minor), payload["currency"]) if minor else None,
            reason=payload["reason"],
        ),
        at=times.from_text(payload["at"]),
    )


class Callbacks:
    """Takes callbacks of processors. Thread-safe."""

    def __init__(
        self,
        processors: Mapping[str, Processor],
        inbox: CallbackInbox,
        *,
        now: Callable[[], datetime],
    ) -> None:
        """Take callbacks.

        Args:
            processors: by name.
            inbox: stores what they say.
            now: this machine's time; signatures are compared with it.
        """
        self._processors = processors
        self._inbox = inbox
        self._now = now

    def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Read a callback and store it durably; False if it is known already.

        Args:
            name: of the processor.
            headers: by lower-case names.
            body: as it came, at most 64 KiB.

        Raises (checked in this order):
            UnknownProcessor: see there.
            BadSignature, Malformed, Irrelevant: see `Processor.read_callback`.
            LogUnavailable: it is not stored; the processor sends it again.
        """
        processor = self._processors.get(name)
        if processor is None:
            raise UnknownProcessor(name)
        notice = processor.read_callback(headers, body, self._now())
        return self._inbox.receive(name, notice, hashlib.sha256(body).digest())
