"""What commands share for output: tables on standard output, everything else on standard error.

Names and messages come from strangers. They are printed without markup, so that nothing in them is taken for a
style, and made printable, so that nothing in them steers the terminal.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from arena.cli.streams import as_shown

if TYPE_CHECKING:
    from rich.console import Console

    from arena.cli.layout import Cell

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead; everything else goes to standard error.")
]
"""The option of every command that prints a table, or what it has done."""

DASH = "–"
"""Stands in a table for a value that there is not."""

_CELL_WIDTH = 400
_DUMB = ("dumb", "unknown")
"""Values of TERM for terminals that neither move the cursor nor show colours."""


def table_width() -> int | None:
    """Return the most characters per line of standard output.

    That is the width of the terminal, or the environment variable COLUMNS where it is set. None means that nothing
    limits it: into a file or a pipe a row of a table goes on one line.
    """
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def moves_cursor(stream: TextIO) -> bool:
    """Return whether a stream is a terminal on which a line can be written anew."""
    return stream.isatty() and os.environ.get("TERM", "") not in _DUMB


def shows_colour(stream: TextIO) -> bool:
    """Return whether colours and bold letters are written to a stream.

    NO_COLOR in the environment, if not empty, means no; else FORCE_COLOR, if not empty, means yes; else terminals show
    them, unless TERM is `dumb`. See https://no-color.org and https://force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or moves_cursor(stream)


def make_console(*, stderr: bool = False) -> Console:
    """Return a console without markup, which shows colours where `shows_colour` says so."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    coloured, is_terminal = shows_colour(stream), moves_cursor(stream)
    return Console(
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        color_system=("auto" if is_terminal else "standard") if coloured else None,
        force_terminal=coloured or is_terminal,
    )


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output; outside UTF-8, in which JSON is read, in ASCII."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # Half a surrogate pair, as in a file's name that is not text, is not in UTF-8 either.
    if codecs.lookup(encoding).name != "utf-8" or any("\ud800" <= character <= "\udfff" for character in text):
        text = json.dumps(value, indent=2, allow_nan=False)
    print(text)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Sequence[str] = (),
    optional: Sequence[str] = (),
    title: int = 1,
) -> None:
    """Print a table on standard output, no wider than `table_width`; see `arena.cli.layout.lay_out`.

    Args:
        columns: headings.
        rows: cells as text, or as drawings of the arena's own; one sequence per row.
        right: headings of the columns that are aligned to the right.
        optional: headings of columns that are left out where room is short and all rows say the same.
        title: number of leading columns that head a row where there is no room for a table.
    """
    from arena.cli.layout import Drawing, lay_out
    from arena.errors import printable

    cells = [
        tuple(cell if isinstance(cell, Drawing) else as_shown(printable(cell, _CELL_WIDTH)) for cell in row)
        for row in rows
    ]
    laid = lay_out(
        [as_shown(column) for column in columns],
        cells,
        right=right,
        width=table_width(),
        optional=optional,
        title=title,
        rule=as_shown("─"),
    )
    if laid.heading and shows_colour(sys.stdout):
        from rich.text import Text

        *heads, rule = laid.heading
        console = make_console()
        for line in heads:
            console.print(Text(line, style="bold"), soft_wrap=True)
        print(rule)
    else:
        for line in laid.heading:
            print(line)
    for line in laid.body:
        print(line)


def warn(message: str) -> None:
    """Print a line on standard error."""
    print(f"arena: {message}", file=sys.stderr)
