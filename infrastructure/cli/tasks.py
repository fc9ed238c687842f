"""`tasks`: what processes have to do, and what a person decides about parked tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import rich_click as click

from domain import times
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.postgres.task_admin import LIST_MAX, StoredTask, TaskAdmin

LIST_DEFAULT: Final = 100


@contextmanager
def task_admin(process: str | None) -> Iterator[TaskAdmin]:
    """The tasks of the configured database; an unknown process ends the program."""
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        admin = TaskAdmin(url)
        known = admin.processes()
        if process is not None and process not in known:
            names = ", ".join(known) or "none has run yet"
            _support.fail(f"there is no process {process!r}; known: {names}")
        yield admin


@click.group()
def tasks() -> None:
    """Tasks of processes: calls that are to be made, or wait for a decision."""


@tasks.command("list")
@click.option("--process", help="Only the tasks of this process.")
@click.option("--parked", is_flag=True, help="Only tasks that wait for a person.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="The most tasks to show.",
)
@click.option("--after", default="", help="Only keys after this one; needs --process.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_tasks(*, process: str | None, parked: bool, limit: int, after: str, as_json: bool) -> None:
    """List tasks by process and key: due time, state, attempts, lane and last reason."""
    if after and process is None:
        _support.fail("--after needs --process")
    with task_admin(process) as admin:
        found = admin.list(process=process, after=after, parked=parked, limit=limit)
    full = len(found) == limit
    if as_json:
        last = {"process": found[-1].process, "after": found[-1].key} if full else None
        click.echo(json.dumps({"data": [_document(task) for task in found], "next": last}))
        return
    for task in found:
        click.echo(_line(task))
    if full:
        more = f"--process {found[-1].process} --after {found[-1].key}"
        click.echo(f"there may be more: {more}", err=True)


@tasks.command("retry")
@click.argument("process")
@click.argument("keys", nargs=-1)
@click.option("--all-parked", is_flag=True, help="Every task of the process that is parked now.")
def retry(process: str, keys: tuple[str, ...], *, all_parked: bool) -> None:
    """Make parked tasks of PROCESS due again: all attempts anew, at the end of their lanes."""
    if bool(keys) == all_parked:
        _support.fail("name the KEYS of tasks, or --all-parked")
    with task_admin(process) as admin:
        if all_parked:
            click.echo(f"{admin.retry_all(process)} tasks of {process} are due again")
        else:
            _change(admin.retry, process, keys, "is due again")


@tasks.command("drop")
@click.argument("process")
@click.argument("keys", nargs=-1, required=True)
def drop(process: str, keys: tuple[str, ...]) -> None:
    """Remove parked tasks of PROCESS for ever, without another attempt."""
    with task_admin(process) as admin:
        _change(admin.drop, process, keys, "is dropped")


def _change(
    change: Callable[[str, Sequence[str]], Sequence[str]],
    process: str,
    keys: Sequence[str],
    what: str,
) -> None:
    """Change some tasks; fail if one of them is not parked."""
    changed = change(process, keys)
    for key in changed:
        click.echo(f"{process} {key} {what}")
    if missing := [key for key in keys if key not in changed]:
        text = f"not parked: {', '.join(missing)}; `qrledger tasks list --parked` shows what is"
        _support.fail(text, _support.EXIT_FAILED)


def _state(task: StoredTask) -> str:
    if task.parked:
        return "parked"
    if task.leased_at is not None:
        return "leased"
    return "behind another" if task.waits else "waiting"


def _line(task: StoredTask) -> str:
    attempts = f"{task.attempts} attempts" if task.attempts != 1 else "1 attempt"
    lane = f"lane {task.lane}" if task.lane else ""
    facts = [
        task.process, task.key, f"due {times.to_text(task.due_at)}", _state(task), attempts,
        "cancelled" if task.cancelled else "", lane, task.reason,
    ]  # fmt: skip
    return "  ".join(fact for fact in facts if fact)


def _document(task: StoredTask) -> dict[str, Any]:
    return {
        "process": task.process,
        "key": task.key,
        "due_at": times.to_text(task.due_at),
        "state": _state(task).replace(" ", "-"),
        "attempts": task.attempts,
        "cancelled": task.cancelled,
        "lane": task.lane,
        "reason": task.reason,
        "payload": task.payload,
    }
