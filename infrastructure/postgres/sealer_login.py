"""The login of the sealer: it reads the log and adds tiles and checkpoints, nothing else.

The evidence is worth something only if who makes it cannot change what it is about, so the sealer
refuses to start with a login that could write the log, by whatever way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from infrastructure.postgres import runtime_login
from infrastructure.postgres.connections import DatabaseRole, connect, role_name
from infrastructure.postgres.runtime_login import LoginRefused

PASSWORD_FILE: Final = "database-password"  # noqa: S105 - a file's name
_RIGHTS: Final = """
with mine as (select oid, rolname, rolsuper, rolcreaterole, rolreplication from pg_roles
               where pg_has_role(%(login)s, oid, 'member'))
select case
    when bool_or(rolsuper) then 'is a superuser'
    when bool_or(rolcreaterole) then 'may create roles'
    when bool_or(rolreplication) then 'may replicate the database'
    when bool_or(rolname in ('pg_write_all_data', 'pg_write_server_files',
                             'pg_execute_server_program')) then 'may write everything'
    when bool_or(oid = (select nspowner from pg_namespace where nspname = 'ledger'))
        then 'owns the ledger'
    when bool_or(oid = (select datdba from pg_database where datname = current_database()))
        then 'owns the database'
    when bool_or(has_schema_privilege(oid, 'ledger', 'create'))
        then 'may change the schema of the ledger'
    when exists (select from mine m, pg_class c
                  where c.relnamespace = 'ledger'::regnamespace and c.relkind in ('r', 'p')
                    and (has_table_privilege(m.oid, c.oid,
                                             'insert, update, delete, truncate, trigger')
                         or has_any_column_privilege(m.oid, c.oid, 'insert, update')))
        then 'may write tables of the ledger'
    when exists (select from mine m, pg_proc p
                  where p.pronamespace = 'ledger'::regnamespace and p.prosecdef
                    and has_function_privilege(m.oid, p.oid, 'execute'))
        then 'may append to the log'
    else '' end from mine
"""


def excess_rights(connection: Connection[TupleRow], login: str) -> str:
    """How a login could write the log, as a predicate such as `is a superuser`; else empty."""
    row = connection.execute(_RIGHTS, {"login": login}).fetchone()
    return str(row[0]) if row else ""


def grant(connection: Connection[TupleRow], login: str) -> None:
    """Make a login the sealer's.

    Raises (checked in this order):
        LoginRefused: there is no such login, or it could write the log.
        psycopg.errors.InsufficientPrivilege: the connection's login does not own the roles.
    """
    if not runtime_login.may_log_in(connection, login):
        text = f"there is no login {login!r}: create it first (create role … login password …)"
        raise LoginRefused(text)
    excess = excess_rights(connection, login)
    if excess:
        text = f"the login {login!r} {excess}: the sealer needs a login of its own"
        raise LoginRefused(text)
    role = sql.Identifier(role_name(connection.info.dbname, DatabaseRole.SEALER))
    connection.execute(sql.SQL("grant {} to {}").format(role, sql.Identifier(login)))


def make_url(owner_url: str, folder: Path) -> str:
    """The URL of a sealer's login that this program makes: for the embedded server and the demo.

    Args:
        owner_url: a login that may create roles in the migrated database.
        folder: where the password is kept, in a file of mode 0600.

    Raises:
        psycopg.Error: the server cannot be reached, or the login may not create roles.
    """
    with connect(owner_url, None) as connection:
        name = f"{role_name(connection.info.dbname, DatabaseRole.SEALER)}_login"
        return runtime_login.make(connection, owner_url, name, folder / PASSWORD_FILE, grant)
