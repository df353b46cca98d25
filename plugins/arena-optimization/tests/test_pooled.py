"""Pooled customers: the same optimum as with rows for every path, and only where that is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import changed, networks, order_sequences, scenarios

from arena import Goodwill, Node, Scenario, Simulator, TrackView, load_network, load_scenario
from arena_optimization.beliefs.demand_paths import DemandPaths
from arena_optimization.controllers.customers import Customers
from arena_optimization.programs.extensive_form import PathwiseProgram, Plan
from arena_optimization.programs.pooled_program import PooledProgram, poolable
from arena_optimization.programs.rolling_horizon import Planner
from arena_optimization.programs.start import Start

BACKLOG = scenarios(
    networks(2, 5, extensions=("bill_of_materials",)), goodwill=False, longest=8, upstream_shortage=("lost",)
).map(lambda scenario: changed(scenario, fulfilment="backlog"))
SERIAL = changed(load_scenario("serial-stationary-backlog"), horizon=8)


def planner_of(scenario: Scenario, paths: int = 1) -> Planner:
    return Planner(
        TrackView(scenario, "blind").brief(seed=1), horizon=lambda _, left: left, paths=paths, open_loop=True
    )


def somewhere(scenario: Scenario, planner: Planner, orders: np.ndarray, seed: int) -> tuple[Start, int]:
    """A start in the middle of an episode, and the periods left."""
    simulator = Simulator(scenario)
    simulator.start(seed)
    for period in orders:
        simulator.step(period)
    left = scenario.horizon - len(orders)
    return planner.start(TrackView(scenario, "blind").observe(simulator.state), left), left


def brought(scenario: Scenario, planner: Planner, plan: Plan, start: Start, demand: np.ndarray) -> float:
    """Mean over paths of what customers bring under a plan."""
    neutral = Goodwill(growth=1.0, decay=1.0, cap=1.0, floor=1.0)
    simulator, view = Simulator(scenario), TrackView(scenario, "blind")
    simulator.start(1)
    paths = DemandPaths(base=demand, normals=np.zeros(demand.shape), dispersion=np.ones(1), noise_scale=0.0)
    customers = Customers(view.brief(seed=1))
    return customers.play(plan.flows, start, paths, neutral, view.observe(simulator.state)).profit


def drawn_demand(scenario: Scenario, paths: int, horizon: int, seed: int) -> np.ndarray:
    """Lumpy and with equal values on some paths, units, (paths, market links, horizon)."""
    shape = (paths, len(scenario.network.market_links), horizon)
    return 3.0 * np.random.default_rng(seed).integers(0, 12, shape)


@settings(max_examples=40, deadline=None)
@given(scenario=BACKLOG, seed=st.integers(0, 10_000), data=st.data())
def test_the_optimum_is_that_of_rows_for_every_path(scenario: Scenario, seed: int, data: st.DataObject) -> None:
    discount = data.draw(st.sampled_from([1.0, 0.9]))
    scenario = changed(scenario, discount=discount)
    planner = planner_of(scenario)
    assume(poolable(planner.form, planner.network, discount=discount))
    orders = data.draw(order_sequences(scenario))[: data.draw(st.integers(0, scenario.horizon - 1))]
    start, left = somewhere(scenario, planner, orders, seed)
    paths = data.draw(st.integers(2, 6))
    form = planner.form.cut(left)
    extra = np.zeros(len(form.columns))
    extra[form.columns.where("unfilled")] = -data.draw(st.sampled_from([0.0, 0.7]))
    plans = []
    for program in (
        PathwiseProgram(form, paths=paths, shared=left, discount=discount),
        PooledProgram(form, planner.network, paths=paths, discount=discount),
    ):
        program.price(extra)
        # The second load changes bounds of a program that has been solved.
        for repetition in (1, 0):
            program.load(start, drawn_demand(scenario, paths, left, seed + repetition))
            plan = program.solve()
        plans.append(plan)
    rows, pooled = plans
    assert pooled.objective == pytest.approx(rows.objective, rel=1e-8, abs=1e-7)
    if not extra.any():
        # Of several best plans either may be found; both divide the profit alike into customers and the rest.
        demand = drawn_demand(scenario, paths, left, seed)
        rest = [p.objective - p.common_profit - brought(scenario, planner, p, start, demand) for p in plans]
        assert rest[1] == pytest.approx(rest[0], rel=1e-8, abs=1e-6)


def test_what_is_common_to_the_paths_is_earned_without_customers() -> None:
    """Worked by hand: 7 units made for 0.5 each in period 0 and carried over 4 + 4 links; nothing else is bought."""
    planner = planner_of(SERIAL)
    program = PooledProgram(planner.form, planner.network, paths=2)
    nothing = Start(np.zeros(3), np.zeros((3, 8)), np.zeros(1))
    program.load(nothing, np.zeros((2, 1, 8)))
    assert program.solve().common_profit == pytest.approx(0.0, abs=1e-9)
    demand = np.zeros((2, 1, 8))
    program.load(Start(np.array([0.0, 7.0, 0.0]), np.zeros((3, 8)), np.array([7.0])), demand)
    plan = program.solve()
    # Shipped at once from the distributor, 4 periods under way at .010 a unit, then sold at 2.0 after 4 periods of .1.
    assert plan.flows[0, 0] == pytest.approx(7.0)
    assert plan.common_profit == pytest.approx(-7 * 4 * 0.010, rel=1e-9)
    assert plan.objective == pytest.approx(7 * 2.0 - 7 * 4 * 0.010 - 7 * 4 * 0.1, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.integers(1, 3))
def test_where_the_solver_starts_does_not_change_the_optimum(seed: int, shift: int) -> None:
    planner = planner_of(SERIAL)
    former = PooledProgram(planner.form, planner.network, paths=5)
    start, left = somewhere(SERIAL, planner, np.full((0, 3), 20.0), seed)
    former.load(start, drawn_demand(SERIAL, 5, left, seed))
    former.solve()
    form = planner.form.cut(8 - shift)
    later, _ = somewhere(SERIAL, planner, np.full((shift, 3), 20.0), seed)
    demand, optima = drawn_demand(SERIAL, 5, 8 - shift, seed + 1), []
    for warm in (True, False):
        program = PooledProgram(form, planner.network, paths=5)
        program.load(later, demand)
        if warm:
            program.start_from(former.basis.later(shift, 8 - shift))
        optima.append(program.solve().objective)
    assert optima[0] == pytest.approx(optima[1], rel=1e-9)


def with_network(**changes: Any) -> Scenario:
    return changed(SERIAL, network=changed(SERIAL.network, **changes))


def test_customers_are_pooled_where_one_retailer_each_serves_them_in_the_end() -> None:
    def pools(scenario: Scenario) -> bool:
        planner = planner_of(scenario)
        return poolable(planner.form, planner.network, discount=1.0)

    network = SERIAL.network
    (market,) = network.market_links
    more = (*network.nodes, Node(id=9))
    assert pools(SERIAL)
    assert pools(changed(SERIAL, network=load_network("tree")))
    assert not pools(changed(SERIAL, fulfilment="lost_sales"))
    assert not pools(with_network(nodes=more, market_links=(market, changed(market, market=9))))  # whom to serve first
    assert not pools(with_network(nodes=more, market_links=(market, changed(market, retailer=2, market=9))))  # ships on
    factory = changed(network.node(1), capacity=90, operating_cost=3.0, yield_=1.0)
    loss = tuple(factory if node.id == 1 else node for node in network.nodes)
    assert not pools(with_network(nodes=loss))  # every sale loses money, so that customers should wait
    fixed = tuple(changed(link, fixed_ordering_cost=5.0) for link in network.supply_links)
    assert not pools(with_network(supply_links=fixed))  # an integer program


def test_the_planner_takes_more_paths_where_they_are_pooled() -> None:
    def paths(name: str) -> int:
        briefing = TrackView(load_scenario(name), "blind").brief(seed=1)
        return Planner(
            briefing, horizon=lambda _, left: left, paths=4, pooled_paths=9, integer_paths=2, open_loop=True
        ).paths

    assert paths("serial-stationary-backlog") == 9
    assert paths("serial-stationary-lost-sales") == 4
