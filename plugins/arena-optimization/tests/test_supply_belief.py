"""What is believed of deliveries whose lead time varies: the law, what is under way, and plans over both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from arena import Scenario, Simulator, SupplyLink, Track, TrackView
from arena_optimization.beliefs.lead_times import LOST, LeadTimes
from arena_optimization.beliefs.seen_demand import mean_beyond
from arena_optimization.beliefs.supply import SupplyBelief
from arena_optimization.programs.rolling_horizon import Planner

LAW = {"values": [0, 1, 3, "lost"], "probabilities": [0.2, 0.4, 0.2, 0.2], "may_cross": True}


def store(law: dict[str, Any], *, horizon: int = 60, **more: Any) -> Scenario:
    link = {"supplier": 2, "buyer": 1, "lead_time": 1, "price": 1.0, "pipeline_holding_cost": 0.0}
    link["lead_time_distribution"] = law
    nodes = [{"id": 0}, {"id": 1, "initial_stock": 0.0, "holding_cost": 0.2}, {"id": 2}]
    sale = {"retailer": 1, "market": 0, "price": 3.0, "shortage_penalty": 1.0, "mean_demand": 4.0}
    network = {"name": "store", "nodes": nodes, "supply_links": [link], "market_links": [sale]}
    rules = {"name": "store", "horizon": horizon, "demand": {"noise_scale": 0.0}, **more}
    return Scenario.model_validate({**rules, "network": network})


def watched(scenario: Scenario, track: Track, seed: int = 1, units: Any = None) -> tuple[SupplyBelief, Simulator]:
    """A belief that has seen an episode but for its last period."""
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    belief = SupplyBelief(view.brief(seed=1))
    generator = np.random.default_rng(seed)
    simulator.start(seed)
    for _ in range(scenario.horizon - 1):
        belief.observe(view.observe(simulator.state))
        order = generator.uniform(1.0, 9.0, 1) if units is None else np.array([units])
        belief.note(order)
        simulator.step(order)
    belief.observe(view.observe(simulator.state))
    return belief, simulator


@pytest.mark.parametrize("arrivals", ["by_order", "total"])
def test_a_blind_belief_learns_the_law_from_arrivals(arrivals: str) -> None:
    belief, _ = watched(store(LAW, horizon=400, visible_arrivals=arrivals), "blind")
    learnt = belief._links[0].law.probabilities
    np.testing.assert_allclose(learnt, [0.2, 0.4, 0.0, 0.2, 0.2], atol=0.06)


def test_an_informed_belief_has_the_told_law_from_the_start() -> None:
    belief, _ = watched(store(LAW, horizon=2), "informed")
    np.testing.assert_allclose(belief._links[0].law.probabilities, [0.2, 0.4, 0.0, 0.2, 0.2], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), periods=st.integers(2, 25))
def test_totals_tell_which_orders_are_under_way(seed: int, periods: int) -> None:
    """Quantities differ, so that the set of orders that came is known from its sum."""
    hidden, simulator = watched(store(LAW, horizon=periods, visible_arrivals="total"), "informed", seed)
    np.testing.assert_allclose(hidden._links[0].units, simulator.state.pipeline, atol=1e-6)


def test_orders_under_way_are_drawn_given_that_they_have_not_come() -> None:
    told = SupplyLink(supplier=1, buyer=2, lead_time=1, price=0, pipeline_holding_cost=0, lead_time_distribution=LAW)
    law, generator = LeadTimes(told), np.random.default_rng(1)
    is_open, none = np.array([1, 0, 1]), np.zeros(3, dtype=np.int64)
    drawn = law.draw(is_open, none, 2, 1_000, generator)
    # Three periods ago: it arrives now or never. One period ago: after 1 or 3 periods, or never.
    assert set(drawn[:, 0].tolist()) == {3, LOST}
    assert np.mean(drawn[:, 0] == 3) == pytest.approx(0.5, abs=0.01)
    assert set(drawn[:, 2].tolist()) == {1, 3, LOST}
    assert np.mean(drawn[:, 3] == 0) == pytest.approx(0.2, abs=0.01)


def test_orders_that_may_not_cross_wait_for_those_before() -> None:
    own = {"values": [0, 4], "probabilities": [0.5, 0.5], "may_cross": False}
    told = SupplyLink(supplier=1, buyer=2, lead_time=1, price=0, pipeline_holding_cost=0, lead_time_distribution=own)
    law, generator = LeadTimes(told), np.random.default_rng(1)
    # The order of two periods ago is under way: it takes four, or waits for one before it that does.
    drawn = law.draw(np.array([0, 1, 0, 0]), np.zeros(4, dtype=np.int64), 3, 200, generator)
    arrival = np.arange(-4, 3) + drawn
    assert set(arrival[:, 2].tolist()) == {0, 1, 2}
    assert (np.diff(arrival, axis=1) >= 0).all()


def test_the_plan_is_the_best_over_its_paths() -> None:
    """Two periods, arrival at once or in the next, or never: brute force over orders on a grid."""
    law = {"values": [0, 1, "lost"], "probabilities": [0.25, 0.5, 0.25], "may_cross": True}
    scenario = store(law, horizon=2, fulfilment="lost_sales")
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    briefing = view.brief(seed=1)
    simulator.start(1)
    observation, belief = view.observe(simulator.state), SupplyBelief(view.brief(seed=1))
    belief.observe(observation)
    deliveries = belief.draw(2, 64)
    planner = Planner(briefing, horizon=lambda _network, left: left, paths=64, open_loop=True)
    plan = planner.plan(observation, np.full((64, 1, 2), 4.0), deliveries=deliveries)

    def earned(first: float, second: float) -> float:
        total = 0.0
        for kernel in deliveries.kernel[:, 0]:
            stock, profit = 0.0, -first - second
            for k in range(2):
                stock += first * kernel[0, k] + second * kernel[1, k]
                sold = min(stock, 4.0)
                stock -= sold
                profit += 3.0 * sold - (4.0 - sold) - 0.2 * stock
            total += profit
        return total / len(deliveries.kernel)

    grid = np.arange(0.0, 17.0)
    best = max(earned(first, second) for first in grid for second in grid)
    assert plan.objective == pytest.approx(best, abs=1e-6)
    assert earned(*plan.flows[0]) == pytest.approx(best, abs=1e-6)


def test_demand_beyond_sales_is_as_the_rules_have_it() -> None:
    from arena_heuristics.sales import mean_beyond as of_rules

    for sold, mean, deviation in ((20.0, 20.0, 5.0), (20.0, 10.0, 0.0), (0.0, 4.0, 2.0), (80.0, 10.0, 2.0)):
        found = mean_beyond(np.array([sold]), np.array([mean]), np.array([deviation]))
        assert found[0] == pytest.approx(of_rules(sold, mean, deviation), rel=1e-3)
