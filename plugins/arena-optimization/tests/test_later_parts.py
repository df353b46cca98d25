"""Clairvoyant controllers in worlds with parts beyond the first schema: what is planned is played, and bounded."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st
from later_strategies import later_scenarios
from strategies import changed, networks, order_sequences, scenarios

from arena import OracleBriefing, Scenario, Simulator, TrackView, draw_lead_times, realised_demand
from arena_optimization.config import (
    BoundConfig,
    DeterministicProgramConfig,
    MultiStageProgramConfig,
    OracleConfig,
    StochasticProgramConfig,
)
from arena_optimization.controllers.bound import certified_plan
from arena_optimization.controllers.oracle import best_plan
from arena_optimization.controllers.order_search import OrderSearch
from arena_optimization.controllers.published import DeterministicProgram, MultiStageProgram
from arena_optimization.controllers.stochastic_program import StochasticProgram
from arena_optimization.programs.episode_program import EpisodeProgram
from arena_optimization.programs.known_episode import play

SEEDS = st.integers(0, 10_000)
QUICK = OracleConfig(search_periods=500, time_limit=2.0)


def brief(scenario: Scenario, seed: int) -> OracleBriefing:
    view = TrackView(scenario, "oracle")
    told = view.brief(seed=1, entropy=seed)
    assert isinstance(told, OracleBriefing)
    briefing = view.brief(
        seed=1,
        entropy=seed,
        realised_demand=realised_demand(scenario, seed),
        realised_lead_times=draw_lead_times(scenario, told.generator()),
    )
    assert isinstance(briefing, OracleBriefing)
    return briefing


def small(scenario: Scenario) -> Scenario:
    """The same with promised lead times of at most two periods, so that something arrives, and bounded orders."""
    network = scenario.network
    links = tuple(
        link
        if link.varies
        else changed(link, lead_time=min(link.lead_time, 2), initial_pipeline=link.initial_pipeline[:2])
        for link in network.supply_links
    )
    result = changed(scenario, network=changed(network, supply_links=links))
    # Without any factory an order is bounded by a million, with which the solver cannot count where stock is of value
    # after the last period.
    assume(result.order_bound < 2_000.0)
    return result


LINEAR = later_scenarios(scenarios(networks(2, 3, extensions=("bill_of_materials",)), goodwill=False, longest=6)).map(
    small
)
INTEGER = later_scenarios(
    scenarios(
        networks(2, 3, extensions=("minimum_order", "lot_size", "fixed_ordering_cost", "storage_capacity")),
        goodwill=False,
        longest=4,
    )
).map(small)
GOODWILL = later_scenarios(scenarios(networks(2, 3), goodwill=True, longest=5)).map(small)


@pytest.mark.parametrize("drawn", [LINEAR, INTEGER], ids=["linear", "integer"])
@settings(max_examples=30, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_what_is_planned_is_what_the_simulator_pays(
    drawn: st.SearchStrategy[Scenario], data: st.DataObject, seed: int
) -> None:
    scenario = data.draw(drawn)
    briefing = brief(scenario, seed)
    assert briefing.realised_demand is not None
    program = EpisodeProgram(briefing, in_order=True, gap=0.0)
    solved = program.solve(briefing.realised_demand)
    assume(solved.stopped is None)
    profit = play(briefing, solved.orders).profit
    if program.is_exact:
        assert profit == pytest.approx(solved.objective, rel=1e-6, abs=1e-6)
    else:
        assert profit <= solved.objective + 1e-6 * max(1.0, abs(solved.objective))


@pytest.mark.parametrize("drawn", [LINEAR, INTEGER], ids=["linear", "integer"])
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_no_plan_that_is_searched_for_earns_more_than_the_oracle(
    drawn: st.SearchStrategy[Scenario], data: st.DataObject, seed: int
) -> None:
    scenario = data.draw(drawn)
    briefing = brief(scenario, seed)
    plan = best_plan(briefing, QUICK)
    earned = play(briefing, plan.orders).profit
    anyones = play(briefing, data.draw(order_sequences(scenario)))
    nothing = play(briefing, np.zeros_like(plan.orders))
    others = [OrderSearch(briefing, periods=1_500).improved(start).profit for start in (anyones, nothing)]
    if plan.profit_bound is not None:
        assert max(earned, *others) <= plan.profit_bound
    if not plan.is_fallback and EpisodeProgram(briefing, least_quantities=False).is_exact:
        assert earned >= max(others) - 1e-5 * max(1.0, abs(earned))


@settings(max_examples=25, deadline=None)
@given(
    ordered_before=st.integers(1, 400), lot=st.integers(100, 500), stock=st.integers(300, 1200), seed=SEEDS,
)  # fmt: skip
@example(ordered_before=107, lot=419, stock=721, seed=4740)
def test_a_part_of_a_lot_that_stays_owed_hides_no_plan(ordered_before: int, lot: int, stock: int, seed: int) -> None:
    """Sums of hundredths are not exact, and a row that only rounding breaks once cost the best plan."""
    nodes = [
        {"id": 9},
        {"id": 8},
        {"id": 0, "initial_stock": 11.0, "holding_cost": 0.09},
        {"id": 1, "initial_stock": stock / 100, "holding_cost": 0.0},
    ]
    owing = {"supplier": 1, "buyer": 0, "lead_time": 0, "price": 0.9, "pipeline_holding_cost": 0.0}
    owing |= {"lot_size": lot / 100, "order_delay": 1, "initial_orders": [ordered_before / 100]}
    buying = {"supplier": 8, "buyer": 1, "lead_time": 4, "price": 1.0, "pipeline_holding_cost": 0.0}
    sale = {"retailer": 0, "market": 9, "price": 2.7, "shortage_penalty": 0.0, "mean_demand": 5.0}
    network = {"name": "owed-lots", "nodes": nodes, "supply_links": [owing, buying], "market_links": [sale]}
    rules = {"name": "owed-lots", "upstream_shortage": "owed", "horizon": 4, "demand": {}}
    scenario = Scenario.model_validate({**rules, "network": network})
    briefing = brief(scenario, seed)
    bound = best_plan(briefing, QUICK).profit_bound
    assert bound is not None
    for lots in product(range(3), repeat=2):
        orders = np.zeros((4, 2))
        orders[:2, 0] = np.array(lots) * lot / 100
        assert play(briefing, orders).profit <= bound


@settings(max_examples=8, deadline=None)
@given(scenario=GOODWILL, seed=SEEDS, data=st.data())
def test_under_goodwill_nobody_earns_more_than_the_bound(scenario: Scenario, seed: int, data: st.DataObject) -> None:
    briefing = brief(changed(scenario, demand=changed(scenario.demand, sampling="inverse_cdf")), seed)
    plan = certified_plan(briefing, BoundConfig(search_solves=5, weights=(), search_periods=200, time_limit=1.0))
    if plan.profit_bound is None:
        return
    anyones = play(briefing, data.draw(order_sequences(scenario)))
    others = [
        OrderSearch(briefing, periods=500).improved(start).profit for start in (anyones, play(briefing, plan.orders))
    ]
    assert max(others) <= plan.profit_bound


# --- single parts, by hand ----------------------------------------------------------------------------------------


def store(*, horizon: int, link: dict[str, Any], node: dict[str, Any] | None = None, **more: Any) -> Scenario:
    """A store with a demand of exactly four a period, at a price of 3, that buys at 1."""
    supply = {"supplier": 2, "buyer": 1, "lead_time": 0, "price": 1.0, "pipeline_holding_cost": 0.0, **link}
    nodes = [{"id": 0}, {"id": 1, "initial_stock": 0.0, "holding_cost": 0.1, **(node or {})}, {"id": 2}]
    sale = {"retailer": 1, "market": 0, "price": 3.0, "shortage_penalty": 0.0, "mean_demand": 4.0}
    network = {"name": "store", "nodes": nodes, "supply_links": [supply], "market_links": [sale]}
    rules = {"name": "store", "fulfilment": "lost_sales", "horizon": horizon, "demand": {"noise_scale": 0.0}}
    return Scenario.model_validate({**rules, "network": network, **more})


def test_nothing_is_ordered_where_the_order_would_be_lost_and_more_where_it_arrives_in_time() -> None:
    series = {"lead_time_series": {"values": ["lost", 1, 0, "lost"], "may_cross": True}, "lead_time": 1}
    plan = best_plan(brief(store(horizon=4, link=series), 1), OracleConfig())
    # What is ordered in periods 1 and 2 arrives in period 2, for that period and the last one.
    assert plan.orders[[0, 3], 0].tolist() == [0.0, 0.0]
    assert plan.orders[1:3].sum() == pytest.approx(8.0, abs=1e-6)
    assert plan.profit_bound == pytest.approx(8 * 2.0 - 4 * 0.1, abs=1e-3)


def test_customers_of_the_warm_up_are_served_although_it_does_not_count() -> None:
    """Ten units are left of before, and none can be bought in time: those of the warm-up get the first four."""
    scenario = store(horizon=3, link={"order_delay": 2, "lead_time": 3}, node={"initial_stock": 10.0}, warm_up=1)
    plan = best_plan(brief(scenario, 1), OracleConfig())
    # Six are left for the counted periods: four are sold, then two, and two are held once.
    earned = 6 * 3.0 - 2 * 0.1
    assert plan.played is not None
    assert plan.played.profit == pytest.approx(earned, abs=1e-9)
    assert plan.profit_bound == pytest.approx(earned, abs=1e-3)


def test_stock_that_is_worth_more_than_it_costs_is_bought_for_the_end_and_sold_first() -> None:
    factory = {"capacity": 100.0, "operating_cost": 0.0, "terminal_value": 5.0}
    scenario = store(horizon=2, link={"lead_time": 1, "initial_pipeline": [3.0]}, node=factory)
    plan = best_plan(brief(scenario, 1), OracleConfig())
    bound = float(scenario.order_bound)
    # Three are sold; the orders of both periods are kept or under way at the end, but for four that customers take.
    earned = 3 * 3.0 - 2 * bound + 4 * 3.0 + (bound - 4) * (5.0 - 0.1) + bound * 5.0
    assert plan.played is not None
    assert plan.played.profit == pytest.approx(earned, abs=1e-6)
    assert plan.profit_bound == pytest.approx(earned, rel=2e-6)


# --- rolling programs ---------------------------------------------------------------------------------------------


def assembly(fulfilment: str) -> Scenario:
    """A store behind an assembly with every part that rolling programs play, and demand without noise."""

    def link(supplier: int, buyer: int, lead_time: int, price: float, **more: Any) -> dict[str, Any]:
        own = {"supplier": supplier, "buyer": buyer, "lead_time": lead_time, "price": price}
        return {**own, "pipeline_holding_cost": 0.01, **more}

    bill = [{"suppliers": [3], "units": 1.0, "holding_cost": 0.2}, {"suppliers": [4], "units": 2.0}]
    factory = {"initial_stock": 3.0, "holding_cost": 0.05, "capacity": 9.0, "operating_cost": 0.1}
    nodes: list[dict[str, Any]] = [
        {"id": 0},
        {"id": 1, "initial_stock": 2.0, "holding_cost": 0.1},
        {"id": 2, **factory, "bill_of_materials": bill},
        {"id": 3, "capacity": 5.0},
        {"id": 4, "capacity": 7.0},
    ]
    links = [
        link(2, 1, 1, 0.8, name="by sea", initial_pipeline=[2.0]),
        link(2, 1, 0, 1.2, name="by air"),
        link(3, 2, 0, 0.3),
        link(4, 2, 2, 0.2, initial_pipeline=[4.0, 1.0]),
    ]
    sale = {"retailer": 1, "market": 0, "price": 3.0, "shortage_penalty": 0.5, "mean_demand": 4.0}
    waiting = {"initial_backlog": 3.0} if fulfilment == "backlog" else {}
    network = {"name": "assembly", "nodes": nodes, "supply_links": links, "market_links": [{**sale, **waiting}]}
    rules = {"name": "assembly", "fulfilment": fulfilment, "horizon": 8, "demand": {"noise_scale": 0.0}}
    return Scenario.model_validate({**rules, "network": network})


@pytest.mark.parametrize("fulfilment", ["backlog", "lost_sales"])
def test_without_noise_the_rolling_programs_earn_what_the_oracle_earns(fulfilment: str) -> None:
    scenario = assembly(fulfilment)
    best = best_plan(brief(scenario, 1), OracleConfig()).played
    assert best is not None
    for controller in (
        StochasticProgram(StochasticProgramConfig()),
        DeterministicProgram(DeterministicProgramConfig()),
        MultiStageProgram(MultiStageProgramConfig()),
    ):
        view, simulator = TrackView(scenario, "informed"), Simulator(scenario)
        controller.begin(view.brief(seed=1))
        simulator.start(1)
        while not simulator.finished:
            simulator.step(np.clip(controller.order(view.observe(simulator.state)), 0.0, scenario.order_bound))
        # The multi-stage program looks a few periods ahead.
        assert float(simulator.ledger().reward.sum()) == pytest.approx(best.profit, rel=1e-3)
        assert controller.report().fallbacks == 0


def test_quantities_hardly_larger_than_the_solver_tolerates_stay_feasible() -> None:
    """Nothing is wanted, and a hundredth of a unit is under way on a link that may owe."""
    free = {"lead_time": 0, "price": 0.0, "pipeline_holding_cost": 0.0}
    varying = {"values": [0, 1], "probabilities": [0.5, 0.5]}
    network = {
        "name": "line",
        "nodes": [
            {"id": 0, "initial_stock": 0.0, "holding_cost": 0.0},
            {"id": 1, "initial_stock": 0.0, "holding_cost": 0.0},
            {"id": 2, "initial_stock": 0.0, "holding_cost": 0.0, "capacity": 0.0, "operating_cost": 0.0},
            {"id": 3},
            {"id": 4},
        ],
        "supply_links": [
            {"supplier": 3, "buyer": 0, **free},
            {"supplier": 1, "buyer": 2, **free},
            {"supplier": 0, "buyer": 1, **free, "lead_time_distribution": varying, "initial_pipeline": [0.01]},
        ],
        "market_links": [{"retailer": 2, "market": 4, "price": 0.5, "shortage_penalty": 0.0, "mean_demand": 0.1}],
    }
    rules = {"name": "line", "fulfilment": "backlog", "horizon": 2, "upstream_shortage": "owed"}
    briefing = brief(Scenario.model_validate({**rules, "network": network, "demand": {}}), 0)
    assert briefing.realised_demand is not None
    assert not briefing.realised_demand.any()
    assert EpisodeProgram(briefing, gap=0.0).solve(briefing.realised_demand).objective == pytest.approx(0.0, abs=1e-9)
