"""The program without the read models of the books, to measure what these cost.

`python -m benchmarks.without_books serve` runs `qrledger serve`, and so on.
"""

from __future__ import annotations

from typing import Final

from projections import _read_model

BOOKS: Final = frozenset({"journal", "balances"})
"""The read models that are left out."""

_all_models = _read_model.all_models


def _other_models() -> list[type[_read_model.ReadModel]]:
    return [model for model in _all_models() if model.name not in BOOKS]


if __name__ == "__main__":
    _read_model.all_models = _other_models

    from infrastructure.cli import main  # after the change, which modules copy when imported

    main()
