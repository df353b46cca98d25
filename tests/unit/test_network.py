"""The network schema: every rule with a network that breaks it and a sibling that keeps it, and what is derived."""

import copy
import math

import pytest
from pydantic_faults import refused

from arena.errors import InvalidInput, UnknownName
from arena.schemas import parse_as
from arena.world.library import load_network, network_names
from arena.world.network import Network

REMOVED = object()


def small():
    """A factory (3) with two raw materials, a distributor (2) and a retailer (1), as a document."""
    return {
        "name": "small",
        "nodes": [
            {"id": 0},
            {"id": 1, "initial_stock": 10, "holding_cost": 0.1},
            {"id": 2, "initial_stock": 20, "holding_cost": 0.1},
            {"id": 3, "initial_stock": 30, "holding_cost": 0.1, "capacity": 5, "operating_cost": 0.2, "yield": 0.5},
            {"id": 4},
            {"id": 5},
        ],
        "supply_links": [
            {"supplier": 2, "buyer": 1, "lead_time": 2, "price": 1, "pipeline_holding_cost": 0.1},
            {"supplier": 3, "buyer": 2, "lead_time": 3, "price": 1, "pipeline_holding_cost": 0.1},
            {"supplier": 4, "buyer": 3, "lead_time": 0, "price": 1, "pipeline_holding_cost": 0.1},
            {"supplier": 5, "buyer": 3, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0.1},
        ],
        "market_links": [{"retailer": 1, "market": 0, "price": 2, "shortage_penalty": 0.1, "mean_demand": 20}],
    }


def with_value(path, value):
    """The small network with one value set, added or removed; a path is keys and positions separated by dots."""
    data = small()
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    holder = data
    for part in parents:
        holder = holder[part]
    if value is REMOVED:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value
    return data


def network(data):
    return parse_as(Network, data, "small.yaml")


LINK = {"lead_time": 1, "price": 1, "pipeline_holding_cost": 0}
SALE = {"price": 2, "shortage_penalty": 0.1}
RANDOM_LEAD_TIME = {"values": [1, 2], "probabilities": [0.5, 0.5]}
BOTH = [{"suppliers": [4], "units": 1}, {"suppliers": [5], "units": 2}]

# path, a value that breaks the rule, what the message says, a value that keeps the rule
RULES = [
    ("colour", "red", r"colour: is not a field here", None),
    ("nodes.1.initial_stok", 3, r'nodes\[1\]\.initial_stok: .*did you mean "initial_stock"', None),
    ("supply_links.0.leadtime", 3, r'leadtime: is not a field here.*did you mean "lead_time"', None),
    ("market_links.0.penalty", 3, r"market_links\[0\]\.penalty: is not a field here", None),
    ("nodes.1.id", -1, r"nodes\[1\]\.id: must be 0 or more", 1),
    ("nodes.1.id", 1.5, r"nodes\[1\]\.id: must be a whole number", 1),
    ("nodes.1.id", True, r"nodes\[1\]\.id: must be a whole number", 1),
    ("nodes.1.id", "1", r"nodes\[1\]\.id: must be a whole number", 1),
    ("nodes.1.initial_stock", -1, r"initial_stock: must be 0 or more, got -1", 0),
    ("nodes.1.initial_stock", True, r"initial_stock: must be a number, got True", 1),
    ("nodes.1.initial_stock", math.nan, r"initial_stock: must be a finite number", 1),
    ("nodes.1.initial_stock", math.inf, r"initial_stock: must be a finite number", 1),
    ("nodes.1.initial_stock", "10", r"initial_stock: must be a number", 10),
    ("nodes.1.initial_stock", REMOVED, r"initial_stock: node 1 is a distributor: it needs this field", 1),
    ("nodes.1.holding_cost", -0.1, r"holding_cost: must be 0 or more", 0),
    ("nodes.1.holding_cost", REMOVED, r"holding_cost: node 1 is a distributor: it needs this field", 1),
    ("nodes.1.operating_cost", 0.1, r"operating_cost: node 1 has no capacity, so it is a distributor", None),
    ("nodes.1.yield", 0.9, r"yield: node 1 has no capacity, so it is a distributor", 1.0),
    ("nodes.1.bill_of_materials", [{"suppliers": [2]}], r"bill_of_materials: node 1 has no capacity", []),
    ("nodes.3.capacity", -5, r"capacity: must be 0 or more", 0),
    ("nodes.3.operating_cost", -5, r"operating_cost: must be 0 or more", 0),
    ("nodes.3.operating_cost", REMOVED, r"operating_cost: node 3 is a factory: it needs this field", 0),
    ("nodes.3.yield", 0, r"yield: must be greater than 0", 0.01),
    ("nodes.3.yield", 1.01, r"yield: must be 1 or less", 1),
    ("nodes.3.storage_capacity", 29, r"the initial stock \(30 units in all\) fits.*give at least 30", 30),
    ("nodes.3.storage_capacity", -1, r"storage_capacity: must be 0 or more", 30),
    ("nodes.0.initial_stock", 5, r"nodes\[0\]\.initial_stock: node 0 is a market: it holds no stock", None),
    ("nodes.4.holding_cost", 5, r"nodes\[4\]\.holding_cost: node 4 is a raw material: it holds no stock", None),
    ("nodes.4.yield", 0.5, r"nodes\[4\]\.yield: node 4 is a raw material and transforms nothing", 1.0),
    ("nodes.6", {"id": 1}, r"nodes\[6\]\.id: ids are unique, got 1; nodes\[1\] has the same id", REMOVED),
    ("nodes.6", {"id": 9}, r"nodes\[6\]: every node is reachable: at least one link", REMOVED),
    ("nodes", [], r"nodes: must have at least 3 entries", None),
    ("nodes", 3, r"nodes: must be a list", None),
    ("supply_links", [], r"supply_links: must have at least 1 entries", None),
    ("market_links", [], r"market_links: must have at least 1 entries", None),
    ("market_links", REMOVED, r"market_links: is required", None),
    ("supply_links.0.lead_time", -1, r"lead_time: must be 0 or more", 0),
    ("supply_links.0.lead_time", 2.5, r"lead_time: must be a whole number", 2),
    ("supply_links.0.lead_time", 2.0, r"lead_time: must be a whole number", 2),
    ("supply_links.0.lead_time", True, r"lead_time: must be a whole number", 1),
    ("supply_links.0.lead_time", 1001, r"lead_time: must be 1000 or less", 1000),
    ("supply_links.0.lead_time", REMOVED, r"lead_time: is required; add it: whole periods", 1),
    ("supply_links.0.price", -1, r"price: must be 0 or more", 0),
    ("supply_links.0.price", math.nan, r"price: must be a finite number", 1),
    ("supply_links.0.price", REMOVED, r"price: is required", 1),
    ("supply_links.0.pipeline_holding_cost", -1, r"pipeline_holding_cost: must be 0 or more", 0),
    ("supply_links.0.fixed_ordering_cost", -1, r"fixed_ordering_cost: must be 0 or more", 1),
    ("supply_links.0.minimum_order", -1, r"minimum_order: must be 0 or more", 1),
    ("supply_links.0.lot_size", -1, r"lot_size: must be 0 or more", 1),
    (
        "supply_links.0.lead_time_distribution",
        {"values": [1, 2], "probabilities": [0.5, 0.6]},
        r"lead_time_distribution\.probabilities: probabilities sum to 1, got \"?1\.1",
        RANDOM_LEAD_TIME,
    ),
    ("supply_links.0.supplier", 7, r"supply_links\[0\]\.supplier: links join nodes of the network, got 7", 2),
    ("supply_links.0.buyer", 7, r"supply_links\[0\]\.buyer: links join nodes of the network, got 7", 1),
    ("supply_links.4", {"supplier": 2, "buyer": 2, **LINK}, r"a link joins two different nodes", REMOVED),
    ("supply_links.4", {"supplier": 2, "buyer": 1, **LINK}, r"at most one link between two nodes", REMOVED),
    ("supply_links.4", {"supplier": 1, "buyer": 3, **LINK}, r"goods flow one way: no cycles", REMOVED),
    ("supply_links.4", {"supplier": 1, "buyer": 0, **LINK}, r"one that only receives is a market", REMOVED),
    ("market_links.0.price", -1, r"market_links\[0\]\.price: must be 0 or more", 0),
    ("market_links.0.shortage_penalty", -1, r"shortage_penalty: must be 0 or more", 0),
    ("market_links.0.mean_demand", -1, r"mean_demand: must be 0 or more", 0),
    ("market_links.0.mean_demand", 2e9, r"mean_demand: must be 1000000000 or less", 1e9),
    ("market_links.0.market", 7, r"market_links\[0\]\.market: links join nodes of the network, got 7", 0),
    ("market_links.1", {"retailer": 1, "market": 0, **SALE}, r"at most one link between two nodes", REMOVED),
    ("market_links.1", {"retailer": 1, "market": 2, **SALE}, r"a market is the end of the network", REMOVED),
    ("market_links.1", {"retailer": 4, "market": 0, **SALE}, r"a retailer holds stock that it buys", REMOVED),
    ("nodes.3.bill_of_materials", BOTH[:1], r"every supplier of node 3 delivers a component.*add supplier 5", BOTH),
    ("nodes.3.bill_of_materials", [*BOTH, {"suppliers": [5]}], r"a supplier delivers one component", BOTH),
    ("nodes.3.bill_of_materials", [*BOTH, {"suppliers": [2]}], r"components come from suppliers of node 3", BOTH),
    ("nodes.3.bill_of_materials", [{"suppliers": []}], r"suppliers: must have at least 1", BOTH),
    ("nodes.3.bill_of_materials", [{"suppliers": [4, 5], "units": 0}], r"units: must be greater than 0", BOTH),
    ("name", "n" * 101, r"name: must have at most 100 characters", "n" * 100),
]


@pytest.mark.parametrize(("path", "wrong", "message", "right"), RULES, ids=[f"{r[0]}-{n}" for n, r in enumerate(RULES)])
def test_a_broken_rule_is_refused_and_its_sibling_is_not(path, wrong, message, right):
    with pytest.raises(InvalidInput, match=message):
        network(with_value(path, wrong))
    sibling = small() if right is None or right is REMOVED else with_value(path, right)
    assert network(sibling).managed == (1, 2, 3)


def test_a_network_in_two_pieces_is_refused():
    data = small()
    data["nodes"] += [{"id": 10}, {"id": 11, "initial_stock": 1, "holding_cost": 0}, {"id": 12}]
    data["supply_links"].append({"supplier": 12, "buyer": 11, **LINK})
    data["market_links"].append({"retailer": 11, "market": 10, **SALE})
    with pytest.raises(InvalidInput, match=r"the network is one connected whole, got \[10, 11, 12\]"):
        network(data)
    data["supply_links"].append({"supplier": 3, "buyer": 11, **LINK})
    assert network(data).retailers == (1, 11)


def test_a_factory_with_a_bill_of_materials_does_not_sell():
    data = small()
    data["market_links"].append({"retailer": 3, "market": 0, **SALE})
    assert network(copy.deepcopy(data)).retailers == (1, 3)
    data["nodes"][3]["bill_of_materials"] = BOTH
    with pytest.raises(InvalidInput, match=r"a factory with a bill of materials sells through a retailer"):
        network(data)


def test_storage_holds_the_initial_stock_of_every_component():
    data = with_value("nodes.3.bill_of_materials", BOTH)
    data["nodes"][3]["storage_capacity"] = 59
    with pytest.raises(InvalidInput, match=r"\(60 units in all\)"):
        network(data)
    data["nodes"][3]["storage_capacity"] = 60
    assert network(data).components == ((3, 0), (3, 1))


def test_all_faults_of_a_file_come_at_once():
    data = small()
    data["nodes"][1]["initial_stock"] = -1
    data["nodes"][3]["yield"] = 2
    data["supply_links"][0]["price"] = "much"
    data["colour"] = "red"
    with pytest.raises(InvalidInput, match=r"4 faults in small\.yaml") as caught:
        network(data)
    fields = {fault.field for fault in caught.value.faults}
    assert fields == {"nodes[1].initial_stock", "nodes[3].yield", "supply_links[0].price", "colour"}
    assert {fault.source for fault in caught.value.faults} == {"small.yaml"}


def test_all_faults_of_the_graph_come_at_once():
    data = small()
    data["nodes"].append({"id": 1})
    data["supply_links"][0]["buyer"] = 8
    data["market_links"].append(dict(data["market_links"][0]))
    with pytest.raises(InvalidInput) as caught:
        network(data)
    assert {"nodes[6].id", "supply_links[0].buyer", "market_links[1]"} <= {f.field for f in caught.value.faults}


def test_a_network_is_frozen():
    made = network(small())
    with refused(("name", "frozen_instance")):
        made.name = "other"
    with refused(("initial_stock", "frozen_instance")):
        made.nodes[0].initial_stock = 3
    assert made.name == "small"


def test_what_is_derived():
    made = network(small())
    assert (made.markets, made.raw_materials) == ((0,), (4, 5))
    assert (made.factories, made.distributors, made.retailers) == ((3,), (1, 2), (1,))
    assert [made.role(each) for each in (0, 1, 3, 4)] == ["market", "distributor", "factory", "raw_material"]
    assert (made.inbound(3), made.outbound(3), made.markets_of(1), made.inbound(4)) == ((2, 3), (1,), (0,), ())
    assert made.lead_times == (2, 3, 0, 1)
    assert made.pipeline_offsets == (0, 2, 5, 5, 6)
    assert made.longest_lead_time == 6
    assert [made.managed_index(each) for each in (1, 2, 3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="0"):
        made.managed_index(0)
    assert made.node(3).yield_ == 0.5


def test_roles_follow_the_graph_and_not_the_ids():
    data = small()
    data["nodes"][2]["capacity"], data["nodes"][2]["operating_cost"] = 7, 0
    data["market_links"].append({"retailer": 2, "market": 0, **SALE})
    made = network(data)
    assert (made.factories, made.distributors, made.retailers) == ((2, 3), (1,), (1, 2))


def test_an_anonymous_network_keeps_what_every_track_may_show():
    shown = load_network("w").anonymous()
    assert (shown.name, shown.description) == ("", "")
    assert [link.mean_demand for link in shown.market_links] == [None, None]
    assert shown.supply_links == load_network("w").supply_links
    assert shown.nodes == load_network("w").nodes


SHIPPED = {  # managed nodes, supply links, market links, sum of lead times
    "divergent": (6, 11, 1, 61),
    "serial": (3, 3, 1, 8),
    "diamond": (3, 4, 1, 13),
    "assembly": (4, 5, 1, 14),
    "assembly-pooled": (4, 5, 1, 14),
    "tree": (5, 5, 3, 15),
    "w": (5, 6, 2, 20),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks(name):
    made = load_network(name)
    found = (len(made.managed), len(made.supply_links), len(made.market_links), made.pipeline_offsets[-1])
    assert (made.name, found) == (name, SHIPPED[name])


def test_the_shipped_networks_are_these():
    assert set(network_names()) == set(SHIPPED)


@pytest.mark.parametrize(("name", "length"), [("divergent", 71), ("serial", 15)])
def test_length_of_the_observation(name, length):
    made = load_network(name)
    assert 2 * len(made.market_links) + len(made.managed) + made.pipeline_offsets[-1] + 2 == length


def test_assembly_needs_both_components_and_its_pooled_sibling_either():
    assert load_network("assembly").components == ((2, 0), (2, 1))
    assert load_network("assembly-pooled").components == ()


def test_a_network_is_loaded_by_name_and_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "nodes: [{id: 0}, {id: 1, initial_stock: 3, holding_cost: 0.1}, {id: 2}]\n"
        "supply_links: [{supplier: 2, buyer: 1, lead_time: 1, price: 1, pipeline_holding_cost: 0}]\n"
        "market_links: [{retailer: 1, market: 0, price: 1, shortage_penalty: 0}]\n"
    )
    assert load_network(path).managed == load_network(str(path)).managed == (1,)
    with pytest.raises(UnknownName, match=r'unknown network, got "seriall"; did you mean "serial"'):
        load_network("seriall")
    with pytest.raises(InvalidInput, match=r"(?s)absent\.yaml.*check the path"):
        load_network(tmp_path / "absent.yaml")


def test_a_changed_file_is_read_anew(tmp_path):
    import os

    path = tmp_path / "mine.yaml"
    text = (
        "nodes: [{id: 0}, {id: 1, initial_stock: 3, holding_cost: 0.1}, {id: 2}]\n"
        "supply_links: [{supplier: 2, buyer: 1, lead_time: 1, price: 1, pipeline_holding_cost: 0}]\n"
        "market_links: [{retailer: 1, market: 0, price: 1, shortage_penalty: 0}]\n"
    )
    path.write_text(text)
    assert load_network(path).node(1).initial_stock == 3
    path.write_text(text.replace("initial_stock: 3", "initial_stock: 4"))
    os.utime(path, ns=(1, 1))
    assert load_network(path).node(1).initial_stock == 4


def test_stock_points_are_those_of_the_nodes_and_of_a_bill_of_materials() -> None:
    assembly = load_network("assembly")
    assert [(point.node_id, point.component, point.arrivals) for point in assembly.stock_points] == [
        (1, None, (0,)),
        (2, 0, (1,)),
        (2, 1, (2,)),
        (3, None, (3,)),
        (4, None, (4,)),
    ]
    assert assembly.points_of(2) == (1, 2)
    assert assembly.points_of(0) == ()
    assert assembly.receiving_points == (0, 1, 2, 3, 4)
    assert assembly.selling_points == (0,)
    assert assembly.component_points == (1, 2)
    # On hand of the nodes 1 to 4, then the two components: node 2's own total is no stock point.
    assert assembly.stock_places == (0, 4, 5, 2, 3)


def test_a_stock_point_knows_what_a_shipment_takes_of_it() -> None:
    own = network(small())
    factory = own.stock_points[own.points_of(3)[0]]
    assert (factory.units, factory.consumption, factory.ships, factory.exact) == (1.0, 2.0, True, False)  # yield 0.5
    retailer = own.stock_points[own.points_of(1)[0]]
    assert (retailer.units, retailer.consumption, retailer.ships, retailer.exact) == (1.0, 1.0, False, True)
    assert own.receiving_points == (0, 1, 2, 2)
    # Two buyers draw on it one after the other: rounding may leave less than nothing.
    centre = load_network("w").stock_points[load_network("w").points_of(3)[0]]
    assert (centre.consumption, centre.ships, centre.exact) == (1.0, True, False)


@pytest.mark.parametrize("name", network_names())
def test_upstream_first_puts_every_supplier_before_its_buyers(name) -> None:
    own = load_network(name)
    place = {node: position for position, node in enumerate(own.upstream_first)}
    assert sorted(place) == list(own.managed)
    managed = [link for link in own.supply_links if link.supplier in place]
    assert all(place[link.supplier] < place[link.buyer] for link in managed)


def test_upstream_first_goes_by_generation_and_id() -> None:
    # Backwards: both retailers, the centre, both factories.
    assert load_network("w").upstream_first == (5, 4, 3, 2, 1)


NAMED = {
    "nodes": [
        {"name": "mill"},
        {"name": "shop", "initial_stock": 1, "holding_cost": 0},
        {"name": "stall", "initial_stock": 1, "holding_cost": 0},
        {"name": "customers"},
        {"name": "walkers"},
    ],
    "supply_links": [{"supplier": "mill", "buyer": "shop", **LINK}, {"supplier": "mill", "buyer": "stall", **LINK}],
    "market_links": [
        {"retailer": "shop", "market": "customers", **SALE},
        {"retailer": "stall", "market": "walkers", **SALE},
    ],
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nodes": {"mill": {}}}, "nodes: must be a list"),
        ({"nodes": None}, "nodes: must be a list"),
        ({"nodes": ["mill", *NAMED["nodes"][1:]]}, r'nodes\[0\]: must be a mapping of fields, got "mill"'),
        ({"nodes": [{"id": "x", "name": "mill"}, *NAMED["nodes"][1:]]}, r"nodes\[0\].id: must be a whole number"),
        (
            {"nodes": [*NAMED["nodes"], {"name": "mill"}]},
            r'nodes\[5\].name: names of nodes are unique, got "mill"; nodes\[0\] has the same name',
        ),
        (
            {
                "supply_links": [
                    {**link, "lead_time_distribution": {"values": [1, "Lost"], "probabilities": [0.5, 0.5]}}
                    for link in NAMED["supply_links"][:1]
                ]
                + NAMED["supply_links"][1:]
            },
            r'values\[1\]: must be one of \'lost\', got "Lost"; did you mean "lost"',
        ),
    ],
)
def test_one_mistake_has_one_fault_however_many_links_it_concerns(changes, told):
    assert network(NAMED).managed == (1, 2)
    with pytest.raises(InvalidInput, match=told) as caught:
        network({**NAMED, **changes})
    assert len(caught.value.faults) == 1
