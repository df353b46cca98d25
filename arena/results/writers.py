"""Writers of tables in every format of an export, block by block.

Numbers are written with every digit that distinguishes them. Text cells are made safe for spreadsheets: one that would
be read as a formula gets an apostrophe in front, and control characters become spaces.
"""

from __future__ import annotations

import contextlib
import csv
import io
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np

from arena.errors import ArenaError
from arena.results.columns import FLOAT_COLUMNS, INTEGER_COLUMNS
from arena.results.files import WORKBOOK_MARK
from arena.results.tables import Block, Column, Texts, cells

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_ROWS_AT_A_TIME: Final = 16_384
_GZIP_LEVEL: Final = 6
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_MEMORY: Final = 9
"""How gzip compresses. The strategy "filtered", for digits that hardly repeat, makes the files a twelfth smaller."""
_ROW_GROUP: Final = 262_144

LARGEST_SHEET: Final = 1_048_576
"""Rows of a sheet of a workbook, its head included."""


class TableWriter(Protocol):
    """Writes one table."""

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows of Python's values, in the order of the columns; None is an empty cell."""

    def write_block(self, block: Block) -> None:
        """Write a block, whose columns are those of the table in their order."""

    def close(self) -> None:
        """Write what is left."""

    def abandon(self) -> None:
        """Release what it holds, of a table that is given up."""


@lru_cache(maxsize=65_536)
def safe_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula and that holds no control character.

    >>> safe_text("=1+1")
    "'=1+1"
    >>> safe_text("order-up-to")
    'order-up-to'
    """
    guarded = f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
    return "".join(" " if unicodedata.category(character)[0] == "C" else character for character in guarded)


class CsvWriter:
    """Writes CSV in UTF-8.

    Args:
        file: where; not closed.
        columns: the columns.
        compressed: whether to write it as gzip does.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[str], *, compressed: bool = False) -> None:
        self._file = file
        # Without a time and a name: the same results make the same file.
        gzip = (_GZIP_LEVEL, zlib.DEFLATED, _GZIP, _GZIP_MEMORY, zlib.Z_FILTERED)
        self._gzip = zlib.compressobj(*gzip) if compressed else None
        self.write_rows([columns])

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows; a float has the digits that its repr has."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            writer.writerow([safe_text(value) if isinstance(value, str) else value for value in row])
        self._write(text.getvalue())

    def write_block(self, block: Block) -> None:
        """Write a block."""
        columns = _with_texts_joined(list(block.values()))
        rows = len(columns[0].codes if isinstance(columns[0], Texts) else columns[0]) if columns else 0
        for start in range(0, rows, _ROWS_AT_A_TIME):
            chunk = slice(start, start + _ROWS_AT_A_TIME)
            texts = [_written(column, chunk) for column in columns]
            self._write("\n".join(map(",".join, zip(*texts, strict=True))) + "\n")

    def close(self) -> None:
        """Write what is left."""
        if self._gzip is not None:
            self._file.write(self._gzip.flush())

    def abandon(self) -> None:
        """Do nothing: it holds nothing."""

    def _write(self, text: str) -> None:
        content = text.encode()
        self._file.write(content if self._gzip is None else self._gzip.compress(content))


class ParquetWriter:
    """Writes Parquet; texts that repeat are dictionaries.

    Args:
        file: where; not closed.
        columns: the columns.
        repeating: those of text that are dictionaries.

    Raises:
        ArenaError: pyarrow is not installed.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[str], repeating: Sequence[str] = ()) -> None:
        self._arrow, parquet = require_pyarrow()
        arrow = self._arrow
        self._kinds = {
            **dict.fromkeys(columns, arrow.string()),
            **dict.fromkeys(FLOAT_COLUMNS, arrow.float64()),
            **dict.fromkeys(INTEGER_COLUMNS, arrow.int64()),
            **dict.fromkeys(repeating, arrow.dictionary(arrow.int32(), arrow.string())),
        }
        self._columns = tuple(columns)
        self._schema = arrow.schema([(column, self._kinds[column]) for column in columns])
        texts = [name for name in columns if name not in FLOAT_COLUMNS]
        # Money hardly repeats: a dictionary of floats makes files larger and slower.
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd", use_dictionary=texts)
        self._waiting: list[Any] = []
        self._rows = 0

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows."""
        series = zip(*rows, strict=True) if rows else [()] * len(self._columns)
        arrays = [
            self._arrow.array(values, type=self._kinds[column])
            for column, values in zip(self._columns, series, strict=True)
        ]
        self._add(arrays)

    def write_block(self, block: Block) -> None:
        """Write a block."""
        self._add(
            [
                self._dictionary(column) if isinstance(column, Texts) else self._arrow.array(column)
                for column in block.values()
            ]
        )

    def _dictionary(self, column: Texts) -> Any:
        """Return texts as a dictionary of different values; an empty cell is of none."""
        arrow = self._arrow
        values = list(dict.fromkeys(value for value in column.values if value is not None))
        places = {value: place for place, value in enumerate(values)}
        moved = np.array([-1 if value is None else places[value] for value in column.values], dtype=np.int32)
        codes = moved[column.codes] if len(moved) else column.codes
        return arrow.DictionaryArray.from_arrays(
            arrow.array(codes, mask=codes < 0), arrow.array(values, type=arrow.string())
        )

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Close pyarrow's writer, whatever becomes of the file."""
        with contextlib.suppress(Exception):
            self._writer.close()

    def _add(self, arrays: list[Any]) -> None:
        table = self._arrow.Table.from_arrays(arrays, schema=self._schema)
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            table = self._arrow.concat_tables(self._waiting).unify_dictionaries()
            self._writer.write_table(table, row_group_size=self._rows)
        self._waiting, self._rows = [], 0


class SheetWriter:
    """Writes one sheet of a workbook.

    Args:
        sheet: the sheet of xlsxwriter.
        columns: the columns.
    """

    def __init__(self, sheet: Any, columns: Sequence[str]) -> None:
        self._sheet = sheet
        self._row = 0
        self.write_rows([columns])

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows. A number that is not finite, which a workbook cannot hold, is an empty cell."""
        sheet = self._sheet
        for row in rows:
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(self._row, column, safe_text(value))
                elif value is not None and np.isfinite(value):
                    sheet.write_number(self._row, column, value)
            self._row += 1

    def write_block(self, block: Block) -> None:
        """Write a block."""
        self.write_rows(list(cells(block)))

    def close(self) -> None:
        """Do nothing: the workbook is written as a whole."""

    def abandon(self) -> None:
        """Do nothing."""


def open_workbook(file: IO[bytes], folder: Path) -> Any:
    """Begin a workbook, whose rows go to temporary files until it is closed.

    Args:
        file: where; not closed.
        folder: for the temporary files.

    Raises:
        ArenaError: xlsxwriter is not installed.
    """
    workbook = require_xlsxwriter().Workbook(file, {"constant_memory": True, "tmpdir": str(folder)})
    workbook.set_properties({"title": WORKBOOK_MARK})
    return workbook


def require_xlsxwriter() -> Any:
    """Return xlsxwriter.

    Raises:
        ArenaError: it is not installed.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise _missing("xlsx", "xlsxwriter") from error
    return xlsxwriter


def require_pyarrow() -> tuple[Any, Any]:
    """Return pyarrow and its module for Parquet.

    Raises:
        ArenaError: it is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise _missing("Parquet", "pyarrow") from error
    return pyarrow, parquet


def _missing(file_format: str, library: str) -> ArenaError:
    fix = f'pip install {library}, or pip install "inventory-arena[export]"'
    return ArenaError(f"an export to {file_format} needs {library}, which is not installed; {fix}")


def _with_texts_joined(columns: list[Column]) -> list[Column]:
    """Return columns in which neighbouring texts with the same positions are one, already as they are written."""
    found: list[Column] = []
    for column in columns:
        if not isinstance(column, Texts):
            found.append(column)
            continue
        values = [_quoted(value) for value in column.values]
        last = found[-1] if found else None
        if isinstance(last, Texts) and last.codes is column.codes:
            joined = [f"{before},{value}" for before, value in zip(last.values, values, strict=True)]
            found[-1] = Texts(joined, column.codes)
        else:
            found.append(Texts(values, column.codes))
    return found


def _quoted(value: str | None) -> str:
    if value is None:
        return ""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow([safe_text(value), ""])
    return text.getvalue()[:-1]


def _written(column: Column, rows: slice) -> list[str]:
    if isinstance(column, Texts):
        values = column.values
        return [values[code] or "" for code in column.codes[rows].tolist()]
    kept = column[rows].tolist()
    return list(map(str if column.dtype.kind == "i" else repr, kept))
