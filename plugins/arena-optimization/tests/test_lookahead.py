"""Stores that look ahead: the simulation is the arena's, orders beat the rule behind them, and optima are met."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from classic_problems import endless_backlog, endless_lost_sales, store
from hypothesis import given, strategies as st

from arena import Scenario, Simulator, TrackView, load_scenario, load_suite
from arena_optimization.beliefs.seen_shares import SeenShares
from arena_optimization.config import StochasticProgramConfig
from arena_optimization.controllers.stochastic_program import StochasticProgram
from arena_optimization.lookahead.planner import StorePlanner
from arena_optimization.lookahead.rules import Rules
from arena_optimization.lookahead.simulation import Situation, simulate, weights_of
from arena_optimization.lookahead.store import Store, store_of
from arena_optimization.lookahead.stores import stores_of
from arena_optimization.programs.extensive_form import UnfinishedPlan
from arena_optimization.programs.independent_parts import whole

MONEY = st.sampled_from([0.0, 0.5, 1.0, 7.0])


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A store with one or two sources and every part that a look-ahead plays."""
    links = [
        {
            "supplier": 2,
            "buyer": 1,
            "name": f"way {number}",
            "lead_time": draw(st.integers(0, 3)),
            "order_delay": draw(st.integers(0, 2)),
            "price": draw(MONEY),
            "pipeline_holding_cost": draw(MONEY),
            "fixed_ordering_cost": draw(MONEY),
            "minimum_order": draw(st.sampled_from([0.0, 3.0])),
            "lot_size": draw(st.sampled_from([0.0, 2.0])),
        }
        for number in range(draw(st.integers(1, 2)))
    ]
    market = {"retailer": 1, "market": 0, "price": draw(MONEY), "shortage_penalty": draw(MONEY)}
    market["waiting_share"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Scenario.model_validate(
        {
            "name": "store",
            "horizon": draw(st.integers(1, 8)),
            "discount": draw(st.sampled_from([1.0, 0.9])),
            "demand": {"base_mean": 4.0},
            "network": {
                "nodes": [
                    {"id": 0},
                    {
                        "id": 1,
                        "initial_stock": draw(st.integers(0, 9)),
                        "holding_cost": draw(MONEY),
                        "terminal_value": draw(MONEY),
                    },
                    {"id": 2},
                ],
                "supply_links": links,
                "market_links": [market],
            },
        }
    )


def the_store(scenario: Scenario) -> Store:
    briefing = TrackView(scenario, "informed").brief(seed=1)
    found = store_of(briefing, whole(scenario.network))
    assert found is not None
    return found


def nothing_later(one: Store, horizon: int) -> Rules:
    shape = (horizon, len(one.sources), 1)
    return Rules(np.full(shape, -np.inf), np.full(shape, np.inf), np.zeros(shape))


@given(scenarios(), st.lists(st.integers(0, 12), min_size=2, max_size=2))
def test_an_order_earns_in_the_look_ahead_what_it_earns_in_the_arena(scenario: Scenario, units: list[int]) -> None:
    one, horizon = the_store(scenario), scenario.horizon
    simulator = Simulator(scenario)
    simulator.start(3)
    links = len(scenario.network.supply_links)
    simulator.step(np.array(units[:links], dtype=float))
    while not simulator.finished:
        simulator.step(np.zeros(links))
    ledger = simulator.ledger()
    first = np.array([[ledger.requested[0, source.link] for source in one.sources]], dtype=float)
    for place, source in enumerate(one.sources):
        if first[0, place] > 0:
            first[0, place] = max(first[0, place], source.minimum)
        if source.lot:
            first[0, place] = np.ceil(first[0, place] / source.lot) * source.lot
    situation = Situation(float(scenario.network.node(1).initial_stock or 0), 0.0, np.zeros(horizon + one.longest + 1))
    weights = weights_of(horizon, horizon, scenario.discount)
    profit = simulate(one, situation, ledger.demand.T, nothing_later(one, horizon), weights, first)
    assert float(profit[0]) == pytest.approx(float(ledger.node_profit.sum()), abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 9.0]))
def test_orders_are_never_worse_than_the_rule_on_their_own_paths(seed: int, waits: float, fixed: float) -> None:
    scenario = store("store", mean=4, lead_time=2, horizon=40, stock=8, holding=1, penalty=9, fixed=fixed)
    one = the_store(scenario)
    one = Store(**{**vars(one), "waiting_share": waits})
    generator = np.random.default_rng(seed)
    demand = generator.poisson(4, (64, 14)).astype(float)
    situation = Situation(float(generator.integers(0, 12)), 0.0, np.array([*generator.integers(0, 9, 2), *[0.0] * 13]))
    decision = StorePlanner(one).decide(situation, demand, horizon=12, left=40, discount=1.0, whole=True)
    weights = weights_of(12, 40, 1.0)
    both = np.array([decision.orders, decision.rule_orders])
    ours, rules = simulate(one, situation, demand[:, :12], decision.rules, weights, both)
    assert ours == pytest.approx(decision.profit, abs=1e-9)
    assert ours >= rules
    # The orders that are said to be the rule's are those that it places in the simulation.
    (played,) = simulate(one, situation, demand[:, :12], decision.rules, weights)
    assert rules == pytest.approx(played, abs=1e-9)


def orders_of(scenario: Scenario, periods: int, **settings: Any) -> tuple[np.ndarray, list[Any]]:
    """Orders of the first periods, and what was seen before each."""
    controller = StochasticProgram(StochasticProgramConfig(**settings))
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    controller.begin(view.brief(seed=5, time_budget=60.0))
    simulator.start(11)
    orders, seen = [], []
    for _ in range(periods):
        seen.append(view.observe(simulator.state))
        orders.append(controller.order(seen[-1]))
        simulator.step(orders[-1])
    assert controller.report().fallbacks == 0
    return np.array(orders), seen


def test_lost_sales_are_within_two_percent_of_their_optimum() -> None:
    scenario = store("store", mean=3, lead_time=2, horizon=400, stock=8, holding=1, penalty=9)
    cost, regret = endless_lost_sales(3, 2, 1, 9)
    orders, seen = orders_of(scenario, 80, lookahead_paths=256)
    assert np.mean([regret(*each) for each in zip(seen, orders, strict=True)]) <= 0.02 * cost


def test_fixed_costs_are_within_two_percent_of_their_optimum() -> None:
    scenario = store(
        "store", mean=3, lead_time=1, horizon=400, stock=8, holding=1, penalty=9, fixed=10, fulfilment="backlog"
    )
    cost, regret = endless_backlog(3, 1, 1, 9, 10)
    orders, seen = orders_of(scenario, 80, lookahead_paths=256)
    assert np.mean([regret(*each) for each in zip(seen, orders, strict=True)]) <= 0.02 * cost


def test_the_unit_of_money_changes_no_order() -> None:
    money = {"holding": 1.0, "price": 9.0, "cost": 3.0, "fixed": 4.0}
    both = [
        store("store", mean=4, lead_time=2, horizon=60, stock=8, **{name: scale * each for name, each in money.items()})
        for scale in (1.0, 40.0)
    ]
    ours, theirs = (orders_of(scenario, 12, lookahead_paths=128)[0] for scenario in both)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.sum() > 0


def test_both_ways_of_dual_sourcing_are_used_and_orders_are_whole() -> None:
    (scenario,) = (each for each in load_suite("classic").scenarios if each.name == "dual-sourcing")
    orders, _ = orders_of(scenario, 25, lookahead_paths=64)
    fast, slow = orders.sum(axis=0)
    assert 0 < fast < slow  # fast ones are dearer, and never the rule
    np.testing.assert_array_equal(orders, np.rint(orders))


def test_one_season_with_a_fixed_cost_and_free_stock_is_the_newsvendor() -> None:
    (scenario,) = (each for each in load_suite("classic").scenarios if each.name == "newsvendor-salvage")
    orders, _ = orders_of(scenario, 1)
    assert orders[0, 0] == pytest.approx(276.98, abs=4.0)  # a tenth of a deviation


def test_known_demand_is_planned_by_a_program() -> None:
    (scenario,) = (each for each in load_suite("classic").scenarios if each.name == "wagner-whitin")
    orders, _ = orders_of(scenario, 4)
    np.testing.assert_allclose(orders[:, 0], [210, 0, 150, 0], atol=1e-6)


def test_programs_of_long_episodes_plan_sixty_periods() -> None:
    (scenario,) = (each for each in load_suite("classic").scenarios if each.name == "clark-scarf")
    controller = StochasticProgram(StochasticProgramConfig(paths=2))
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    controller.begin(view.brief(seed=5, time_budget=60.0))
    simulator.start(1)
    observation = view.observe(simulator.state)
    controller.learn(observation)
    assert controller.plan(observation).flows.shape == (3, 60)


def test_empirical_demand_is_learnt_and_whole() -> None:
    seen, generator = SeenShares(), np.random.default_rng(1)
    normals = generator.standard_normal((2_000, 1))
    means, deviations = np.full_like(normals, 2.0), np.full_like(normals, 2.0**0.5)
    presumed = seen.quantiles(normals, means, deviations)
    assert presumed.max() > 4
    assert presumed.mean() == pytest.approx(2.0, abs=0.1)
    for demand in [0, 1, 2, 3, 4] * 40:
        seen.learn(float(demand), 2.0)
    learnt = seen.quantiles(normals, means, deviations)
    assert (learnt > 4).mean() < 0.005
    np.testing.assert_array_equal(learnt, np.rint(learnt))
    np.testing.assert_allclose(seen.quantiles(normals, 2 * means, 2 * deviations), 2 * learnt)


def test_published_networks_are_no_stores() -> None:
    for name in ("serial-stationary-backlog", "divergent-trend-seasonal-lost-sales"):
        assert stores_of(TrackView(load_scenario(name), "informed").brief(seed=1)) is None


def test_stores_that_the_time_did_not_suffice_for_order_expected_demand_and_count() -> None:
    scenario = store("store", mean=3, lead_time=2, horizon=30, stock=8, holding=1, penalty=9)
    view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
    stores = stores_of(view.brief(seed=1))
    assert stores is not None
    simulator.start(1)
    with pytest.raises(UnfinishedPlan, match="time limit") as raised:
        stores.plan(view.observe(simulator.state), np.full((8, 1, 30), 3.0), 20, time_limit=-1.0)
    assert raised.value.plan.flows[0, 0] == 3.0
