"""Worlds of one stock point, played by the contest's simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from unhurried import load_profile

from arena import Scenario, Simulator, TrackView, realised_history
from arena_forecasting.config import DemandScenariosConfig
from arena_forecasting.controllers.demand_scenarios import DemandScenarios

load_profile()


def one_point(
    demand: Sequence[float],
    history: Sequence[float] = (),
    *,
    link: dict[str, Any] | None = None,
    links: Sequence[dict[str, Any]] = (),
    node: dict[str, Any] | None = None,
    market: dict[str, Any] | None = None,
    **written: Any,
) -> Scenario:
    """A world of one stock point with recorded demand; parts of it may be written otherwise."""
    plain = {"supplier": 0, "buyer": 1, "lead_time": 0, "price": 0.0, "pipeline_holding_cost": 0.0}
    supply = [plain | each for each in links] or [plain | (link or {})]
    nodes = [{"id": 0}, {"id": 1, "initial_stock": 0.0, "holding_cost": 1.0} | (node or {}), {"id": 2}]
    sale = {"retailer": 1, "market": 2, "price": 4.0, "shortage_penalty": 0.0} | (market or {})
    units = (*map(float, history), *map(float, demand))
    data = {"markets": ("2",), "start": "0", "frequency": "period", "values": (units,)}
    fields = {
        "name": "one-point",
        "network": {"name": "one-point", "nodes": nodes, "supply_links": supply, "market_links": [sale]},
        "demand": {"data": data},
        "fulfilment": "lost_sales",
        "horizon": len(demand),
        "history": len(history),
        "window": {"start": len(history), "count": 1},
    }
    return Scenario.model_validate(fields | written)


class Played:
    """An episode that was played: orders, (periods, links), and the ledger."""

    def __init__(self, scenario: Scenario, config: dict[str, Any], seed: int) -> None:
        world = scenario.window_at(0)
        view = TrackView(world, "blind")
        simulator = Simulator(world)
        simulator.start(seed)
        self.controller = DemandScenarios(DemandScenariosConfig(**config))
        self.controller.begin(view.brief(seed=seed, history=realised_history(world, seed)))
        orders = []
        while not simulator.finished:
            orders.append(self.controller.order(view.observe(simulator.state)))
            simulator.step(orders[-1])
        self.orders = np.array(orders)
        self.ledger = simulator.ledger()
        self.profit = float(self.ledger.reward.sum())


@pytest.fixture(scope="session")
def play() -> Callable[..., Played]:
    """Plays ``demand-scenarios`` on a scenario."""

    def played(scenario: Scenario, seed: int = 0, **config: Any) -> Played:
        return Played(scenario, config, seed)

    return played


@pytest.fixture(scope="session")
def world() -> Callable[..., Scenario]:
    """Makes a world of one stock point, see `one_point`."""
    return one_point
