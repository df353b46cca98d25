"""The drawing of a network: layers from raw material to markets, everything in it, nothing on top of another."""

import itertools
import json

import pytest
from hypothesis import given
from large_networks import tree
from strategies import networks

from arena import load_network
from arena.report.network_layout import BOX_HEIGHT, BOX_WIDTH, MOST_DRAWN, lay_out
from arena.schemas import parse_as
from arena.world.library import network_names
from arena.world.network import Network


def check(network: Network) -> None:
    layout = lay_out(network)
    boxes = layout.vertices
    assert sorted(itertools.chain.from_iterable(box.nodes for box in boxes)) == sorted(one.id for one in network.nodes)
    for one, other in itertools.combinations(boxes, 2):
        assert abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) > BOX_HEIGHT, (one.label, other.label)
    for box in boxes:
        assert BOX_WIDTH / 2 <= box.x <= layout.width - BOX_WIDTH / 2
        assert BOX_HEIGHT / 2 <= box.y <= layout.height - BOX_HEIGHT / 2
    drawn = sorted(itertools.chain.from_iterable(edge.supply_links for edge in layout.edges))
    sold = sorted(itertools.chain.from_iterable(edge.market_links for edge in layout.edges))
    assert len(drawn) + len(sold) + layout.inner_links == len(network.supply_links) + len(network.market_links)
    assert len(set(drawn)) == len(drawn)
    assert len(set(sold)) == len(sold)
    for edge in layout.edges:
        start, end = boxes[edge.start], boxes[edge.end]
        assert all(network.supply_links[link].supplier in start.nodes for link in edge.supply_links)
        assert all(network.supply_links[link].buyer in end.nodes for link in edge.supply_links)
        assert all(network.market_links[link].market in end.nodes for link in edge.market_links)
    if not layout.grouped:
        assert layout.inner_links == 0
        assert all(boxes[edge.start].x < boxes[edge.end].x for edge in layout.edges)
    assert lay_out(network) == layout


@pytest.mark.parametrize("name", network_names())
def test_shipped_networks_are_drawn_whole_and_from_left_to_right(name: str) -> None:
    network = load_network(name)
    check(network)
    layout = lay_out(network)
    left, right = min(box.x for box in layout.vertices), max(box.x for box in layout.vertices)
    assert all(box.x == left for box in layout.vertices if box.kind == "raw_material")
    assert all(box.x == right for box in layout.vertices if box.kind == "market")


@given(networks())
def test_any_network_is_drawn_whole(network: Network) -> None:
    check(network)


@pytest.mark.parametrize("nodes", [12, 200, 1_203])
def test_a_large_network_is_drawn_by_groups(nodes: int) -> None:
    network = parse_as(Network, tree(nodes), "tree")
    check(network)
    layout = lay_out(network)
    assert layout.grouped == (nodes > MOST_DRAWN)
    if layout.grouped:
        assert [box.kind for box in layout.vertices] == ["raw_material", "factory", "distributor", "retailer", "market"]


def chain(length: int) -> Network:
    """A line of distributors that is longer than any drawing."""
    node = {"initial_stock": 1, "holding_cost": 0.1}
    link = {"lead_time": 1, "price": 1.0, "pipeline_holding_cost": 0.0}
    content = {
        "nodes": [{"id": 0}, *({"id": one, **node} for one in range(1, length)), {"id": length}],
        "supply_links": [{"supplier": one - 1, "buyer": one, **link} for one in range(1, length)],
        "market_links": [
            {"retailer": length - 1, "market": length, "price": 9, "shortage_penalty": 1, "mean_demand": 5}
        ],
    }
    return parse_as(Network, json.loads(json.dumps(content)), "chain")


def test_a_long_chain_is_drawn_by_kind() -> None:
    network = chain(90)
    check(network)
    layout = lay_out(network)
    assert [box.label for box in layout.vertices] == ["raw material 0", "88 distributors", "retailer 89", "market 90"]
    assert layout.inner_links == 87
