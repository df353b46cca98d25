"""VN2 Inventory Planning Challenge: its tables, its competition, and backtests on its history.

Source: the VN2 competition of 2025; winner's report arXiv 2601.18919.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from arena import DataSource, Scenario, parse_as, read_data
from arena_boards.faults import refuse, require_count, require_folder
from arena_boards.options import BACKTEST_WEEKS, Vn2Options
from arena_boards.panel import FloatArray, Panel, Start, Terms, make_episode, usual_start
from arena_boards.tables import open_rows

SERIES: Final = 599
"""Pairs of store and product."""
WEEKS: Final = 157
"""Recorded weeks."""
FIRST_WEEK: Final = "2021-04-12"
"""Monday of the first recorded week."""
TERMS: Final = Terms(horizon=8, lead_time=2, holding_cost=0.2, shortage_cost=1.0)
"""Terms of the competition, money in euros."""
RECENT: Final = 52
"""Latest weeks whose mean sales give the start."""

_ORIGIN: Final = "the data of the VN2 competition: sales.csv, in_stock.csv, initial_state.csv, master.csv"
_PAIR: Final = ("Store", "Product")
_STATE: Final = ("End Inventory", "In Transit W+1", "In Transit W+2")


@dataclass(frozen=True)
class Vn2:
    """The tables of the competition.

    Attributes:
        panel: weekly sales with flags, one series per pair in the order of `sales.csv`.
        start: state before the competition's first week.
        actuals: demand of the competition's weeks, shape (series, weeks); None without `actuals.csv`.
    """

    panel: Panel
    start: Start
    actuals: FloatArray | None


def read_vn2(folder: Path, *, complete: bool = True) -> Vn2:
    """Read the tables of a folder, and hold them against each other and what the competition states.

    There are 599 pairs and 157 weeks from 2021-04-12, sales and flags are aligned by date, `master.csv` has the same
    pairs, and the state before the first week follows from the latest 52 weeks of every pair by the stated rule.

    Args:
        folder: the folder.
        complete: whether the counts have to be those of the competition.

    Raises:
        InvalidInput: a table is missing, or breaks one of these rules.
    """
    require_folder(folder)
    panel = _read_sales(folder)
    if complete:
        require_count(folder / "sales.csv", "rows", len(panel.names), (SERIES,), "VN2")
        require_count(folder / "sales.csv", "weeks", panel.periods, (WEEKS,), "VN2")
        if panel.first != FIRST_WEEK:
            rule = f"the first week of VN2 begins on {FIRST_WEEK}"
            refuse(folder / "sales.csv", "line 1", panel.first, rule, "give the competition's own table")
    pairs = {name: row for row, name in enumerate(panel.names)}
    _read_keys(folder / "master.csv", pairs)
    stated = _read_state(folder / "initial_state.csv", pairs)
    ruled = usual_start(panel, panel.periods, TERMS.lead_time, RECENT)
    differs = (stated.stock != ruled.stock) | (stated.pipeline != ruled.pipeline).any(axis=1)
    if complete and differs.any():
        row = int(np.argmax(differs))
        rule = "follows from the latest 52 weeks: stock is their mean m rounded up, in transit for week 1 is nothing, "
        rule += "for week 2 round(max(0, 2 m - stock))"
        where = panel.names[row].replace("/", ", product ")
        shown = f"{stated.stock[row]:g}, {stated.pipeline[row].tolist()}"
        refuse(folder / "initial_state.csv", f"store {where}", shown, rule, "get the tables anew: they do not match")
    actuals = folder / "actuals.csv"
    last = datetime.date.fromisoformat(panel.first) + datetime.timedelta(weeks=panel.periods)
    return Vn2(panel, stated, _read_actuals(actuals, pairs, last) if actuals.is_file() else None)


def _read_sales(folder: Path) -> Panel:
    sales, flags_table = folder / "sales.csv", folder / "in_stock.csv"
    options = {
        "file": str(sales),
        "layout": "rows",
        "market": list(_PAIR),
        "joined_by": "/",
        "frequency": "week",
        "first_date_column": _first_date(sales),
        "in_stock": {"file": str(flags_table), "first_date_column": _first_date(flags_table)},
    }
    source = parse_as(DataSource, options, str(sales))
    data, _ = read_data(source)
    stores, products = zip(*(name.split("/", 1) for name in data.markets), strict=True)
    flags = data.in_stock_array
    assert flags is not None
    return Panel(
        source=str(folder / "sales.csv"),
        names=data.markets,
        sites=tuple(f"store {store}" for store in stores),
        articles=tuple(f"product {product}" for product in products),
        first=data.start,
        frequency="week",
        units=np.ascontiguousarray(data.array.T),
        in_stock=np.ascontiguousarray(flags.T),
    )


def _first_date(path: Path) -> str:
    """Return the header of the first column after those of the pair."""
    with open_rows(path, _ORIGIN) as rows:
        if rows.columns(*_PAIR) != (0, 1) or len(rows.header) < 3:
            rule = "begins with the columns Store and Product, and a column per week follows"
            refuse(path, "line 1", ", ".join(rows.header[:5]), rule, "get the table anew")
        return rows.header[2]


def _read_keys(path: Path, pairs: dict[str, int]) -> None:
    """Refuse a table whose pairs are not those of the sales, each once."""
    with open_rows(path, _ORIGIN) as rows:
        columns = rows.columns(*_PAIR)
        found = [_pair(row, columns) for row in rows]
    _require_pairs(path, found, pairs)


def _require_pairs(path: Path, found: list[str], pairs: dict[str, int]) -> None:
    if len(found) == len(pairs) and set(found) == set(pairs):
        return
    odd = next((name for name in found if name not in pairs or found.count(name) > 1), None)
    shown = f"{len(found)} rows" if odd is None else f"store {odd.replace('/', ', product ')}"
    refuse(path, "", shown, f"has the {len(pairs)} pairs of sales.csv, each once", "get the tables anew")


def _pair(row: list[str], columns: tuple[int, ...]) -> str:
    return "/".join(row[column].strip() for column in columns)


def _read_state(path: Path, pairs: dict[str, int]) -> Start:
    stock, pipeline = np.zeros(len(pairs)), np.zeros((len(pairs), TERMS.lead_time))
    found = []
    with open_rows(path, _ORIGIN) as rows:
        columns = rows.columns(*_PAIR, *_STATE)
        for row in rows:
            name = _pair(row, columns[:2])
            found.append(name)
            place = pairs.get(name)
            if place is not None:
                state = [rows.units(row[column], title) for column, title in zip(columns[2:], _STATE, strict=True)]
                stock[place], pipeline[place] = state[0], state[1:]
    _require_pairs(path, found, pairs)
    return Start(stock, pipeline)


def _read_actuals(path: Path, pairs: dict[str, int], first: datetime.date) -> FloatArray:
    """Read the competition's demand; its weeks are numbered from 1, or dated by their Mondays."""
    demand = np.full((len(pairs), TERMS.horizon), np.nan)
    with open_rows(path, _ORIGIN) as rows:
        columns = rows.columns(*_PAIR, "week", "actual_demand")
        for row in rows:
            place = pairs.get(_pair(row, columns[:2]))
            text = row[columns[2]].strip()
            if text.isdigit():
                week = rows.whole(text, "week", least=1) - 1
            else:
                week, rest = divmod((rows.date(text, "week") - first).days, 7)
                week = -1 if rest else week
            if place is None or not 0 <= week < TERMS.horizon or not np.isnan(demand[place, week]):
                rule = f"has one row for each pair of sales.csv and week, 1 to {TERMS.horizon}, or {first} on"
                refuse(path, f"line {rows.line}", ", ".join(row)[:60], rule, "get the table anew")
            demand[place, week] = rows.units(row[columns[3]], "actual_demand")
    missing = int(np.isnan(demand).sum())
    if missing:
        rule = f"has a row for each of the {len(pairs)} pairs and {TERMS.horizon} weeks"
        refuse(path, "", f"{missing} rows are missing", rule, "get the table anew: it is cut")
    return demand


# --- scenarios ------------------------------------------------------------------------------------------------------


def build_vn2(options: Vn2Options) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the competition, or backtests on eight weeks of the history each.

    A backtest tells all weeks before it, begins with the same kind of start as the competition, and leaves out pairs
    that were out of stock in one of its weeks, since what was wanted of them is not known.

    Args:
        options: the folder, and the weeks.

    Returns:
        The scenarios in the order of their weeks, and the cell of each by its name: `competition` or `backtest`.

    Raises:
        InvalidInput: a table is at fault, or the weeks are not in the data.
    """
    tables = read_vn2(options.data, complete=options.complete)
    weeks = options.first_weeks
    if weeks is None and tables.actuals is not None:
        scenario = _competition(tables, tables.actuals)
        return (scenario,), {scenario.name: "competition"}
    if weeks is None and options.weeks == "competition":
        rule = "the competition's demand is in actuals.csv (Store, Product, week, actual_demand), and it is not there"
        refuse(options.data, "weeks", "competition", rule, "put it there, or write weeks: backtest")
    scenarios = tuple(_backtest(tables.panel, week, options.data) for week in weeks or BACKTEST_WEEKS)
    return scenarios, {scenario.name: "backtest" for scenario in scenarios}


def _competition(tables: Vn2, actuals: FloatArray) -> Scenario:
    panel = tables.panel
    flags = panel.in_stock
    assert flags is not None
    whole = replace(
        panel,
        units=np.hstack([panel.units, actuals]),
        in_stock=np.hstack([flags, np.ones(actuals.shape, dtype=np.bool_)]),
    )
    return make_episode("vn2-competition", whole, panel.periods, TERMS, tables.start, panel.periods)


def _backtest(panel: Panel, week: int, folder: Path) -> Scenario:
    if not RECENT <= week <= panel.periods - TERMS.horizon:
        rule = f"windows of {TERMS.horizon} weeks begin with week {RECENT} to {panel.periods - TERMS.horizon} from 0"
        refuse(folder, "weeks", week, rule, "choose other weeks")
    observed = panel.is_observed(week, week + TERMS.horizon)
    if not observed.any():
        refuse(folder, "weeks", week, "no pair was in stock in all weeks of the window", "choose other weeks")
    chosen = panel.take(np.flatnonzero(observed).tolist())
    start = usual_start(chosen, week, TERMS.lead_time, RECENT)
    monday = datetime.date.fromisoformat(panel.first) + datetime.timedelta(weeks=week)
    return make_episode(f"vn2-week-{week:03d}-{monday.isoformat()}", chosen, week, TERMS, start, week)
