"""The application object, and how errors become messages and exit statuses."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from arena.errors import ArenaError

WRONG_INPUT = 2
"""Exit status for wrong input and for every other error that the arena raises on purpose."""
FORFEITED = 1
"""Exit status when a submission forfeited and `--strict` was given, or did not pass `arena check`."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells report it."""


class ArenaGroup(TyperGroup):
    """Commands whose `ArenaError` becomes a message on standard error, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises:
            typer.Exit: With status 2 after an `ArenaError`, 130 after Ctrl-C.
        """
        try:
            return super().invoke(ctx)
        except ArenaError as error:
            print(f"arena: {error}", file=sys.stderr)
            raise typer.Exit(WRONG_INPUT) from error
        except KeyboardInterrupt as error:
            print("arena: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    cls=ArenaGroup,
    no_args_is_help=True,
    add_completion=False,
    # A traceback that is not an ArenaError is a bug of ours; plain text is what goes into a report of it.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A competition for inventory controllers: fair information, one benchmark, standings anyone can check.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"arena {version('inventory-arena')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    """Take the options that stand before a command; the text of the help is the application's."""
