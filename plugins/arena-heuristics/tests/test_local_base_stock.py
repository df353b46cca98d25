"""Base stock by local information: worked out by hand, equal on both tracks for equal information, and any good."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from strategies import changed, scenarios, seeds

from arena import (
    LocalObservation,
    Network,
    Scenario,
    Simulator,
    TrackView,
    load_network,
    load_scenario,
    load_suite,
    newsvendor_quantile,
)
from arena_heuristics import arena_controllers
from arena_heuristics.config import LocalBaseStockConfig
from arena_heuristics.exponential_smoothing import SmoothedDemand
from arena_heuristics.local_base_stock import LocalBaseStock, contents
from arena_heuristics.local_node import LocalNode, NodeState
from arena_heuristics.ordering import list_materials, shortest_lead_times_to_market, split_shares

SHIPPED = ("divergent", "serial", "diamond", "assembly", "assembly-pooled", "tree", "w")
FIVE_PERIODS = 5 + 0.3 * 20 + 0.09 * 20 * 9 / 6
"""Σ (1 + 0.3·j)² for j = 0 … 4."""


# --- smoothing ----------------------------------------------------------------------------------------------------


def test_level_and_error_variance_are_smoothed() -> None:
    smoothed = SmoothedDemand(np.array([20.0]), level_weight=0.3, error_weight=0.1)
    mean, deviation = smoothed.over(np.array([1.0]), np.array([np.inf]))
    assert (mean.tolist(), deviation.tolist()) == ([20.0], [math.sqrt(20)])
    smoothed.observe(np.array([30.0]))
    # level 20 + 0.3·10 = 23; variance 20 + 0.1·(100 − 20) = 28
    mean, deviation = smoothed.over(np.array([1.0]), np.array([np.inf]))
    assert mean == pytest.approx([23.0], rel=1e-12)
    assert deviation == pytest.approx([math.sqrt(28)], rel=1e-12)


def test_an_error_of_the_level_is_made_in_every_period_to_come() -> None:
    smoothed = SmoothedDemand(np.array([4.0, 4.0]), level_weight=0.3, error_weight=0.1)
    mean, deviation = smoothed.over(np.array([5.0, 0.0]), np.array([np.inf, np.inf]))
    by_terms = sum((1 + 0.3 * j) ** 2 for j in range(5))
    assert mean.tolist() == [20.0, 0.0]
    assert by_terms == pytest.approx(FIVE_PERIODS, rel=1e-12)
    assert deviation == pytest.approx([math.sqrt(4 * by_terms), 0.0], rel=1e-12)


def test_the_first_demand_is_the_level_where_none_was_presumed() -> None:
    smoothed = SmoothedDemand(np.array([0.0, 10.0]), level_weight=0.5, error_weight=0.1)
    assert smoothed.over(np.array([3.0, 3.0]), np.full(2, np.inf)).mean.tolist() == [0.0, 30.0]
    smoothed.observe(np.array([40.0, 40.0]))
    assert smoothed.over(np.array([1.0, 1.0]), np.full(2, np.inf)).mean.tolist() == [40.0, 25.0]


def test_no_more_is_expected_than_can_be_served() -> None:
    smoothed = SmoothedDemand(np.array([50.0]), level_weight=0.3, error_weight=0.1)
    assert smoothed.over(np.array([2.0]), np.array([30.0])).mean.tolist() == [60.0]


# --- one node -----------------------------------------------------------------------------------------------------


def view_and_controller(scenario: Scenario, node: int | None, **config) -> tuple[TrackView, LocalBaseStock]:
    view = TrackView(scenario, "blind" if node is None else "decentralised", node)
    controller = LocalBaseStock(LocalBaseStockConfig(**config))
    controller.begin(view.brief(seed=1))
    return view, controller


def first_observation(view: TrackView, **arrays) -> LocalObservation:
    simulator = Simulator(view.scenario)
    simulator.start(1)
    shown = view.observe(simulator.state)
    assert isinstance(shown, LocalObservation)
    values = {name: np.array(value) if isinstance(value, list) else value for name, value in arrays.items()}
    return replace(shown, **values)


def test_a_retailer_orders_up_to_its_customers_demand(network, scenario_of) -> None:
    view, controller = view_and_controller(scenario_of(network), 1)
    # Stock of 60 for a lead time of 4 and a period: 12 a period are presumed.
    level = 60 + newsvendor_quantile(0.1, 0.03) * math.sqrt(12 * FIVE_PERIODS)
    shares = split_shares([network.supply_links[0], network.supply_links[1]], 0.1)
    assert controller.order(first_observation(view)) == pytest.approx(
        [(level - 60) * share for share in shares], rel=1e-9
    )
    # Demand 22: level 15, variance 12 + 0.05·(100 − 12) = 16.4. Backlog and what is under way count.
    seen = first_observation(
        view, period=1, last_demand=[22.0], last_unfilled=[7.0], on_hand=[0.0], in_transit=[10.0, 5.0]
    )
    level = 75 + newsvendor_quantile(0.1, 0.03) * math.sqrt(16.4 * FIVE_PERIODS)
    assert controller.order(seen).sum() == pytest.approx(level - (15 - 7), rel=1e-9)


def test_a_distributor_orders_up_to_the_orders_of_its_buyer(network, scenario_of) -> None:
    view, controller = view_and_controller(scenario_of(network), 2, critical_ratio=0.5)
    # Stock of 50 for a lead time of 3 and a period: 12.5 a period are presumed, and nothing is missing.
    assert controller.order(first_observation(view)).tolist() == [0.0]
    seen = first_observation(view, period=1, incoming_orders=[32.5], on_hand=[17.5])
    assert controller.order(seen) == pytest.approx([4 * (12.5 + 0.3 * 20) - 17.5], rel=1e-9)


def test_an_order_that_could_not_be_filled_is_not_counted_again(network, scenario_of) -> None:
    view, controller = view_and_controller(scenario_of(network), 2, critical_ratio=0.5, level_weight=1.0)
    controller.order(first_observation(view))
    # 80 are asked, 50 are there: 30 stay open. The buyer asks for them again, and for 20 new ones.
    empty = {"on_hand": [0.0], "in_transit": [0.0]}
    assert controller.order(first_observation(view, period=1, incoming_orders=[80.0], **empty)).tolist() == [320.0]
    assert controller.order(first_observation(view, period=2, incoming_orders=[50.0], **empty)).tolist() == [80.0]
    # Now 50 are open, since there was nothing to ship.
    assert controller.order(first_observation(view, period=3, incoming_orders=[60.0], **empty)).tolist() == [40.0]


def test_what_is_owed_comes_without_being_asked_again(network, scenario_of) -> None:
    scenario = scenario_of(network, upstream_shortage="owed")
    view, controller = view_and_controller(scenario, 2, critical_ratio=0.5, level_weight=1.0)
    controller.order(first_observation(view))
    seen = first_observation(
        view, period=1, incoming_orders=[80.0], on_hand=[0.0], owed=[10.0], owed_to_buyers=[30.0], in_transit=[5.0]
    )
    assert controller.order(seen).tolist() == [320.0 - (10 + 5 - 30)]
    seen = first_observation(view, period=2, incoming_orders=[50.0], on_hand=[0.0], owed_to_buyers=[80.0])
    assert controller.order(seen).tolist() == [200.0 + 80.0]


def test_a_capacity_limits_what_is_ordered_and_what_is_counted_as_shipped(network, scenario_of) -> None:
    view, controller = view_and_controller(scenario_of(network), 3, critical_ratio=0.5, level_weight=1.0)
    controller.order(first_observation(view))
    # A stock of 80, but no more than 50 a period can be made: 150 of 200 stay open.
    assert controller.order(first_observation(view, period=1, incoming_orders=[200.0], on_hand=[0.0])) == [50.0]
    assert controller.order(first_observation(view, period=2, incoming_orders=[170.0], on_hand=[0.0])) == [20.0]


def test_yield_losses_are_ordered_too(network, network_with, scenario_of) -> None:
    nodes = [
        node.model_dump(by_alias=True) | ({"yield": 0.5, "capacity": 500} if node.id == 3 else {})
        for node in network.nodes
    ]
    scenario = scenario_of(network_with(nodes=nodes))
    view, controller = view_and_controller(scenario, 3, critical_ratio=0.5, level_weight=1.0)
    controller.order(first_observation(view))
    # A stock of 80 ships 40; the 10 that stay open come again.
    assert controller.order(first_observation(view, period=1, incoming_orders=[50.0], on_hand=[0.0])) == [100.0]
    assert controller.order(first_observation(view, period=2, incoming_orders=[30.0], on_hand=[0.0])) == [40.0]


def test_components_are_ordered_in_their_own_units(assembly, scenario_of) -> None:
    view, controller = view_and_controller(scenario_of(assembly), 2, critical_ratio=0.5, level_weight=1.0)
    controller.order(first_observation(view))
    seen = first_observation(view, period=1, incoming_orders=[30.0], component_stock=[0.0, 0.0], on_hand=[0.0])
    # One of maker 3 or 4, which are equal, for 4 periods; two of maker 5 for 6 periods. Links come in the file's order.
    assert controller.order(seen) == pytest.approx([60.0, 360.0, 60.0], rel=1e-9)


def test_nothing_is_ordered_that_comes_too_late(network, scenario_of) -> None:
    scenario = scenario_of(network, horizon=10)
    view, controller = view_and_controller(scenario, 1, critical_ratio=0.5)
    controller.order(first_observation(view))
    empty = {"on_hand": [0.0], "in_transit": [0.0, 0.0], "last_demand": [12.0]}
    in_time, quick_only, too_late = (
        controller.order(first_observation(view, period=period, **empty)) for period in (5, 6, 8)
    )
    # Lead times 4 and 2, last period 9: period 5 reaches it on both links, 6 on the second, 8 on none.
    shares = split_shares([network.supply_links[0], network.supply_links[1]], 0.1)
    assert in_time == pytest.approx([60 * share for share in shares], rel=1e-9)
    assert quick_only == pytest.approx([0.0, 48 * shares[1]], rel=1e-9)
    assert too_late.tolist() == [0.0, 0.0]


def test_a_supplier_stops_when_its_nearest_buyer_can_no_longer_be_reached(network, scenario_of) -> None:
    view, controller = view_and_controller(scenario_of(network, horizon=10), 2, critical_ratio=0.5)
    controller.order(first_observation(view))
    empty = {"on_hand": [0.0], "in_transit": [0.0], "incoming_orders": [12.5]}
    # What it ships reaches the retailer 4 periods later, so period 5 is the last to ship in: three lead times earlier
    # is the last time to order, and from then on only periods up to 5 need stock.
    assert controller.order(first_observation(view, period=2, **empty)) == pytest.approx([4 * 12.5], rel=1e-9)
    assert controller.order(first_observation(view, period=3, **empty)).tolist() == [0.0]


# --- the full view ------------------------------------------------------------------------------------------------


def nodes_of(network: Network, scenario_of) -> tuple[LocalNode, ...]:
    briefing = TrackView(scenario_of(network), "blind").brief(seed=1)
    materials = list_materials(briefing.network, 0.1)
    return tuple(LocalNode(briefing, node, [m for m in materials if m.node == node]) for node in network.managed)


def test_a_chain_contains_itself_and_all_below(serial, scenario_of) -> None:
    network = serial.network
    below = contents(network, nodes_of(network, scenario_of))
    assert below.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_alternatives_share_and_components_add_up(assembly, scenario_of) -> None:
    # Materials: of nodes 1, 2 (maker 3 or 4), 2 (maker 5), 3, 4, 5.
    below = contents(assembly, nodes_of(assembly, scenario_of))
    expected = np.eye(6)
    expected[1:, 0] = [1, 2, 0.5, 0.5, 2]
    expected[3:, 1] = [0.5, 0.5, 0]
    expected[3:, 2] = [0, 0, 1]
    assert below == pytest.approx(expected, rel=1e-12)


def test_yields_are_part_of_the_contents(network, network_with, scenario_of) -> None:
    nodes = [node.model_dump(by_alias=True) | ({"yield": 0.5} if node.id == 3 else {}) for node in network.nodes]
    lossy = network_with(nodes=nodes)
    share = split_shares([lossy.supply_links[0], lossy.supply_links[1]], 0.1)[0]
    # Row of factory 3, columns of nodes 1, 2, 3, 4.
    below = contents(lossy, nodes_of(lossy, scenario_of))
    assert below[2] == pytest.approx([2 * share, 2.0, 1.0, 0.0], rel=1e-12)


def test_the_shortest_way_to_a_market(network, two_markets) -> None:
    assert shortest_lead_times_to_market(network) == {1: 0, 2: 4, 3: 7, 4: 2}
    assert shortest_lead_times_to_market(two_markets) == {1: 0, 2: 0, 3: 1, 5: 1, 6: 11}


def test_with_the_full_view_a_node_covers_customers_with_all_stock_on_the_way(serial) -> None:
    view, controller = view_and_controller(serial, None, critical_ratio=0.5, level_weight=1.0)
    simulator = Simulator(serial)
    simulator.start(1)
    observation = replace(view.observe(simulator.state), period=1, last_demand=np.array([30.0]))
    in_transit = np.array([10.0, 20.0, 0.0])
    observation = replace(
        observation, on_hand=np.array([1.0, 2.0, 3.0]), in_transit=in_transit, last_unfilled=np.array([6.0])
    )
    controller.order(view.observe(simulator.state))
    # Lead times 4, 4, 0 and ways 0, 4, 8: intervals of 5, 9 and 9 periods.
    assert controller.order(observation) == pytest.approx([150 - 5, 270 - 27, 270 - 30], rel=1e-9)


# --- both ---------------------------------------------------------------------------------------------------------


def decentralised(scenario: Scenario, seed: int, **config) -> Iterator[tuple[np.ndarray, float]]:
    """Orders and profit of every period with one controller per node."""
    seats = [view_and_controller(scenario, node, **config) for node in scenario.network.managed]
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        state, orders = simulator.state, np.zeros(len(scenario.network.supply_links))
        for view, controller in seats:
            orders[list(view.links)] = controller.order(view.observe(state))
        yield orders, simulator.step(np.minimum(orders, 1e6))


def full_view(scenario: Scenario, seed: int, **config) -> Iterator[tuple[np.ndarray, float]]:
    """The same with one controller for all nodes."""
    view, controller = view_and_controller(scenario, None, **config)
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        orders = controller.order(view.observe(simulator.state))
        yield orders, simulator.step(np.minimum(orders, scenario.order_bound))


worlds = scenarios(longest=12)


@settings(max_examples=60)
@given(worlds, seeds)
def test_with_equal_information_both_tracks_give_equal_orders(scenario: Scenario, seed: int) -> None:
    own = [orders.tolist() for orders, _ in decentralised(scenario, seed)]
    cut = [orders.tolist() for orders, _ in full_view(scenario, seed, information="local")]
    # Where an order is clipped the tracks part: their bounds differ.
    for one, other in zip(own, cut, strict=True):
        assert one == other
        if max(one) > scenario.order_bound:
            break


def test_the_tracks_differ_by_information_only() -> None:
    scenario = load_scenario("divergent-trend-seasonal-backlog-decentralised")
    own, cut, whole = (
        [orders.tolist() for orders, _ in play]
        for play in (decentralised(scenario, 42), full_view(scenario, 42, information="local"), full_view(scenario, 42))
    )
    assert own == cut
    assert own != whole


@settings(max_examples=60)
@given(worlds, seeds)
def test_orders_are_finite_and_not_negative(scenario: Scenario, seed: int) -> None:
    for play in (decentralised, full_view):
        for orders, _ in play(scenario, seed):
            assert orders.shape == (len(scenario.network.supply_links),)
            assert np.isfinite(orders).all()
            assert (orders >= 0).all()


@settings(max_examples=60)
@given(worlds, seeds, st.floats(0, 500), st.data())
def test_more_stock_never_orders_more(scenario: Scenario, seed: int, extra: float, data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(scenario.network.managed))
    simulator = Simulator(scenario)
    simulator.start(seed)
    view, controller = view_and_controller(scenario, node)
    _, same_past = view_and_controller(scenario, node)
    for _ in range(data.draw(st.integers(0, scenario.horizon - 1))):
        seen = view.observe(simulator.state)
        controller.order(seen)
        same_past.order(seen)
        simulator.step(np.full(len(scenario.network.supply_links), 12.0))
    seen = view.observe(simulator.state)
    orders = controller.order(seen)
    richer = same_past.order(replace(seen, on_hand=seen.on_hand + extra, component_stock=seen.component_stock + extra))
    assert (richer <= orders + 1e-9).all()


def profit(play: Iterator[tuple[np.ndarray, float]]) -> float:
    return sum(earned for _, earned in play)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("play", [decentralised, full_view])
def test_it_earns_far_more_than_ordering_nothing(name: str, play) -> None:
    scenario = Scenario(name="shipped", network=load_network(name))
    simulator = Simulator(scenario)
    simulator.start(42)
    idle = sum(simulator.step(np.zeros(len(scenario.network.supply_links))) for _ in range(scenario.horizon))
    assert profit(play(scenario, 42)) > idle + 100


def test_on_the_multi_agent_suite_it_beats_the_newsvendor_and_the_full_view_beats_it() -> None:
    spec = next(spec for spec in arena_controllers() if spec.name == "newsvendor")

    def newsvendor(scenario: Scenario, seed: int) -> Iterator[tuple[np.ndarray, float]]:
        view, controller = TrackView(scenario, "blind"), spec.factory(spec.config())
        controller.begin(view.brief(seed=1))
        simulator = Simulator(scenario)
        simulator.start(seed)
        while not simulator.finished:
            orders = controller.order(view.observe(simulator.state))
            yield orders, simulator.step(orders)

    rows, chosen = load_suite("multi-agent").scenarios, (42, 123, 456)
    means = [
        np.mean([profit(play(scenario, seed)) for scenario in rows for seed in chosen])
        for play in (newsvendor, decentralised, full_view)
    ]
    assert means[0] + 250 < means[1]
    assert means[1] + 100 < means[2]


def test_a_node_without_stock_or_orders_waits_for_the_first_order(network, network_with, scenario_of) -> None:
    nodes = [node.model_dump(by_alias=True) | ({"initial_stock": 0} if node.id == 2 else {}) for node in network.nodes]
    view, controller = view_and_controller(scenario_of(network_with(nodes=nodes)), 2, critical_ratio=0.5)
    assert controller.order(first_observation(view)).tolist() == [0.0]
    assert controller.order(first_observation(view, period=1, incoming_orders=[9.0])) == pytest.approx([36.0], rel=1e-9)


def test_dust_orders_nothing(network, scenario_of) -> None:
    (node,) = (node for node in nodes_of(network, scenario_of) if node.node == 2)
    assert node.split(np.array([1e-10]), np.array([True])).tolist() == [0.0]
    assert node.split(np.array([1e-3]), np.array([True])).tolist() == [1e-3]
    assert node.split(np.array([1e-3]), np.array([False])).tolist() == [0.0]


def test_buyers_are_served_in_the_order_of_the_links(two_markets, scenario_of) -> None:
    (centre,) = (node for node in nodes_of(two_markets, scenario_of) if node.node == 3)

    def asked(stock: float, first: float, second: float) -> NodeState:
        none, nothing = np.zeros(0), np.zeros(2)
        return NodeState(stock, none, nothing, nothing, nothing, np.array([first, second]), none, none)

    centre.new_demand(asked(100.0, 0.0, 0.0))
    assert centre.new_demand(asked(0.0, 70.0, 50.0)).tolist() == [120.0]
    # Of 100 the first buyer got its 70, the second 30 of 50: only its 20 come again.
    assert centre.new_demand(asked(0.0, 10.0, 25.0)).tolist() == [10.0 + 5.0]


def test_scenarios_change_nothing_that_is_not_shown() -> None:
    scenario = load_scenario("serial-trend-seasonal-backlog-decentralised")
    other = changed(scenario, demand=changed(scenario.demand, base_mean=60.0))
    firsts = [next(play(world, 42))[0].tolist() for world in (scenario, other) for play in (decentralised, full_view)]
    assert firsts[:2] == firsts[2:]
