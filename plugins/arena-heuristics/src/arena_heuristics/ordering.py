"""What the rules order, what they hold of it, and how an order is split between suppliers.

A rule orders *materials*. A node whose deliveries form one pooled stock orders one material, from all its suppliers; a
factory with a bill of materials orders one material per component, from that component's suppliers. All arrays "per
material" have one entry for each, nodes in the order of ``network.managed``, components in the order of the bill.

**Demand of a node.** One unit of demand at a market link needs one unit of its retailer's material and, upstream, what
goes into that unit: the units of every component of a bill of materials are added up, because all are needed.
Suppliers of the same material are alternatives, and there are two conventions for what they prepare for:

- ``"whole"``: each prepares for the whole demand, as if it were the only one. This is the published convention.
- ``"shared"``: each prepares for the share of the orders that the split sends its way.

With one market link "whole" makes every node see exactly that link's demand, as published. The published rules also let
every node see one pooled mean over all market links, which is too little for a hub and wrong for a retailer; here a
node sees the demand of the markets that it can reach and of no other. The setting ``"auto"`` takes ``"whole"`` for one
market link and ``"shared"`` for several. Yield losses do not enlarge needs, as in the published rules.

**Inventory position** of a material, in units of it: stock + in transit + owed by its suppliers − what the node itself
owes, to customers (standing backlog) and to buyers (upstream shortages), times the units of the material in one unit
of output. Unfilled demand is subtracted as far as customers wait: what is lost is gone. Orders that a supplier has not
seen yet count as those in transit, in an echelon as what is owed inside it. Of what may be lost on its way the share
counts that arrives on average (`arena_heuristics.supply`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena import Network, SupplyLink
from arena_heuristics.supply import FloatArray as FloatArray, IntArray as IntArray, SupplyPlan, delivery_of, plan_supply

Convention = Literal["whole", "shared"]

DUST = 1e-9
"""Units; a shortfall below it is a rounding error and must not buy a whole lot."""


@dataclass(frozen=True)
class Material:
    """One thing that a managed node orders, for one of its stock points.

    Attributes:
        node: Id of the node that stocks it.
        component: Position of its stock in ``Observation.component_stock``, ``None`` for a node's pooled stock.
        units: Units of it in one unit of what the node ships.
        links: Positions of the supply links it can be ordered on.
        shares: Part of an order that goes to each of these links, summing to 1.
        lead_time: Largest number of periods from order to arrival on those of these links that are used, order delay
            included; see `arena_heuristics.supply.SupplyPlan`.
    """

    node: int
    component: int | None
    units: float
    links: tuple[int, ...]
    shares: tuple[float, ...]
    lead_time: int


def split_shares(links: Sequence[SupplyLink], lead_time_weight: float) -> tuple[float, ...]:
    """Split an order between suppliers, in proportion to 1 / (1 + price + weight × periods until arrival).

    Args:
        links: Supply links of one material.
        lead_time_weight: Price units per period of lead time.

    Returns:
        The share of each link; the shares sum to 1.
    """
    # In this order of summation, whose last digit is the published one.
    scores = [_score(link, lead_time_weight) for link in links]
    total = sum(scores)
    return tuple(score / total for score in scores)


def _score(link: SupplyLink, lead_time_weight: float) -> float:
    delivery = delivery_of(link)
    return 1.0 / (1.0 + link.price / delivery.chance + lead_time_weight * delivery.mean)


def list_materials(network: Network, lead_time_weight: float, plan: SupplyPlan | None = None) -> tuple[Material, ...]:
    """List everything that is ordered in a network.

    Args:
        network: The network.
        lead_time_weight: Price units per period of lead time, for the split between suppliers.
        plan: What is planned with on its links, if known.

    Returns:
        The materials, by managed node, then by line of its bill of materials.
    """
    plan = plan_supply(network, lead_time_weight) if plan is None else plan
    materials = []
    for point in network.stock_points:
        used = [link for link in point.arrivals if plan.is_used[link]]
        lead_time = max((plan.periods[link] for link in used), default=0)
        parts = dict(
            zip(used, split_shares([network.supply_links[link] for link in used], lead_time_weight), strict=True)
        )
        shares = tuple(parts.get(link, 0.0) for link in point.arrivals)
        materials.append(Material(point.node_id, point.component, point.units, point.arrivals, shares, lead_time))
    return tuple(materials)


def waits_to_ship(network: Network, materials: Sequence[Material]) -> IntArray:
    """Periods between arrival and use of every material: 1 where the node ships to others, 0 where it only sells.

    A supplier ships from what it had at the start of the period, while customers are served from what arrived in it. A
    node with a priority ships after its deliveries, and waits for nothing.

    Returns:
        Periods, (materials,).
    """
    waits = [bool(network.outbound(one.node)) and network.node(one.node).priority is None for one in materials]
    return np.array(waits, dtype=np.int64)


def longest_lead_times_to_market(network: Network, waiting: int = 0, plan: SupplyPlan | None = None) -> dict[int, int]:
    """Largest total lead time from every managed node to a market, in periods.

    Args:
        network: The network.
        waiting: Periods that pass at every node on the way before a delivery is shipped on, unless it has a priority.
        plan: What is planned with on its links; by default with lead times alone.

    Returns:
        Per managed node id; 0 for a retailer that supplies no other node.
    """
    return {node: round(mean) for node, (mean, _) in longest_ways_to_market(network, waiting, plan).items()}


def longest_ways_to_market(
    network: Network, waiting: int = 0, plan: SupplyPlan | None = None
) -> dict[int, tuple[float, float]]:
    """Mean and variance of the total lead time on the way to a market that is longest on average, per managed node.

    Arguments as in `longest_lead_times_to_market`.
    """
    plan = plan_supply(network, 0.0) if plan is None else plan
    longest: dict[int, tuple[float, float]] = {}
    for node in reversed(network.upstream_first):
        waits = waiting if network.node(node).priority is None else 0
        ways = [(0.0, 0.0)] if not network.outbound(node) else []
        for link in network.outbound(node):
            mean, variance = longest[network.supply_links[link].buyer]
            delivery = plan.deliveries[link]
            if plan.is_used[link]:
                ways.append((waits + delivery.mean + mean, delivery.variance + variance))
        longest[node] = max(ways)
    return longest


def last_useful_periods(network: Network, horizon: int, plan: SupplyPlan | None = None) -> IntArray:
    """Last period in which an order on a supply link can still be sold before the episode ends; below 0 if none can.

    Where lead times vary, by those that are planned with.

    Returns:
        Periods, (supply links,).
    """
    plan = plan_supply(network, 0.0) if plan is None else plan
    ways = shortest_lead_times_to_market(network, waiting=1, plan=plan)
    lasting = [plan.periods[i] + ways[link.buyer] for i, link in enumerate(network.supply_links)]
    return horizon - 1 - np.array(lasting, dtype=np.int64)


def shortest_lead_times_to_market(network: Network, waiting: int = 0, plan: SupplyPlan | None = None) -> dict[int, int]:
    """Smallest total lead time from every managed node to a market, in periods; 0 for a node that sells to one.

    Arguments as in `longest_lead_times_to_market`.
    """
    plan = plan_supply(network, 0.0) if plan is None else plan
    ways: dict[int, int] = {}
    for node in reversed(network.upstream_first):
        waits = waiting if network.node(node).priority is None else 0
        links = [link for link in network.outbound(node) if plan.is_used[link]]
        sells = bool(network.markets_of(node))
        ways[node] = (
            0 if sells else min(waits + plan.periods[link] + ways[network.supply_links[link].buyer] for link in links)
        )
    return ways


def unit_contents(network: Network, materials: Sequence[Material], convention: Convention) -> Mapping[int, FloatArray]:
    """Count the units of every node's output that one unit of a node's output is made of.

    Args:
        network: The network.
        materials: Its materials.
        convention: How suppliers of the same material are counted, see the module's text.

    Returns:
        Per node id (raw materials included), an array over the managed nodes: how many units each contributes to one
        unit of the node's output, over all paths. A node contributes 1 to its own output.
    """
    contents: dict[int, FloatArray] = {node: np.zeros(len(network.managed)) for node in network.raw_materials}
    for node in network.upstream_first:
        content = np.zeros(len(network.managed))
        for material in materials:
            if material.node == node:
                content += material.units * content_of(material, network, contents, convention)
        content[network.managed_index(node)] = 1.0
        contents[node] = content
    return contents


def content_of(
    material: Material, network: Network, contents: Mapping[int, FloatArray], convention: Convention
) -> FloatArray:
    """Units of every managed node's output in one unit of a material as it is delivered, losses on the way included."""
    alternatives = np.array(
        [
            contents[network.supply_links[link].supplier] / delivery_of(network.supply_links[link]).chance
            for link in material.links
        ]
    )
    if convention == "whole":
        return np.asarray(alternatives.max(axis=0), dtype=np.float64)
    return np.asarray(np.array(material.shares) @ alternatives, dtype=np.float64)


def material_needs(network: Network, materials: Sequence[Material], contents: Mapping[int, FloatArray]) -> FloatArray:
    """Count the units of every material that one unit of demand at every market link needs.

    Args:
        network: The network.
        materials: Its materials.
        contents: What units are made of, from `unit_contents`.

    Returns:
        Array (materials, market links).
    """
    retailers = [link.retailer for link in network.market_links]
    return np.array(
        [
            [material.units * contents[retailer][network.managed_index(material.node)] for retailer in retailers]
            for material in materials
        ]
    )
