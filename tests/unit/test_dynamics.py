"""The transition on small worlds with the numbers worked out by hand."""

import numpy as np
import pytest

from arena.simulate.columns import LOT_SLACK, SCALAR, operations_for
from arena.simulate.compiled import compile_scenario
from arena.simulate.dynamics import step
from arena.simulate.states import initial_state
from arena.world.library import build_scenario

LINK = {"price": 1, "pipeline_holding_cost": 0}


def world(nodes, links, **fields):
    """Retailer 1 sells to market 0; node 9 is raw material; nodes and links as given."""
    network = {
        "nodes": [{"id": 0}, {"id": 9}, *({"holding_cost": 0, **node} for node in nodes)],
        "supply_links": [{"supplier": s, "buyer": b, "lead_time": lead, **LINK, **more} for s, b, lead, more in links],
        "market_links": [{"retailer": 1, "market": 0, "price": 1, "shortage_penalty": 0, "mean_demand": 1}],
    }
    return compile_scenario(build_scenario({"name": "world", "network": network, **fields}, "world"))


def shop(link=None, stock=0, lead_time=0, **fields):
    """A retailer that orders from raw material."""
    node = {"id": 1, "initial_stock": stock, **fields.pop("node", {})}
    return world([node], [(9, 1, lead_time, link or {})], **fields)


def pair(stock=10, link=None, **fields):
    """A distributor (2) with stock that ships to a retailer (1)."""
    nodes = [{"id": 1, "initial_stock": 0}, {"id": 2, "initial_stock": stock}]
    return world(nodes, [(2, 1, 0, link or {}), (9, 2, 0, {})], **fields)


def play(compiled, *orders, demand=0.0):
    state = initial_state(compiled, 1, np.zeros(1))
    flows = None
    for asked in orders:
        state, flows = step(compiled, state, np.array([asked], dtype=float), np.full((1, compiled.markets), demand))
    return state, flows


@pytest.mark.parametrize(
    ("link", "asked", "filled"),
    [
        ({}, 7.5, 7.5),
        ({}, -3, 0),
        ({"minimum_order": 10}, 0, 0),
        ({"minimum_order": 10}, 0.001, 10),
        ({"minimum_order": 10}, 11, 11),
        ({"lot_size": 4}, 0, 0),
        ({"lot_size": 4}, 1, 4),
        ({"lot_size": 4}, 8, 8),
        ({"lot_size": 4}, 8.01, 12),
        ({"lot_size": 0.1}, 0.1 + 0.1 + 0.1, 0.3),  # three lots, in spite of rounding
        ({"lot_size": 4, "minimum_order": 10}, 1, 12),
    ],
)
def test_an_order_in_lots_and_at_least_the_minimum(link, asked, filled):
    _, flows = play(shop(link), [asked])
    assert abs(flows.filled.item() - filled) < 1e-9


@pytest.mark.parametrize(
    ("link", "stock", "asked", "filled"),
    [
        ({}, 10, 12, 10),
        ({"lot_size": 4}, 10, 12, 8),  # whole lots only
        ({"lot_size": 4}, 3, 4, 0),
        ({"lot_size": 4}, 8, 8, 8),
        ({"minimum_order": 20}, 10, 1, 10),  # raised to the minimum, then cut to the stock
    ],
)
def test_a_supplier_ships_what_it_has(link, stock, asked, filled):
    _, flows = play(pair(stock, link), [asked, 0])
    assert flows.filled[0, 0] == filled


@pytest.mark.parametrize(("mode", "second"), [("lost", 0), ("owed", 6)])
def test_an_upstream_shortage_is_lost_or_owed(mode, second):
    state, flows = play(pair(10, upstream_shortage=mode), [16, 20], [0, 0])
    assert flows.filled[0, 0] == second
    assert state.owed[0, 0] == 0
    after_first, _ = play(pair(10, upstream_shortage=mode), [16, 20])
    assert after_first.owed[0, 0] == second


def test_what_arrives_today_is_not_shipped_today():
    _, flows = play(pair(0), [5, 5])
    assert flows.filled[0].tolist() == [0, 5]
    _, flows = play(pair(0), [5, 5], [5, 0])
    assert flows.filled[0].tolist() == [5, 0]


def test_what_arrives_today_is_sold_today():
    _, flows = play(shop(), [5], demand=3)
    assert flows.sold.item() == 3


@pytest.mark.parametrize(("lead_time", "arrival"), [(0, 0), (1, 1), (3, 3)])
def test_goods_arrive_after_the_lead_time(lead_time, arrival):
    compiled = shop(lead_time=lead_time)
    received = [play(compiled, [5], *[[0]] * wait)[1].received.item() for wait in range(5)]
    assert received == [5.0 if wait == arrival else 0.0 for wait in range(5)]


def factory(capacity=100, stock=100, links=1, **node):
    """A factory (2) that ships to retailers 1, 3, … on `links` links, and buys from 9."""
    buyers = [1, 3, 4][:links]
    nodes = [{"id": each, "initial_stock": 0} for each in buyers]
    nodes.append({"id": 2, "initial_stock": stock, "capacity": capacity, "operating_cost": 0, **node})
    network = {
        "nodes": [{"id": 0}, {"id": 9}, *({"holding_cost": 0, **each} for each in nodes)],
        "supply_links": [
            *({"supplier": 2, "buyer": each, "lead_time": 0, **LINK} for each in buyers),
            {"supplier": 9, "buyer": 2, "lead_time": 0, **LINK},
        ],
        "market_links": [
            {"retailer": each, "market": 0, "price": 1, "shortage_penalty": 0, "mean_demand": 1} for each in buyers
        ],
    }
    return compile_scenario(build_scenario({"name": "factory", "network": network}, "factory"))


def test_capacity_is_shared_in_link_order():
    _, flows = play(factory(capacity=10, links=3), [4, 9, 5, 0])
    assert flows.filled[0].tolist() == [4, 6, 0, 0]


def test_stock_is_shared_in_link_order_and_yield_consumes_more():
    state, flows = play(factory(stock=20, links=2, **{"yield": 0.5}), [4, 9, 3])
    assert flows.filled[0].tolist() == [4, 6, 3]
    assert state.on_hand[0].tolist() == [4, 3, 6]  # 20 - 10 / 0.5 + 3; managed nodes by id


def assembly(**node):
    """Factory 2 makes one unit from 2 of what node 3 delivers and 1 of what nodes 4 and 9 deliver."""
    bill = [{"suppliers": [3], "units": 2}, {"suppliers": [4, 9], "units": 1}]
    maker = {"id": 2, "initial_stock": 10, "capacity": 50, "operating_cost": 0, "bill_of_materials": bill, **node}
    parts = [{"id": each, "initial_stock": 100} for each in (3, 4)]
    links = [(2, 1, 0, {}), (3, 2, 0, {}), (4, 2, 0, {}), (9, 2, 0, {}), (9, 3, 0, {}), (9, 4, 0, {})]
    return world([{"id": 1, "initial_stock": 0}, maker, *parts], links)


def test_the_scarcest_component_limits_a_factory():
    compiled = assembly()
    state, flows = play(compiled, [30, 8, 3, 2, 0, 0])
    assert flows.filled[0, 0] == 5  # ten units of the first component, two for each
    assert state.on_hand[0, list(compiled.component_points)].tolist() == [10 - 10 + 8, 10 - 5 + 3 + 2]
    _, flows = play(compiled, [30, 8, 3, 2, 0, 0], [30, 0, 0, 0, 0, 0])
    assert flows.filled[0, 0] == 4


def test_yield_and_bill_of_materials_multiply():
    _, flows = play(assembly(**{"yield": 0.5}), [30, 0, 0, 0, 0, 0])
    assert flows.filled[0, 0] == 2.5


def test_what_exceeds_the_storage_is_scrapped_before_customers_come():
    state, flows = play(shop(stock=4, node={"storage_capacity": 6}), [5], demand=1)
    assert flows.scrapped.item() == 3
    assert state.on_hand.item() == 5


def test_components_are_scrapped_in_proportion():
    compiled = assembly(storage_capacity=25)
    state, flows = play(compiled, [0, 30, 0, 0, 0, 0])  # 40 and 10 units in room for 25
    assert flows.scrapped[0, list(compiled.component_points)].tolist() == [20, 5]
    assert state.on_hand[0, list(compiled.component_points)].tolist() == [20, 5]


def test_markets_of_a_retailer_are_served_in_link_order():
    network = {
        "nodes": [{"id": 0}, {"id": 5}, {"id": 1, "initial_stock": 10, "holding_cost": 0}, {"id": 9}],
        "supply_links": [{"supplier": 9, "buyer": 1, "lead_time": 0, **LINK}],
        "market_links": [
            {"retailer": 1, "market": market, "price": 1, "shortage_penalty": 0, "mean_demand": 1} for market in (5, 0)
        ],
    }
    compiled = compile_scenario(build_scenario({"name": "two", "network": network}, "two"))
    _, flows = play(compiled, [0], demand=7)
    assert flows.sold[0].tolist() == [7, 3]


def test_episodes_of_a_batch_are_independent():
    compiled = pair(10)
    state = initial_state(compiled, 3, np.zeros(1))
    after, flows = step(compiled, state, np.array([[4.0, 0], [40, 0], [-1, 2]]), np.array([[1.0], [2], [3]]))
    assert flows.filled[:, 0].tolist() == [4, 10, 0]
    assert after.on_hand.tolist() == [[3, 6], [8, 0], [0, 12]]
    assert after.unfilled[:, 0].tolist() == [0, 0, 3]
    assert flows.reward.shape == (3,)
    assert flows.node_profit.shape == (3, 2)
    np.testing.assert_allclose(flows.node_profit.sum(axis=1), flows.reward, rtol=1e-12)


def test_maps_of_the_plant_are_read_only():
    compiled = pair()
    assert compiled.profit_map.shape == (2, compiled.flow_rows)
    assert compiled.flow_rows == 2 + 2 + 2 + 1 + 1
    for constant in (compiled.profit_map, compiled.reward_map, compiled.terminal_map):
        assert not constant.flags.writeable


def test_initial_state_takes_precision_from_its_model():
    state = initial_state(pair(), 2, np.zeros(1, dtype=np.float32))
    assert state.on_hand.dtype == np.float32
    assert state.on_hand.tolist() == [[0, 10], [0, 10]]
    assert state.sentiment.tolist() == [1, 1]


def test_scalar_operations_agree_with_numpys():
    arrays = operations_for(np.zeros(1))
    for left, right in [(1.5, 2.0), (-1.0, -1.0), (3.0, 2.5)]:
        for name in ("minimum", "at_most", "at_least"):
            assert getattr(SCALAR, name)(left, right) == getattr(arrays, name)(np.array([left]), right)[0]
        for name in ("ceil", "floor"):
            assert getattr(SCALAR, name)(left) == getattr(arrays, name)(np.array([left]))[0]
        assert SCALAR.where(left > right, left, right) == arrays.where(np.array([left > right]), left, right)[0]
    assert 0 < LOT_SLACK < 1e-6
