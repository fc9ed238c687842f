"""The login that runs the program, which must not be the owner's.

`SET ROLE` restricts a connection only until `RESET ROLE`, so a process must not have a login with
rights it does not need. The runtime login is a member of the writer, projector and reader roles and
of no other role. Migrations use the owner's login.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from infrastructure import private_files
from infrastructure.postgres.connections import DatabaseRole, connect, role_name

LOGIN: Final = "qrledger_runtime"
"""The embedded server's login for running processes."""
PASSWORD_FILE: Final = "runtime-password"  # noqa: S105 - a file's name
PASSWORD_BYTES: Final = 32
LOCK_KEY: Final = 0x7172_6C5F_6C6F_6769  # "qrl_logi"
ATTRIBUTES: Final = "login nosuperuser nocreaterole nocreatedb noreplication nobypassrls noinherit"
"""`noinherit`: a connection has the rights of a role only after `SET ROLE`."""
RUNTIME: Final = (DatabaseRole.WRITER, DatabaseRole.PROJECTOR, DatabaseRole.READER)


class LoginRefused(Exception):
    """The login must not run the program; the message says why and what to do."""


def embedded_url(owner_url: str, folder: Path) -> str:
    """The URL of the embedded server's runtime login, which is created if it does not exist.

    Idempotent and safe for several processes at once. The password is stored in `folder` in a file
    of mode 0600; the server stores its SCRAM verifier. A home folder of an earlier version is
    upgraded in place.

    Args:
        owner_url: the superuser's URL of the migrated database.
        folder: the server's folder in the home folder.

    Raises:
        psycopg.OperationalError: the server cannot be reached.
    """
    with connect(owner_url, None) as connection:
        return make(connection, owner_url, LOGIN, folder / PASSWORD_FILE, grant)


def make(
    connection: Connection[TupleRow],
    owner_url: str,
    name: str,
    password_file: Path,
    grant: Callable[[Connection[TupleRow], str], None],
) -> str:
    """Make a login, or set its password and its rights again; returns its URL.

    Args:
        connection: of the owner.
        owner_url: the owner's URL.
        name: of the login.
        password_file: has the password, or gets one.
        grant: gives the login its roles.

    Raises:
        psycopg.errors.InsufficientPrivilege: the owner may not create roles.
    """
    connection.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
    password = _password(password_file)
    login = sql.Identifier(name)
    owner = sql.Identifier(role_name(connection.info.dbname, DatabaseRole.OWNER))
    if may_log_in(connection, name) is None:
        connection.execute(sql.SQL("create role {}").format(login))
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("alter role {} {} password {}").format(
            login, sql.SQL(ATTRIBUTES), sql.Literal(verifier.decode())
        )
    )
    connection.execute(sql.SQL("revoke {} from {}").format(owner, login))
    grant(connection, name)
    return _with_login(owner_url, name, password)


def existing_url(owner_url: str, folder: Path) -> str:
    """The URL of the runtime login if it was created, else the owner's URL; creates nothing."""
    try:
        return _with_login(owner_url, LOGIN, (folder / PASSWORD_FILE).read_text())
    except FileNotFoundError:
        return owner_url


def _with_login(owner_url: str, name: str, password: str) -> str:
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{name}:{quote(password, safe='')}@{host}").geturl()


def grant(connection: Connection[TupleRow], login: str) -> None:
    """Make a login a member of the writer, projector and reader roles.

    Raises (checked in this order):
        LoginRefused: there is no such login, or it has the owner's rights.
        psycopg.errors.InsufficientPrivilege: the connection's login does not own the roles.
    """
    if not may_log_in(connection, login):
        text = f"there is no login {login!r}: create it first (create role … login password …)"
        raise LoginRefused(text)
    excess = excess_rights(connection, login)
    if excess:
        text = f"the login {login!r} {excess}: the runtime needs a login of its own"
        raise LoginRefused(text)
    for database_role in RUNTIME:
        role = sql.Identifier(role_name(connection.info.dbname, database_role))
        connection.execute(sql.SQL("grant {} to {}").format(role, sql.Identifier(login)))


def excess_rights(connection: Connection[TupleRow], login: str) -> str:
    """Why a login could rewrite the log, as a predicate such as `is a superuser`; else empty."""
    owner = role_name(connection.info.dbname, DatabaseRole.OWNER)
    row = connection.execute(
        "select rolsuper, rolcreaterole, pg_has_role(rolname, %s, 'member') from pg_roles"
        " where rolname = %s",
        (owner, login),
    ).fetchone()
    superuser, creates_roles, owns = row or (False, False, False)
    if superuser:
        return "is a superuser"
    if owns:
        return "is a member of the ledger's owner"
    return "may create roles" if creates_roles else ""


def may_log_in(connection: Connection[TupleRow], name: str) -> bool | None:
    """Whether a role may log in; None if there is no such role."""
    query = "select rolcanlogin from pg_roles where rolname = %s"
    row = connection.execute(query, (name,)).fetchone()
    return None if row is None else bool(row[0])


def _password(path: Path) -> str:
    """The stored password; a new one is stored atomically in a file for this user only."""
    try:
        return path.read_text()
    except FileNotFoundError:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
    private_files.replace(path, password.encode())
    return password
