"""Corporación Favorita's daily unit sales, read from the folder that Kaggle gives, without holding them in memory.

`train.csv`: a row per day, store and item with sales, in the order of the days. Stated: 125 497 040 rows of 54 stores
and 4 036 items from 2013-01-01 to 2017-08-15. A day without a row has no sales; the source does not say whether the
item was there. Negative rows are returns, and count as 0. Source: Favorita Grocery Sales Forecasting, Kaggle (2017).

The file is read twice, block by block: for the series of most units, and for their days. `pyarrow` reads it, since it
parses some million rows a second; it is the extra `favorita` of this package.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arena import ArenaError, Scenario
from arena_boards.faults import refuse, require_count, require_file
from arena_boards.options import FavoritaOptions
from arena_boards.panel import FloatArray, Panel, build_panel
from arena_boards.tables import LARGEST_UNITS

ROWS: Final = 125_497_040
STORES: Final = 54
ITEMS: Final = 4_036
FIRST_DAY: Final = datetime.date(2013, 1, 1)
LAST_DAY: Final = datetime.date(2017, 8, 15)
RECENT: Final = 28
"""Latest days whose mean sales give the start."""

_FILE: Final = "train.csv"
_ORIGIN: Final = "kaggle competitions download -c favorita-grocery-sales-forecasting, unpacked"
_COLUMNS: Final = ("date", "store_nbr", "item_nbr", "unit_sales")
_EPOCH: Final = datetime.date(1970, 1, 1)
_PER_STORE: Final = 10**9
"""A series is known by the number store × 10⁹ + item."""
_MOST_DAYS: Final = 10_000
_MOST_SERIES: Final = 5_000_000


@dataclass(frozen=True)
class _Block:
    """Some rows: day since 1970, number of the series, and units, each of shape (rows,)."""

    days: NDArray[np.int64]
    series: NDArray[np.int64]
    units: FloatArray


@dataclass
class _Totals:
    """What the first reading finds: rows, days, and the units of each series before the windows."""

    rows: int = 0
    first: int = 0
    last: int = -1
    series: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    units: FloatArray = field(default_factory=lambda: np.empty(0))


def read_favorita(
    folder: Path, items: int, *, before: int, stores: frozenset[int] | None = None, complete: bool = True
) -> Panel:
    """Read the series of most units; at most as many are kept in memory.

    Args:
        folder: the folder.
        items: series to keep.
        before: days at the end that do not count for the choice, since they are played.
        stores: numbers of the stores that are read; None: all.
        complete: whether the counts have to be the stated ones.

    Returns:
        The series kept, by store and item.

    Raises:
        ArenaError: pyarrow is not installed.
        InvalidInput: the table is missing, cut, doubled, or not Favorita's.
    """
    path = require_file(folder / _FILE, _ORIGIN)
    totals = _read_totals(path, _last_day(path) - before)
    if not totals.rows:
        refuse(path, "", "", "has a header and no rows", f"give {_ORIGIN}")
    if complete:
        require_count(path, "rows", totals.rows, (ROWS,), "Favorita")
        require_count(path, "stores", len(np.unique(totals.series // _PER_STORE)), (STORES,), "Favorita")
        require_count(path, "items", len(np.unique(totals.series % _PER_STORE)), (ITEMS,), "Favorita")
        days = (LAST_DAY - FIRST_DAY).days + 1
        require_count(path, "days", totals.last - totals.first + 1, (days,), "Favorita")
    chosen = totals.series
    weight = totals.units
    if stores is not None:
        is_read = np.isin(chosen // _PER_STORE, sorted(stores))
        chosen, weight = chosen[is_read], weight[is_read]
        if not len(chosen):
            refuse(path, "stores", ", ".join(map(str, sorted(stores)[:9])), "has no rows of them", "write other stores")
    chosen = np.sort(chosen[np.argsort(-weight, kind="stable")[:items]])
    units = _read_units(path, chosen, totals)
    store_names = tuple(f"store {series // _PER_STORE}" for series in chosen.tolist())
    item_names = tuple(f"item {series % _PER_STORE}" for series in chosen.tolist())
    return Panel(
        source=str(path),
        names=tuple(f"{item} in {store}" for store, item in zip(store_names, item_names, strict=True)),
        sites=store_names,
        articles=item_names,
        first=(_EPOCH + datetime.timedelta(days=totals.first)).isoformat(),
        frequency="day",
        units=units,
    )


def _read_totals(path: Path, stop: int) -> _Totals:
    """Read the file once, and add up the units of every series on days before one."""
    found = _Totals()
    for block in _blocks(path):
        if not found.rows:
            found.first = int(block.days[0])
        if block.days[0] < found.last or (np.diff(block.days) < 0).any():
            refuse(path, "date", "", "rows stand in the order of their days", f"give {_ORIGIN}")
        found.rows += len(block.days)
        found.last = int(block.days[-1])
        if found.last - found.first >= _MOST_DAYS:
            refuse(path, "date", found.last - found.first, f"spans at most {_MOST_DAYS} days", f"give {_ORIGIN}")
        named, place = np.unique(block.series, return_inverse=True)
        counted = np.bincount(place, np.where(block.days <= stop, block.units, 0.0), minlength=len(named))
        known = np.union1d(found.series, named)
        if len(known) > _MOST_SERIES:
            refuse(path, "item_nbr", len(known), f"has at most {_MOST_SERIES:,} series", f"give {_ORIGIN}")
        units = np.zeros(len(known))
        units[np.searchsorted(known, found.series)] = found.units
        units[np.searchsorted(known, named)] += counted
        found.series, found.units = known, units
    return found


def _read_units(path: Path, chosen: NDArray[np.int64], totals: _Totals) -> FloatArray:
    """Read the file again, for the days of some series, shape (series, days)."""
    units = np.zeros((len(chosen), totals.last - totals.first + 1))
    has_row = np.zeros(units.shape, dtype=np.bool_)
    for block in _blocks(path):
        place = np.minimum(np.searchsorted(chosen, block.series), len(chosen) - 1)
        is_chosen = chosen[place] == block.series
        row, day = place[is_chosen], block.days[is_chosen] - totals.first
        flat = row * units.shape[1] + day
        doubled = has_row[row, day].any() or len(np.unique(flat)) < len(flat)
        if doubled:
            rule = "has at most one row for each day, store and item"
            refuse(path, "", path.name, rule, f"get the file anew: {_ORIGIN}")
        has_row[row, day] = True
        units[row, day] = block.units[is_chosen]
    return units


def _blocks(path: Path) -> Iterator[_Block]:
    """Read the file block by block.

    Raises:
        ArenaError: pyarrow is not installed.
        InvalidInput: a row or column does not fit.
    """
    try:
        import pyarrow as arrow
        from pyarrow import csv
    except ImportError:
        raise ArenaError('Favorita is read with pyarrow: pip install "arena-boards[favorita]"') from None
    types = dict(zip(_COLUMNS, (arrow.date32(), arrow.int32(), arrow.int64(), arrow.float64()), strict=True))
    try:
        with csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=1 << 24),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(_COLUMNS), null_values=[], strings_can_be_null=False
            ),
        ) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield _checked(path, batch)
    except (arrow.ArrowException, KeyError, UnicodeError) as error:
        rule = f"is not Favorita's table of {', '.join(_COLUMNS)}: {' '.join(str(error).split())[:200]}"
        refuse(path, "", path.name, rule, f"get the file anew: {_ORIGIN}")
    except OSError as error:
        refuse(path, "", path.name, f"cannot be read: {error.strerror or error}", "check its permissions")


def _checked(path: Path, batch: Any) -> _Block:
    days, stores, items, units = (batch.column(place).to_numpy(zero_copy_only=False) for place in range(len(_COLUMNS)))
    if not (np.isfinite(units).all() and (np.abs(units) <= LARGEST_UNITS).all()):
        refuse(path, "unit_sales", "", f"units are at most {LARGEST_UNITS:g}", f"get the file anew: {_ORIGIN}")
    if stores.min() < 1 or items.min() < 1 or items.max() >= _PER_STORE or stores.max() >= _PER_STORE:
        refuse(path, "store_nbr", "", "stores and items have numbers from 1", f"get the file anew: {_ORIGIN}")
    series = stores.astype(np.int64) * _PER_STORE + items
    return _Block(days.astype("datetime64[D]").astype(np.int64), series, np.maximum(units, 0.0))


def _last_day(path: Path) -> int:
    """Return the day of the last row, since 1970; the file is in the order of its days."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 10_000))
        lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    for text in reversed(lines[-1].split(",") if lines else []):
        try:
            return (datetime.date.fromisoformat(text.strip().strip('"')) - _EPOCH).days
        except ValueError:
            continue
    refuse(path, "", path.name, "its last row has a date such as 2017-08-15", f"get the file anew: {_ORIGIN}")


def build_favorita(options: FavoritaOptions) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the last windows of Favorita's days; see `build_panel`.

    The choice of series rests on days before the first window alone, in all windows.
    """
    played = options.horizon + (options.windows - 1) * (options.stride or options.horizon)
    panel = read_favorita(
        options.data, options.items, before=played, stores=options.store_numbers, complete=options.complete
    )
    return build_panel("favorita", panel, options, RECENT)
