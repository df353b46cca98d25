"""The clairvoyant in worlds with every combination of parts: nobody earns more, and what is called exact is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from strategies import changed
from tiny_worlds import ALL_PARTS, all_profits, tiny_worlds, unplayed, whole_plans

from arena import Goodwill, OracleBriefing, Scenario, TrackView, draw_lead_times, realised_demand, realised_history
from arena_heuristics import arena_controllers
from arena_optimization import arena_controllers as programs
from arena_optimization.config import BoundConfig, OracleConfig, PublishedOracleConfig
from arena_optimization.controllers.bound import certified_plan
from arena_optimization.controllers.oracle import best_plan, exogenous_plan
from arena_optimization.controllers.order_search import OrderSearch
from arena_optimization.programs.episode_program import EpisodeProgram
from arena_optimization.programs.known_episode import play

SEEDS = st.integers(0, 1_000)
ORACLE = OracleConfig(search_periods=500, time_limit=5.0)
BOUND = BoundConfig(search_solves=5, weights=(), search_periods=200, time_limit=2.0, gap=1e-6)
TOLERANCE = 1e-5
"""Relative, of money: the solver's gap, and the widening of a bound."""


def brief(scenario: Scenario, seed: int) -> OracleBriefing:
    view = TrackView(scenario, "oracle")
    history = realised_history(scenario, seed) if scenario.history else None
    told = view.brief(seed=1, entropy=seed, history=history)
    assert isinstance(told, OracleBriefing)
    briefing = view.brief(
        seed=1,
        entropy=seed,
        history=history,
        realised_demand=realised_demand(scenario, seed),
        realised_lead_times=draw_lead_times(scenario, told.generator()),
    )
    assert isinstance(briefing, OracleBriefing)
    return briefing


def played(scenario: Scenario, seed: int) -> Scenario:
    """What a seed index plays: the scenario, or that of its window."""
    return scenario if scenario.window is None else scenario.window_at(seed % scenario.window.count)


def profits_of_heuristics(scenario: Scenario, briefing: OracleBriefing, seed: int) -> list[float]:
    """Profits of every shipped rule that plays all parts of a world."""
    profits = []
    for spec in arena_controllers():
        if unplayed(scenario, spec.plays) or "informed" not in spec.tracks:
            continue
        view, controller, simulator = TrackView(scenario, "informed"), spec.factory(spec.config()), briefing.simulator()
        history = realised_history(scenario, seed) if scenario.history else None
        try:
            controller.begin(view.brief(seed=1, history=history))
        except ValueError:
            continue  # made for one shape of network
        profit = 0.0
        while not simulator.finished:
            profit += simulator.step(np.clip(controller.order(view.observe(simulator.state)), 0.0, view.largest_order))
        profits.append(profit)
    return profits


def close(value: float) -> float:
    return TOLERANCE * max(1.0, abs(value))


@settings(max_examples=40, deadline=None)
@given(scenario=tiny_worlds(), seed=SEEDS)
def test_nobody_earns_more_than_the_oracle_of_any_world(scenario: Scenario, seed: int) -> None:
    scenario = played(scenario, seed)
    briefing = brief(scenario, seed)
    assert briefing.realised_demand is not None
    plan = best_plan(briefing, ORACLE)
    earned = play(briefing, plan.orders).profit
    generator = np.random.default_rng(seed)
    plans = whole_plans((scenario.horizon, len(scenario.network.supply_links)), 2_000, 5.0, generator)
    profits = all_profits(scenario, plans, briefing.realised_demand, briefing.realised_lead_times)
    searched = OrderSearch(briefing, periods=500).improved(play(briefing, plans[profits.argmax()])).profit
    best = max(searched, *profits_of_heuristics(scenario, briefing, seed), float(profits.max()))
    if plan.profit_bound is not None:
        assert max(best, earned) <= plan.profit_bound
    if EpisodeProgram(briefing, least_quantities=False).is_exact and not plan.is_fallback:
        assert best <= earned + close(earned)
        assert plan.profit_bound == pytest.approx(earned, rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(scenario=tiny_worlds(largest=2, longest=2, whole=True), seed=SEEDS)
def test_where_all_plans_can_be_tried_the_oracle_plays_the_best_of_them(scenario: Scenario, seed: int) -> None:
    scenario = played(scenario, seed)
    briefing = brief(scenario, seed)
    assert briefing.realised_demand is not None
    generator = np.random.default_rng(seed)
    plans = whole_plans((scenario.horizon, len(scenario.network.supply_links)), 20_000, 8.0, generator)
    best = float(all_profits(scenario, plans, briefing.realised_demand, briefing.realised_lead_times).max())
    plan = best_plan(briefing, ORACLE)
    earned = play(briefing, plan.orders).profit
    assert earned >= best - close(best)
    assert plan.profit_bound is not None
    assert plan.profit_bound >= best
    if EpisodeProgram(briefing, least_quantities=False).is_exact and plan.orders.max(initial=0.0) <= 8.0:
        assert earned == pytest.approx(plan.profit_bound, rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=15, deadline=None)
@given(scenario=tiny_worlds(largest=3, longest=3, goodwill=True), seed=SEEDS)
def test_under_goodwill_nobody_earns_more_than_the_bound_of_any_world(scenario: Scenario, seed: int) -> None:
    briefing = brief(scenario, seed)
    plan = certified_plan(briefing, BOUND)
    shape = (scenario.horizon, len(scenario.network.supply_links))
    plans = whole_plans(shape, 100, 5.0, np.random.default_rng(seed))
    best = max(play(briefing, orders).profit for orders in plans)
    best = max(best, *profits_of_heuristics(scenario, briefing, seed), play(briefing, plan.orders).profit)
    if plan.profit_bound is not None:
        assert best <= plan.profit_bound


def test_the_clairvoyant_declare_every_part() -> None:
    for spec in programs():
        if spec.tracks == ("oracle",):
            assert set(spec.plays) == ALL_PARTS


# --- what the drawn worlds and the requirements found, by hand ----------------------------------------------------


def tiny(
    *, nodes: list[dict[str, Any]], links: list[dict[str, Any]], sales: list[dict[str, Any]], **more: Any
) -> Scenario:
    """A world of its own; demand is the series of each market link."""
    filled = [{"holding_cost": 0.1, **node} if "initial_stock" in node else node for node in nodes]
    supply = [{"lead_time": 0, "price": 1.0, "pipeline_holding_cost": 0.0, **link} for link in links]
    markets = [
        {"shortage_penalty": 0.0, **sale, "demand": {"series": {"values": sale["demand"]}, "noise_scale": 0.0}}
        for sale in sales
    ]
    network = {"name": "tiny", "nodes": filled, "supply_links": supply, "market_links": markets}
    horizon = len(sales[0]["demand"])
    return Scenario.model_validate({"name": "tiny", "horizon": horizon, "network": network, **more})


def best_of_whole(scenario: Scenario, most: float) -> float:
    briefing = brief(scenario, 1)
    assert briefing.realised_demand is not None
    shape = (scenario.horizon, len(scenario.network.supply_links))
    plans = whole_plans(shape, 300_000, most, np.random.default_rng(0))
    return float(all_profits(scenario, plans, briefing.realised_demand, briefing.realised_lead_times).max())


def assert_exact(scenario: Scenario, best: float) -> None:
    plan = best_plan(brief(scenario, 1), OracleConfig())
    assert plan.profit_bound == pytest.approx(best, rel=TOLERANCE, abs=TOLERANCE)
    assert play(brief(scenario, 1), plan.orders).profit == pytest.approx(best, rel=TOLERANCE, abs=TOLERANCE)
    assert not plan.is_fallback


@pytest.mark.parametrize("fulfilment", ["backlog", "lost_sales"])
def test_a_retailer_with_two_markets_serves_the_first_one_although_the_second_pays_more(fulfilment: str) -> None:
    """Three units a period can be bought; the program that serves whom it pays to earned more than anyone can."""
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 8}, {"id": 2, "initial_stock": 1.0, "capacity": 3.0, "operating_cost": 0.0},
               {"id": 1, "initial_stock": 1.0}],
        links=[{"supplier": 0, "buyer": 2}, {"supplier": 2, "buyer": 1}],
        sales=[{"retailer": 1, "market": 9, "price": 2.0, "demand": [2.0, 3.0, 2.0]},
               {"retailer": 1, "market": 8, "price": 9.0, "demand": [3.0, 2.0, 3.0]}],
        fulfilment=fulfilment,
    )  # fmt: skip
    briefing = brief(scenario, 1)
    loose = exogenous_plan(briefing, PublishedOracleConfig(), with_bound=False)
    best = best_of_whole(scenario, 3.0)
    assert play(briefing, loose.orders).profit <= best + TOLERANCE
    published = EpisodeProgram(briefing).solve(briefing.realised_demand)  # type: ignore[arg-type]
    assert published.objective > best + 1.0
    assert_exact(scenario, best)


def test_a_retailer_that_ships_on_serves_its_own_customers_first() -> None:
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 8}, {"id": 2, "initial_stock": 3.0}, {"id": 1, "initial_stock": 0.0}],
        links=[{"supplier": 0, "buyer": 2, "price": 6.0}, {"supplier": 2, "buyer": 1, "lead_time": 1}],
        sales=[{"retailer": 2, "market": 9, "price": 1.0, "demand": [2.0, 2.0, 0.0]},
               {"retailer": 1, "market": 8, "price": 5.0, "demand": [0.0, 1.0, 3.0]}],
        fulfilment="lost_sales",
    )  # fmt: skip
    assert_exact(scenario, best_of_whole(scenario, 4.0))


def test_customers_are_not_kept_waiting_so_that_a_full_store_scraps_more() -> None:
    """Stock costs 2 a unit in the end: a program that sold later scrapped two units more than anyone can."""
    scenario = tiny(
        nodes=[{"id": 0, "capacity": 0.0}, {"id": 9}, {"id": 2, "initial_stock": 6.0, "terminal_value": -2.0},
               {"id": 1, "initial_stock": 2.0, "storage_capacity": 3.0, "terminal_value": -2.0}],
        links=[{"supplier": 0, "buyer": 2}, {"supplier": 2, "buyer": 1, "order_delay": 1}],
        sales=[{"retailer": 1, "market": 9, "price": 4.0, "demand": [2.0, 3.0]}],
        fulfilment="backlog",
    )  # fmt: skip
    # Two are sold, then all six come: three of them are scrapped, three sold.
    assert_exact(scenario, 5 * 4.0 - 6 * 0.1)


@pytest.mark.parametrize("lot", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_what_is_owed_of_a_minimum_order_follows_as_soon_as_it_can(lot: float, penalty: float) -> None:
    """Four at least, and one is there: the rest is owed, ships when it comes, wanted or not, and costs until then."""
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 2, "initial_stock": 1.0}, {"id": 1, "initial_stock": 0.0}],
        links=[{"supplier": 0, "buyer": 2, "lead_time": 1},
               {"supplier": 2, "buyer": 1, "minimum_order": 4.0, "lot_size": lot, "shortage_penalty": penalty}],
        sales=[{"retailer": 1, "market": 9, "price": 4.0, "demand": [1.0, 2.0, 1.0]}],
        upstream_shortage="owed",
        fulfilment="lost_sales",
    )  # fmt: skip
    assert_exact(scenario, best_of_whole(scenario, 5.0))


def test_what_is_owed_ships_in_the_last_period_although_it_is_of_no_use() -> None:
    """The bound of useful shipments left it out, so that an order could not be placed at all."""
    scenario = tiny(
        nodes=[{"id": 0, "capacity": 2.0}, {"id": 9}, {"id": 1, "initial_stock": 0.0}],
        links=[{"supplier": 0, "buyer": 1, "lead_time": 1, "minimum_order": 4.0}],
        sales=[{"retailer": 1, "market": 9, "price": 4.0, "demand": [0.0, 2.0]}],
        upstream_shortage="owed",
        fulfilment="lost_sales",
    )  # fmt: skip
    # Four units are bought, and two of them arrive after the end.
    assert_exact(scenario, 2 * 4.0 - 4 * 1.0)


def test_more_ships_at_a_time_than_can_be_ordered_where_it_was_owed() -> None:
    """Orders are bounded by 2; of the four units that arrive in the last period all ship, if they were owed before."""
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 3, "initial_stock": 0.0, "capacity": 0.0, "operating_cost": 0.0},
               {"id": 2, "initial_stock": 0.0, "holding_cost": 0.0}, {"id": 1, "initial_stock": 2.0}],
        links=[{"supplier": 0, "buyer": 3}, {"supplier": 3, "buyer": 1},
               {"supplier": 0, "buyer": 2, "lead_time": 1, "initial_pipeline": [4.0]},
               {"supplier": 2, "buyer": 1, "shortage_penalty": 0.1}],
        sales=[{"retailer": 1, "market": 9, "price": 4.0, "demand": [0.0, 6.0]}],
        upstream_shortage="owed",
        fulfilment="lost_sales",
    )  # fmt: skip
    assert scenario.order_bound == 2.0
    plan = best_plan(brief(scenario, 1), OracleConfig())
    assert plan.played is not None
    assert plan.profit_bound == pytest.approx(plan.played.profit, rel=TOLERANCE)
    assert plan.profit_bound == pytest.approx(best_of_whole(scenario, 2.0), rel=TOLERANCE)


@pytest.mark.parametrize("minimum", [0.0, 3.0])
def test_an_order_from_before_and_a_plan_share_in_proportion(minimum: float) -> None:
    """Of three units the order of four from before takes as little as the plan's own order leaves it."""
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 8}, {"id": 3, "initial_stock": 3.0, "allocation": "proportional"},
               {"id": 1, "initial_stock": 0.0}, {"id": 2, "initial_stock": 0.0}],
        links=[{"supplier": 0, "buyer": 3, "price": 9.0}, {"supplier": 3, "buyer": 2, "minimum_order": minimum},
               {"supplier": 3, "buyer": 1, "order_delay": 1, "initial_orders": [4.0]}],
        sales=[{"retailer": 1, "market": 9, "price": 1.0, "demand": [4.0, 4.0]},
               {"retailer": 2, "market": 8, "price": 5.0, "demand": [2.0, 0.0]}],
        fulfilment="lost_sales",
    )  # fmt: skip
    # Two of three units: the plan orders eight against four.
    assert_exact(scenario, 2 * 5.0 + 1 * 1.0)


def test_under_goodwill_a_retailer_serves_its_first_market_first_in_the_bound() -> None:
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 8}, {"id": 2, "initial_stock": 1.0, "capacity": 3.0, "operating_cost": 0.0},
               {"id": 1, "initial_stock": 1.0}],
        links=[{"supplier": 0, "buyer": 2}, {"supplier": 2, "buyer": 1}],
        sales=[{"retailer": 1, "market": 9, "price": 2.0, "demand": [3.0, 3.0, 3.0]},
               {"retailer": 1, "market": 8, "price": 9.0, "demand": [3.0, 2.0, 3.0]}],
        fulfilment="lost_sales",
    )  # fmt: skip
    links = []
    for link in scenario.network.market_links:
        assert link.demand is not None
        links.append(changed(link, demand=changed(link.demand, sampling="inverse_cdf")))
    network = changed(scenario.network, market_links=tuple(links))
    scenario = changed(scenario, network=network, goodwill=Goodwill(growth=1.25, decay=0.6))
    plan = certified_plan(brief(scenario, 1), BoundConfig(gap=1e-6))
    assert plan.played is not None
    assert plan.profit_bound is not None
    # Three times three units come. At best two periods end short, the second one by next to nothing.
    # A program that serves first whom it pays to would prove 47.55.
    assert plan.played.profit <= plan.profit_bound
    assert plan.profit_bound == pytest.approx(24.604, rel=1e-4)


def test_worlds_where_the_plan_is_not_proved_report_a_bound_above_it() -> None:
    """Owed units that are shared in proportion are no linear matter: the bound is one, and the plan is not proved."""
    scenario = tiny(
        nodes=[{"id": 0}, {"id": 9}, {"id": 8}, {"id": 3, "initial_stock": 3.0, "allocation": "proportional"},
               {"id": 1, "initial_stock": 0.0}, {"id": 2, "initial_stock": 0.0}],
        links=[{"supplier": 0, "buyer": 3, "price": 9.0}, {"supplier": 3, "buyer": 2},
               {"supplier": 3, "buyer": 1, "order_delay": 1, "initial_orders": [4.0]}],
        sales=[{"retailer": 1, "market": 9, "price": 1.0, "demand": [4.0, 4.0]},
               {"retailer": 2, "market": 8, "price": 5.0, "demand": [4.0, 0.0]}],
        upstream_shortage="owed",
        fulfilment="lost_sales",
    )  # fmt: skip
    briefing = brief(scenario, 1)
    assert not EpisodeProgram(briefing, least_quantities=False).is_exact
    plan = best_plan(briefing, OracleConfig())
    assert plan.played is not None
    assert plan.profit_bound is not None
    assert plan.profit_bound > plan.played.profit + 1e-3
