"""The simulator against that of stockpyl: four systems, random demand, every period.

Stockpyl orders after it has seen the demand of a period, receives, and ships in the same period; its goods are there a
lead time later. Here that is a node with `priority: links`, the same lead time, and the order of the same period. A
published node ships from the stock with which a period begins: then the same goods move if an order is placed a period
later on a link whose lead time is one less. Orders are those of stockpyl's base-stock policies, and are replayed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator
from arena.world.library import build_scenario
from arena.world.scenario import Scenario

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own use of other packages is not ours to mend
    pytest.importorskip("stockpyl", reason="stockpyl is not installed: pip install stockpyl (tox -e parity has it)")
    from stockpyl.demand_source import DemandSource
    from stockpyl.policy import Policy
    from stockpyl.sim import simulation
    from stockpyl.supply_chain_network import SupplyChainNetwork
    from stockpyl.supply_chain_node import SupplyChainNode

pytestmark = pytest.mark.filterwarnings("ignore:::stockpyl")

PERIODS = 80
SEEDS = range(6)
SOURCE, WORKSHOP = 100, 50


@dataclass(frozen=True)
class System:
    """A network in stockpyl's terms: numbers by node, lead times of the orders that a node places."""

    holding: Mapping[int, float]
    lead_times: Mapping[int, int]
    links: tuple[tuple[int, int], ...]
    """Supplier and buyer, in the order in which a supplier serves its buyers."""
    penalties: Mapping[int, float]
    """Of the nodes that have customers."""

    @property
    def assembles(self) -> bool:
        buyers = [buyer for _, buyer in self.links]
        return len(set(buyers)) < len(buyers)

    def suppliers(self, node: int) -> list[int]:
        return [supplier for supplier, buyer in self.links if buyer == node]

    @property
    def shippers(self) -> set[int]:
        return {supplier for supplier, _ in self.links}


SYSTEMS = {
    "serial": System(
        holding={11: 7, 12: 4, 13: 2},
        lead_times={11: 1, 12: 1, 13: 2},
        links=((13, 12), (12, 11)),
        penalties={11: 37.12},
    ),
    "serial with long lead times": System(
        holding={11: 3, 12: 2.5, 13: 0.5},
        lead_times={11: 4, 12: 3, 13: 5},
        links=((13, 12), (12, 11)),
        penalties={11: 12},
    ),
    "one warehouse and retailers": System(
        holding={10: 1, 11: 2, 12: 2, 13: 3},
        lead_times={10: 2, 11: 2, 12: 1, 13: 3},
        links=((10, 11), (10, 12), (10, 13)),
        penalties={11: 15, 12: 20, 13: 12},
    ),
    "assembly": System(
        holding={11: 5, 12: 1, 13: 2},
        lead_times={11: 2, 12: 2, 13: 1},
        links=((12, 11), (13, 11)),
        penalties={11: 30},
    ),
    "mixed": System(
        holding={11: 3, 12: 3, 13: 2, 14: 2, 15: 1},
        lead_times={11: 2, 12: 1, 13: 2, 14: 3, 15: 2},
        links=((15, 13), (15, 14), (13, 11), (14, 12)),
        penalties={11: 20, 12: 15, 13: 10},
    ),
}


@dataclass(frozen=True)
class Course:
    """What stockpyl played; every array has an entry per period."""

    demand: dict[int, np.ndarray]
    levels: dict[int, int]
    net_stock: dict[int, np.ndarray]
    """On hand less backlog, by node."""
    orders: dict[int, np.ndarray]
    """Units that a node ordered from each of its suppliers."""
    received: dict[tuple[int, int], np.ndarray]
    shipped: dict[tuple[int, int], np.ndarray]
    backlog: dict[tuple[int, int], np.ndarray]
    """By supplier and buyer; customers are buyer 0."""
    sold: dict[int, np.ndarray]
    cost: np.ndarray


def total(entry: Any) -> float:
    """Sum of a state variable over its products."""
    return float(sum(total(part) for part in entry.values()) if isinstance(entry, dict) else entry or 0.0)


def course_of(system: System, seed: int) -> Course:
    """Play a system in stockpyl, with demand, base-stock levels and so shortages that follow from a seed."""
    generator = np.random.default_rng(seed)
    demand = {node: generator.poisson(generator.uniform(2, 8), PERIODS) for node in system.penalties}
    levels = {node: int(generator.integers(2, 20)) for node in system.holding}
    network = SupplyChainNetwork()
    for index in system.holding:
        node = SupplyChainNode(
            index,
            local_holding_cost=system.holding[index],
            stockout_cost=system.penalties.get(index, 0),
            shipment_lead_time=system.lead_times[index],
            initial_inventory_level=levels[index],
        )
        if index in demand:
            node.demand_source = DemandSource(type="D", demand_list=demand[index].tolist())
        if not system.suppliers(index):
            node.supply_type = "U"
        node.inventory_policy = Policy(type="BS", base_stock_level=levels[index], node=node)
        network.add_node(node)
    for supplier, buyer in system.links:
        network.add_edge(supplier, buyer)
    simulation(network, PERIODS, progress_bar=False, consistency_checks="E")

    states = {node.index: node.state_vars[:PERIODS] for node in network.nodes}

    def series(node: int, name: str, *keys: int | None) -> np.ndarray:
        found = []
        for state in states[node]:
            entry = getattr(state, name)
            for key in keys:
                entry = entry[key]
            found.append(total(entry))
        return np.array(found)

    return Course(
        demand=demand,
        levels=levels,
        net_stock={node: series(node, "inventory_level") for node in states},
        orders={node: series(node, "order_quantity", (system.suppliers(node) or [None])[0]) for node in states},
        received={(a, b): series(b, "inbound_shipment", a) for a, b in system.links},
        shipped={(a, b): series(a, "outbound_shipment", b) for a, b in system.links},
        backlog={(a, b): series(a, "backorders_by_successor", b) for a, b in system.links}
        | {(node, 0): series(node, "backorders_by_successor", None) for node in demand},
        sold={node: series(node, "outbound_shipment", None) for node in demand},
        cost=sum((series(node, "total_cost_incurred") for node in states), np.zeros(PERIODS)),
    )


def scenario_of(system: System, course: Course, *, late: bool) -> Scenario:
    """The same system here.

    Args:
        system: in stockpyl's terms.
        course: gives the stock before the first period.
        late: whether nodes ship after the deliveries of the period; else they do a period later, from the stock with
            which it begins, and a period is played besides.
    """
    early = 0 if late else 1
    nodes: list[dict[str, Any]] = [{"id": SOURCE}]
    links: list[dict[str, Any]] = []
    for node, rate in system.holding.items():
        entry: dict[str, Any] = {"id": node, "initial_stock": course.levels[node], "holding_cost": rate}
        nodes.append(entry | ({"priority": "links"} if late and node in system.shippers else {}))
    nodes += [{"id": 200 + node} for node in system.penalties]
    for supplier, buyer in system.links:
        # What is assembled passes a workshop, which has the components the period before and ships at once.
        lead_time = system.lead_times[buyer] - early - (1 if system.assembles else 0)
        end = WORKSHOP if system.assembles else buyer
        link: dict[str, Any] = {"supplier": supplier, "buyer": end, "lead_time": lead_time}
        # Stockpyl charges a node the same for each unit that it owes, to customers or to another node.
        penalty = system.penalties.get(supplier, 0)
        links.append(link | {"pipeline_holding_cost": system.holding[supplier], "shortage_penalty": penalty})
    if system.assembles:
        bill = [{"suppliers": [a], "holding_cost": system.holding[a]} for a, _ in system.links]
        workshop = {"id": WORKSHOP, "initial_stock": 0, "holding_cost": 99, "operating_cost": 0, "capacity": 1e6}
        nodes.append({**workshop, "bill_of_materials": bill})
        (buyer,) = {buyer for _, buyer in system.links}
        links.append({"supplier": WORKSHOP, "buyer": buyer, "lead_time": 0, "pipeline_holding_cost": 0})
    for node, lead_time in system.lead_times.items():
        if not system.suppliers(node):
            links.append(
                {"supplier": SOURCE, "buyer": node, "lead_time": lead_time - early, "pipeline_holding_cost": 0}
            )
    markets = [
        {"retailer": node, "market": 200 + node, "price": 0, "shortage_penalty": penalty, "mean_demand": 5}
        for node, penalty in system.penalties.items()
    ]
    network = {"nodes": nodes, "supply_links": [link | {"price": 0} for link in links], "market_links": markets}
    rest = {"fulfilment": "backlog", "upstream_shortage": "owed", "horizon": PERIODS + early}
    return build_scenario({"name": "stockpyl", "network": network, **rest}, "the test")


def replayed(scenario: Scenario, course: Course) -> Ledger:
    """Play stockpyl's orders and demand here."""
    simulator, extra = Simulator(scenario), scenario.horizon - PERIODS
    simulator.replay(
        np.array(
            [np.append(course.demand[link.retailer], [0] * extra) for link in scenario.network.market_links], float
        ).T
    )
    for period in range(scenario.horizon):
        orders = []
        for link in scenario.network.supply_links:
            # The workshop is asked when its buyer orders; it ships when it has the components.
            (buyer,) = (course.orders.keys() & {link.buyer}) or {11}
            when = period - extra
            orders.append(course.orders[buyer][when] if when >= 0 else 0.0)
        simulator.step(np.array(orders))
    return simulator.ledger()


def assert_equal(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_period_is_that_of_stockpyl(name: str, seed: int) -> None:
    system = SYSTEMS[name]
    course = course_of(system, seed)
    scenario = scenario_of(system, course, late=True)
    ledger, network = replayed(scenario, course), scenario.network
    for position, link in enumerate(network.supply_links):
        if link.supplier in (SOURCE, WORKSHOP):
            continue
        buyer = 11 if link.buyer == WORKSHOP else link.buyer
        pair, what = (link.supplier, buyer), f"{name}: {link.supplier} to {buyer}"
        assert_equal(ledger.filled[:, position], course.shipped[pair], f"{what}, shipped")
        assert_equal(ledger.owed[:, position], course.backlog[pair], f"{what}, backlog")
        came = course.received[pair]
        if link.buyer == WORKSHOP:  # there a period before
            assert_equal(ledger.received[:-1, position], came[1:], f"{what}, received")
        else:
            assert_equal(ledger.received[:, position], came, f"{what}, received")
    for position, market in enumerate(network.market_links):
        assert_equal(ledger.sold[:, position], course.sold[market.retailer], f"{name}: {market.retailer}, sold")
        waiting = course.backlog[market.retailer, 0]
        assert_equal(ledger.unfilled[:, position], waiting, f"{name}: {market.retailer}, customers waiting")
    for position, node in enumerate(network.managed):
        if node != WORKSHOP:
            on_hand = np.maximum(0.0, course.net_stock[node])
            assert_equal(ledger.on_hand[:, position], on_hand, f"{name}: {node}, on hand")
    assert_equal(-ledger.reward, course.cost, f"{name}: cost")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["serial", "serial with long lead times", "one warehouse and retailers"])
def test_nodes_that_ship_as_published_do_so_a_period_later(name: str, seed: int) -> None:
    system = SYSTEMS[name]
    course = course_of(system, seed)
    scenario = scenario_of(system, course, late=False)
    ledger, network = replayed(scenario, course), scenario.network
    for position, node in enumerate(network.managed):
        out = list(network.outbound(node))
        stock = ledger.on_hand[:-1, position] - ledger.filled[1:, out].sum(axis=1)
        assert_equal(stock, np.maximum(0.0, course.net_stock[node]), f"{name}: {node}, on hand")
    for position, link in enumerate(network.supply_links):
        if link.supplier != SOURCE:
            pair, what = (link.supplier, link.buyer), f"{name}: {link.supplier} to {link.buyer}"
            assert_equal(ledger.filled[1:, position], course.shipped[pair], f"{what}, shipped")
            assert_equal(ledger.owed[1:, position], course.backlog[pair], f"{what}, backlog")
            assert_equal(ledger.received[:-1, position], course.received[pair], f"{what}, received")
    assert_equal(-ledger.reward[:-1], course.cost, f"{name}: cost")


def test_the_systems_run_short_at_every_stage() -> None:
    """Else equality would say little of backlog and of who is served first."""
    for name, system in SYSTEMS.items():
        courses = [course_of(system, seed) for seed in SEEDS]
        for pair in courses[0].backlog:
            assert any(course.backlog[pair].any() for course in courses), (name, pair)
