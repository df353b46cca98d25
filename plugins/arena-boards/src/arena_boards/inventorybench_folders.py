"""InventoryBench in the layout of its repository: a folder per instance with `train.csv` and `test.csv`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from arena_boards.faults import refuse
from arena_boards.tables import Rows, open_rows

FAMILIES: Final = ("real", "synthetic")
LEAD_TIMES: Final = ("0", "4", "stochastic")
_PROMISED: Final = {"0": 0, "4": 4, "stochastic": 2}
_ORIGIN: Final = "the folder benchmark of github.com/TianyiPeng/InventoryBench, fetched with Git LFS"


def find_layout(folder: Path) -> Path:
    """Return the folder that holds `real_trajectory` and `synthetic_trajectory`: the given one or its `benchmark`.

    Raises:
        InvalidInput: neither is there.
    """
    for place in (folder, folder / "benchmark"):
        if any((place / f"{family}_trajectory").is_dir() for family in FAMILIES):
            return place
    rule = "holds neither instances.jsonl nor real_trajectory nor synthetic_trajectory"
    refuse(folder, "data", str(folder), rule, f"name a folder with instances.jsonl, or {_ORIGIN}")


def read_layout(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read every instance.

    Args:
        root: the folder that `find_layout` returns.

    Yields:
        The place of the instance for messages, and its values as those of a line of `instances.jsonl`.

    Raises:
        InvalidInput: a table is missing or is not such a table.
    """
    for family in FAMILIES:
        for lead_time in LEAD_TIMES:
            cell = root / f"{family}_trajectory" / f"lead_time_{lead_time}"
            for table in sorted(cell.rglob("test.csv")):
                place = table.parent
                yield str(place), _instance(place, place.relative_to(root).as_posix(), _PROMISED[lead_time])


def _instance(place: Path, name: str, promised: int) -> dict[str, Any]:
    with open_rows(place / "train.csv", _ORIGIN) as rows:
        item = _item(rows)
        demand = f"demand_{item}"
        (column,) = rows.columns(demand)
        history = [_units(rows, row[column], demand) for row in rows]
    values: dict[str, Any] = {"id": name, "promised_lead_time": promised, "history": history}
    with open_rows(place / "test.csv", _ORIGIN) as rows:
        names = tuple(f"{kind}_{item}" for kind in ("demand", "profit", "holding_cost", "lead_time"))
        columns = rows.columns(*names)
        units, lead_times, prices, costs = [], [], set(), set()
        for row in rows:
            demand_text, price, cost, lead_time = (row[column] for column in columns)
            units.append(_units(rows, demand_text, names[0]))
            prices.add(rows.units(price, names[1]))
            costs.add(rows.units(cost, names[2]))
            lead_times.append(_lead_time(rows, lead_time, names[3]))
        for found, column_name in ((prices, names[1]), (costs, names[2])):
            if len(found) != 1:
                rule = "an instance has one price and one holding cost in all periods"
                refuse(rows.path, column_name, f"{len(found)} values", rule, "get the file anew")
    return {
        **values,
        "price": prices.pop(),
        "holding_cost": costs.pop(),
        "demand": units,
        "lead_times": lead_times,
    }


def _item(rows: Rows) -> str:
    """Return the item of a table, whose name follows `demand_` in a header."""
    items = [name.removeprefix("demand_") for name in rows.header if name.startswith("demand_")]
    if len(items) != 1:
        rule = f"has one column demand_ITEM, and its columns are {', '.join(rows.header[:8])}"
        refuse(rows.path, "line 1", len(items), rule, f"give {_ORIGIN}")
    return items[0]


def _units(rows: Rows, text: str, column: str) -> int:
    value = rows.units(text, column)
    if value != int(value):
        refuse(rows.path, f"line {rows.line}, {column}", text, "is not a whole number of units", "get the file anew")
    return int(value)


def _lead_time(rows: Rows, text: str, column: str) -> int | None:
    """Return a lead time in periods, None for an order that is lost, written `inf`."""
    if text.strip().casefold() in ("inf", "infinity"):
        return None
    value = rows.units(text, column)
    if value != int(value):
        rule = "is not a whole number of periods, or inf for a lost order"
        refuse(rows.path, f"line {rows.line}, {column}", text, rule, "get the file anew")
    return int(value)
