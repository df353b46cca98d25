"""Small episodes of every kind, where the best of all plans can be found by trying all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from strategies import changed, networks, scenarios

from arena import OracleBriefing, Scenario, TrackView, load_scenario, realised_demand
from arena_optimization.config import BoundConfig, OracleConfig, PublishedOracleConfig
from arena_optimization.controllers.bound import certified_plan
from arena_optimization.controllers.clairvoyant import ClairvoyantPlan
from arena_optimization.controllers.goodwill_search import GoodwillSearch
from arena_optimization.controllers.oracle import best_plan, exogenous_plan
from arena_optimization.controllers.order_search import Change, OrderSearch, Step, changed as changed_orders, ways_of
from arena_optimization.programs.episode_program import EpisodeProgram
from arena_optimization.programs.known_episode import play
from arena_optimization.programs.useful_shipments import ShipmentLimits

TOLERANCE = 1e-6
"""Money: the solver's gap on profits of this size."""
RULES: dict[str, dict[str, float]] = {
    "fixed cost": {"fixed_ordering_cost": 3.274},
    "minimum order": {"minimum_order": 4.0},
    "lots": {"lot_size": 3.0},
    "storage": {"storage_capacity": 7.0},
    "all": {"fixed_ordering_cost": 1.5, "minimum_order": 4.0, "lot_size": 2.0, "storage_capacity": 8.0},
}
GOODWILL = {"growth": 1.25, "decay": 0.6, "cap": 2.0, "floor": 0.3}


def brief(scenario: Scenario, seed: int) -> OracleBriefing:
    view = TrackView(scenario, "oracle")
    briefing = view.brief(seed=1, entropy=seed, realised_demand=realised_demand(scenario, seed))
    assert isinstance(briefing, OracleBriefing)
    return briefing


def earned(plan: ClairvoyantPlan, briefing: OracleBriefing) -> float:
    return play(briefing, plan.orders).profit


def world(shape: str, fulfilment: str, rules: dict[str, float], *, horizon: int, goodwill: bool = False) -> Scenario:
    """A store, a store behind a warehouse, two stores behind one, or a store behind an assembly."""
    rules = dict(rules)
    capacity = rules.pop("storage_capacity", None)
    limited = {} if capacity is None else {"storage_capacity": capacity}

    def stock(node: int, units: float, cost: float, **more: Any) -> dict[str, Any]:
        return {"id": node, "initial_stock": units, "holding_cost": cost, **more}

    def link(supplier: int, buyer: int, lead_time: int, price: float) -> dict[str, Any]:
        return {
            "supplier": supplier, "buyer": buyer, "lead_time": lead_time, "price": price,
            "pipeline_holding_cost": 0.01, **rules,
        }  # fmt: skip

    def sale(retailer: int, market: int, price: float, mean: float) -> dict[str, Any]:
        return {
            "retailer": retailer, "market": market, "price": price, "shortage_penalty": 0.4, "mean_demand": mean,
        }  # fmt: skip

    nodes: list[dict[str, Any]] = [{"id": 10}, {"id": 20}, stock(1, 2.0, 0.21, **limited)]
    if shape == "store":
        links, sales = [link(20, 1, 1, 0.6)], [sale(1, 10, 2.6, 4.0)]
    elif shape == "chain":
        # Storing is dearer upstream, so that stock is also moved to be out of the way.
        nodes.append(stock(2, 5.0, 0.33, **limited))
        links, sales = [link(2, 1, 0, 0.8), link(20, 2, 0, 0.5)], [sale(1, 10, 2.6, 4.0)]
    elif shape == "two stores":
        nodes += [{"id": 11}, stock(2, 1.0, 0.17, **limited), stock(3, 6.0, 0.12, **limited)]
        links = [link(3, 1, 0, 0.8), link(3, 2, 0, 0.7), link(20, 3, 0, 0.5)]
        sales = [sale(1, 10, 2.6, 4.0), sale(2, 11, 2.2, 2.0)]
    else:
        bill = [{"suppliers": [20], "units": 1.0}, {"suppliers": [21], "units": 2.0}]
        factory = {"capacity": 8.0, "operating_cost": 0.05, "yield": 1.0, "bill_of_materials": bill}
        nodes += [{"id": 21}, stock(2, 3.0, 0.05, **factory)]
        links = [link(2, 1, 0, 0.8), link(20, 2, 0, 0.3), link(21, 2, 0, 0.2)]
        sales = [sale(1, 10, 2.6, 4.0)]
    return Scenario.model_validate(
        {
            "name": "small",
            "horizon": horizon,
            "fulfilment": fulfilment,
            "network": {"name": "small", "nodes": nodes, "supply_links": links, "market_links": sales},
            "demand": {"sampling": "inverse_cdf"},
            "goodwill": GOODWILL if goodwill else None,
        }
    )


def all_plans(grids: list[list[tuple[float, ...]]]) -> Iterator[np.ndarray]:
    """Plans of orders: for every link and period one of the given quantities."""
    places = [quantities for link in grids for quantities in link]
    for chosen in product(*places):
        yield np.array(chosen, dtype=np.float64).reshape(len(grids), -1).T


def best_of_all(briefing: OracleBriefing, grids: list[list[tuple[float, ...]]]) -> float:
    best = -np.inf
    for orders in all_plans(grids):
        simulator = briefing.simulator()
        best = max(best, sum(simulator.step(period) for period in orders))
    return best


UP_TO_10 = tuple(float(units) for units in range(11))
COARSE = (0.0, 2.0, 4.0, 6.0, 9.0)
ROUGH = (0.0, 3.0, 6.0)
NOTHING = (0.0,)
# What is ordered too late to be sold is not tried, and nothing else is left out but quantities between the steps.
GRIDS: dict[str, tuple[int, list[list[tuple[float, ...]]]]] = {
    "store": (4, [[UP_TO_10, UP_TO_10, UP_TO_10, NOTHING]]),
    "chain": (3, [[COARSE] * 3, [COARSE, COARSE, NOTHING]]),
    "two stores": (3, [[ROUGH] * 3, [ROUGH] * 3, [ROUGH, NOTHING, NOTHING]]),
    "assembly": (3, [[ROUGH] * 3, [ROUGH, ROUGH, NOTHING], [ROUGH, ROUGH, NOTHING]]),
}
# A storage capacity beside a bill of materials is refused.
KINDS = [
    (shape, rules)
    for shape in GRIDS
    for rules in RULES
    if shape != "assembly" or "storage_capacity" not in RULES[rules]
]


@pytest.mark.parametrize("goodwill", [False, True], ids=["exogenous", "goodwill"])
@pytest.mark.parametrize("fulfilment", ["backlog", "lost_sales"])
@pytest.mark.parametrize(("shape", "rules"), KINDS)
def test_no_plan_earns_more_than_the_oracle(shape: str, rules: str, fulfilment: str, goodwill: bool) -> None:
    horizon, grids = GRIDS[shape]
    briefing = brief(world(shape, fulfilment, RULES[rules], horizon=horizon, goodwill=goodwill), 3)
    best = best_of_all(briefing, grids)
    plan = best_plan(briefing, OracleConfig())
    assert earned(plan, briefing) >= best - TOLERANCE
    assert not plan.is_fallback
    certified = certified_plan(briefing, BoundConfig(gap=1e-6))
    assert certified.profit_bound is not None
    assert certified.profit_bound >= max(best, earned(plan, briefing), earned(certified, briefing)) - TOLERANCE
    # Every market has a store of its own that ships nothing on, so that the program sells as the simulator does.
    assert earned(certified, briefing) == pytest.approx(certified.profit_bound, rel=1e-5, abs=1e-4)


def test_a_fixed_cost_is_paid_where_no_factory_bounds_an_order() -> None:
    """With a bound of orders of a million as big-M units flowed for a millionth of the fixed cost: 23.32 was played."""
    base = world("store", "lost_sales", {"fixed_ordering_cost": 4.619}, horizon=5)
    network = base.network
    links = (changed(network.supply_links[0], lead_time=0, price=0.567),)
    nodes = tuple(
        changed(node, initial_stock=3.887, holding_cost=0.184) if node.id == 1 else node for node in network.nodes
    )
    sales = (changed(network.market_links[0], price=2.678, shortage_penalty=0.32, mean_demand=5.749),)
    scenario = changed(
        base,
        network=changed(network, nodes=nodes, supply_links=links, market_links=sales),
        demand=changed(base.demand, noise_scale=1.5, sampling="direct"),
    )
    briefing = brief(scenario, 115)
    assert briefing.realised_demand is not None
    demand = briefing.realised_demand[:, 0]
    best = -np.inf
    # Some best plan orders nothing, or up to the demand of some whole periods to come.
    for covered in product(*[range(scenario.horizon - period + 1) for period in range(scenario.horizon)]):
        simulator, stock, value = briefing.simulator(), 3.887, 0.0
        for period, periods in enumerate(covered):
            order = max(0.0, demand[period : period + periods].sum() - stock)
            value += simulator.step([order])
            stock = max(0.0, stock + order - demand[period])
        best = max(best, value)
    assert best == pytest.approx(32.489, abs=1e-3)
    for plan in (
        exogenous_plan(briefing, PublishedOracleConfig(), with_bound=True),
        best_plan(briefing, OracleConfig()),
        certified_plan(briefing, BoundConfig(gap=1e-6)),
    ):
        assert earned(plan, briefing) == pytest.approx(best, abs=1e-5)
        assert plan.profit_bound == pytest.approx(best, abs=1e-3)
        assert not plan.is_fallback


# --- the bounds of shipments cut no best plan off -----------------------------------------------------------------

INTEGER = scenarios(
    networks(
        2,
        3,
        extensions=("bill_of_materials", "minimum_order", "lot_size", "fixed_ordering_cost", "storage_capacity"),
    ),
    goodwill=False,
    longest=4,
)


@settings(max_examples=25, deadline=None)
@given(scenario=INTEGER, seed=st.integers(0, 10_000), least=st.booleans())
def test_the_best_plan_is_as_good_with_shipments_bounded_by_their_use(
    scenario: Scenario, seed: int, least: bool
) -> None:
    network = scenario.network
    assume(not any(node.storage_capacity is not None and node.bill_of_materials for node in network.nodes))
    # Short ways, so that in four periods something arrives; a bound of orders that the solver can count with.
    links = tuple(changed(link, lead_time=link.lead_time % 2) for link in network.supply_links)
    briefing = brief(changed(scenario, network=changed(network, supply_links=links)), seed)
    assume(float(briefing.order_bound.max()) < 2_000.0)
    assert briefing.realised_demand is not None

    def optimum() -> float | None:
        program = EpisodeProgram(briefing, least_quantities=least)
        solved = program.solve(briefing.realised_demand)
        return None if solved.stopped else solved.objective

    bounded = optimum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShipmentLimits, "tighten", lambda _self, form, _start, _demand: form)
        free = optimum()
    assert bounded is not None
    assert free is not None
    assert bounded == pytest.approx(free, rel=1e-5, abs=1e-5)


def test_a_program_without_whole_decisions_keeps_its_form() -> None:
    briefing = brief(load_scenario("serial-stationary-backlog"), 42)
    program = EpisodeProgram(briefing)
    assert briefing.realised_demand is not None
    assert program.tightened(briefing.realised_demand) is program.form


def test_scarce_stock_alone_makes_a_shipment_smaller_than_its_minimum_order() -> None:
    """Upstream a unit is left and nothing can be bought: a minimum order of four ships it, and the bound knows."""
    base = world("chain", "lost_sales", {}, horizon=2)
    network = base.network
    links = (changed(network.supply_links[0], minimum_order=4.0), changed(network.supply_links[1], price=50.0))
    for units, sold in ((1.0, 3.0), (4.0, 4.0)):
        nodes = tuple(changed(node, initial_stock=units) if node.id == 2 else node for node in network.nodes)
        scenario = changed(base, network=changed(network, nodes=nodes, supply_links=links))
        briefing = brief(changed(scenario, demand=changed(scenario.demand, noise_scale=0.0)), 1)
        # Demand is four in both periods, and two are in the store: one sold at once, or all of the order.
        plan = best_plan(briefing, OracleConfig())
        assert plan.played is not None
        assert plan.played.ledger.filled[0, 0] == pytest.approx(units, abs=1e-6)
        assert plan.played.ledger.sold[0, 0] == pytest.approx(sold, abs=1e-6)
        assert plan.profit_bound == pytest.approx(plan.played.profit, rel=1e-5)


# --- the search over orders ---------------------------------------------------------------------------------------


def test_a_way_orders_upstream_as_much_earlier_as_deliveries_take() -> None:
    network = world("assembly", "backlog", {}, horizon=3).network
    links = tuple(changed(link, lead_time=2) if link.supplier == 2 else link for link in network.supply_links)
    ways = ways_of(changed(network, supply_links=links))
    # Both components, in the quantities of the bill, a period before the factory ships.
    assert ways[3] == (Step(1, 1, 1.0), Step(2, 1, 2.0), Step(0, 0, 1.0))
    orders = changed_orders(np.zeros((3, 3)), Change(ways[3], 1, 4.0))
    assert orders is not None
    assert orders.tolist() == [[0.0, 4.0, 8.0], [4.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert changed_orders(np.zeros((3, 3)), Change(ways[3], 0, 4.0)) is None


def test_the_search_over_orders_is_repeatable_and_ends_with_its_periods() -> None:
    briefing = brief(world("two stores", "backlog", RULES["all"], horizon=5, goodwill=True), 1)
    start = play(briefing, np.zeros((5, 3)))
    found = [OrderSearch(briefing, periods=500).improved(start) for _ in range(2)]
    np.testing.assert_array_equal(found[0].orders, found[1].orders)
    longer = OrderSearch(briefing, periods=5_000).improved(start)
    assert start.profit < found[0].profit <= longer.profit
    assert OrderSearch(briefing, periods=0).improved(start) is start


def test_the_oracle_ends_with_the_search_where_no_plan_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = world("chain", "lost_sales", {"minimum_order": 3.0}, horizon=4, goodwill=True)
    briefing = brief(changed(scenario, demand=changed(scenario.demand, sampling="direct")), 2)
    best = best_plan(briefing, OracleConfig())
    monkeypatch.setattr(GoodwillSearch, "by_orders", lambda _self, _periods: None)
    without = best_plan(briefing, OracleConfig())
    assert earned(best, briefing) >= earned(without, briefing)
    orders = np.zeros((4, 2))
    assert earned(best, briefing) >= OrderSearch(briefing, periods=20_000).improved(play(briefing, orders)).profit - 0.1


# --- limits -------------------------------------------------------------------------------------------------------


def test_a_limit_of_nodes_stops_in_the_same_place_and_counts_as_a_fallback_until_the_plan_is_proved() -> None:
    base = load_scenario("divergent-stationary-backlog")
    links = [changed(link, fixed_ordering_cost=7.0, lot_size=3.0) for link in base.network.supply_links]
    hard = changed(base, horizon=12, network=changed(base.network, supply_links=tuple(links)))
    briefing = brief(hard, 42)
    config = OracleConfig(nodes=1, search_periods=600, gap=0.0)
    first, second = (best_plan(briefing, config) for _ in range(2))
    np.testing.assert_array_equal(first.orders, second.orders)
    assert first.profit_bound == second.profit_bound
    assert first.is_fallback
    assert first.profit_bound is not None
    assert earned(first, briefing) <= first.profit_bound
    # Near the optimum, though the solver was stopped at its first node.
    assert first.profit_bound < 1.5 * abs(earned(first, briefing))


def test_a_bound_above_all_revenue_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    briefing = brief(world("chain", "backlog", RULES["fixed cost"], horizon=4, goodwill=True), 2)
    assert certified_plan(briefing, BoundConfig()).profit_bound is not None
    from arena_optimization.programs.sentiment_program import Proof, SentimentProgram

    solve = SentimentProgram.solve

    def proved_nothing(program: SentimentProgram, time_limit: float) -> Proof:
        return solve(program, time_limit)._replace(bound=27e6)

    monkeypatch.setattr(SentimentProgram, "solve", proved_nothing)
    assert certified_plan(briefing, BoundConfig()).profit_bound is None


# --- cases that were wrong ----------------------------------------------------------------------------------------

SHARED = Path(os.environ.get("ARENA_REFERENCE", "")).parent / "cases" / "bounds"


@pytest.mark.skipif(
    "ARENA_REFERENCE" not in os.environ or not SHARED.is_dir(), reason="the cases are not here: ARENA_REFERENCE"
)
@pytest.mark.parametrize(
    ("case", "seed", "profit", "bound"),
    [(19, 0, 35.055, 35.06), (34, 0, 122.90, 123.0), (34, 2, 114.71, 118.0), (81, 0, 45.099, 45.2)],
)
def test_shared_cases(case: int, seed: int, profit: float, bound: float) -> None:
    briefing = brief(load_scenario(str(SHARED / f"bound-case{case}.yaml")), seed)
    plan = certified_plan(briefing, BoundConfig())
    assert earned(plan, briefing) >= profit
    assert plan.profit_bound is not None
    assert earned(plan, briefing) <= plan.profit_bound <= bound
    assert earned(best_plan(briefing, OracleConfig()), briefing) >= profit
