"""The files of merchants' logos. The log has their digests only: it keeps facts, not files."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class LogoFile(NamedTuple):
    """A file that `domain.merchants.logo.read_logo` has taken."""

    media_type: str
    data: bytes


class LogoStore(Protocol):
    """Keeps files for ever, by their digest: an event may name any of them. Thread-safe."""

    def keep(self, sha256: str, file: LogoFile) -> None:
        """Keep a file; nothing if it is there. Durable before this returns.

        Args:
            sha256: its digest, in hexadecimal.
            file: the file.
        """
        ...

    def read(self, sha256: str) -> LogoFile | None:
        """The file of this digest; None if there is none."""
        ...
