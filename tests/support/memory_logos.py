"""The files of logos, in memory."""

from __future__ import annotations

from application.ports.logos import LogoFile


class MemoryLogos:
    """An `application.ports.logos.LogoStore`."""

    def __init__(self) -> None:
        self._files: dict[str, LogoFile] = {}

    def keep(self, sha256: str, file: LogoFile) -> None:
        self._files.setdefault(sha256, file)

    def read(self, sha256: str) -> LogoFile | None:
        return self._files.get(sha256)
