"""What is kept beside the log about attempts under way: nothing of it belongs into an event."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Notes(NamedTuple):
    """What a payer needs of an attempt."""

    source: str = ""
    """The processor's token of a way to pay."""
    redirect_url: str = ""
    """Where the payer has to go."""


class AttemptNotes(Protocol):
    """Keeps notes until their attempt has ended. Thread-safe; each method is one transaction."""

    def set_source(self, attempt_id: str, source: str) -> None:
        """Keep the payer's token, before the attempt is begun."""
        ...

    def set_redirect(self, attempt_id: str, url: str) -> None:
        """Keep where the payer has to go."""
        ...

    def of(self, attempt_id: str) -> Notes:
        """The notes of an attempt; empty if there are none."""
        ...

    def forget(self, attempt_id: str) -> None:
        """Delete the notes of an attempt that has ended, or was never recorded."""
        ...

    def clean(self) -> None:
        """Delete some of what is too old for anybody to need."""
        ...

    def set_key(self, processor: str, reference: str, key: str) -> None:
        """Remember our key of a charge that others name by the processor's reference."""
        ...

    def key_of(self, processor: str, reference: str) -> str:
        """Our key of a processor's reference; empty if it is not known."""
        ...
