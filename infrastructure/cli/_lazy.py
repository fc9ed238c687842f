"""Groups of commands whose files are imported only when a command is run or listed.

Together the commands import every layer and a web framework, which takes longer than most of them
run.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import rich_click as click


class LazyGroup(click.RichGroup):
    """A group with commands in other files, beside those that its decorator adds."""

    def __init__(self, *arguments: Any, elsewhere: Mapping[str, str], **named: Any) -> None:
        """`elsewhere`: by the name of a command, its file and function, as `file:function`."""
        super().__init__(*arguments, **named)
        self.elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *self.elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None if there is none."""
        if cmd_name not in self.elsewhere:
            return super().get_command(ctx, cmd_name)
        file, _, function = self.elsewhere[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"infrastructure.cli.{file}"), function)
        return command
