"""Paths of told distributions: what the arena draws, at every sentiment, and Poisson's own on Poisson worlds."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import ndtr

from arena import Demand, Goodwill, InformedBriefing, Network, Scenario, Simulator, TrackView
from arena_optimization.beliefs.demand_paths import DemandPaths, centred_normals
from arena_optimization.beliefs.forecast import ForecastOutlook
from arena_optimization.beliefs.told_paths import ToldPaths, quantiles
from arena_optimization.config import StochasticProgramConfig
from arena_optimization.controllers.stochastic_program import StochasticProgram

NETWORK: dict[str, Any] = {
    "nodes": [{"id": 0}, {"id": 1, "initial_stock": 8, "holding_cost": 1}, {"id": 2}, {"id": 3}],
    "supply_links": [{"supplier": 2, "buyer": 1, "lead_time": 2, "price": 0, "pipeline_holding_cost": 0}],
    "market_links": [
        {"retailer": 1, "market": market, "price": 0, "shortage_penalty": 20, "mean_demand": mean}
        for market, mean in ((0, 8.0), (3, 30.0))
    ],
}

demands = st.builds(
    lambda kind, noise_scale: Demand(noise_scale=noise_scale, **kind),
    st.sampled_from(
        [
            {"distribution": "normal"},
            {"distribution": "normal", "standard_deviation": 3.0},
            {"distribution": "uniform"},
            {"distribution": "uniform", "half_width": 5.0},
        ]
    ),
    st.floats(0.1, 2.0),
)


def scenario_of(demand: Demand, **fields: Any) -> Scenario:
    return Scenario(
        name="told", network=Network.model_validate(NETWORK), demand=demand, **{"goodwill": Goodwill(), **fields}
    )


def outlook(scenario: Scenario, sentiment: float, **briefing: Any) -> ForecastOutlook:
    simulator, view = Simulator(scenario), TrackView(scenario, "informed")
    simulator.start(1)
    told = view.brief(seed=3)
    assert isinstance(told, InformedBriefing)
    found = ForecastOutlook(dataclasses.replace(told, **briefing))
    found.observe(view.observe(dataclasses.replace(simulator.state, sentiment=sentiment)))
    return found


@settings(max_examples=60, deadline=None)
@given(demand=demands, now=st.sampled_from([0.6, 0.9, 1.3]), then=st.floats(0.5, 1.6))
def test_a_path_is_the_arenas_quantile_at_any_sentiment(demand: Demand, now: float, then: float) -> None:
    """The deviation is told at the present sentiment; a path may meet another one."""
    scenario = scenario_of(demand)
    paths = outlook(scenario, now).draw(4, 16)
    assert isinstance(paths, ToldPaths)
    means = np.broadcast_to(scenario.mean_demand(0, 4, then), paths.normals.shape)
    found = paths.at(np.full((16, 4), then))
    np.testing.assert_allclose(found, demand.quantile(ndtr(paths.normals), means), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(paths.at(np.full(16, then), 2), found[..., 2], rtol=1e-12)


@pytest.mark.parametrize("noise_scale", [0.0, 0.5, 1.0])
def test_poisson_paths_stay_as_they_were(noise_scale: float) -> None:
    paths = outlook(scenario_of(Demand(noise_scale=noise_scale)), 0.8).draw(5, 8)
    assert type(paths) is DemandPaths


def test_markets_of_one_network_have_distributions_of_their_own() -> None:
    poisson = outlook(scenario_of(Demand()), 1.0).draw(3, 32)
    mixed = outlook(scenario_of(Demand()), 1.0, distributions=("poisson", "uniform")).draw(3, 32)
    sentiments = np.ones((32, 3))
    one, other = poisson.at(sentiments), mixed.at(sentiments)
    np.testing.assert_array_equal(one[:, 0], other[:, 0])
    assert np.abs(other[:, 1] - 30.0).max() <= math.sqrt(3.0 * 30.0)


@pytest.mark.parametrize("name", ["normal", "uniform", "negative_binomial"])
@pytest.mark.parametrize(("mean", "deviation"), [(40.0, 3.0), (40.0, 9.0), (40.0, 0.0)])
def test_quantiles_have_the_told_mean_and_deviation(name: str, mean: float, deviation: float) -> None:
    normals = centred_normals(1, 4096, np.random.default_rng(1))[:, 0]
    demand = quantiles(name, normals, np.full(4096, mean), np.full(4096, deviation))
    assert demand.mean() == pytest.approx(mean, rel=0.01)
    assert demand.std() == pytest.approx(deviation, rel=0.03)


def test_an_unknown_distribution_without_demand_stays_without() -> None:
    demand = quantiles("gamma", np.array([-1.0, 2.0]), np.array([0.0, 5.0]), np.array([0.0, 0.0]))
    assert demand.tolist() == [0.0, 5.0]


def stock_of(told: dict[str, Any]) -> float:
    """Mean stock of the stochastic program where demand is nearly steady, after it could settle, units."""
    demand = Demand(distribution="normal", standard_deviation=0.5)
    scenario = scenario_of(demand, goodwill=None, horizon=12)
    simulator, view = Simulator(scenario), TrackView(scenario, "informed")
    controller = StochasticProgram(StochasticProgramConfig(paths=16))
    simulator.start(5)
    controller.begin(dataclasses.replace(view.brief(seed=1, time_budget=1_000.0), **told))
    while not simulator.finished:
        simulator.step(controller.order(view.observe(simulator.state)))
    return float(simulator.ledger().on_hand[4:, 0].mean())


def test_who_hears_that_demand_is_steady_holds_less_than_for_poisson_demand() -> None:
    assert stock_of({}) < 0.5 * stock_of({"distributions": ("poisson", "poisson")})
