"""Tables in Parquet files, as the same tables of text that CSV files give; the one place that imports pyarrow."""

from __future__ import annotations

import datetime
import decimal as decimals
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, Final

from arena.errors import ABSENT, ArenaError
from arena.world.data.text_table import Row, Table, refuse

MAGIC: Final = b"PAR1"
"""First bytes of a Parquet file."""

_BLOCK: Final = 10_000


def open_parquet(path: Path, decimal: str, keep: Container[str] | None, most_columns: int) -> Table:
    """Read the header of a Parquet file; its rows are read as they are asked for.

    Args:
        path: the file.
        decimal: the character with which decimals are written into the text of cells.
        keep: columns that are needed, the cells of others stay empty; None: all.
        most_columns: most columns.

    Raises:
        ArenaError: pyarrow is not installed.
        InvalidInput: the file is not a Parquet file.
    """
    source = str(path)
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        fix = 'install it with: pip install "inventory-arena[data]", or save the table as CSV'
        raise ArenaError(f"{source}: reading Parquet needs pyarrow; {fix}") from error
    try:
        file = parquet.ParquetFile(path)
        names = [str(name).strip() for name in file.schema_arrow.names]
    except (OSError, pyarrow.ArrowException) as error:
        refuse(source, "", ABSENT, f"is not a whole Parquet file: {str(error).splitlines()[0]}", "save it again")
    if len(names) > most_columns:
        rule = f"a demand table has at most {most_columns} columns"
        refuse(source, "", len(names), rule, "keep the ones that are needed")
    places = [place for place, name in enumerate(names) if keep is None or name in keep]
    originals = [file.schema_arrow.names[place] for place in places]

    def rows() -> Iterator[Row]:
        number = 0
        for batch in file.iter_batches(_BLOCK, columns=originals):
            columns = [[_text(value, decimal) for value in column.to_pylist()] for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                row = [""] * len(names)
                for place, cell in zip(places, cells, strict=True):
                    row[place] = cell
                yield Row(number, row)

    return Table(source, names, rows(), word="row")


def _text(value: Any, decimal: str) -> str:
    """Return a value as it would be written in a CSV file."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).replace(".", decimal)
    if isinstance(value, decimals.Decimal):
        return f"{value:f}".replace(".", decimal)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, datetime.date) else str(value)
