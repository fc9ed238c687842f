"""Which login runs the program, and that it is not the owner's.

`SET ROLE` narrows a connection only until `RESET ROLE`. What a process must not be able to do, its
login must not be allowed to do: the runtime's login is a member of the writer, the projector and
the reader, and of nothing else. Migrations use the owner's login.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from infrastructure.postgres.connections import DatabaseRole, connect, role_name

LOGIN: Final = "qrledger_runtime"
"""The embedded server's login for running processes."""
PASSWORD_FILE: Final = "runtime-password"  # noqa: S105 - a file's name
PASSWORD_BYTES: Final = 32
LOCK_KEY: Final = 0x7172_6C5F_6C6F_6769  # "qrl_logi"
ATTRIBUTES: Final = "login nosuperuser nocreaterole nocreatedb noreplication nobypassrls noinherit"
"""Not inherited: what a connection may do, it may do only under the role it has taken."""
RUNTIME: Final = (DatabaseRole.WRITER, DatabaseRole.PROJECTOR, DatabaseRole.READER)


class LoginRefused(Exception):
    """The login must not run the program; the text says why and what to do."""


def embedded_url(owner_url: str, folder: Path) -> str:
    """The URL of the embedded server's runtime login, which is made if it is missing.

    Safe to repeat, and for several processes at once. The password is kept in `folder` in a file
    of mode 0600; the server keeps its SCRAM verifier. An earlier version's home is upgraded in
    place.

    Args:
        owner_url: the superuser's URL of the migrated database.
        folder: the server's folder in the home.

    Raises:
        psycopg.OperationalError: the server cannot be reached.
    """
    with connect(owner_url, None) as connection:
        connection.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
        password = _password(folder / PASSWORD_FILE)
        login = sql.Identifier(LOGIN)
        owner = sql.Identifier(role_name(connection.info.dbname, DatabaseRole.OWNER))
        if _may_log_in(connection, LOGIN) is None:
            connection.execute(sql.SQL("create role {}").format(login))
        verifier = connection.pgconn.encrypt_password(
            password.encode(), LOGIN.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("alter role {} {} password {}").format(
                login, sql.SQL(ATTRIBUTES), sql.Literal(verifier.decode())
            )
        )
        connection.execute(sql.SQL("revoke {} from {}").format(owner, login))
        grant(connection, LOGIN)
    return _with_login(owner_url, password)


def known_url(owner_url: str, folder: Path) -> str:
    """The same for who only asks: makes nothing; the owner's URL if no login was ever made."""
    try:
        return _with_login(owner_url, (folder / PASSWORD_FILE).read_text())
    except FileNotFoundError:
        return owner_url


def _with_login(owner_url: str, password: str) -> str:
    parts = urlsplit(owner_url)
    where = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{LOGIN}:{quote(password, safe='')}@{where}").geturl()


def grant(connection: Connection[TupleRow], login: str) -> None:
    """Make a login a member of the writer, the projector and the reader.

    Raises (checked in this order):
        LoginRefused: there is no such login, or it could do all that the owner can.
        psycopg.errors.InsufficientPrivilege: the connection's login does not own the roles.
    """
    if not _may_log_in(connection, login):
        text = f"there is no login {login!r}: create it first (create role … login password …)"
        raise LoginRefused(text)
    excess = excess_of(connection, login)
    if excess:
        text = f"the login {login!r} {excess}: the runtime needs one of its own"
        raise LoginRefused(text)
    for database_role in RUNTIME:
        role = sql.Identifier(role_name(connection.info.dbname, database_role))
        connection.execute(sql.SQL("grant {} to {}").format(role, sql.Identifier(login)))


def excess_of(connection: Connection[TupleRow], login: str) -> str:
    """Why a login could rewrite the log, as the end of a sentence; empty if it could not."""
    owner = role_name(connection.info.dbname, DatabaseRole.OWNER)
    row = connection.execute(
        "select rolsuper, rolcreaterole, pg_has_role(rolname, %s, 'member') from pg_roles"
        " where rolname = %s",
        (owner, login),
    ).fetchone()
    superuser, makes_roles, owns = row or (False, False, False)
    if superuser:
        return "is a superuser"
    if owns:
        return "is a member of the ledger's owner"
    return "may create roles" if makes_roles else ""


def _may_log_in(connection: Connection[TupleRow], name: str) -> bool | None:
    """None: there is no such role."""
    query = "select rolcanlogin from pg_roles where rolname = %s"
    row = connection.execute(query, (name,)).fetchone()
    return None if row is None else bool(row[0])


def _password(path: Path) -> str:
    """The stored password; a new one is written whole or not at all, for its owner only."""
    try:
        return path.read_text()
    except FileNotFoundError:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    return password
