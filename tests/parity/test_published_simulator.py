"""The simulator against the published package itself: random worlds, random orders, every mode, every period.

The package's graph fixes the order of its links: suppliers in the order of the nodes. Networks are drawn in that order
(``grouped``), where ours have a free one. Left out is what the package does not have, or does otherwise on purpose of
the contract: extensions, links with means of their own, and uniform demand, which it does not centre on the mean.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings, strategies as st
from strategies import Episode, demands, episodes, networks, scenarios

from arena.contract.tracks import observe
from arena.simulate.simulator import Simulator
from arena.world.network import Network
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario

published = pytest.importorskip(
    "gym_invmgmt",
    reason="the published package is not installed: pip install gym-invmgmt==0.2.1 (tox -e parity has it)",
)

#: Quantities stay below 1e5, so that 1e-9 is relative above 1 and absolute below.
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}

#: What lies between 0 and this is rounding, by which one side may fall on the other side of a threshold.
KNIFE_EDGE = 1e-9


def published_topology(network: Network, scenario: Scenario) -> dict[str, Any]:
    """The network in the package's own format."""
    demand = scenario.demand
    dist_param: dict[str, float] = {"mu": 20.0}
    if demand.distribution == "normal":
        dist_param = {"loc": 20.0, "scale": demand.standard_deviation}
    nodes = []
    for node in network.nodes:
        entry: dict[str, Any] = {"id": node.id}
        if node.initial_stock is not None:
            entry |= {"I0": node.initial_stock, "h": node.holding_cost}
        if node.capacity is not None:
            entry |= {"C": node.capacity, "o": node.operating_cost, "v": node.yield_}
        nodes.append(entry)
    edges: list[dict[str, Any]] = [
        {
            "from": link.supplier,
            "to": link.buyer,
            "L": link.lead_time,
            "p": link.price,
            "g": link.pipeline_holding_cost,
            "K": link.fixed_ordering_cost,
        }
        for link in network.supply_links
    ]
    edges += [
        {
            "from": link.retailer,
            "to": link.market,
            "p": link.price,
            "b": link.shortage_penalty,
            "demand_dist": demand.distribution,
            "dist_param": dist_param,
        }
        for link in network.market_links
    ]
    return {"nodes": nodes, "edges": edges}


def published_demand(scenario: Scenario) -> dict[str, Any]:
    """The demand in the package's own format."""
    demand, goodwill = scenario.demand, scenario.goodwill
    config: dict[str, Any] = {"noise_scale": demand.noise_scale, "use_goodwill": goodwill is not None}
    if demand.series is not None:
        config["external_series"] = demand.series.levels(len(demand.series.values))
    else:
        config["base_mu"] = demand.base_mean
    config["effects"] = [name for name in ("trend", "seasonal", "shock") if getattr(demand, name) is not None]
    if demand.trend is not None:
        config["trend_slope"] = demand.trend.slope
    if demand.seasonal is not None:
        config |= {"seasonal_amp": demand.seasonal.amplitude, "seasonal_freq": demand.seasonal.frequency}
    if demand.shock is not None:
        config |= {"shock_time": demand.shock.time, "shock_mag": demand.shock.magnitude}
    if goodwill is not None:
        config |= {
            "gw_growth": goodwill.growth,
            "gw_decay": goodwill.decay,
            "gw_cap": goodwill.cap,
            "gw_floor": goodwill.floor,
        }
    return config


def published_environment(scenario: Scenario, folder: Path) -> Any:
    path = folder / f"topology-{os.getpid()}.yaml"
    path.write_text(yaml.safe_dump(published_topology(scenario.network, scenario), sort_keys=False))
    return published.CoreEnv(
        scenario="custom",
        config_path=path,
        demand_config=published_demand(scenario),
        num_periods=scenario.horizon,
        backlog=scenario.fulfilment == "backlog",
        alpha=scenario.discount,
    )


def compare(episode: Episode, environment: Any) -> None:
    """Play both, period by period; give up on an episode in which rounding decides on a fixed cost or on sentiment.

    Args:
        episode: what to play.
        environment: the published one, of the same scenario.
    """
    scenario = episode.scenario
    simulator = Simulator(scenario)
    simulator.start(episode.seed)
    theirs = environment.network
    nodes = [theirs.node_map[node_id] for node_id in scenario.network.managed]
    assert [(link.supplier, link.buyer) for link in scenario.network.supply_links] == theirs.reorder_links
    assert [(link.retailer, link.market) for link in scenario.network.market_links] == theirs.retail_links
    sales = [theirs.network_map[link] for link in theirs.retail_links]

    observation, _ = environment.reset(seed=episode.seed)
    for period, orders in enumerate(episode.orders):
        found = observe(scenario, "blind", simulator.state).vector
        np.testing.assert_allclose(found, observation, **TOLERANCE, err_msg=f"observation before {period}")
        observation, reward, _, truncated, _ = environment.step(orders)
        profit = simulator.step(orders)
        for quantities in (environment.R[period], environment.U[period]):
            assume(not ((quantities != 0) & (np.abs(quantities) < KNIFE_EDGE)).any())
        np.testing.assert_allclose(profit, reward, **TOLERANCE, err_msg=f"reward of {period}")
        assert truncated == simulator.finished
    found = observe(scenario, "blind", simulator.state).vector
    np.testing.assert_allclose(found, observation, **TOLERANCE, err_msg="last observation")

    ledger = simulator.ledger()
    expected = {
        "requested": environment.action_log,
        "filled": environment.R,
        "in_transit": environment.Y[1:],
        "on_hand": environment.X[1:, nodes],
        "demand": environment.D,
        "sold": environment.S[:, sales],
        "unfilled": environment.U,
        "node_profit": environment.P[:, nodes],
        "sentiment": environment.GW,
        "initial_on_hand": environment.X[0, nodes],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(ledger, name), values, **TOLERANCE, err_msg=name)


def has_published_spread(demand: Any) -> bool:
    return demand.distribution != "normal" or demand.standard_deviation is not None


published_scenarios = scenarios(
    networks(extensions=("fixed_ordering_cost",), grouped=True, mean_demand=False),
    demands(("poisson", "normal"), has_own_means=False, samplings=("direct",)).filter(has_published_spread),
    upstream_shortage=("lost",),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("topologies")


@pytest.mark.filterwarnings("ignore:external_series has only")
@settings(max_examples=300)
@given(episodes(published_scenarios))
def test_every_period_equals_the_published_one(folder, episode):
    compare(episode, published_environment(episode.scenario, folder))


@pytest.mark.parametrize(
    ("network", "theirs"),
    [("divergent", "network"), ("serial", "serial")],
)
@pytest.mark.parametrize("fulfilment", ["backlog", "lost-sales"])
@pytest.mark.parametrize("goodwill", ["", "-goodwill"])
@pytest.mark.parametrize("effects", ["trend-seasonal", "trend-seasonal-shock"])
@given(data=st.data())
def test_the_shipped_scenarios_equal_the_built_in_ones(network, theirs, fulfilment, goodwill, effects, data):
    """The published rows themselves, with the package's own networks and its default parameters."""
    scenario = load_scenario(f"{network}-{effects}{goodwill}-{fulfilment}")
    environment = published.CoreEnv(
        scenario=theirs,
        demand_config={"type": effects.replace("-", "+"), "base_mu": 20, "use_goodwill": bool(goodwill)},
        backlog=fulfilment == "backlog",
    )
    compare(data.draw(episodes(st.just(scenario))), environment)
    assert environment.action_space.high[0] == scenario.order_bound
