"""`audit sample`: payments of a bundle for a person to look at, which nobody has chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import rich_click as click

from domain.audit.errors import (
    EvidenceError,
    MalformedBundle,
    MalformedCheckpoint,
    MalformedNote,
    NewerFormat,
)
from domain.audit.sampling import COUNT_MAX
from infrastructure.bundles.sample import Sample
from infrastructure.bundles.sample import sample as take_sample
from infrastructure.cli import _support, _trust

COUNT: Final = 60
"""Units in each currency, unless another number is named."""
UNREADABLE: Final = (MalformedBundle, MalformedNote, MalformedCheckpoint, NewerFormat)


@click.command("sample")
@click.argument("bundle", type=_trust.FILE)
@_trust.VKEYS
@_trust.POLICY
@click.option(
    "--count", type=click.IntRange(1, COUNT_MAX), default=COUNT, show_default=True,
    help="Monetary units to select in each currency.",
)  # fmt: skip
@_trust.JSON
def sample(
    *, bundle: Path, keys: Sequence[str], policy: Path | None, count: int, as_json: bool
) -> None:
    """Select payments in BUNDLE for a person to look at (monetary-unit sampling).

    The root of the bundle's checkpoint is the seed, so nobody has chosen, and everybody who has
    the bundle gets the same payments. Signatures, hashes and the root are checked on the way, the
    rules are not: run `audit verify` first.

    Exits with 0; with 1 if the population is not proven to be the sealed one; with 2 if the file
    cannot be read as a bundle.
    """
    trusted = _trust.trusted(keys, policy)
    try:
        taken = take_sample(bundle, trusted, count)
    except UNREADABLE as error:
        _support.fail(f"{bundle}: {error} ({error.code})")
    except EvidenceError as error:
        text = _trust.printable(f"{bundle}: not proven: {error} ({error.code})")
        _support.fail(text, _support.EXIT_FAILED)
    except OSError as error:
        _support.fail(f"{bundle} cannot be read: {error.strerror or error}")
    if as_json:
        click.echo(json.dumps(taken.document()))
    else:
        click.echo(_trust.printable("\n".join(_lines(taken))))


def _lines(taken: Sample) -> list[str]:
    lines = [
        f"{taken.bundle}: {taken.origin}, {taken.size} events",
        f"seed: the root {taken.root}",
    ]
    for one in taken.currencies:
        money = f"{one.total_minor} minor units of {one.currency} (exponent {one.exponent})"
        chosen = f"{len(one.selected)} payments selected"
        lines += [
            "",
            f"{one.currency}: {one.payments} payments, {money}",
            f"  interval {one.interval_minor}, start {one.start_minor}: {chosen}",
            f"  {'position':>12} {'amount':>16} {'units':>6}  recorded at, session, merchant",
        ]
        lines += [
            f"  {it.position:>12} {it.amount_minor:>16} {it.units:>6}  "
            f"{it.recorded_at} {it.session_id} {it.merchant_id}"
            for it in one.selected
        ]
    if not taken.currencies:
        lines.append("no payments")
    return lines
