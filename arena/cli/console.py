"""What commands share for output: tables on standard output, everything else on standard error.

Names and messages come from strangers. They are printed without markup, so that nothing in them is taken for a
style, and made printable, so that nothing in them steers the terminal.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from arena.cli.streams import as_shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PIPE_WIDTH = 160
_CELL_WIDTH = 400


def make_console(*, stderr: bool = False) -> Console:
    """Return a console without markup; piped output is wide enough that tables are not cut."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, markup=False, highlight=False, emoji=False, width=None if stream.isatty() else _PIPE_WIDTH
    )


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output; outside UTF-8, in which JSON is read, in ASCII."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # Half a surrogate pair, as in a file's name that is not text, is not in UTF-8 either.
    if codecs.lookup(encoding).name != "utf-8" or any("\ud800" <= character <= "\udfff" for character in text):
        text = json.dumps(value, indent=2, allow_nan=False)
    print(text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, right: Sequence[str] = ()) -> None:
    """Print a table on standard output.

    Args:
        columns: Headings.
        rows: Cells as text, or as anything of the arena's own that rich renders; one sequence per row.
        right: Headings of the columns that are aligned to the right.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from arena.errors import printable

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(Text(as_shown(printable(cell, _CELL_WIDTH))) if isinstance(cell, str) else cell for cell in row)
        )
    make_console().print(table)


def warn(message: str) -> None:
    """Print a line on standard error."""
    print(f"arena: {message}", file=sys.stderr)
