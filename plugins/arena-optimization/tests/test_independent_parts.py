"""Independent parts of a network: found where nothing is shared, and planned as together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arena import Network, Scenario, Simulator, TrackView, load_network
from arena_optimization.config import MultiStageProgramConfig, StochasticProgramConfig
from arena_optimization.controllers import published, stochastic_program
from arena_optimization.programs import rolling_horizon
from arena_optimization.programs.independent_parts import independent_parts, whole

EXACT: dict[str, Any] = {"gap": 1e-9}


def items(count: int, *, shared: dict[str, Any] | None = None, **more: Any) -> Scenario:
    """Stores that buy from one raw material, a market each."""
    raw = 2 * count
    nodes: list[dict[str, Any]] = [{"id": raw, **(shared or {})}]
    links, sales = [], []
    for i in range(count):
        nodes += [{"id": 2 * i}, {"id": 2 * i + 1, "initial_stock": 10.0 + i, "holding_cost": 0.1 + 0.03 * i}]
        own = {"lead_time": 1 + i % 2, "price": 1.0 + 0.1 * i, "pipeline_holding_cost": 0.01}
        links.append({"supplier": raw, "buyer": 2 * i + 1, **own})
        prices = {"price": 3.0 + 0.2 * i, "shortage_penalty": 0.5, "mean_demand": 3.0 + i}
        sales.append({"retailer": 2 * i + 1, "market": 2 * i, **prices})
    network = {"name": "items", "nodes": nodes, "supply_links": links, "market_links": sales}
    rules = {"name": "items", "horizon": 8, "demand": {"sampling": "inverse_cdf"}}
    return Scenario.model_validate({**rules, "network": network, **more})


def test_parts_share_nothing_but_raw_material_without_capacity() -> None:
    network = items(3).network
    parts = independent_parts(network)
    assert [part.links for part in parts] == [[0], [1], [2]]
    assert [part.markets for part in parts] == [[0], [1], [2]]
    assert [part.network.managed for part in parts] == [(1,), (3,), (5,)]
    [whole] = independent_parts(items(3, shared={"capacity": 9.0}).network)
    assert whole.network.supply_links == items(3, shared={"capacity": 9.0}).network.supply_links


@pytest.mark.parametrize("name", ["serial", "divergent", "tree", "assembly"])
def test_shipped_networks_are_one_part(name: str) -> None:
    network: Network = load_network(name)
    [part] = independent_parts(network)
    assert part.network is network


@pytest.mark.parametrize("fulfilment", ["backlog", "lost_sales"])
@pytest.mark.parametrize("controller", ["stochastic-program", "mssp"])
def test_parts_are_planned_as_together(controller: str, fulfilment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    law = {"values": [1, 2, "lost"], "probabilities": [0.5, 0.3, 0.2], "may_cross": True}
    scenario = items(3, fulfilment=fulfilment)
    varying = scenario.network.supply_links[0].model_dump() | {"lead_time_distribution": law}
    written = scenario.network.model_dump(by_alias=True)
    written["supply_links"] = [varying, *written["supply_links"][1:]]
    if fulfilment == "lost_sales":
        scenario = Scenario.model_validate({**scenario.model_dump(by_alias=True), "network": written})
    orders = {}
    for apart in (True, False):
        if not apart:
            monkeypatch.setattr(rolling_horizon, "independent_parts", lambda network: [whole(network)])
        made = (
            stochastic_program.StochasticProgram(StochasticProgramConfig(**EXACT))
            if controller == "stochastic-program"
            else published.MultiStageProgram(MultiStageProgramConfig(**EXACT))
        )
        view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
        made.begin(view.brief(seed=1, time_budget=60.0))
        simulator.start(1)
        made_of = []
        for _ in range(3):
            made_of.append(made.order(view.observe(simulator.state)))
            # The same course for both: it is the decision that is compared.
            simulator.step(np.full(3, 4.0))
        orders[apart] = np.array(made_of)
        assert made.report().fallbacks == 0
    np.testing.assert_allclose(orders[True], orders[False], atol=1e-6)
