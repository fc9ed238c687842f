"""Links to the dashboards, for the commands that print one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from api.v1.dashboard_links import operator_link
from infrastructure.bootstrap.common import read_tokens
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.settings import Settings


def dashboard_link(
    settings: Settings, url: str, merchant_id: UUID, now: datetime, session_id: str = ""
) -> tuple[str, datetime]:
    """A link that opens a merchant's dashboards once, and its expiry.

    Args:
        settings: of the installation, for its public origin.
        url: of the database, which has the secret of the tokens.
        merchant_id: whose dashboards.
        now: the ledger's time.
        session_id: the session whose history the link leads to.
    """
    tokens = read_tokens(url, DatabaseRole.WRITER)
    return operator_link(settings.public_origin, tokens, merchant_id, uuid7(), now, session_id)
