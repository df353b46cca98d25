"""Large networks to measure and test with, and a match's host without processes.

from large_networks import ConstantHost, write
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.contract.messages import Briefing, Observation
from arena.entry.submission import Manifest, Submission

ORDER = 10.0
"""Units that every link is asked for in every period."""

SUBMISSION = Submission(
    name="constant",
    manifest=Manifest(name="constant", controller="constant.py:Constant", track="blind"),
    path=None,
    digest="5" * 64,
    folder=None,
    controller="constant.py:Constant",
    track="blind",
    config={},
)
"""What a `ConstantHost` is said to play."""


class ConstantHost:
    """A host whose controller orders the same on every link, in this process."""

    isolation = "trusted"

    def open(self, submission: Submission, model: object = None) -> ConstantSeat:
        return ConstantSeat()

    def close(self) -> None:
        pass


class ConstantSeat:
    stderr_tail = ""

    def __init__(self) -> None:
        self._orders: NDArray[np.float64] = np.empty(0)

    def setup(self) -> None:
        pass

    def begin(self, briefing: Briefing) -> None:
        self._orders = np.full(len(briefing.order_bound), ORDER)

    def order(self, observation: Observation) -> NDArray[np.float64]:
        return self._orders

    def close(self) -> ControllerReport:
        return ControllerReport()

    def release(self) -> None:
        pass


def tree(nodes: int) -> dict[str, Any]:
    """A raw material, a factory, distributors, and a market for each retailer."""
    retailers = (nodes - 2) * 49 // 100
    distributors = nodes - 2 - 2 * retailers
    first_retailer, first_market = 2 + distributors, 2 + distributors + retailers
    managed = [{"id": 1, "initial_stock": 5_000, "holding_cost": 0.01, "capacity": 1e6, "operating_cost": 0.01}]
    supply = [(0, 1, 1)]
    for node in range(2, first_market):
        managed.append({"id": node, "initial_stock": 500 if node < first_retailer else 30, "holding_cost": 0.02})
        supply.append((1 if node < first_retailer else 2 + node % distributors, node, 2))
    return {
        "name": "tree",
        "nodes": [{"id": 0}, *managed, *({"id": market} for market in range(first_market, nodes))],
        "supply_links": [
            {"supplier": one, "buyer": other, "lead_time": time, "price": 1.0, "pipeline_holding_cost": 0.001}
            for one, other, time in supply
        ],
        "market_links": [
            {
                "retailer": first_retailer + i,
                "market": first_market + i,
                "price": 2.0,
                "shortage_penalty": 0.1,
                "mean_demand": 10.0,
            }
            for i in range(retailers)
        ],
    }


def write(folder: Path, nodes: int, horizon: int) -> Path:
    # YAML holds JSON, which is written many times faster.
    (folder / "tree.yaml").write_text(json.dumps(tree(nodes)))
    (folder / "large.yaml").write_text(f"name: large\nnetwork: tree.yaml\nhorizon: {horizon}\n")
    return folder / "large.yaml"
