"""Parts of worlds on the side of demand: distributions, dependence, sales in place of demand, and histories."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from one_stage_world import SPECS, mean_profit, one_stage

from arena import Scenario, Simulator, TrackView
from arena_heuristics.dependent_demand import DependentDemand
from arena_heuristics.sales import SeenSales, mean_beyond

# --- demand ----------------------------------------------------------------------------------------------------------


def test_a_told_distribution_has_its_own_deviation() -> None:
    wild = one_stage(demand={"distribution": "negative_binomial", "dispersion": 1.0})
    ignored = {"distributions": ("poisson",)}
    for name in ("newsvendor", "echelon", "clark-scarf"):
        assert mean_profit(wild, name, "informed") > mean_profit(wild, name, "informed", blind_to=ignored) + 100


def test_what_the_last_period_tells_of_the_next_earns_more() -> None:
    scenario = one_stage(demand={"distribution": "gamma", "shape": 2.0, "autoregression": 0.9})
    ignored = {"autoregressions": np.zeros(1)}
    for name in ("newsvendor", "ss", "echelon", "clark-scarf"):
        assert mean_profit(scenario, name, "informed") > 1.1 * mean_profit(scenario, name, "informed", blind_to=ignored)


@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.integers(1, 4))
@settings(max_examples=30)
def test_variances_over_periods_and_links_are_those_of_the_process(phi, rho, periods) -> None:
    estimate = DependentDemand(np.array([[1.0, 1.0]]), 1.0)
    estimate.set_dependence(np.array([phi, phi]), np.array([[1.0, rho], [rho, 1.0]]))
    estimate._spreads, estimate._forecast = np.full((2, 5), 3.0), np.full((2, 5), 50.0)
    by_sum = sum(phi ** abs(k - m) for k in range(periods) for m in range(periods)) * 9.0 * (2 + 2 * rho)
    unseen = estimate.over(np.array([periods - 1])).deviation
    assert unseen**2 == pytest.approx([by_sum], rel=1e-9, abs=1e-9)
    estimate._unknown = np.zeros(2)
    seen = by_sum - 9.0 * (2 + 2 * rho) * sum(phi ** (k + 1) for k in range(periods)) ** 2
    assert estimate.over(np.array([periods - 1])).deviation ** 2 == pytest.approx([seen], rel=1e-9, abs=1e-9)


def test_correlated_markets_pool_less(two_markets) -> None:
    written = {"network": two_markets, "demand": {"sampling": "inverse_cdf"}, "name": "test"}
    levels = []
    for correlation in (None, {"common": 0.8}):
        scenario = Scenario(**written, correlation=correlation)
        spec = SPECS["newsvendor"]
        rule = spec.factory(spec.config())
        view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
        rule.begin(view.brief(seed=1))
        simulator.start(1)
        rule.demand.observe(view.observe(simulator.state))
        levels.append(rule.demand.over(np.zeros(len(rule.stock.materials), dtype=np.int64)).deviation)
    centre = 2  # the only node that serves both
    assert levels[0][centre] == pytest.approx(math.sqrt(30), rel=1e-9)
    assert levels[1][centre] == pytest.approx(math.sqrt(30 + 2 * 0.8 * math.sqrt(200)), rel=1e-9)
    assert levels[1][0] == pytest.approx(levels[0][0], rel=1e-9)


@pytest.mark.parametrize("name", ["newsvendor", "ss", "exp-smoothing", "echelon", "local-base-stock"])
def test_sales_are_not_taken_for_demand(name) -> None:
    scenario = one_stage(node={"initial_stock": 5}, fulfilment="lost_sales", visible_demand="sales")
    ignored = {"visible_demand": "demand"}
    assert mean_profit(scenario, name, "blind") > mean_profit(scenario, name, "blind", blind_to=ignored) + 10


@given(st.floats(0, 60), st.floats(0.5, 50), st.floats(0, 20))
def test_demand_beyond_what_was_sold_is_at_least_that(sold, mean, deviation) -> None:
    found = mean_beyond(sold, mean, deviation)
    assert found >= max(sold, mean) - 1e-9
    assert found <= max(sold, mean) + deviation


@pytest.mark.parametrize("name", ["newsvendor", "ss", "exp-smoothing", "echelon", "local-base-stock"])
def test_a_history_takes_the_place_of_the_prior(name) -> None:
    told = one_stage(node={"initial_stock": 400}, history=30, horizon=8)
    empty = {"history": np.zeros((0, 1)), "history_in_stock": np.zeros((0, 1))}
    assert mean_profit(told, name, "blind") > mean_profit(told, name, "blind", blind_to=empty) + 20


def test_a_history_is_corrected_where_the_shelf_was_empty() -> None:
    sold, in_stock = np.array([[20.0], [20.0], [3.0]]), np.array([[1.0], [1.0], [0.0]])
    rows = SimpleNamespace(visible_demand="demand", history=sold, history_in_stock=in_stock)
    history = SeenSales(rows, np.array([10.0])).history[:, 0]
    assert history[:2].tolist() == [20.0, 20.0]
    assert history[2] == pytest.approx(20.0, abs=0.01)
