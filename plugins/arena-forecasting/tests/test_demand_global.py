"""The controller: orders at the optimum where it is known, and what it refuses."""

import numpy as np
import pytest
from random_panels import random_panel, world
from scipy.stats import nbinom

from arena import Briefing, InvalidInput, Simulator, TrackView, load_scenario, realised_history
from arena_forecasting.config import DemandGlobalConfig
from arena_forecasting.controllers.demand_global import DemandGlobal
from arena_forecasting.panel.settings import PanelSettings
from arena_forecasting.panel.stock import stock_points

CLASSICAL = DemandGlobalConfig(paths=300)


def played(scenario, config=CLASSICAL, seed=1):
    """Orders of an episode, (periods, links), and its profit."""
    view, simulator = TrackView(scenario, "blind"), Simulator(scenario)
    simulator.start(seed)
    controller = DemandGlobal(config)
    controller.begin(view.brief(seed=seed, history=realised_history(scenario, seed)))
    orders, profit = [], 0.0
    while not simulator.finished:
        orders.append(controller.order(view.observe(simulator.state)))
        profit += simulator.step(orders[-1])
    return np.array(orders), profit


def demand_of(seed=1, **changes):
    panel, means = random_panel(seed, unknown=0.0, **changes)
    return panel.demand, means


@pytest.mark.parametrize(("penalty", "lead_time"), [(1.0, 0), (4.0, 0), (1.0, 2)])
def test_orders_are_those_of_the_newsvendor_where_demand_is_stationary(penalty, lead_time) -> None:
    dispersion = 0.4
    demand, means = demand_of(items=80, periods=305, dispersion=dispersion)
    scenario = world(demand, 300, penalty=penalty, stock=0.0, lead_time=lead_time, fulfilment="backlog")
    settings = PanelSettings(
        season_period=1, memories=(0.99,), dispersion_weight=1.0, common_deviation=0.0, lasting_share=0
    )
    orders, _ = played(scenario, DemandGlobalConfig(panel=settings, surplus_weight=1.0))
    # With nothing on hand and nothing on the way, the first order is the level itself.
    size = (lead_time + 1) / dispersion
    best = nbinom.ppf(penalty / (penalty + 0.2), size, 1 / (1 + dispersion * means))
    assert np.mean(orders[0] - best) == pytest.approx(0.0, abs=0.4 * (lead_time + 1))
    assert np.mean(np.abs(orders[0] - best) / np.maximum(best, 4.0)) < 0.15


@pytest.mark.parametrize("factor", [0.01, 40.0])
def test_money_in_another_unit_changes_no_order(factor) -> None:
    demand, _ = demand_of(items=20, periods=70)
    costs = {"penalty": 0.5, "holding": 0.2, "price": 3.0, "purchase": 1.0}
    orders, _ = played(world(demand, 60, **costs))
    scaled, _ = played(world(demand, 60, **{name: factor * value for name, value in costs.items()}))
    np.testing.assert_array_equal(orders, scaled)


def test_equal_seeds_give_equal_orders_and_orders_are_whole() -> None:
    demand, _ = demand_of(items=20, periods=70)
    scenario = world(demand, 60)
    orders, again, other = (played(scenario, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(orders, again)
    assert (orders == np.round(orders)).all()
    assert (orders >= 0).all()
    assert np.abs(orders - other).max() > 0


@pytest.mark.parametrize("lead_time", [0, 1, 3])
def test_nothing_is_ordered_that_comes_after_the_end(lead_time) -> None:
    demand, _ = demand_of(items=20, periods=66)
    orders, _ = played(world(demand, 60, lead_time=lead_time))
    useful = 6 - lead_time
    assert (orders[useful:] == 0).all()
    assert (orders[:useful].sum(axis=1) > 0).all()


def test_less_is_bought_before_the_end_where_goods_cost_money() -> None:
    demand, _ = demand_of(items=40, periods=66)
    cheap, _ = played(world(demand, 60, price=2.0, penalty=0.0, purchase=0.0))
    dear, _ = played(world(demand, 60, price=3.0, penalty=0.0, purchase=1.0))  # the same margin
    assert dear[0].sum() == pytest.approx(cheap[0].sum(), rel=0.05)  # far from the end it makes no difference
    assert dear[2:4].sum() < 0.9 * cheap[2:4].sum()


def test_out_of_stock_weeks_of_the_history_are_missing() -> None:
    demand, _ = demand_of(items=30, periods=70)
    flags = np.random.default_rng(1).random(demand.shape) > 0.4
    flags[60:] = True
    orders, _ = played(world(np.where(flags, demand, 0.0), 60, in_stock=flags))
    zeros, _ = played(world(np.where(flags, demand, 0.0), 60))
    assert orders[0].sum() > 1.2 * zeros[0].sum()


def test_sales_in_place_of_demand_do_not_starve_the_levels() -> None:
    demand, _ = demand_of(items=30, periods=100)
    told, _ = played(world(demand, 60, stock=0.0))
    seen, _ = played(world(demand, 60, stock=0.0, visible_demand="sales"))
    assert 0.85 < seen[10:35].sum() / told[10:35].sum() < 1.25


def test_a_world_without_a_history_is_played_from_its_starting_stock() -> None:
    demand, _ = demand_of(items=10, periods=40)
    orders, _ = played(world(demand, 0, stock=9.0))
    assert orders[0].sum() > 0
    assert orders[20:30].sum(axis=0) == pytest.approx(demand[20:30].sum(axis=0), rel=1.0, abs=15)


def briefing_of(scenario) -> Briefing:
    return TrackView(scenario, "blind").brief(seed=1, history=realised_history(scenario, 1))


@pytest.mark.parametrize("name", ["serial-stationary-lost-sales", "divergent-stationary-backlog"])
def test_stock_points_that_depend_on_one_another_are_refused(name) -> None:
    with pytest.raises(InvalidInput, match=r"network.market_links\[0\]: demand-global plays an item each"):
        DemandGlobal(CLASSICAL).begin(briefing_of(load_scenario(name)))


def test_independent_ones_are_read_an_item_each() -> None:
    points = stock_points(briefing_of(world(demand_of(items=3, periods=30)[0], 20)))
    assert points.markets.tolist() == [0, 1, 2]
    assert len(set(points.nodes.tolist())) == len(set(points.links.tolist())) == 3
