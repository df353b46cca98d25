"""Networks and observations that the tests of the rules share."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from unhurried import load_profile

from arena import Briefing, Network, Observation, Scenario, Simulator, TrackView, load_scenario

load_profile()


def small_network(**changes: Any) -> Network:
    """Raw 9 → factory 3 → distributor 2 → retailer 1 → market 0; factory 4 is the retailer's dearer, faster supplier.

    Args:
        changes: Replacements of whole lists: ``nodes``, ``supply_links``, ``market_links``.
    """
    description: dict[str, Any] = {
        "name": "small",
        "nodes": [
            {"id": 0},
            {"id": 1, "initial_stock": 60, "holding_cost": 0.03},
            {"id": 2, "initial_stock": 50, "holding_cost": 0.02},
            {"id": 3, "initial_stock": 80, "holding_cost": 0.01, "capacity": 50, "operating_cost": 0.01},
            {"id": 4, "initial_stock": 30, "holding_cost": 0.02, "capacity": 40, "operating_cost": 0.02},
            {"id": 9},
        ],
        "supply_links": [
            {"supplier": 2, "buyer": 1, "lead_time": 4, "price": 1.6, "pipeline_holding_cost": 0.01},
            {"supplier": 4, "buyer": 1, "lead_time": 2, "price": 1.8, "pipeline_holding_cost": 0.01},
            {"supplier": 3, "buyer": 2, "lead_time": 3, "price": 1.0, "pipeline_holding_cost": 0.01},
            {"supplier": 9, "buyer": 3, "lead_time": 0, "price": 0.2, "pipeline_holding_cost": 0.0},
            {"supplier": 9, "buyer": 4, "lead_time": 1, "price": 0.4, "pipeline_holding_cost": 0.0},
        ],
        "market_links": [{"retailer": 1, "market": 0, "price": 2.0, "shortage_penalty": 0.1, "mean_demand": 20}],
    }
    return Network.model_validate({**description, **changes})


@pytest.fixture
def network() -> Network:
    return small_network()


@pytest.fixture
def network_with() -> Callable[..., Network]:
    return small_network


@pytest.fixture
def scenario_of() -> Callable[..., Scenario]:
    def make(network: Network, **settings: Any) -> Scenario:
        return Scenario(name="test", network=network, **settings)

    return make


@pytest.fixture
def briefing_of(scenario_of: Callable[..., Scenario]) -> Callable[..., Briefing]:
    def make(network: Network, track: str = "blind", **settings: Any) -> Briefing:
        return TrackView(scenario_of(network, **settings), track).brief(seed=1, time_budget=1.0)

    return make


@pytest.fixture
def observation_of(scenario_of: Callable[..., Scenario]) -> Callable[..., Observation]:
    """Make the first observation of a network, with some arrays replaced."""

    def make(
        network: Network, track: str = "blind", scenario: dict[str, Any] | None = None, **arrays: Any
    ) -> Observation:
        world = scenario_of(network, **(scenario or {}))
        simulator = Simulator(world)
        simulator.start(1)
        values = {
            name: np.array(value, dtype=np.float64) if isinstance(value, list) else value
            for name, value in arrays.items()
        }
        return replace(TrackView(world, track).observe(simulator.state), **values)

    return make


@pytest.fixture(scope="session")
def serial() -> Scenario:
    return load_scenario("serial-stationary-backlog")


@pytest.fixture
def assembly(network_with: Callable[..., Network]) -> Network:
    """Makers 3, 4, 5 → factory 2 → retailer 1 → market 0; a unit takes one of maker 3 or 4 and two of maker 5."""
    makers = [
        {"id": i, "initial_stock": 50, "holding_cost": 0.01, "capacity": 80, "operating_cost": 0.01} for i in (3, 4, 5)
    ]
    bill = [{"suppliers": [3, 4], "units": 1}, {"suppliers": [5], "units": 2}]
    return network_with(
        nodes=[
            {"id": 0},
            {"id": 1, "initial_stock": 60, "holding_cost": 0.03},
            {
                "id": 2,
                "initial_stock": 40,
                "holding_cost": 0.02,
                "capacity": 60,
                "operating_cost": 0.01,
                "bill_of_materials": bill,
            },
            *makers,
            {"id": 8},
            {"id": 9},
        ],
        supply_links=[
            {"supplier": 2, "buyer": 1, "lead_time": 2, "price": 2.0, "pipeline_holding_cost": 0.01},
            {"supplier": 3, "buyer": 2, "lead_time": 3, "price": 1.0, "pipeline_holding_cost": 0.01},
            {"supplier": 5, "buyer": 2, "lead_time": 5, "price": 0.7, "pipeline_holding_cost": 0.01},
            {"supplier": 4, "buyer": 2, "lead_time": 3, "price": 1.0, "pipeline_holding_cost": 0.01},
            {"supplier": 8, "buyer": 3, "lead_time": 1, "price": 0.3, "pipeline_holding_cost": 0.0},
            {"supplier": 8, "buyer": 4, "lead_time": 1, "price": 0.3, "pipeline_holding_cost": 0.0},
            {"supplier": 9, "buyer": 5, "lead_time": 1, "price": 0.2, "pipeline_holding_cost": 0.0},
        ],
    )


@pytest.fixture
def two_markets(network_with: Callable[..., Network]) -> Network:
    """Raw 9 → factories 5, 6 → centre 3 → retailers 1, 2 → markets 0, 7."""
    return network_with(
        nodes=[
            {"id": 0},
            {"id": 7},
            {"id": 1, "initial_stock": 100, "holding_cost": 0.03},
            {"id": 2, "initial_stock": 40, "holding_cost": 0.03},
            {"id": 3, "initial_stock": 100, "holding_cost": 0.02},
            {"id": 5, "initial_stock": 90, "holding_cost": 0.01, "capacity": 60, "operating_cost": 0.01},
            {"id": 6, "initial_stock": 90, "holding_cost": 0.01, "capacity": 60, "operating_cost": 0.01},
            {"id": 9},
        ],
        supply_links=[
            {"supplier": 3, "buyer": 1, "lead_time": 3, "price": 1.5, "pipeline_holding_cost": 0.01},
            {"supplier": 3, "buyer": 2, "lead_time": 1, "price": 1.5, "pipeline_holding_cost": 0.01},
            {"supplier": 5, "buyer": 3, "lead_time": 0, "price": 0.0, "pipeline_holding_cost": 0.01},
            {"supplier": 6, "buyer": 3, "lead_time": 10, "price": 1.0, "pipeline_holding_cost": 0.01},
            {"supplier": 9, "buyer": 5, "lead_time": 1, "price": 0.2, "pipeline_holding_cost": 0.0},
            {"supplier": 9, "buyer": 6, "lead_time": 1, "price": 0.2, "pipeline_holding_cost": 0.0},
        ],
        market_links=[
            {"retailer": 1, "market": 0, "price": 2.0, "shortage_penalty": 0.1, "mean_demand": 20},
            {"retailer": 2, "market": 7, "price": 2.0, "shortage_penalty": 0.1, "mean_demand": 10},
        ],
    )
