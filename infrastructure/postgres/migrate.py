"""Brings a database up to date: roles, schema, numbered SQL files; safe to run at any time.

Each file runs once, in a transaction, under one advisory lock; its SHA-256 is recorded so that an
edited file is detected. Read models are not migrated: they are rebuilt from the log.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib import resources
from typing import Final

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from infrastructure.postgres import runtime_login, sealer_login
from infrastructure.postgres.connections import DatabaseRole, connect, role_name

VERSION_MIN: Final = 150_000
TRIES_MAX: Final = 5
"""Of one migration: autovacuum, which analyzes a table that is altered, can cause a deadlock."""
LOCK_KEY: Final = 0x7172_6C65_6467_6572  # "qrledger"
MIGRATE_SECONDS: Final = 600

_log = logging.getLogger(__name__)


class DatabaseNotReady(Exception):
    """The database cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file of the package."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).digest()


def migrations() -> list[Migration]:
    """The migrations of this version of the program, in order."""
    folder = resources.files("infrastructure.postgres") / "sql"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(int(f.name[:4]), f.name, f.read_text("utf-8")) for f in files]


def migrate(
    url: str, *, mode: str, token_secret: bytes, runtime: str = "", sealer: str = ""
) -> list[str]:
    """Apply the missing migrations; returns their file names.

    Args:
        url: a login that may create roles and schemas in this database.
        mode: `live` or `test`; fixed by the first migration.
        token_secret: 32 random bytes, used only if the ledger has none yet.
        runtime: a login that is granted the rights to run the program; empty for none.
        sealer: a login that is granted the rights to seal the log; empty for none.

    Raises (checked in this order):
        DatabaseNotReady: too old, insufficient rights, newer than this program, a changed file,
            a ledger of the other mode, or `runtime` or `sealer` has rights that it must not have.
        psycopg.OperationalError: the server cannot be reached.
    """
    with connect(url, None, statement_seconds=MIGRATE_SECONDS) as connection:
        _check_version(connection)
        connection.execute("set lock_timeout = 0")
        connection.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
        try:
            names = _migrate(connection, mode, token_secret)
            if runtime:
                connection.execute("reset role")
                runtime_login.grant(connection, runtime)
            if sealer:
                connection.execute("reset role")
                sealer_login.grant(connection, sealer)
        except runtime_login.LoginRefused as error:
            raise DatabaseNotReady(str(error)) from error
        except psycopg.errors.InsufficientPrivilege as error:
            reason = error.diag.message_primary
            msg = f"the login may not migrate this database ({reason}): use its owner"
            raise DatabaseNotReady(msg) from error
        return names


def check(url: str) -> str:
    """Check that the database is ready for this program; returns its mode.

    A login with more rights than the program needs is accepted with a warning in the log.

    Raises (checked in this order):
        DatabaseNotReady: too old, never migrated, half migrated, or newer than this program.
        psycopg.OperationalError: the server cannot be reached.
    """
    with connect(url, None) as connection:
        _check_version(connection)
        try:
            connection.execute(_set_role(connection, DatabaseRole.WRITER))
            applied = _applied(connection)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidParameterValue) as error:
            msg = "the database has no ledger yet: run `qrledger migrate`"
            raise DatabaseNotReady(msg) from error
        except psycopg.errors.InsufficientPrivilege as error:
            msg = (
                "the login may not use the ledger's roles: "
                "run `qrledger migrate --runtime LOGIN` as the owner"
            )
            raise DatabaseNotReady(msg) from error
        missing = [m.name for m in migrations() if m.number not in applied]
        _check_known(applied)
        if missing:
            msg = f"the database is half migrated, {missing[0]} is missing: run `qrledger migrate`"
            raise DatabaseNotReady(msg)
        row = connection.execute("select mode from ledger.identity").fetchone()
        if row is None:
            msg = "the database is half migrated, it has no identity: run `qrledger migrate`"
            raise DatabaseNotReady(msg)
        excess = runtime_login.excess_rights(connection, connection.info.user)
        if excess:
            _log.warning("%s", excess_warning(connection.info.user, excess))
        return str(row[0])


def check_sealer(connection: Connection[TupleRow]) -> None:
    """Check that the database is ready to be sealed on this connection of the sealer.

    Raises:
        DatabaseNotReady: half migrated, newer than this program, or the login could write the log.
    """
    applied = _applied(connection)
    _check_known(applied)
    if missing := [m.name for m in migrations() if m.number not in applied]:
        msg = f"the database is half migrated, {missing[0]} is missing: run `qrledger migrate`"
        raise DatabaseNotReady(msg)
    login = connection.info.user
    if excess := sealer_login.excess_rights(connection, login):
        msg = (
            f"the login {login!r} {excess}, so what it seals would prove nothing: create a login "
            "for the sealer and run `qrledger migrate --sealer LOGIN`"
        )
        raise DatabaseNotReady(msg)


def excess_warning(login: str, excess: str) -> str:
    """The warning about a runtime login that could rewrite the log."""
    return (
        f"the login {login!r} {excess}, so this process could rewrite the log: create a login for "
        "it and run `qrledger migrate --runtime LOGIN` with QRLEDGER_MIGRATE_URL"
    )


def _check_version(connection: Connection[TupleRow]) -> None:
    version = connection.info.server_version
    if version < VERSION_MIN:
        msg = f"PostgreSQL {version // 10_000} is too old: the ledger needs 15 or newer"
        raise DatabaseNotReady(msg)


def _migrate(connection: Connection[TupleRow], mode: str, token_secret: bytes) -> list[str]:
    _make_roles(connection)
    owner = role_name(connection.info.dbname, DatabaseRole.OWNER)
    if connection.execute("select to_regnamespace('ledger')").fetchone() == (None,):
        connection.execute(
            sql.SQL("create schema ledger authorization {}").format(sql.Identifier(owner))
        )
        database = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("grant create on database {} to {}").format(database, sql.Identifier(owner))
        )
    connection.execute(_set_role(connection, DatabaseRole.OWNER))
    connection.execute(
        "create table if not exists ledger.migrations (number int primary key, name text not null,"
        " digest bytea not null, applied_at timestamptz not null default clock_timestamp())"
    )
    for database_role in (*runtime_login.RUNTIME, DatabaseRole.SEALER):
        role = sql.Identifier(role_name(connection.info.dbname, database_role))
        connection.execute(sql.SQL("grant usage on schema ledger to {}").format(role))
        connection.execute(sql.SQL("grant select on ledger.migrations to {}").format(role))
    applied = _applied(connection)
    _check_known(applied)
    names = []
    for migration in migrations():
        if migration.number not in applied:
            _apply(connection, migration)
            names.append(migration.name)
    _check_identity(connection, mode, token_secret)
    return names


def _make_roles(connection: Connection[TupleRow]) -> None:
    for database_role in DatabaseRole:
        name = role_name(connection.info.dbname, database_role)
        role = sql.Identifier(name)
        if not connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
            try:
                connection.execute(sql.SQL("create role {} nologin").format(role))
            except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                continue
        member = connection.execute("select pg_has_role(session_user, %s, 'member')", (name,))
        if member.fetchone() != (True,) or connection.info.parameter_status("is_superuser") != "on":
            connection.execute(sql.SQL("grant {} to session_user").format(role))
    # The owner creates the schema of the read models for the projector.
    owner, projector = (
        sql.Identifier(role_name(connection.info.dbname, r))
        for r in (DatabaseRole.OWNER, DatabaseRole.PROJECTOR)
    )
    connection.execute(sql.SQL("grant {} to {}").format(projector, owner))


def _set_role(connection: Connection[TupleRow], database_role: DatabaseRole) -> sql.Composed:
    return sql.SQL("set role {}").format(
        sql.Identifier(role_name(connection.info.dbname, database_role))
    )


def _applied(connection: Connection[TupleRow]) -> dict[int, bytes]:
    rows = connection.execute("select number, digest from ledger.migrations").fetchall()
    return {number: bytes(digest) for number, digest in rows}


def _check_known(applied: dict[int, bytes]) -> None:
    known = {migration.number: migration for migration in migrations()}
    for number, digest in sorted(applied.items()):
        if number not in known:
            msg = (
                f"the database has migration {number}, unknown to this program: upgrade the program"
            )
            raise DatabaseNotReady(msg)
        if known[number].digest != digest:
            msg = f"{known[number].name} was applied with another text than that of this program"
            raise DatabaseNotReady(msg)


def _apply(connection: Connection[TupleRow], migration: Migration) -> None:
    text = migration.text
    for database_role in DatabaseRole:
        name = sql.Identifier(role_name(connection.info.dbname, database_role)).as_string(
            connection
        )
        text = text.replace(f":{database_role}", name)
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            with connection.transaction():
                connection.execute(text)
                connection.execute(
                    "insert into ledger.migrations (number, name, digest) values (%s, %s, %s)",
                    (migration.number, migration.name, migration.digest),
                )
        except psycopg.errors.DeadlockDetected:
            if not tries_left:
                raise
        else:
            return


def _check_identity(connection: Connection[TupleRow], mode: str, token_secret: bytes) -> None:
    connection.execute(
        "insert into ledger.identity (mode, token_secret) values (%s, %s) on conflict do nothing",
        (mode, token_secret),
    )
    row = connection.execute("select mode from ledger.identity").fetchone()
    if row != (mode,):
        raise wrong_mode(str(row[0]) if row else "?", mode)


def wrong_mode(ledger_mode: str, mode: str) -> DatabaseNotReady:
    """The error for a ledger whose mode is not that of the settings."""
    return DatabaseNotReady(f"this is a {ledger_mode} ledger, but QRLEDGER_MODE is {mode}")
