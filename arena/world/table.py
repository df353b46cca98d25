"""Tables of demand: one column of a CSV file, read without guessing.

A table has a header and a row per period, oldest first. Whatever would make it play other numbers than its author
means is refused, with one fault per cause: the wrong encoding, separator or notation of numbers, no header, several
columns to choose from, several rows per period, cells without a quantity.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from arena.errors import ABSENT, LISTED_NAMES, Fault, InvalidInput, printable, unknown_name
from arena.schemas import LARGEST
from arena.world.periods import PeriodColumn, find_order_fault, find_period_columns, is_a_date

LARGEST_TABLE: Final = 16 * 1024 * 1024
"""Largest table, bytes."""
MOST_COLUMNS: Final = 1_000
"""Most columns of a table."""

_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_FIRST_CHARACTERS: Final = frozenset("+-.0123456789nNiI")
_NOT_FINITE: Final = re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
# A decimal comma, or groups of three digits with commas, points, spaces or the like between them.
_OTHER_NOTATION: Final = re.compile(
    "[-+]?(?:[0-9]+(?:\\.[0-9]{3})*,[0-9]+"
    "|[0-9]{1,3}([, \u00a0\u2009\u202f'\u2019_])[0-9]{3}(?:\\1[0-9]{3})*(?:[.,][0-9]*)?)"
)
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_PLAIN_YAML: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_NAME_WIDTH: Final = 40
# Words by which the example in a message is chosen; what is read never depends on them.
_LIKELY: Final = re.compile(r"sales|demand|units|quantity|qty|volume", re.IGNORECASE)


class _Row(NamedTuple):
    line: int
    cells: list[str]


@dataclass(frozen=True)
class _Table:
    source: str
    names: list[str]
    rows: list[_Row]

    def cells(self, place: int) -> Iterator[tuple[int, str]]:
        """Line and cell of every row in one column; an absent cell is empty."""
        for line, cells in self.rows:
            yield line, cells[place].strip() if place < len(cells) else ""

    def texts(self, place: int) -> Iterator[str]:
        """The cells of one column that are not empty."""
        return (cell for _, cell in self.cells(place) if cell)


def read_table(path: Path, column: str | None, longest: int, written: str = "") -> list[float]:
    """Read the units of one column.

    Args:
        path: the CSV file: UTF-8, separated by commas, with a header.
        column: name of the column; None takes the only one that holds numbers.
        longest: most rows that the caller can use; one more is read, so that the caller sees that there are too many.

        written: the table as its reader wrote it, for the line that a fault tells to write; by default the path.

    Raises:
        InvalidInput: with one fault for each cause for which the table cannot be played.
    """
    table = _split(_read_text(path), str(path), longest)
    _check_header(table, column)
    periods = find_period_columns(table.names, table.texts)
    place = _only_candidate(table, periods, written or str(path)) if column is None else _named(table, column.strip())
    disorder = _order_fault(table, [one for one in periods if one.place != place])
    values, faults = _values(table, place)
    if disorder is not None:
        faults.insert(0, disorder)
    if faults:
        raise InvalidInput(faults)
    return values


def _refuse(source: str, field: str, value: object, rule: str, fix: str) -> NoReturn:
    raise InvalidInput([Fault(source, field, value, rule, fix)]) from None


def _read_text(path: Path) -> str:
    """Return the text of the file; what is not UTF-8 is refused by what it is."""
    source = str(path)
    fix = 'save the table as "CSV UTF-8"'
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_TABLE:
            rule = f"a demand table is a regular file of at most {LARGEST_TABLE} bytes"
            _refuse(source, "", ABSENT, rule, "give a smaller CSV file")
        content = path.read_bytes()
    except OSError as error:
        _refuse(source, "", ABSENT, f"cannot be read: {error.strerror or error}", "check the path and its permissions")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        _refuse(source, "", ABSENT, "is a workbook (Excel or the like), not a CSV table", fix)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:1_000]:
        _refuse(source, "", ABSENT, "is UTF-16 text or no text at all; a demand table is UTF-8", fix)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(source, f"line {line}", ABSENT, "is not UTF-8 text (Latin-1 or the like)", fix)


def _split(text: str, source: str, longest: int) -> _Table:
    """Split the text into header and rows; blank lines are left out, and empty rows after the last one."""
    first, _, _ = text.lstrip("\r\n").partition("\n")
    for separator, word in _SEPARATORS.items():
        if first.count(separator) > first.count(","):
            fix = "save the table with commas between columns and a point in decimal numbers"
            _refuse(source, "line 1", ABSENT, f"columns are separated by commas, here they are by {word}", fix)
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        filled = (_Row(reader.line_num, cells) for cells in reader if cells)
        header = next(filled, None)
        rows = [] if header is None else list(itertools.islice(filled, longest + 1))
    except csv.Error as error:
        _refuse(source, f"line {reader.line_num}", ABSENT, f"is not a CSV table: {error}", "check quotes and line ends")
    while rows and not any(cell.strip() for cell in rows[-1].cells):
        rows.pop()
    if header is None or not any(name.strip() for name in header.cells):
        rule = "is empty" if header is None else "the first line of a demand table names its columns, this one is blank"
        _refuse(source, "", ABSENT, rule, "begin with a line of names, such as date,units; then a row per period")
    if len(header.cells) > MOST_COLUMNS:
        rule = f"a demand table has at most {MOST_COLUMNS} columns"
        _refuse(source, "line 1", len(header.cells), rule, "keep the one that is needed")
    names = [name.strip() for name in header.cells]
    if not rows:
        _refuse(source, "", ABSENT, "has a header and no rows", "add a row per period")
    for line, cells in rows:
        if any(cell.strip() for cell in cells[len(names) :]):
            rule = f"the header has {len(names)} columns, and this row has {len(cells)} cells"
            fix = "write numbers with a decimal point and without thousands separators, and quote text with commas"
            _refuse(source, f"line {line}", ",".join(cells), rule, fix)
    return _Table(source, names, rows)


def _check_header(table: _Table, column: str | None) -> None:
    """Refuse a table whose first line holds data: it would be taken for names, and its values lost."""
    given = [name for name in table.names if name]
    data = [name for name in given if _is_number(name) or is_a_date(name)]
    are_mixed = len(data) < len(given)
    # Of a table with a column per year, one may be named.
    if not data or (are_mixed and column is not None and column.strip() in given):
        return
    fix = 'add a line of names above it, such as "units", or "date,units" for two columns'
    if are_mixed:
        fix += f"; if these are names, write the one that is meant, as in column: {json.dumps(data[-1])}"
    rule = "the first line of a demand table names its columns, and this one holds data"
    _refuse(table.source, "line 1", data[0], rule, fix)


def _only_candidate(table: _Table, periods: Sequence[PeriodColumn], written: str) -> int:
    """Return the one column that could hold the demand.

    A single number makes a column a candidate: if one faulty cell left it out, another column would be played.
    """
    found = [place for place in range(len(table.names)) if _holds_numbers(table, place)]
    if not found:
        _refuse(table.source, "", ABSENT, "no column holds numbers", f"add one to {_listed(table.names)}")
    named = [table.names[place] for place in found if table.names[place]]
    if len(found) == len(named) == 1:
        if any(one.place == found[0] for one in periods):
            rule = f"the only column that holds numbers, {_listed(named)}, says when and not how much"
            fix = "write the demand as numbers in a column of its own"
            _refuse(table.source, "", ABSENT, rule, fix)
        return found[0]
    if not named:
        fix = "name the column in the first line"
        _refuse(table.source, "line 1", ABSENT, "the only column that holds numbers has no name", fix)
    rule = f"{len(found)} columns hold numbers and could be the demand: {_listed(named)}"
    if len(found) > len(named):
        rule += f" and {len(found) - len(named)} without a name"
    fix = _line_to_write(written, named)
    disorder = _order_fault(table, periods)
    if disorder is not None:
        fix += f". Besides, {disorder.field}: {disorder.rule}; {disorder.suggestion}"
    _refuse(table.source, "column", ABSENT, rule, fix)


def _line_to_write(written: str, names: Sequence[str]) -> str:
    example = next((name for name in names if _LIKELY.search(name)), names[-1])
    line = f"column: {_in_yaml(example)}"
    return f"write which, such as `{line}` in demand: {{series: {{source: {_in_yaml(written)}, {line}}}}}"


def _in_yaml(text: str) -> str:
    return text if _PLAIN_YAML.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _named(table: _Table, column: str) -> int:
    """Return the column of that name."""
    if not column:
        fix = f"choose from {_listed(table.names)}"
        _refuse(table.source, "column", column, "a column is named by its header, which is not empty", fix)
    places = [place for place, name in enumerate(table.names) if name == column]
    if not places:
        raise unknown_name("column", column, [name for name in table.names if name], source=table.source)
    if len(places) > 1:
        rule = f"{len(places)} columns have this name"
        _refuse(table.source, "column", column, rule, "give each column of the table a name of its own")
    return places[0]


def _order_fault(table: _Table, periods: Sequence[PeriodColumn]) -> Fault | None:
    """Return the fault of rows that are not one per period, oldest first; None if no column shows it."""
    if not periods:
        return None
    cells = [[cell for _, cell in table.cells(one.place)] for one in periods]
    return find_order_fault(table.source, periods, [row.line for row in table.rows], cells)


def _holds_numbers(table: _Table, place: int) -> bool:
    return any(map(_is_number, table.texts(place)))


def _is_number(cell: str) -> bool:
    # The first character settles most cells, ten times faster.
    return cell[:1] in _FIRST_CHARACTERS and any(
        pattern.fullmatch(cell) for pattern in (_NUMBER, _NOT_FINITE, _OTHER_NOTATION)
    )


_RULES: Final[tuple[tuple[Callable[[str], object], str, str], ...]] = (
    (lambda cell: cell, "must not be empty", "write 0 where nothing was asked for, else an estimate"),
    (lambda cell: not _NOT_FINITE.fullmatch(cell), "must be a finite number", "write the quantity"),
    (
        lambda cell: not _OTHER_NOTATION.fullmatch(cell),
        "must have no thousands separators, and a point before decimals",
        "write 1250 for 1,250 and 12.5 for 12,5",
    ),
    (_NUMBER.fullmatch, "must be a number", "write the quantity alone"),
    (lambda cell: float(cell) >= 0, "must be 0 or more", "write 0 for a return, or take it off the period of its sale"),
    (lambda cell: float(cell) <= LARGEST, f"must be {LARGEST:.0f} or less", "count in larger units"),
)
"""Rules of a cell with demand: test, words and fix. A test is made only of cells that passed those before it."""


def _values(table: _Table, place: int) -> tuple[list[float], list[Fault]]:
    """Return the units of a column, and one fault for each rule that cells break."""
    name = printable(table.names[place], _NAME_WIDTH)
    if not _holds_numbers(table, place):
        others = [table.names[other] for other in range(len(table.names)) if _holds_numbers(table, other)]
        fix = f"columns with numbers: {_listed(others)}" if others else "no other column does"
        return [], [Fault(table.source, "column", name, "the column with the demand holds numbers", fix)]
    values: list[float] = []
    broken: dict[int, list[tuple[int, str]]] = {}
    for line, cell in table.cells(place):
        number = next((number for number, (test, _, _) in enumerate(_RULES) if not test(cell)), None)
        if number is None:
            values.append(float(cell))
        else:
            broken.setdefault(number, []).append((line, cell))
    faults = []
    for broken_rule, cells in sorted(broken.items()):
        _, rule, fix = _RULES[broken_rule]
        line, cell = cells[0]
        if len(cells) > 1:
            rule += f" ({len(cells)} of {len(table.rows)} cells break this rule)"
        faults.append(Fault(table.source, f"line {line}, {name}", cell or ABSENT, rule, fix))
    return values, faults


def _listed(names: Iterable[str]) -> str:
    known = [f'"{printable(name, _NAME_WIDTH)}"' for name in names if name]
    rest = len(known) - LISTED_NAMES
    return ", ".join(known[:LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")
