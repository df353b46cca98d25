"""The M5 competition's unit sales (Walmart), read from the folder that Kaggle gives.

`sales_train_evaluation.csv` or `sales_train_validation.csv`: a row per series of one item in one store, columns `d_1`,
`d_2`, …; day 1 is 2011-01-29. Stated: 30 490 series of 3 049 items in 10 stores, 1 941 or 1 913 days.
Source: S. Makridakis, E. Spiliotis and V. Assimakopoulos, The M5 competition, International Journal of
Forecasting 38 (2022).
"""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Final

import numpy as np

from arena import Scenario
from arena_boards.faults import refuse, require_count, require_folder
from arena_boards.options import DailyOptions
from arena_boards.panel import FloatArray, Panel, build_panel
from arena_boards.tables import LARGEST_UNITS, open_rows

SERIES: Final = 30_490
ITEMS: Final = 3_049
STORES: Final = 10
DAYS: Final = (1_913, 1_941)
FIRST_DAY: Final = "2011-01-29"
RECENT: Final = 28
"""Latest days whose mean sales give the start."""

_FILES: Final = ("sales_train_evaluation.csv", "sales_train_validation.csv")
_ORIGIN: Final = "kaggle competitions download -c m5-forecasting-accuracy"
_KEYS: Final = ("item_id", "dept_id", "cat_id", "store_id", "state_id")


def read_m5(folder: Path, items: int, *, before: int, complete: bool = True) -> Panel:
    """Read the series of most units; at most as many are kept in memory.

    Args:
        folder: the folder.
        items: series to keep.
        before: days at the end that do not count for the choice, since they are played.
        complete: whether the counts have to be the stated ones.

    Returns:
        The series kept, in the order of the file.

    Raises:
        InvalidInput: a table is missing, cut, doubled, or not that of M5.
    """
    require_folder(folder)
    path = next((folder / name for name in _FILES if (folder / name).is_file()), folder / _FILES[0])
    kept: list[tuple[float, int, str, str, FloatArray]] = []
    seen: set[tuple[str, str]] = set()
    with open_rows(path, _ORIGIN) as rows:
        item_column, *_, store_column, _ = rows.columns(*_KEYS)
        days = [place for place, name in enumerate(rows.header) if name.startswith("d_")]
        if not days or [rows.header[place] for place in days] != [f"d_{day}" for day in range(1, len(days) + 1)]:
            refuse(path, "line 1", rows.header[-1], "columns of days are d_1, d_2, … in order", f"give {_ORIGIN}")
        first, stop = days[0], days[-1] + 1
        counted = max(1, len(days) - before)
        for number, row in enumerate(rows):
            item, store = row[item_column], row[store_column]
            if (item, store) in seen or not item or not store:
                rule = "there is one row for each item and store"
                refuse(path, f"line {rows.line}", f"{item} {store}", rule, "keep one of them")
            seen.add((item, store))
            try:
                units = np.array(row[first:stop], dtype=np.float64)
            except ValueError:
                units = np.array([rows.units(text, rows.header[first + i]) for i, text in enumerate(row[first:stop])])
            if not ((units >= 0) & (units <= LARGEST_UNITS)).all():
                rule = f"units of a day are from 0 to {LARGEST_UNITS:g}"
                refuse(path, f"line {rows.line}", f"{item} {store}", rule, "get the file anew")
            # Of equal totals the earlier row is kept: its number counts negatively, and the smallest entry falls out.
            entry = (float(units[:counted].sum()), -number, item, store, units)
            if len(kept) < items:
                heapq.heappush(kept, entry)
            else:
                heapq.heappushpop(kept, entry)
    if not kept:
        refuse(path, "", "", "has a header and no rows", f"give {_ORIGIN}")
    if complete:
        require_count(path, "rows", len(seen), (SERIES,), "M5")
        require_count(path, "items", len({item for item, _ in seen}), (ITEMS,), "M5")
        require_count(path, "stores", len({store for _, store in seen}), (STORES,), "M5")
        require_count(path, "days", len(days), DAYS, "M5")
    kept.sort(key=lambda entry: -entry[1])
    return Panel(
        source=str(path),
        names=tuple(f"{item} in {store}" for _, _, item, store, _ in kept),
        sites=tuple(entry[3] for entry in kept),
        articles=tuple(entry[2] for entry in kept),
        first=FIRST_DAY,
        frequency="day",
        units=np.array([entry[4] for entry in kept]),
    )


def build_m5(options: DailyOptions) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the last windows of M5's days; see `build_panel`.

    The choice of series rests on days before the first window alone, in all windows.
    """
    played = options.horizon + (options.windows - 1) * (options.stride or options.horizon)
    panel = read_m5(options.data, options.items, before=played, complete=options.complete)
    return build_panel("m5", panel, options, RECENT)
