"""The file of a table of demand, opened by what it holds: text or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from arena.errors import ABSENT
from arena.world.data.parquet import MAGIC, open_parquet
from arena.world.data.source import DataSource
from arena.world.data.text_table import Notation, Table, open_table, read_content, refuse

LARGEST_FILE: Final = 512 * 1024 * 1024
"""Largest file of recorded demand, bytes."""
MOST_COLUMNS: Final = 100_000
"""Most columns of a table of recorded demand."""

_PARQUET: Final = (".parquet", ".pq")


def find_file(source: DataSource, base: Path | None) -> Path:
    """Return the path of a table, which may be relative to a folder.

    Raises:
        InvalidInput: there is no such file.
    """
    path = Path(source.file) if base is None else base / source.file
    try:
        is_there = path.is_file()
    except (OSError, ValueError):  # A name that the system cannot look up leads nowhere.
        is_there = False
    if not is_there and path.is_dir():
        refuse(str(path), "", ABSENT, "is a folder, and a table is a file", "name a file in it")
    if not is_there:
        start = "the folder of the scenario's file" if base is not None else "the working folder"
        refuse(str(path), "", ABSENT, "there is no such file", f"check the path, which is relative to {start}")
    return path


def open_file(source: DataSource, path: Path) -> Table:
    """Open a table of demand.

    Args:
        source: how to read it.
        path: the file.

    Raises:
        ArenaError: it is a Parquet file, and pyarrow is not installed.
        InvalidInput: it is not a table of the kind that is written.
    """
    content = read_content(path, LARGEST_FILE, "keep the columns and rows that are needed")
    if content.startswith(MAGIC):
        del content
        keep = None
        if source.layout == "long":
            keep = {name for name in (source.date, source.value, *(source.market or ())) if name is not None}
        return open_parquet(path, source.decimal, keep, MOST_COLUMNS)
    if path.suffix.casefold() in _PARQUET:
        refuse(str(path), "", ABSENT, "is not a Parquet file, whatever its name says", "save it again, or rename it")
    notation = Notation(
        separator="\t" if source.separator == "tab" else source.separator,
        encoding=source.encoding,
        has_header=source.header == "first_line",
        can_choose=True,
        largest=LARGEST_FILE,
        most_columns=MOST_COLUMNS,
    )
    return open_table(path, notation, content)
