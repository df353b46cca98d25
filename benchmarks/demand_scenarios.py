# ruff: noqa: E402 - the libraries read the number of threads when they are imported
"""Plays ``demand-scenarios`` on worlds of one stock point, in one process or two, by the contest's simulator.

Either the instances of InventoryBench (``--data`` names a folder with ``instances.jsonl``), or worlds of own random
series (``--own COUNT``), on which the controller is tuned. Shown per cell: mean of max(0, profit / full revenue), and
time per decision::

    python benchmarks/demand_scenarios.py --own 60
    python benchmarks/demand_scenarios.py --data FOLDER --every 8
    python benchmarks/demand_scenarios.py --data FOLDER --redraw 1 --option paths=200
"""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from own_series import own_instances

from arena import Scenario, Simulator, TrackView, realised_history
from arena_forecasting.config import DemandScenariosConfig
from arena_forecasting.controllers.demand_scenarios import DemandScenarios

LONGEST = 4
"""Longest lead time that every world is told of, periods."""


def make_world(instance: dict[str, Any]) -> Scenario:
    """Return the world of an instance: one stock point, unlimited supply, hidden arrivals."""
    series = ["lost" if each is None else each for each in instance["lead_times"]]
    link = {"supplier": 0, "buyer": 1, "lead_time": instance["promised_lead_time"], "price": 0.0}
    link |= {"pipeline_holding_cost": 0.0, "lot_size": 1.0}
    link["lead_time_series"] = {"values": [*series, LONGEST], "may_cross": True}
    nodes = [{"id": 0}, {"id": 1, "initial_stock": 0.0, "holding_cost": instance["holding_cost"]}, {"id": 2}]
    market = {"retailer": 1, "market": 2, "price": instance["price"], "shortage_penalty": 0.0}
    units = (*map(float, instance["history"]), *map(float, instance["demand"]))
    data = {"markets": ("2",), "start": "0", "frequency": "period", "values": (units,)}
    return Scenario.model_validate(
        {
            "name": "instance",
            "network": {"name": "one", "nodes": nodes, "supply_links": [link], "market_links": [market]},
            "demand": {"data": data},
            "fulfilment": "lost_sales",
            "horizon": len(instance["demand"]),
            "history": len(instance["history"]),
            "window": {"start": len(instance["history"]), "count": 1},
            "visible_arrivals": "total",
        }
    )


def play(task: tuple[dict[str, Any], dict[str, Any]]) -> tuple[str, float, float, int]:
    """Play an instance, and return its cell, its score, seconds of all decisions and their number."""
    instance, options = task
    world = make_world(instance).window_at(0)
    view = TrackView(world, "blind")
    simulator = Simulator(world)
    simulator.start(0)
    controller = DemandScenarios(DemandScenariosConfig(**options))
    seconds, decisions = 0.0, 0
    controller.begin(view.brief(seed=instance.get("seed", 0), history=realised_history(world, 0)))
    while not simulator.finished:
        observation = view.observe(simulator.state)
        started = time.process_time()
        orders = controller.order(observation)
        seconds += time.process_time() - started
        decisions += 1
        simulator.step(orders)
    profit = float(simulator.ledger().reward.sum())
    return instance["cell"], max(0.0, profit / (instance["price"] * sum(instance["demand"]))), seconds, decisions


def read(folder: Path, every: int, offset: int, redraw: int | None) -> list[dict[str, Any]]:
    """Return instances, each with the name of its cell."""
    instances = [json.loads(line) for line in (folder / "instances.jsonl").read_text().splitlines()]
    generator = np.random.default_rng(redraw)
    for instance in instances:
        family, lead_time = instance["id"].split("/")[:2]
        instance["cell"] = f"{family.split('_')[0]}-{lead_time}"
        if redraw is not None and lead_time.endswith("stochastic"):
            law = (1, 2, 3, None)
            instance["lead_times"] = [law[place] for place in generator.integers(4, size=len(instance["demand"]))]
    return instances[offset::every]


def main() -> None:
    """Print a line per cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--own", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--cell", default="", help="part of the names of the cells that are played")
    parser.add_argument("--redraw", type=int, help="seed of other lead times for the stochastic cells")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--option", action="append", default=[])
    arguments = parser.parse_args()
    options = {name: json.loads(value) for name, value in (each.split("=") for each in arguments.option)}
    if arguments.data is None:
        instances = own_instances(arguments.own or 60, arguments.first)
    else:
        instances = read(arguments.data, arguments.every, arguments.offset, arguments.redraw)
    tasks = [(instance, options) for instance in instances if arguments.cell in instance["cell"]]
    started = time.perf_counter()
    with ProcessPoolExecutor(arguments.workers) as pool:
        rows = list(pool.map(play, tasks, chunksize=4))
    cells: dict[str, list[float]] = {}
    for cell, score, _, _ in rows:
        cells.setdefault(cell, []).append(score)
    for cell, scores in sorted(cells.items()):
        print(f"{cell:28} {len(scores):4}  {np.mean(scores):.4f}")
    times = sum(row[2] for row in rows) / sum(row[3] for row in rows)
    scores = [row[1] for row in rows]
    print(f"{'all':28} {len(rows):4}  {np.mean(scores):.4f}   {1e3 * times:.1f} ms of processor time a decision")
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
