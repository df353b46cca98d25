"""Parts of worlds on the side of supply: positions, order delays, lead times that vary, costs and priorities."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from one_stage_world import SPECS, keeper, mean_profit, one_stage, profit

from arena import Network, Scenario, Simulator, SupplyLink, TrackView, draw_lead_times
from arena_heuristics.costs import holding_costs, owed_penalty
from arena_heuristics.ordering import longest_lead_times_to_market, waits_to_ship
from arena_heuristics.stock_keeper import carried_shares
from arena_heuristics.supply import arrival_probabilities, delivery_of, plan_supply

# --- positions: order delays, beginnings, customers who wait ---------------------------------------------------------


@given(
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([None, 0.0, 0.4, 1.0]),
    st.lists(st.floats(0, 60), min_size=9, max_size=9),
)
def test_a_position_is_all_that_will_come_less_what_waits(delay, lead_time, share, orders) -> None:
    scenario = one_stage(
        {
            "order_delay": delay,
            "lead_time": lead_time,
            "initial_orders": [5.0] * delay,
            "initial_pipeline": [2.0] * lead_time,
        },
        {"waiting_share": share, "initial_backlog": 7.0},
        horizon=9,
    )
    carried = 1.0 if share is None else share
    stock, view, simulator = keeper(scenario), TrackView(scenario, "informed"), Simulator(scenario)
    simulator.start(3)
    position = 60 + 5.0 * delay + 2.0 * lead_time - carried * 7.0
    waiting = 7.0
    for order in orders:
        assert stock.positions(view.observe(simulator.state)) == pytest.approx([position], rel=1e-12, abs=1e-9)
        simulator.step([order])
        state = simulator.state
        due = state.demand[0] + carried * waiting
        sold, waiting = due - state.unfilled[0], state.unfilled[0]
        # On hand and on order less what waits: + order − sales, and what waits has changed.
        position += order - sold - carried * waiting + carried * (due - state.demand[0]) / (carried or 1.0)


def test_an_echelon_counts_an_unseen_order_once(network_with) -> None:
    links = [link.model_dump(exclude={"lead_time_distribution"}) for link in network_with().supply_links]
    links[0] |= {"order_delay": 2}
    scenario = Scenario(name="test", network=network_with(supply_links=links), upstream_shortage="owed")
    stock, view, simulator = keeper(scenario), TrackView(scenario, "informed"), Simulator(scenario)
    local = keeper(scenario)
    stock.count_echelon_stock()
    simulator.start(1)
    before, at_home = (each.positions(view.observe(simulator.state)) for each in (stock, local))
    simulator.step([11.0, 0, 0, 0, 0])
    demand = simulator.state.demand[0]
    after, home = (each.positions(view.observe(simulator.state)) for each in (stock, local))
    # Retailer 1 has ordered from distributor 2, in whose echelon and in that of its supplier 3 the units are already.
    assert after - before == pytest.approx([11 - demand, -demand, -demand, 11 - demand], abs=1e-9)
    assert home - at_home == pytest.approx([11 - demand, 0, 0, 0], abs=1e-9)


@pytest.mark.parametrize("name", ["newsvendor", "ss", "exp-smoothing", "echelon"])
def test_order_delays_are_covered(name) -> None:
    scenario = one_stage({"order_delay": 3})
    ignorant = one_stage({"lead_time": 2})
    covers = keeper(scenario).lead_times.tolist(), keeper(ignorant).lead_times.tolist()
    assert covers == ([5], [2])
    assert (
        mean_profit(scenario, name, "informed")
        > mean_profit(scenario, name, "informed", blind_to={"network": ignorant.network.anonymous()}) + 50
    )


def test_customers_who_wait_by_link(two_markets) -> None:
    links = [link.model_dump() for link in two_markets.market_links]
    links[0]["fulfilment"], links[1]["waiting_share"] = "lost_sales", 0.25
    fields = {name: [each.model_dump() for each in getattr(two_markets, name)] for name in ("nodes", "supply_links")}
    world = Scenario(name="test", network=Network.model_validate({"market_links": links, **fields}))
    assert carried_shares(TrackView(world, "blind").brief(seed=1)).tolist() == [0.0, 0.25]


# --- lead times that vary --------------------------------------------------------------------------------------------

LATE = {"values": [1, 7], "probabilities": [0.5, 0.5], "may_cross": True}


def varying(**law) -> SupplyLink:
    return one_stage({"lead_time_distribution": law}).network.supply_links[0]


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.booleans(), st.booleans())
@settings(max_examples=25)
def test_planned_lead_times_are_those_that_are_played(weights, may_cross, loses) -> None:
    values = [*range(1, 2 * len(weights), 2)]
    if loses:
        values[-1] = "lost"
    law = {"values": values, "probabilities": [w / sum(weights) for w in weights], "may_cross": may_cross}
    scenario = one_stage({"lead_time_distribution": law}, horizon=10_000)
    played = draw_lead_times(scenario, np.random.default_rng(1), episodes=4)
    arrived = played[played >= 0]
    mean, variance, chance = delivery_of(scenario.network.supply_links[0])
    assert mean == pytest.approx(arrived.mean(), abs=0.1)
    assert variance == pytest.approx(arrived.var(), abs=0.25)
    assert chance == pytest.approx(arrived.size / played.size, abs=0.01)


def test_waiting_for_earlier_orders_is_planned_with() -> None:
    free = varying(values=[0, 2], probabilities=[0.5, 0.5], may_cross=True)
    assert arrival_probabilities(free).tolist() == [0.5, 0.0, 0.5]
    # It comes at once if it draws 0 and the order before it, which else is still on its way, did too.
    assert arrival_probabilities(varying(values=[0, 2], probabilities=[0.5, 0.5])).tolist() == [0.25, 0.25, 0.5]


def test_a_random_lead_time_adds_its_variance() -> None:
    scenario = one_stage({"lead_time_distribution": LATE})
    demand = keeper(scenario).protection.demand(
        lambda lead_times: SimpleNamespace(mean=20.0 * (lead_times + 1), deviation=np.sqrt(20.0 * (lead_times + 1)))
    )
    assert demand.mean == pytest.approx([100.0], rel=1e-12)
    assert demand.deviation == pytest.approx([math.sqrt(5 * 20 + 9 * 20**2)], rel=1e-12)


def test_where_no_distribution_is_told_the_promised_lead_time_is_planned_with() -> None:
    assert keeper(one_stage({"lead_time_distribution": LATE}), "blind").protection.means.tolist() == [2.0]


@pytest.mark.parametrize("name", ["newsvendor", "ss", "exp-smoothing", "echelon", "clark-scarf"])
def test_told_lead_times_earn_more_than_promised_ones(name) -> None:
    scenario = one_stage({"lead_time_distribution": LATE, "lead_time": 1})
    promised = scenario.network.anonymous().without_lead_time_laws()
    assert (
        mean_profit(scenario, name, "informed")
        > mean_profit(scenario, name, "informed", blind_to={"network": promised}) + 100
    )


def test_lost_orders_are_topped_up_and_count_as_far_as_they_arrive() -> None:
    law = {"values": [2, "lost"], "probabilities": [0.75, 0.25]}
    scenario = one_stage({"lead_time_distribution": law})
    stock, view, simulator = keeper(scenario), TrackView(scenario, "informed"), Simulator(scenario)
    assert stock.orders(np.array([30.0])).tolist() == [40.0]
    simulator.start(2)
    before = stock.positions(view.observe(simulator.state))
    simulator.step([40.0])
    assert stock.positions(view.observe(simulator.state)) - before == pytest.approx([30.0 - simulator.state.demand[0]])


def test_hidden_arrivals_change_no_order() -> None:
    worlds = [one_stage({"lead_time_distribution": LATE}, visible_arrivals=shown) for shown in ("by_order", "total")]
    for name in SPECS:
        track = SPECS[name].tracks[-1]
        assert profit(worlds[0], name, track) == profit(worlds[1], name, track)


def test_of_parallel_links_the_better_one_is_used(network_with) -> None:
    links = [link.model_dump() for link in network_with().supply_links]
    air = links[0] | {"name": "air", "lead_time": 1, "price": 1.65}
    links[0] |= {"name": "sea"}
    network = network_with(supply_links=[*links, air])
    plan = plan_supply(network, 0.1)
    # Sea 1.6 + .4, air 1.65 + .1; with time worth nothing the sea is cheaper.
    assert plan.is_used == (False, True, True, True, True, True)
    assert plan_supply(network, 0.0).is_used == (True, True, True, True, True, False)
    stock = keeper(Scenario(name="test", network=network))
    assert stock.lead_times.tolist()[0] == 2
    orders = stock.orders(np.array([30.0, 0.0, 0.0, 0.0]))
    assert orders[0] == 0.0
    assert orders[[1, 5]].sum() == pytest.approx(30.0, rel=1e-12)


# --- costs and the order of events -----------------------------------------------------------------------------------


def test_components_have_their_own_holding_cost(assembly) -> None:
    names = ("nodes", "supply_links", "market_links")
    fields = {name: [each.model_dump(by_alias=True) for each in getattr(assembly, name)] for name in names}
    fields["nodes"][2]["bill_of_materials"][1]["holding_cost"] = 0.5
    stock = keeper(Scenario(name="test", network=Network.model_validate(fields)))
    plain = keeper(Scenario(name="test", network=assembly))
    assert (holding_costs(stock) - holding_costs(plain)).tolist() == pytest.approx([0, 0, 0.48, 0, 0, 0], abs=1e-12)


def test_penalties_for_what_is_owed_raise_the_shortage_cost(network_with) -> None:
    links = [link.model_dump() for link in network_with().supply_links]
    links[0]["shortage_penalty"] = 3.0
    network = network_with(supply_links=links)
    briefing = TrackView(Scenario(name="test", network=network, upstream_shortage="owed"), "blind").brief(seed=1)
    assert [owed_penalty(briefing, node) for node in (1, 2, 3)] == [0.0, 3.0, 0.0]


def test_who_ships_after_its_deliveries_waits_for_nothing(network_with) -> None:
    nodes = [node.model_dump(by_alias=True) for node in network_with().nodes]
    nodes[2]["priority"] = "links"
    network = network_with(nodes=nodes)
    stock = keeper(Scenario(name="test", network=network))
    assert waits_to_ship(network, stock.materials).tolist() == [0, 0, 1, 1]
    assert longest_lead_times_to_market(network, waiting=1) == {1: 0, 2: 4, 3: 8, 4: 3}
