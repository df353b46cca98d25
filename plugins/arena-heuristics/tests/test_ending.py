"""Ends of episodes after which stock has a terminal value: by hand, at the optimum, and against blind rules."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from one_stage_world import SPECS, keeper, mean_profit, one_stage, orders_of

from arena import Network, Scenario, TrackView, load_network, load_suite
from arena_heuristics.ending import Ending, input_values
from arena_heuristics.ordering import last_useful_periods
from arena_heuristics.terminal_worth import terminal_value

CASES = [(spec.name, track) for spec in SPECS.values() for track in spec.tracks]


def ending_of(scenario: Scenario, *, own_books: bool = False) -> Ending:
    stock, network = keeper(scenario), scenario.network
    history = np.zeros((scenario.history, len(network.market_links)))
    briefing = TrackView(scenario, "informed").brief(seed=1, history=history)
    last_useful = last_useful_periods(network, scenario.horizon, stock.plan)
    return Ending(briefing, stock.materials, stock.plan, last_useful, own_books=own_books)


def orders(scenario: Scenario, name: str, track: str, **config) -> np.ndarray:
    nodes = scenario.network.managed if track == "decentralised" else (None,)
    return np.array(list(orders_of(scenario, name, track, nodes, 3, **config)))


@pytest.mark.parametrize("name", ["newsvendor", "echelon", "clark-scarf"])
def test_a_season_with_salvage_value_is_ordered_for_at_its_optimum(name) -> None:
    season = {one.name: one for one in load_suite("classic").scenarios}["newsvendor-salvage"]
    config = {} if name == "clark-scarf" else {"formulas": "textbook"}
    # 250 + 40 z with Φ(z) = (11 − 4.25) / (11 − 2).
    assert orders(season, name, "informed", **config) == pytest.approx(276.98, abs=0.01)


def test_what_an_order_brings_that_is_never_sold_by_hand() -> None:
    scenario = one_stage(
        {"lead_time": 3, "pipeline_holding_cost": 0.02, "order_delay": 1, "initial_orders": [0.0]},
        node={"terminal_value": 0.9},
        horizon=10,
        discount=0.5,
    )
    ending = ending_of(scenario)
    # It is shipped in period 3 and arrives in 6: three periods on the way, four on hand, seven until the value is paid.
    holding, transit = (0.5**3 + 0.5**4 + 0.5**5 + 0.5**6) * 0.1, (1 + 0.5 + 0.25) * 0.02
    assert ending.gains(2) == pytest.approx([0.9 * 0.5**7 - holding - 0.5 - transit], rel=1e-12)
    # Shipped in period 8: two periods on the way, and it is there still.
    assert ending.gains(7) == pytest.approx([0.9 * 0.5**2 - 0.5 - 1.5 * 0.02], rel=1e-12)
    assert ending.gains(9) == [-math.inf]


@pytest.mark.parametrize(("name", "track"), CASES)
def test_orders_that_come_too_late_are_placed_only_if_the_terminal_value_pays(name, track) -> None:
    link = {"lead_time": 2, "price": 0.5, "pipeline_holding_cost": 0.0}
    market = {"initial_backlog": 300.0}  # so that every rule wants to order to the end
    little = one_stage(link, market, {"terminal_value": 0.49, "initial_stock": 0}, horizon=6)
    too_little = orders(little, name, track)[:, 0]
    # An order of period 4 is still on its way after period 5, and nothing sells it.
    assert too_little[:4].sum() > 0
    assert too_little[4:].tolist() == [0.0, 0.0]
    loaded = one_stage(link, market, {"terminal_value": 0.51, "initial_stock": 0}, horizon=3)
    assert orders(loaded, name, track)[1:, 0].max() > 0


@pytest.mark.parametrize(("name", "track"), CASES)
def test_disposal_never_raises_the_last_order(name, track) -> None:
    last = [
        orders(one_stage({"lead_time": 0}, None, {"terminal_value": value}, horizon=5), name, track)[-1, 0]
        for value in (-2.0, -0.2, 0.2, 0.45)
    ]
    assert last == sorted(last)
    if name != "ss":
        assert last[0] < last[-1]


@pytest.mark.parametrize(("name", "track"), [case for case in CASES if case[0] != "ss"])
@pytest.mark.parametrize("value", [-1.0, 0.9])
def test_who_weighs_the_end_earns_more_than_who_is_blind_to_it(name, track, value) -> None:
    if track == "decentralised":
        pytest.skip("one controller per node: the blind track plays the same rule")
    scenario = one_stage({"lead_time": 1}, {"price": 1.4}, {"terminal_value": value}, horizon=4)
    without = one_stage({"lead_time": 1}, {"price": 1.4}, horizon=4).network.anonymous()
    assert mean_profit(scenario, name, track) > mean_profit(scenario, name, track, blind_to={"network": without})


def test_a_fixed_critical_ratio_stays_to_the_end() -> None:
    for name in ("newsvendor", "echelon", "exp-smoothing"):
        last = [
            orders(
                one_stage({"lead_time": 0}, None, {"terminal_value": v}, horizon=5), name, "blind", critical_ratio=0.8
            )
            for v in (-2.0, 0.4)
        ]
        assert last[0].tolist() == last[1].tolist()


def test_what_a_unit_earns_on_its_way_to_the_customers(network_with, assembly) -> None:
    network = network_with()
    # 2 + .1 at the customers; the factories' operating costs are taken off what they take in.
    whole = input_values(network, own_books=False)
    assert [whole[node, None] for node in (1, 2, 3, 4)] == pytest.approx([2.1, 2.1, 2.09, 2.08], rel=1e-12)
    own = input_values(network, own_books=True)
    assert [own[node, None] for node in (1, 2, 3, 4)] == pytest.approx([2.1, 1.6, 0.99, 1.78], rel=1e-12)
    # A unit takes one of maker 3 or 4 at 1 and two of maker 5 at .7.
    parts = input_values(assembly, own_books=False)
    assert [parts[2, 0], parts[2, 1]] == pytest.approx([2.09 - 1.4, (2.09 - 1.0) / 2], rel=1e-12)


def test_a_component_has_its_own_terminal_value(assembly) -> None:
    names = ("nodes", "supply_links", "market_links")
    fields = {name: [each.model_dump(by_alias=True) for each in getattr(assembly, name)] for name in names}
    fields["nodes"][2]["terminal_value"] = 0.25
    fields["nodes"][2]["bill_of_materials"][1]["terminal_value"] = 0.5
    network = Network.model_validate(fields)
    materials = keeper(Scenario(name="test", network=network)).materials
    assert [terminal_value(network, one) for one in materials] == [0.0, 0.25, 0.5, 0.0, 0.0, 0.0]


def test_goods_of_a_managed_supplier_cost_what_they_are_worth_there(network_with) -> None:
    nodes = [node.model_dump(by_alias=True) for node in network_with().nodes]
    nodes[1]["terminal_value"], nodes[2]["terminal_value"] = 0.5, 0.3
    scenario = Scenario(name="test", network=network_with(nodes=nodes))
    last = scenario.horizon - 1
    # 2→1 and 4→1: a period in transit at .01; a unit of factory 4 is worth nothing there, but is made for .02.
    assert ending_of(scenario).gains(last)[:2] == pytest.approx([0.5 - 0.3 - 0.01, 0.5 - 0.02 - 0.01], rel=1e-12)
    own = ending_of(scenario, own_books=True).gains(last)[:2]
    assert own == pytest.approx([0.5 - 1.6 - 0.01, 0.5 - 1.8 - 0.01], rel=1e-12)


@settings(max_examples=20)
@given(st.floats(-1, 3), st.integers(0, 2))
def test_a_node_by_itself_ends_as_with_the_full_view_and_local_information(value, place) -> None:
    network = load_network("serial")
    node = network.managed[place]
    nodes = tuple(one.model_copy(update={"terminal_value": value}) if one.id == node else one for one in network.nodes)
    scenario = Scenario(name="test", network=network.model_copy(update={"nodes": nodes}), horizon=12)
    apart = orders(scenario, "local-base-stock", "decentralised")
    together = orders(scenario, "local-base-stock", "blind", information="local")
    assert apart.tolist() == together.tolist()
