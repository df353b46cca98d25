"""Names of nodes in what people read: faults of a network and of its data, and pictures of an episode."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from arena import InvalidInput, Network, Scenario
from arena.contract.tracks import brief
from arena.envs import InventoryEnv
from arena.schemas import parse_as

SUPPLY = {"lead_time": 1, "price": 1.0, "pipeline_holding_cost": 0.0}
SALE = {"price": 2.0, "shortage_penalty": 0.1, "mean_demand": 5}
NETWORK: dict[str, Any] = {
    "nodes": [
        {"name": "mill"},
        {"name": "bakery", "initial_stock": 9, "holding_cost": 0.1, "capacity": 50, "operating_cost": 0.1},
        {"name": "kiosk", "initial_stock": 9, "holding_cost": 0.1},
        {"name": "passers-by"},
    ],
    "supply_links": [
        {"supplier": "mill", "buyer": "bakery", **SUPPLY},
        {"supplier": "bakery", "buyer": "kiosk", **SUPPLY},
    ],
    "market_links": [{"retailer": "kiosk", "market": "passers-by", **SALE}],
}
STOCK = {"initial_stock": 1, "holding_cost": 0}


def changed(**additions: Any) -> dict[str, Any]:
    network = copy.deepcopy(NETWORK)
    for kind, more in additions.items():
        network[kind] += more
    return network


def without(node: int, field: str) -> dict[str, Any]:
    network = copy.deepcopy(NETWORK)
    del network["nodes"][node][field]
    return network


def with_bill(*suppliers: str) -> dict[str, Any]:
    network = changed(nodes=[{"name": "dairy"}], supply_links=[{"supplier": "dairy", "buyer": "bakery", **SUPPLY}])
    network["nodes"][1]["bill_of_materials"] = [{"suppliers": [one]} for one in suppliers]
    return network


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (changed(supply_links=[{"supplier": "kiosk", "buyer": "bakery", **SUPPLY}]), "kiosk -> bakery"),
        (changed(supply_links=[{"supplier": "mill", "buyer": "bakery", **SUPPLY}]), 'got "mill -> bakery"'),
        (changed(supply_links=[{"supplier": "mill", "buyer": "passers-by", **SUPPLY}]), 'got "passers-by"'),
        (changed(nodes=[{"name": "alone"}]), 'got "alone"'),
        (changed(supply_links=[{"supplier": 9, "buyer": "bakery", **SUPPLY}]), "mill, bakery, kiosk, passers-by"),
        (without(2, "holding_cost"), "node kiosk is a distributor"),
        (with_bill("mill"), "every supplier of node bakery delivers a component"),
        (with_bill("mill"), "add supplier dairy to a component"),
        (with_bill("mill", "dairy", "kiosk"), 'suppliers of node bakery, got "kiosk"'),
        (
            changed(
                nodes=[{"name": "farm"}, {"name": "stall", **STOCK}, {"name": "walkers"}],
                supply_links=[{"supplier": "farm", "buyer": "stall", **SUPPLY}],
                market_links=[{"retailer": "stall", "market": "walkers", **SALE}],
            ),
            '["farm", "stall", "walkers"]',
        ),
    ],
)
def test_faults_of_a_network_call_nodes_by_their_names(network: dict[str, Any], told: str) -> None:
    assert parse_as(Network, NETWORK, "network").managed == (1, 2)
    with pytest.raises(InvalidInput) as caught:
        parse_as(Network, network, "network")
    assert told in str(caught.value)


def test_a_market_without_data_is_called_by_its_name() -> None:
    data = {"markets": ["nobody"], "start": "0", "frequency": "period", "values": [[1.0] * 9]}
    scenario = {"name": "s", "network": NETWORK, "horizon": 5, "demand": {"data": data}}
    with pytest.raises(InvalidInput, match="kiosk to passers-by"):
        parse_as(Scenario, scenario, "scenario")
    data["markets"] = ["passers-by"]
    assert parse_as(Scenario, scenario, "scenario").horizon == 5


def test_a_picture_calls_nodes_by_their_names_and_an_observation_does_not() -> None:
    scenario = parse_as(Scenario, {"name": "s", "network": NETWORK, "horizon": 5}, "scenario")
    env = InventoryEnv(scenario, render_mode="ansi")
    env.reset(seed=1)
    env.step(np.zeros(2, dtype=np.float32))
    rows = str(env.render()).splitlines()[-2:]
    assert [row.split()[0] for row in rows] == ["bakery", "kiosk"]
    assert "kiosk" not in str(brief(scenario, "blind", seed=1))
