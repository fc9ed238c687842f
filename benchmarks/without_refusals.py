"""The program without recorded refusals, to measure what these cost.

`python -m benchmarks.without_refusals serve` runs `qrledger serve`, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable

from application import refusals
from application.command import Envelope, Result


class _NoRecording(refusals.RefusalRecording):
    """Records nothing, and looks at no answer."""

    def add(self, answered: Iterable[tuple[Envelope, Result]]) -> None:
        """Nothing."""


if __name__ == "__main__":
    refusals.RefusalRecording = _NoRecording  # type: ignore[misc]

    from infrastructure.cli import main  # after the change, which modules copy when imported

    main()
