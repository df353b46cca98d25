"""Small folders as the sources of open boards publish theirs, for the tests of the package arena-boards."""

import csv
import datetime
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def write_table(path: Path, header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a comma-separated table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def an_instance(name: str = "real_trajectory/lead_time_stochastic/100", **changes: Any) -> dict[str, Any]:
    """An instance of InventoryBench as a line of `instances.jsonl` has it."""
    periods = 47 if name.startswith("real") else 50
    lead_time = name.split("/")[1].removeprefix("lead_time_")
    lead_times = {"0": [0], "4": [4], "stochastic": [3, 1, None, 2]}[lead_time] * 50
    return {
        "id": name,
        "promised_lead_time": {"0": 0, "4": 4, "stochastic": 2}[lead_time],
        "price": 4.0,
        "holding_cost": 1.0,
        "history": [10, 12, 9, 11, 10],
        "demand": [(7 * period) % 23 for period in range(periods)],
        "lead_times": lead_times[:periods],
        **changes,
    }


def write_instances(folder: Path, *instances: dict[str, Any]) -> Path:
    """Write `instances.jsonl`, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.jsonl").write_text("".join(json.dumps(one) + "\n" for one in instances), encoding="utf-8")
    return folder


def write_layout(folder: Path, instance: dict[str, Any]) -> Path:
    """Write an instance as the repository of the board has it, and return the folder."""
    place = folder / "benchmark" / instance["id"]
    item = instance["id"].split("/")[-1]
    write_table(place / "train.csv", [f"exact_dates_{item}", f"demand_{item}"], enumerate(instance["history"]))
    kinds = ("exact_dates", "demand", "lead_time", "profit", "holding_cost")
    write_table(
        place / "test.csv",
        [f"{kind}_{item}" for kind in kinds],
        (
            [f"2019-{period}", units, "inf" if lead is None else lead, instance["price"], instance["holding_cost"]]
            for period, (units, lead) in enumerate(zip(instance["demand"], instance["lead_times"], strict=True))
        ),
    )
    return folder


VN2_PAIRS = ((1, 10), (1, 20), (2, 10))


def vn2_sales() -> list[list[int]]:
    """Weekly sales of the small VN2; the second pair has none in the weeks in which it was out of stock."""
    return [
        [0 if pair == 1 and week in (5, 66) else (week * (3 + pair)) % 7 + pair for week in range(70)]
        for pair in range(len(VN2_PAIRS))
    ]


def write_vn2(folder: Path, **changes: str) -> Path:
    """Write the small VN2."""
    sales = vn2_sales()
    weeks = [(datetime.date(2021, 4, 12) + datetime.timedelta(weeks=week)).isoformat() for week in range(78)]
    keys = ["Store", "Product"]
    write_table(
        folder / "sales.csv", keys + weeks[:70], ([*p, *map(float, s)] for p, s in zip(VN2_PAIRS, sales, strict=True))
    )
    write_table(
        folder / "in_stock.csv",
        keys + weeks,
        ([*pair, *(not (row == 1 and week in (5, 66)) for week in range(78))] for row, pair in enumerate(VN2_PAIRS)),
    )
    write_table(folder / "master.csv", [*keys, "ProductGroup"], ([*pair, 7] for pair in VN2_PAIRS))
    states = []
    for pair, row in zip(VN2_PAIRS, sales, strict=True):
        mean = sum(row[-52:]) / 52
        stock = math.ceil(mean)
        states.append([*pair, stock, 0, round(max(0, 2 * mean - stock))])
    write_table(folder / "initial_state.csv", [*keys, "End Inventory", "In Transit W+1", "In Transit W+2"], states)
    for name, content in changes.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


def m5_rows(series: int = 6, days: int = 40) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of a small `sales_train_evaluation.csv`: two stores, later items sell more."""
    header = ["id", "item_id", "dept_id", "cat_id", "store_id", "state_id", *(f"d_{day}" for day in range(1, days + 1))]
    rows = []
    for number in range(series):
        item, store = f"FOODS_1_{number // 2:03d}", f"CA_{number % 2 + 1}"
        units = [(day * (number + 1)) % 5 + number for day in range(days)]
        rows.append([f"{item}_{store}_evaluation", item, "FOODS_1", "FOODS", store, "CA", *units])
    return header, rows


def rossmann_rows(stores: int = 3, days: int = 60) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of a small `train.csv` of Rossmann, latest day first: store 2 has a gap, Sundays are closed."""
    header = ["Store", "DayOfWeek", "Date", "Sales", "Customers", "Open", "Promo", "StateHoliday", "SchoolHoliday"]
    rows = []
    for back in range(days):
        date = datetime.date(2015, 7, 31) - datetime.timedelta(days=back)
        is_open = date.isoweekday() != 7
        for store in range(1, stores + 1):
            if store == 2 and 30 <= back < 35:
                continue
            sales = 1000 * store + back if is_open else 0
            rows.append([store, date.isoweekday(), date.isoformat(), sales, 9, int(is_open), 0, "0", 0])
    return header, rows


def favorita_rows(days: int = 40) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of a small `train.csv` of Favorita: days without sales have no row, returns are negative."""
    header = ["id", "date", "store_nbr", "item_nbr", "unit_sales", "onpromotion"]
    rows: list[list[Any]] = []
    for day in range(days):
        date = (datetime.date(2017, 1, 1) + datetime.timedelta(days=day)).isoformat()
        for store, item in ((1, 100), (1, 200), (7, 100)):
            units = (day * store + item // 100) % 4
            if units:
                rows.append([len(rows), date, store, item, -1.0 if day == 3 else float(units * item // 100), ""])
    return header, rows
