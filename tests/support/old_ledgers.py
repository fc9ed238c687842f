"""Ledgers made by earlier versions of the program, restored into a database.

Each is a dump (`ledgers/<date>.sql.gz`) with the API requests of its making
(`ledgers/<date>.json`). Roles are named after their database, so the dump has placeholders.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from infrastructure.postgres.connections import DatabaseRole, role_name

FOLDER = Path(__file__).parent / "ledgers"
FIRST = "2026-11-20"


def facts(name: str = FIRST) -> dict[str, Any]:
    """Keys, ids, requests and their responses."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def restore(url: str, name: str = FIRST) -> dict[str, Any]:
    """Restore a ledger into an empty database, as a superuser; returns its facts."""
    text = gzip.decompress((FOLDER / f"{name}.sql.gz").read_bytes()).decode()
    with psycopg.connect(url, autocommit=True) as connection:
        database = connection.info.dbname
        for database_role in DatabaseRole:
            role = role_name(database, database_role)
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            text = text.replace(f"__{database_role}__", f'"{role}"')
        owner, projector = (
            sql.Identifier(role_name(database, database_role))
            for database_role in (DatabaseRole.OWNER, DatabaseRole.PROJECTOR)
        )
        connection.execute(sql.SQL("grant {} to {}").format(projector, owner))
        connection.execute(
            sql.SQL("grant create on database {} to {}").format(sql.Identifier(database), owner)
        )
        connection.execute(text)
    return facts(name)
