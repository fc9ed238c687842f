"""`audit`: what a live database, a bundle or a published log proves."""

from __future__ import annotations

import rich_click as click

from infrastructure.cli._lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    elsewhere={
        "check": "audit_check:check",
        "export": "audit_bundles:export",
        "parquet": "audit_lake:write_parquet",
        "receipt": "audit_bundles:receipt",
        "report": "audit_report:report",
        "sample": "audit_sample:sample",
        "verify": "audit_bundles:verify",
        "watch": "audit_watch:watch",
    },
)
def audit() -> None:
    """Check the log, its receipts and the read models."""
