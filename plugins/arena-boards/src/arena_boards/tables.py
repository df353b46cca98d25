"""Comma-separated tables read row by row, so that a file of any length needs the memory of one row."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from arena_boards.faults import refuse, require_file

LARGEST_UNITS: Final = 1e9
"""Largest number of units in a cell; more is a fault of the file."""
_LONGEST_CELL: Final = 100_000


class Rows:
    """Rows of a table with a header, in the order of the file.

    Attributes:
        path: the file.
        header: names of its columns.
        line: number of the line that was read last.
    """

    def __init__(self, path: Path, header: list[str], rows: Iterator[list[str]], line: Callable[[], int]) -> None:
        """Take the header that was read, and the rows after it."""
        self.path, self.header = path, header
        self._rows, self._line = rows, line

    @property
    def line(self) -> int:
        """Number of the line that was read last."""
        return self._line()

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the rows, each of as many cells as the header.

        Raises:
            InvalidInput: a row has more or fewer cells, or the file is not a table of text.
        """
        width = len(self.header)
        for row in self._rows:
            if len(row) == width:
                yield row
            elif row:
                rule = f"a row has {width} cells, as the header has"
                refuse(self.path, f"line {self.line}", len(row), rule, "get the file anew: it is cut or mixed")

    def columns(self, *names: str) -> tuple[int, ...]:
        """Return the places of columns.

        Raises:
            InvalidInput: a column is missing, or stands twice.
        """
        for name in names:
            if self.header.count(name) != 1:
                rule = f"the table has one column of this name, and its columns are {', '.join(self.header[:12])}"
                refuse(self.path, "line 1", name, rule, "give the file as its source publishes it")
        return tuple(self.header.index(name) for name in names)

    def units(self, text: str, column: str) -> float:
        """Return the units in a cell: a finite number of 0 or more.

        Raises:
            InvalidInput: it is not such a number.
        """
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= LARGEST_UNITS:
            rule = f"is not a number of units from 0 to {LARGEST_UNITS:g}"
            refuse(self.path, f"line {self.line}, {column}", text, rule, "give the file as its source publishes it")
        return value

    def whole(self, text: str, column: str, least: int = 0) -> int:
        """Return the whole number in a cell.

        Raises:
            InvalidInput: it is not one, or smaller than the least one.
        """
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18 and int(digits) >= least):
            rule = f"is not a whole number of {least} or more"
            refuse(self.path, f"line {self.line}, {column}", text, rule, "give the file as its source publishes it")
        return int(digits)

    def date(self, text: str, column: str) -> datetime.date:
        """Return the date in a cell, such as 2015-07-31.

        Raises:
            InvalidInput: it is not a date.
        """
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            rule = "is not a date such as 2015-07-31"
            refuse(self.path, f"line {self.line}, {column}", text, rule, "give the file as its source publishes it")


@contextmanager
def open_rows(path: Path, origin: str) -> Iterator[Rows]:
    """Open a comma-separated table in UTF-8 whose first line names its columns.

    Args:
        path: the file.
        origin: description of where it comes from, for messages.

    Yields:
        Its rows.

    Raises:
        InvalidInput: there is no such file, it cannot be read, it is not text, or it has no header.
    """
    require_file(path, origin)
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            limit = csv.field_size_limit(_LONGEST_CELL)
            try:
                reader = csv.reader(text, strict=True)
                header = [name.strip() for name in next(reader, [])]
                if not any(header):
                    refuse(path, "line 1", "", "the first line names the columns", f"get the file anew: {origin}")
                yield Rows(path, header, reader, lambda: reader.line_num)
            finally:
                csv.field_size_limit(limit)
    except UnicodeDecodeError:
        refuse(path, "", path.name, "is not UTF-8 text", f"get the file anew: {origin}")
    except csv.Error as error:
        refuse(path, "", path.name, f"is not a comma-separated table: {error}", f"get the file anew: {origin}")
    except OSError as error:
        rule = f"cannot be read: {error.strerror or error}"
        refuse(path, "", path.name, rule, "check the path and its permissions")


def day_number(day: datetime.date, first: datetime.date) -> int:
    """Return the number of a day, counted from the first one."""
    return (day - first).days


def unique_names(names: Sequence[str], path: Path, kind: str) -> None:
    """Refuse names that stand twice.

    Raises:
        InvalidInput: two are equal.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            refuse(path, kind, name, "stands twice", "keep one of them")
        seen.add(name)
