# ruff: noqa: E402 - the libraries read the number of threads when they are imported
"""Plays `demand-global` on fifteen windows of VN2's history, with and without boosting, against the official benchmark.

Each window is eight weeks from the official start state, played by the arena's own scenario, simulator and contract in
this process, on one thread. Items that were out of stock within a window are left out of it. Shown per window: cost of
the benchmark, how much cheaper each controller is, seconds of the briefing (training) and of the slowest decision; then
the mean with a standard error that allows for the overlap of the windows::

    pip install ./plugins/arena-forecasting[global]
    ARENA_REFERENCE=../shared/reference python benchmarks/vn2_windows.py

The data are read from ``$ARENA_REFERENCE/vn2`` and are not part of this repository.
"""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Controller, Observation, Scenario, Simulator, TrackView, realised_history
from arena_forecasting.config import DemandGlobalConfig
from arena_forecasting.controllers.demand_global import DemandGlobal
from arena_forecasting.panel.settings import BoostingSettings

FIRST_WEEKS = range(93, 150, 4)
WEEKS, LEAD_TIME, ORDERED = 8, 2, 6
HOLDING, SHORTAGE = 0.2, 1.0
_OVERLAP = 1.4  # factor on the standard error: windows begin every four weeks and last eight

FloatArray = NDArray[np.float64]


class Recorded(NamedTuple):
    """Weekly sales and flags, (items, weeks)."""

    sales: FloatArray
    in_stock: NDArray[np.bool_]


def read(folder: Path) -> Recorded:
    """Read sales and the flags of the same dates."""
    with (folder / "sales.csv").open() as file:
        head, *rows = csv.reader(file)
    with (folder / "in_stock.csv").open() as file:
        flag_head, *flag_rows = csv.reader(file)
    assert [row[:2] for row in rows] == [row[:2] for row in flag_rows], "the files list other items"
    columns = [flag_head.index(date) for date in head[2:]]
    sales = np.array([[float(cell) for cell in row[2:]] for row in rows])
    return Recorded(sales, np.array([[row[column] == "True" for column in columns] for row in flag_rows]))


def world(recorded: Recorded, first: int, items: int | None = None) -> Scenario:
    """Eight weeks from the official start state: a retailer per item, lead time 2, sales lost, costs in euros.

    Args:
        recorded: The panel.
        first: First week played, from 0.
        items: Only the first so many of the items that can be played; None: all.
    """
    played = np.flatnonzero(recorded.in_stock[:, first : first + WEEKS].all(axis=1))[:items]
    sales, flags = recorded.sales[played, : first + WEEKS], recorded.in_stock[played, : first + WEEKS]
    mean = sales[:, first - 52 : first].mean(axis=1)
    stock = np.ceil(mean)
    transit = np.round(np.maximum(0.0, 2 * mean - stock))
    nodes: list[dict[str, object]] = [{"id": 0}, {"id": 1}]  # market and warehouse
    supply, market = [], []
    for item in range(len(played)):
        retailer = item + 2
        nodes.append({"id": retailer, "initial_stock": stock[item], "holding_cost": HOLDING})
        pipeline = [0.0, float(transit[item])]
        supply.append(
            {
                "supplier": 1,
                "buyer": retailer,
                "lead_time": LEAD_TIME,
                "price": 0.0,
                "pipeline_holding_cost": 0.0,
                "initial_pipeline": pipeline,
            }
        )
        market.append(
            {"name": f"item {item}", "retailer": retailer, "market": 0, "price": 0.0, "shortage_penalty": SHORTAGE}
        )
    data = {
        "markets": [f"item {item}" for item in range(len(played))],
        "start": "0",
        "frequency": "period",
        "values": sales.tolist(),
        "in_stock": flags.tolist(),
    }
    return Scenario.model_validate(
        {
            "name": f"vn2-week-{first}",
            "network": {"nodes": nodes, "supply_links": supply, "market_links": market},
            "demand": {"data": data},
            "fulfilment": "lost_sales",
            "horizon": WEEKS,
            "history": first,
            "window": {"start": first},
        }
    )


class Benchmark:
    """Official rule: one factor per week of the year, 13-week mean, order up to the next four weeks' forecast."""

    def begin(self, briefing: Briefing) -> None:
        """Take the history; weeks out of stock are missing."""
        self._demand = np.where(briefing.history_in_stock > 0, briefing.history, np.nan)

    def order(self, observation: Observation) -> FloatArray:
        """Order up to the forecast."""
        if observation.period:
            self._demand = np.vstack([self._demand, observation.last_demand])
        weeks = np.arange(len(self._demand)) % 52
        means = np.nanmean(self._demand, axis=1)
        season = np.array([means[weeks == week].mean() for week in range(52)])
        season /= season.mean()
        latest = self._demand[-13:] / season[weeks][-13:, None]
        seen = np.isfinite(latest)
        level = np.where(seen, latest, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        wanted = level * season[(len(weeks) + np.arange(4)) % 52].sum()
        orders = np.maximum(0.0, np.round(wanted - observation.on_hand - observation.in_transit))
        return orders if observation.period < ORDERED else np.zeros_like(orders)


class Played(NamedTuple):
    """An episode: its cost in euros, seconds of the briefing and of the slowest decision."""

    cost: float
    briefing: float
    decision: float


def play(scenario: Scenario, controller: Controller, seed: int = 1) -> Played:
    """Play one episode in this process."""
    view, simulator = TrackView(scenario, "blind"), Simulator(scenario)
    simulator.start(seed)
    started = time.perf_counter()
    controller.begin(view.brief(seed=seed, history=realised_history(scenario, seed)))
    briefing, slowest, profit = time.perf_counter() - started, 0.0, 0.0
    while not simulator.finished:
        observation = view.observe(simulator.state)
        started = time.perf_counter()
        orders = controller.order(observation)
        slowest = max(slowest, time.perf_counter() - started)
        profit += simulator.step(orders)
    return Played(-profit, briefing, slowest)


def controllers() -> dict[str, DemandGlobalConfig]:
    """Settings that are compared, by name."""
    return {"classical": DemandGlobalConfig(), "boosted": DemandGlobalConfig(boosting=BoostingSettings())}


def standard_error(changes: Sequence[float]) -> float:
    """Of the mean over windows, larger by the factor of `boards.md` because windows share half of their weeks."""
    return float(np.std(changes, ddof=1) / np.sqrt(len(changes)) * _OVERLAP)


def main() -> None:
    """Print a line per window, then the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", nargs="*", type=int, default=list(FIRST_WEEKS), help="first weeks, from 0")
    parser.add_argument("--items", type=int, help="only the first so many items")
    parser.add_argument("--period", type=int, help="season in weeks; absent: found in the history")
    parser.add_argument("--only", choices=sorted(controllers()), help="one of the controllers")
    arguments = parser.parse_args()
    recorded = read(Path(os.environ.get("ARENA_REFERENCE", "../shared/reference")) / "vn2")
    panel = {"season_period": arguments.period}
    chosen = {
        name: config.model_copy(update={"panel": config.panel.model_copy(update=panel)})
        for name, config in controllers().items()
        if arguments.only in (None, name)
    }
    changes: dict[str, list[float]] = {name: [] for name in chosen}
    for first in arguments.weeks:
        scenario = world(recorded, first, arguments.items)
        rival = play(scenario, Benchmark())
        line = f"week {first:3}: {len(scenario.network.market_links)} items, benchmark {rival.cost:8.1f}"
        for name, config in chosen.items():
            played = play(scenario, DemandGlobal(config))
            changes[name].append(100 * (played.cost / rival.cost - 1))
            line += f" | {name} {changes[name][-1]:+6.1f} % ({played.briefing:.1f} s, {played.decision:.2f} s)"
        print(line, flush=True)
    for name, each in changes.items():
        error = f" ± {standard_error(each):.1f}" if len(each) > 1 else ""
        print(f"{name}: {np.mean(each):+.2f}{error} %")


if __name__ == "__main__":
    main()
