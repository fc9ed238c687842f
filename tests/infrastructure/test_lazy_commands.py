"""The program's commands are found by name, and a process loads only what it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import rich_click as click

from infrastructure.cli import program
from infrastructure.cli._lazy import LazyGroup

LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"litestar", "jinja2", "psycopg"}))
"""


def groups(group: click.Group, context: click.Context) -> Iterator[LazyGroup]:
    if isinstance(group, LazyGroup):
        yield group
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from groups(command, context)


def test_every_command_of_another_file_is_there_by_its_name() -> None:
    context = click.Context(program)
    found = list(groups(program, context))

    assert {group.name for group in found} == {"program", "audit", "merchants", "keys"}
    for group in found:
        for name in group.elsewhere:
            command = group.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert command.help


@pytest.mark.parametrize(
    ("module", "loaded"),
    [
        ("infrastructure.cli", "psycopg"),
        ("infrastructure.cli.audit_bundles", "psycopg"),
        ("infrastructure.cli.seal", "psycopg"),
        ("infrastructure.witness_bootstrap", "psycopg"),
        ("infrastructure.bootstrap.notifier", "psycopg"),
        ("infrastructure.bootstrap.worker", "jinja2 psycopg"),
        ("infrastructure.bootstrap.api_process", "jinja2 litestar psycopg"),
    ],
)
def test_a_process_loads_only_the_libraries_that_it_runs(module: str, loaded: str) -> None:
    command = [sys.executable, "-c", LOADED, module]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert output.strip() == loaded
