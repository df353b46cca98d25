"""Columns of a table that say when: found by their cells or their names, and checked for one row per period.

They never decide which column is played. They only show that rows cannot be one series in order of time.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from arena.errors import Fault, printable

_CYCLES: Final = ("year", "quarter", "month", "week", "day", "hour", "minute")
_NAMES: Final = frozenset({*_CYCLES, "date", "datetime", "timestamp", "time", "period", "t", "ds"})
"""Names of columns that say when, whatever their cells hold."""

_CLOCK: Final = r"(?:[T ](?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_YEAR_FIRST: Final = re.compile(
    rf"([0-9]{{4}})([-/.]?)([0-9]{{2}}|(?<=\D)[0-9])(?:\2([0-9]{{2}}|(?<=\D)[0-9]))?{_CLOCK}"
)
_YEAR_LAST: Final = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{2}})(?:{_CLOCK})")
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_LONGEST_DATE: Final = 40
_WIDTH: Final = 40

_Key = tuple[Any, ...]


class PeriodColumn(NamedTuple):
    """A column that says when.

    Attributes:
        place: position in the table.
        name: its header.
        is_date: whether all its cells are dates.
    """

    place: int
    name: str
    is_date: bool


def find_period_columns(names: Sequence[str], texts: Callable[[int], Iterable[str]]) -> list[PeriodColumn]:
    """Return the columns that say when: those whose cells are dates, and those with a name such as day or week.

    Args:
        names: headers of the table.
        texts: the cells of the column at a position, without empty ones.
    """
    found = []
    for place, name in enumerate(names):
        cells = iter(texts(place))
        first = next(cells, None)
        is_date = first is not None and is_a_date(first) and all(map(is_a_date, cells))
        if is_date or name.strip().casefold() in _NAMES:
            found.append(PeriodColumn(place, name, is_date))
    return found


def is_a_date(text: str) -> bool:
    """Tell whether a text is a date, such as 2024-01-31, 20240131, 31.01.2024, 1/31/24 or 2024-01."""
    return text[:1].isdigit() and len(text) <= _LONGEST_DATE and any(read(text) is not None for read in _READERS)


def find_order_fault(
    source: str, columns: Sequence[PeriodColumn], lines: Sequence[int], cells: Sequence[Sequence[str]]
) -> Fault | None:
    """Return the fault of rows that are not one per period, oldest first; None when no column shows it.

    Args:
        source: the table, for the fault.
        columns: columns that say when, at least one.
        lines: line of every row.
        cells: the cells of these columns, a sequence per column.
    """
    rows = [(line, key) for line, key in zip(lines, zip(*cells, strict=True), strict=True) if any(key)]
    titles = " and ".join(f'"{printable(column.name, _WIDTH)}"' for column in columns)
    seen: dict[_Key, int] = {}
    for line, key in rows:
        if key in seen:
            rule = f"a demand table has one row per period, and lines {seen[key]} and {line} have the same {titles}"
            fix = f"keep the rows of one series, or add them up; if they are one, remove or rename {titles}"
            return Fault(source, f"line {line}", ", ".join(key), rule, fix)
        seen[key] = line
    position = _first_out_of_order(columns, [key for _, key in rows])
    if position is None:
        return None
    line, key = rows[position]
    rule = f"rows are in order of time, oldest first; this one is earlier than line {rows[position - 1][0]} by {titles}"
    return Fault(source, f"line {line}", ", ".join(key), rule, f"sort the table by {titles}")


def _first_out_of_order(columns: Sequence[PeriodColumn], rows: Sequence[Sequence[str]]) -> int | None:
    """Return the position of the first row that is earlier than the one before it; None if none can be shown to be."""
    dates = [position for position, column in enumerate(columns) if column.is_date]
    if dates:
        readings = [[read(row[position]) for row in rows] for position in dates for read in _READERS]
        # One of several dates in order is enough: a row may also say when goods arrived.
        descents = min((_descents(keys) for keys in readings if _are_complete(keys)), key=len, default=[])
        return descents[0] if descents else None
    if not all(_WHOLE.fullmatch(cell) for row in rows for cell in row):
        return None
    named = [column.name.strip().casefold() for column in columns]
    ranked = sorted(range(len(named)), key=lambda i: _CYCLES.index(named[i]) if named[i] in _CYCLES else -1)
    keys = [tuple(int(row[i]) for i in ranked) for row in rows]
    descents = _descents(keys)
    if not descents:
        return None
    # Without a year, numbers of weeks or days may begin anew once: 51, 52, 1, 2.
    is_cycle = named[ranked[0]] in _CYCLES[1:]
    begins_anew = len(descents) == 1 and keys[-1] < keys[0]
    return None if is_cycle and begins_anew else descents[0]


def _are_complete(keys: Sequence[_Key | None]) -> TypeGuard[Sequence[_Key]]:
    return None not in keys


def _descents(keys: Sequence[_Key]) -> list[int]:
    return [position for position, (before, after) in enumerate(itertools.pairwise(keys), start=1) if after < before]


def _clock(text: str | None) -> tuple[str, ...]:
    return tuple(part.zfill(2) for part in (text or "").split(":"))


def _key(year: int, month: int, day: int, clock: str | None) -> _Key | None:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return None
    return (year, month, day, *_clock(clock)) if 1800 <= year <= 2200 else None


def _year_first(text: str) -> _Key | None:
    found = _YEAR_FIRST.fullmatch(text)
    # Six digits are a number, and so is a year with a decimal point.
    if found is None or (found[4] is None and found[2] in ("", ".")):
        return None
    return _key(int(found[1]), int(found[3]), int(found[4] or 1), found["clock"])


def _year_last(text: str, *, month_first: bool) -> _Key | None:
    found = _YEAR_LAST.fullmatch(text)
    if found is None:
        return None
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    month, day = (first, second) if month_first else (second, first)
    return _key(year + 2000 if year < 100 else year, month, day, found["clock"])


_READERS: Final[tuple[Callable[[str], _Key | None], ...]] = (
    _year_first,
    lambda text: _year_last(text, month_first=False),
    lambda text: _year_last(text, month_first=True),
)
