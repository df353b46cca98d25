"""``demand-scenarios`` in whole episodes: optima that are known, what it must keep to, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from arena import Scenario, TrackView, describe_part, load_scenario
from arena_forecasting import arena_controllers
from arena_forecasting.config import DemandScenariosConfig
from arena_forecasting.controllers.demand_scenarios import DemandScenarios


def poisson(mean: float, periods: int, seed: int) -> list[int]:
    return np.random.default_rng(seed).poisson(mean, periods).tolist()


# --- optima ---------------------------------------------------------------------------------------------------------


def test_the_newsvendor_s_level_is_reached(play, world) -> None:
    # Salvage of all stock, so that every period is a newsvendor of its own: price 10, cost 6, holding 1.
    scenario = world(poisson(60.0, 60, 1), poisson(60.0, 40, 2), market={"price": 10.0}, node={"holding_cost": 1.0})
    played = play(scenario)
    levels = (played.orders[:, 0] + np.concatenate([[0.0], played.ledger.on_hand[:-1, 0]]))[10:-2]
    # Critical ratio 10 / 11: the Poisson quantile is 71.
    assert 66 < levels.mean() < 76


def test_a_lead_time_is_covered(play, world) -> None:
    demand, history = poisson(40.0, 50, 3), poisson(40.0, 30, 4)
    scenario = world(demand, history, link={"lead_time": 3}, market={"price": 10.0})
    played = play(scenario)
    sold = played.ledger.sold[6:, 0].sum() / sum(demand[6:])
    assert sold > 0.93
    assert played.ledger.on_hand[6:, 0].mean() < 45


def test_nothing_is_ordered_that_comes_too_late(play, world) -> None:
    scenario = world(poisson(40.0, 20, 3), poisson(40.0, 10, 4), link={"lead_time": 4})
    played = play(scenario)
    assert played.orders[16:, 0].sum() == 0
    assert played.orders[:16, 0].sum() > 0


def test_a_disposal_value_above_the_price_is_bought_for(play, world) -> None:
    written = {"link": {"price": 1.0, "lead_time": 1}, "market": {"price": 4.0}}
    demand, history = poisson(30.0, 12, 5), poisson(30.0, 20, 6)
    plain = play(world(demand, history, **written)).ledger.on_hand[-1, 0]
    kept = play(world(demand, history, node={"terminal_value": 0.9}, **written)).ledger.on_hand[-1, 0]
    assert kept >= plain


def test_a_fixed_cost_makes_fewer_and_larger_orders(play, world) -> None:
    demand, history = poisson(20.0, 40, 7), poisson(20.0, 20, 8)
    often = play(world(demand, history)).orders[:, 0]
    seldom = play(world(demand, history, link={"fixed_ordering_cost": 60.0})).orders[:, 0]
    assert (seldom > 0).sum() < 0.6 * (often > 0).sum()
    assert seldom[seldom > 0].mean() > 1.5 * often[often > 0].mean()


def test_the_cheaper_of_two_links_is_used_where_both_are_as_fast(play, world) -> None:
    links = [{"name": "dear", "price": 2.0, "lead_time": 1}, {"name": "cheap", "price": 1.0, "lead_time": 1}]
    played = play(world(poisson(30.0, 15, 9), poisson(30.0, 15, 10), links=links), paths=40)
    dear, cheap = played.orders.sum(axis=0)
    assert dear < 0.1 * cheap


def test_losses_of_orders_are_made_up_for(play, world) -> None:
    generator = np.random.default_rng(11)
    series = [[1, 2, 3, "lost"][place] for place in generator.integers(4, size=60)]
    link = {"lead_time": 2, "lead_time_series": {"values": [*series, 4], "may_cross": True}}
    demand = poisson(50.0, 60, 12)
    scenario = world(demand, poisson(50.0, 5, 13), link=link, market={"price": 10.0}, visible_arrivals="total")
    played = play(scenario)
    law = played.controller._supply.beliefs[0].law
    assert 0.1 < law[-1] < 0.45
    # Orders of mean demand would lose a quarter of it.
    assert played.orders[5:50, 0].mean() > 55


# --- what it keeps to -----------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(
    st.integers(0, 99),
    st.sampled_from(["lost_sales", "backlog"]),
    st.sampled_from([{}, {"lot_size": 6.0}, {"minimum_order": 15.0}, {"order_delay": 1}]),
    st.sampled_from(["demand", "sales"]),
)
def test_orders_are_whole_finite_and_as_the_supplier_takes_them(play, world, seed, fulfilment, link, visible) -> None:
    demand, history = poisson(9.0, 8, seed), poisson(9.0, 6, seed + 1)
    seen = visible if fulfilment == "lost_sales" else "demand"
    scenario = world(demand, history, link={"lead_time": 1, **link}, fulfilment=fulfilment, visible_demand=seen)
    one, other = (play(scenario, seed=seed, paths=24, horizon=4) for _ in range(2))
    assert np.array_equal(one.orders, other.orders)
    assert (one.orders >= 0).all()
    assert np.array_equal(one.orders, np.rint(one.orders))
    positive = one.orders[one.orders > 0]
    assert (positive >= link.get("minimum_order", 0.0)).all()
    assert np.allclose(positive % link.get("lot_size", 1.0), 0.0, atol=1e-9)
    if "order_delay" not in link:  # what is delayed is filled later
        assert np.array_equal(one.ledger.filled, one.orders)


@pytest.mark.parametrize("factor", [0.25, 64.0])
def test_money_in_another_unit_changes_no_order(play, world, factor) -> None:
    demand, history = poisson(25.0, 15, 14), poisson(25.0, 10, 15)

    def priced(unit: float) -> Scenario:
        return world(
            demand,
            history,
            link={"lead_time": 1, "price": unit, "fixed_ordering_cost": 5.0 * unit},
            node={"holding_cost": 0.2 * unit},
            market={"price": 4.0 * unit, "shortage_penalty": unit},
        )

    assert np.array_equal(play(priced(1.0)).orders, play(priced(factor)).orders)


def test_a_capacity_of_the_supplier_bounds_orders(play, world) -> None:
    scenario = world(poisson(30.0, 10, 16), poisson(30.0, 10, 17))
    fields = scenario.model_dump(by_alias=True)
    fields["network"]["nodes"][0]["capacity"] = 12.0
    played = play(Scenario.model_validate(fields), paths=30)
    assert played.orders.max() == 12.0


def test_several_items_are_planned_as_each_alone_would_be_in_the_mean(play) -> None:
    nodes = [{"id": 0}]
    supply, sales, series = [], [], []
    for item in range(3):
        node, market = 2 * item + 1, 2 * item + 2
        nodes += [{"id": node, "initial_stock": 0.0, "holding_cost": 1.0}, {"id": market}]
        supply.append({"supplier": 0, "buyer": node, "lead_time": item, "price": 0.0, "pipeline_holding_cost": 0.0})
        sales.append({"retailer": node, "market": market, "price": 9.0, "shortage_penalty": 0.0})
        series.append([float(units) for units in poisson(10.0 * (item + 1), 40, 20 + item)])
    scenario = Scenario.model_validate(
        {
            "name": "three",
            "network": {"name": "three", "nodes": nodes, "supply_links": supply, "market_links": sales},
            "demand": {
                "data": {"markets": ["2", "4", "6"], "start": "0", "frequency": "period", "values": series},
            },
            "fulfilment": "lost_sales",
            "horizon": 25,
            "history": 15,
            "window": {"start": 15, "count": 1},
        }
    )
    played = play(scenario)
    means = played.orders[3:20].mean(axis=0)
    assert np.allclose(means, [10, 20, 30], rtol=0.2)


def test_without_a_history_it_learns_from_the_initial_stock_and_what_it_sees(play, world) -> None:
    played = play(world([50] * 30, node={"initial_stock": 60.0}))
    assert abs(played.orders[10:28, 0].mean() - 50) < 5


def test_many_items_get_fewer_paths(world) -> None:
    scenario = world(poisson(9.0, 5, 1))
    controller = DemandScenarios(DemandScenariosConfig())
    controller.begin(TrackView(scenario, "blind").brief(seed=0, time_budget=1.0))
    assert controller._paths == 240
    controller.begin(TrackView(scenario, "blind").brief(seed=0, time_budget=0.002))
    assert controller._paths < 60


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("serial-stationary-lost-sales", "supplies other nodes"),
        ("divergent-stationary-backlog", "supplies other nodes"),
    ],
)
def test_networks_of_several_echelons_are_refused_by_name(row, reason) -> None:
    scenario = load_scenario(row)
    controller = DemandScenarios(DemandScenariosConfig())
    with pytest.raises(ValueError, match=f"{reason}: demand-scenarios plans stock points that are independent"):
        controller.begin(TrackView(scenario, "blind").brief(seed=0))


def two_points(capacity: float | None) -> Scenario:
    nodes = [{"id": 0, "capacity": capacity}]
    supply, sales = [], []
    for node, market in ((1, 2), (3, 4)):
        nodes += [{"id": node, "initial_stock": 5.0, "holding_cost": 1.0}, {"id": market}]
        supply.append({"supplier": 0, "buyer": node, "lead_time": 1, "price": 0.0, "pipeline_holding_cost": 0.0})
        sales.append({"retailer": node, "market": market, "price": 9.0, "shortage_penalty": 0.0, "mean_demand": 5.0})
    network = {"name": "two", "nodes": nodes, "supply_links": supply, "market_links": sales}
    return Scenario.model_validate({"name": "two", "network": network, "fulfilment": "lost_sales", "horizon": 4})


def test_a_shared_capacity_is_refused_by_name(play) -> None:
    with pytest.raises(ValueError, match="node 0 has a capacity that several nodes share"):
        play(two_points(12.0))
    assert play(two_points(None), paths=16).orders.shape == (4, 2)


def test_parallel_links_share_the_capacity_of_their_supplier(play, world) -> None:
    links = [{"name": "one"}, {"name": "other", "lead_time": 1}]
    fields = world(poisson(40.0, 6, 1), poisson(40.0, 6, 2), links=links).model_dump(by_alias=True)
    fields["network"]["nodes"][0]["capacity"] = 12.0
    orders = play(Scenario.model_validate(fields), paths=16).orders
    assert orders.sum(axis=1).max() <= 12.0
    assert orders.sum() > 0


def test_the_declaration_says_what_is_not_played() -> None:
    [spec] = [one for one in arena_controllers() if one.name == "demand-scenarios"]
    assert spec.independent_only
    assert spec.tracks == ("blind",)
    assert not set(spec.plays) & {"allocation", "priority", "owed_penalties", "component_holding_costs"}
    for part in spec.plays:
        assert describe_part(part)
