"""Commands below a word of the command line, and their list."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

LONGEST = 1_000  # of a sentence


class CommandGroup(TyperGroup):
    """Of each command it says all of the first sentence, in as many lines as that takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list, below --help."""
        told = [(name, self.commands[name].get_short_help_str(LONGEST)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(told)
