"""Tables of demand: one column of a CSV file, read without guessing.

A table has a header and a row per period, oldest first. Whatever would make it play other numbers than its author
means is refused, with one fault per cause: the wrong encoding, separator or notation of numbers, no header, several
columns to choose from, several rows per period, cells without a quantity.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from arena.errors import ABSENT, Fault, InvalidInput, printable, unknown_name
from arena.world.data.numbers import SERIES_RULES, is_number
from arena.world.data.periods import PeriodColumn, find_order_fault, find_period_columns, is_a_date
from arena.world.data.text_table import NAME_WIDTH, Notation, Row, in_yaml, listed, open_table, refuse

# Words by which the example in a message is chosen; what is read never depends on them.
_LIKELY: Final = re.compile(r"sales|demand|units|quantity|qty|volume", re.IGNORECASE)


@dataclass(frozen=True)
class _Table:
    source: str
    names: list[str]
    rows: list[Row]

    def cells(self, place: int) -> Iterator[tuple[int, str]]:
        """Line and cell of every row in one column; an absent cell is empty."""
        for line, cells in self.rows:
            yield line, cells[place].strip() if place < len(cells) else ""

    def texts(self, place: int) -> Iterator[str]:
        """The cells of one column that are not empty."""
        return (cell for _, cell in self.cells(place) if cell)


def read_series_table(path: Path, column: str | None, longest: int, written: str = "") -> list[float]:
    """Read the units of one column.

    Args:
        path: the CSV file: UTF-8, separated by commas, with a header.
        column: name of the column; None takes the only one that holds numbers.
        longest: most rows that the caller can use; one more is read, so that the caller sees that there are too many.

        written: the table as its reader wrote it, for the line that a fault tells to write; by default the path.

    Raises:
        InvalidInput: with one fault for each cause for which the table cannot be played.
    """
    table = _read(path, longest)
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


def _read(path: Path, longest: int) -> _Table:
    """Read header and rows; empty rows after the last one are left out."""
    table = open_table(path, Notation())
    rows = list(itertools.islice(table.rows, longest + 1))
    while rows and not any(cell.strip() for cell in rows[-1].cells):
        rows.pop()
    if not rows:
        refuse(table.source, "", ABSENT, "has a header and no rows", "add a row per period")
    return _Table(table.source, table.names, rows)


def _check_header(table: _Table, column: str | None) -> None:
    """Refuse a table whose first line holds data: it would be taken for names, and its values lost."""
    given = [name for name in table.names if name]
    data = [name for name in given if is_number(name) or is_a_date(name)]
    are_mixed = len(data) < len(given)
    # Of a table with a column per year, one may be named.
    if not data or (are_mixed and column is not None and column.strip() in given):
        return
    fix = 'add a line of names above it, such as "units", or "date,units" for two columns'
    if are_mixed:
        fix += f"; if these are names, write the one that is meant, as in column: {json.dumps(data[-1])}"
    rule = "the first line of a demand table names its columns, and this one holds data"
    refuse(table.source, "line 1", data[0], rule, fix)


def _only_candidate(table: _Table, periods: Sequence[PeriodColumn], written: str) -> int:
    """Return the one column that could hold the demand.

    A single number makes a column a candidate: if one faulty cell left it out, another column would be played.
    """
    found = [place for place in range(len(table.names)) if _holds_numbers(table, place)]
    if not found:
        refuse(table.source, "", ABSENT, "no column holds numbers", f"add one to {listed(table.names)}")
    named = [table.names[place] for place in found if table.names[place]]
    if len(found) == len(named) == 1:
        if any(one.place == found[0] for one in periods):
            rule = f"the only column that holds numbers, {listed(named)}, says when and not how much"
            fix = "write the demand as numbers in a column of its own"
            refuse(table.source, "", ABSENT, rule, fix)
        return found[0]
    if not named:
        fix = "name the column in the first line"
        refuse(table.source, "line 1", ABSENT, "the only column that holds numbers has no name", fix)
    rule = f"{len(found)} columns hold numbers and could be the demand: {listed(named)}"
    if len(found) > len(named):
        rule += f" and {len(found) - len(named)} without a name"
    fix = _line_to_write(written, named)
    disorder = _order_fault(table, periods)
    if disorder is not None:
        fix += f". Besides, {disorder.field}: {disorder.rule}; {disorder.suggestion}"
    refuse(table.source, "column", ABSENT, rule, fix)


def _line_to_write(written: str, names: Sequence[str]) -> str:
    example = next((name for name in names if _LIKELY.search(name)), names[-1])
    line = f"column: {in_yaml(example)}"
    return f"write which, such as `{line}` in demand: {{series: {{source: {in_yaml(written)}, {line}}}}}"


def _named(table: _Table, column: str) -> int:
    """Return the column of that name."""
    if not column:
        fix = f"choose from {listed(table.names)}"
        refuse(table.source, "column", column, "a column is named by its header, which is not empty", fix)
    places = [place for place, name in enumerate(table.names) if name == column]
    if not places:
        raise unknown_name("column", column, [name for name in table.names if name], source=table.source)
    if len(places) > 1:
        rule = f"{len(places)} columns have this name"
        refuse(table.source, "column", column, rule, "give each column of the table a name of its own")
    return places[0]


def _order_fault(table: _Table, periods: Sequence[PeriodColumn]) -> Fault | None:
    """Return the fault of rows that are not one per period, oldest first; None if no column shows it."""
    if not periods:
        return None
    cells = [[cell for _, cell in table.cells(one.place)] for one in periods]
    return find_order_fault(table.source, periods, [row.line for row in table.rows], cells)


def _holds_numbers(table: _Table, place: int) -> bool:
    return any(map(is_number, table.texts(place)))


def _values(table: _Table, place: int) -> tuple[list[float], list[Fault]]:
    """Return the units of a column, and one fault for each rule that cells break."""
    name = printable(table.names[place], NAME_WIDTH)
    if not _holds_numbers(table, place):
        others = [table.names[other] for other in range(len(table.names)) if _holds_numbers(table, other)]
        fix = f"columns with numbers: {listed(others)}" if others else "no other column does"
        return [], [Fault(table.source, "column", name, "the column with the demand holds numbers", fix)]
    values: list[float] = []
    broken: dict[int, list[tuple[int, str]]] = {}
    for line, cell in table.cells(place):
        number = next((place for place, rule in enumerate(SERIES_RULES) if not rule.test(cell)), None)
        if number is None:
            values.append(float(cell))
        else:
            broken.setdefault(number, []).append((line, cell))
    faults = []
    for broken_rule, cells in sorted(broken.items()):
        _, rule, fix = SERIES_RULES[broken_rule]
        line, cell = cells[0]
        if len(cells) > 1:
            rule += f" ({len(cells)} of {len(table.rows)} cells break this rule)"
        faults.append(Fault(table.source, f"line {line}, {name}", cell or ABSENT, rule, fix))
    return values, faults
