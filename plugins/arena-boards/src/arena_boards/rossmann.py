"""Rossmann's daily sales per store, read from the folder that Kaggle gives.

`train.csv`: a row per store and day with turnover in euros. Stated: 1 017 209 rows of 1 115 stores from 2013-01-01 to
2015-07-31. Days without a row (180 stores have none from July to December 2014, when they were rebuilt) are told as out
of stock. Days on which a store was closed have no demand. Source: Rossmann Store Sales, Kaggle (2015).
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

import numpy as np

from arena import Scenario
from arena_boards.faults import refuse, require_count, require_folder
from arena_boards.options import DailyOptions
from arena_boards.panel import Panel, build_panel
from arena_boards.tables import day_number, open_rows

ROWS: Final = 1_017_209
STORES: Final = 1_115
FIRST_DAY: Final = datetime.date(2013, 1, 1)
DAYS: Final = 942
RECENT: Final = 28
"""Latest days whose mean sales give the start."""

_FILE: Final = "train.csv"
_ORIGIN: Final = "kaggle competitions download -c rossmann-store-sales"
_MOST_STORES: Final = 20_000


def read_rossmann(folder: Path, *, complete: bool = True) -> Panel:
    """Read all stores. A unit is a euro of turnover; days without a row count as out of stock.

    Args:
        folder: the folder.
        complete: whether the counts have to be the stated ones.

    Raises:
        InvalidInput: the table is missing, cut, doubled, or not Rossmann's.
    """
    require_folder(folder)
    path = folder / _FILE
    places: dict[int, int] = {}
    units = np.zeros((0, DAYS))
    has_row = np.zeros((0, DAYS), dtype=np.bool_)
    days: dict[str, int] = {}
    count = 0
    with open_rows(path, _ORIGIN) as rows:
        store_column, date_column, sales_column = rows.columns("Store", "Date", "Sales")
        for row in rows:
            count += 1
            store = rows.whole(row[store_column], "Store", least=1)
            place = places.setdefault(store, len(places))
            if place == len(units):
                if place >= _MOST_STORES:
                    rule = f"there are at most {_MOST_STORES} stores"
                    refuse(path, f"line {rows.line}", store, rule, f"give {_ORIGIN}")
                more = max(64, len(units))
                units = np.vstack([units, np.zeros((more, DAYS))])
                has_row = np.vstack([has_row, np.zeros((more, DAYS), dtype=np.bool_)])
            text = row[date_column]
            day = days.get(text)
            if day is None:
                day = days[text] = day_number(rows.date(text, "Date"), FIRST_DAY)
            if not 0 <= day < DAYS or has_row[place, day]:
                rule = "has one row for each store and day from 2013-01-01 to 2015-07-31"
                refuse(path, f"line {rows.line}", f"store {store}, {text}", rule, "get the file anew")
            has_row[place, day] = True
            units[place, day] = rows.units(row[sales_column], "Sales")
    if not count:
        refuse(path, "", "", "has a header and no rows", f"give {_ORIGIN}")
    if complete:
        require_count(path, "rows", count, (ROWS,), "Rossmann")
        require_count(path, "stores", len(places), (STORES,), "Rossmann")
        require_count(path, "days", len(days), (DAYS,), "Rossmann")
    order = [place for _, place in sorted(places.items())]
    names = tuple(f"store {store}" for store in sorted(places))
    return Panel(
        source=str(path),
        names=names,
        sites=names,
        articles=("goods",) * len(names),
        first=FIRST_DAY.isoformat(),
        frequency="day",
        units=units[order],
        in_stock=has_row[order],
    )


def build_rossmann(options: DailyOptions) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the last windows of Rossmann's days; see `build_panel`."""
    panel = read_rossmann(options.data, complete=options.complete)
    return build_panel("rossmann", panel, options, RECENT)
