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
of output. Unfilled demand is not subtracted in lost-sales mode: it is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from arena import Briefing, Network, Observation, SupplyLink

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
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
        lead_time: Largest lead time of these links, in periods.
    """

    node: int
    component: int | None
    units: float
    links: tuple[int, ...]
    shares: tuple[float, ...]
    lead_time: int


def split_shares(links: Sequence[SupplyLink], lead_time_weight: float) -> tuple[float, ...]:
    """Split an order between suppliers, in proportion to 1 / (1 + price + weight × lead time).

    Args:
        links: Supply links of one material.
        lead_time_weight: Price units per period of lead time.

    Returns:
        The share of each link; the shares sum to 1.
    """
    scores = [1.0 / (1.0 + link.price + lead_time_weight * link.lead_time) for link in links]
    total = sum(scores)
    return tuple(score / total for score in scores)


def list_materials(network: Network, lead_time_weight: float) -> tuple[Material, ...]:
    """List everything that is ordered in a network.

    Args:
        network: The network.
        lead_time_weight: Price units per period of lead time, for the split between suppliers.

    Returns:
        The materials, by managed node, then by line of its bill of materials.
    """
    materials = []
    for point in network.stock_points:
        supply = [network.supply_links[link] for link in point.arrivals]
        lead_time = max((link.lead_time for link in supply), default=0)
        shares = split_shares(supply, lead_time_weight)
        materials.append(Material(point.node_id, point.component, point.units, point.arrivals, shares, lead_time))
    return tuple(materials)


def waits_to_ship(network: Network, materials: Sequence[Material]) -> IntArray:
    """Periods between arrival and use of every material: 1 where the node ships to others, 0 where it only sells.

    A supplier ships from what it had at the start of the period, while customers are served from what arrived in it.

    Returns:
        Periods, (materials,).
    """
    return np.array([int(bool(network.outbound(material.node))) for material in materials], dtype=np.int64)


def longest_lead_times_to_market(network: Network, waiting: int = 0) -> dict[int, int]:
    """Largest total lead time from every managed node to a market, in periods.

    Args:
        network: The network.
        waiting: Periods that pass at every node on the way before a delivery is shipped on.

    Returns:
        Per managed node id; 0 for a retailer that supplies no other node.
    """
    longest: dict[int, int] = {}
    for node in reversed(network.upstream_first):
        links = [network.supply_links[link] for link in network.outbound(node)]
        longest[node] = max((waiting + link.lead_time + longest[link.buyer] for link in links), default=0)
    return longest


def last_useful_periods(network: Network, horizon: int) -> IntArray:
    """Last period in which an order on a supply link can still be sold before the episode ends; below 0 if none can.

    Returns:
        Periods, (supply links,).
    """
    ways = shortest_lead_times_to_market(network, waiting=1)
    lasting = [link.lead_time + ways[link.buyer] for link in network.supply_links]
    return horizon - 1 - np.array(lasting, dtype=np.int64)


def shortest_lead_times_to_market(network: Network, waiting: int = 0) -> dict[int, int]:
    """Smallest total lead time from every managed node to a market, in periods; 0 for a node that sells to one.

    Args:
        network: The network.
        waiting: Periods that pass at every node on the way before a delivery is shipped on.
    """
    ways: dict[int, int] = {}
    for node in reversed(network.upstream_first):
        links = [network.supply_links[link] for link in network.outbound(node)]
        sells = bool(network.markets_of(node))
        ways[node] = 0 if sells else min(waiting + link.lead_time + ways[link.buyer] for link in links)
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
                content += material.units * _content_of(material, network, contents, convention)
        content[network.managed_index(node)] = 1.0
        contents[node] = content
    return contents


def _content_of(
    material: Material, network: Network, contents: Mapping[int, FloatArray], convention: Convention
) -> FloatArray:
    """Units of every managed node's output in one unit of a material as it is delivered."""
    alternatives = np.array([contents[network.supply_links[link].supplier] for link in material.links])
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


class StockKeeper:
    """Inventory positions and orders of one network: everything about ordering that does not depend on the rule.

    Attributes:
        materials: What is ordered, in the order of all arrays per material.
        needs: Units per unit of demand, (materials, market links).
        lead_times: Largest lead time per material, in periods.
    """

    def __init__(
        self,
        briefing: Briefing,
        *,
        lead_time_weight: float,
        alternative_paths: Literal["auto", "whole", "shared"],
    ) -> None:
        network = briefing.network
        convention: Convention = "whole" if alternative_paths == "auto" else alternative_paths
        if alternative_paths == "auto" and len(network.market_links) > 1:
            convention = "shared"
        self.network = network
        self.materials = list_materials(network, lead_time_weight)
        self._contents = unit_contents(network, self.materials, convention)
        self._convention = convention
        self.needs = material_needs(network, self.materials, self._contents)
        self.lead_times: IntArray = np.array([material.lead_time for material in self.materials], dtype=np.int64)
        self._backlogged = briefing.fulfilment == "backlog"
        self._owing = briefing.upstream_shortage == "owed"
        # Every link delivers one material, so an order is one gather and one product.
        self._material_of_link: IntArray = np.zeros(len(network.supply_links), dtype=np.int64)
        self._share_of_link = np.zeros(len(network.supply_links))
        for index, material in enumerate(self.materials):
            self._material_of_link[list(material.links)] = index
            self._share_of_link[list(material.links)] = material.shares
        self._minimum_order = np.array([link.minimum_order for link in network.supply_links])
        self._lot_size = np.array([link.lot_size for link in network.supply_links])
        self._in_lots = bool((self._minimum_order > 0).any() or (self._lot_size > 0).any())
        self._safe_lot = np.where(self._lot_size > 0, self._lot_size, 1.0)
        self.count_local_stock()

    def count_local_stock(self) -> None:
        """Let positions count what each node itself holds, has ordered and owes: an installation's own position."""
        stock_weights = np.eye(len(self.materials))
        debt_weights = np.zeros((len(self.materials), len(self.network.managed)))
        for index, material in enumerate(self.materials):
            debt_weights[index, self.network.managed_index(material.node)] = material.units
        self._weigh(stock_weights, debt_weights)

    def count_echelon_stock(self) -> None:
        """Let positions count all stock, orders and debts downstream as well: the echelon's position.

        What is held downstream counts with the units of the material that it is made of; owed quantities inside the
        echelon cancel, so that only the customers' backlog and what the echelon's top has yet to receive remain.
        """
        stock_weights = np.eye(len(self.materials))
        debt_weights = np.zeros((len(self.materials), len(self.network.managed)))
        inside = [_content_of(material, self.network, self._contents, self._convention) for material in self.materials]
        for index, material in enumerate(self.materials):
            own = self.network.managed_index(material.node)
            for other, other_material in enumerate(self.materials):
                if other_material.node != material.node:
                    stock_weights[index, other] = material.units * inside[other][own]
            for node in self.network.managed:
                debt_weights[index, self.network.managed_index(node)] = material.units * self._contents[node][own]
        self._weigh(stock_weights, debt_weights)

    def _weigh(self, stock_weights: FloatArray, debt_weights: FloatArray) -> None:
        """Precompute the linear maps from an observation's arrays to positions per material."""
        network = self.network
        pooled = np.zeros((len(self.materials), len(network.managed)))
        components = np.zeros((len(self.materials), len(network.components)))
        ordered = np.zeros((len(self.materials), len(network.supply_links)))
        for index, material in enumerate(self.materials):
            if material.component is None:
                pooled[index, network.managed_index(material.node)] = 1.0
            else:
                components[index, material.component] = 1.0
            ordered[index, list(material.links)] = 1.0
        shipping = np.zeros((len(network.managed), len(network.supply_links)))
        selling = np.zeros((len(network.managed), len(network.market_links)))
        for index, node in enumerate(network.managed):
            shipping[index, list(network.outbound(node))] = 1.0
            selling[index, list(network.markets_of(node))] = 1.0
        of_in_transit = stock_weights @ ordered
        self._of_on_hand = _by_input(stock_weights @ pooled)
        self._of_component_stock = _by_input(stock_weights @ components)
        self._of_in_transit = _by_input(of_in_transit)
        self._of_owed = _by_input(of_in_transit - debt_weights @ shipping)
        self._of_backlog = _by_input(debt_weights @ selling)

    def positions(self, observation: Observation) -> FloatArray:
        """Compute the inventory position of every material, before the orders of the period.

        Args:
            observation: What is seen before the decision.

        Returns:
            Units, (materials,).
        """
        positions = _weighted(self._of_on_hand, observation.on_hand)
        positions += _weighted(self._of_in_transit, observation.in_transit)
        if len(self._of_component_stock):
            positions += _weighted(self._of_component_stock, observation.component_stock)
        if self._owing:
            positions += _weighted(self._of_owed, observation.owed)
        if self._backlogged:
            positions -= _weighted(self._of_backlog, observation.last_unfilled)
        return positions

    def orders(self, shortfalls: FloatArray) -> FloatArray:
        """Split the missing units of every material between its suppliers.

        Where a link has a lot size or a minimum order, its part is raised to the minimum and then rounded up to whole
        lots, which is what the arena would do with it; rounding errors order nothing.

        Args:
            shortfalls: Units to order, (materials,); negative ones order nothing.

        Returns:
            Orders, (supply links,).
        """
        orders = np.maximum(shortfalls, 0.0)[self._material_of_link] * self._share_of_link
        if self._in_lots:
            wanted = orders > DUST
            raised = np.maximum(orders, self._minimum_order)
            lots = np.ceil((raised - DUST) / self._safe_lot) * self._safe_lot
            orders = np.where(wanted, np.where(self._lot_size > 0, lots, raised), 0.0)
        return np.asarray(orders, dtype=np.float64)


def _by_input(weights: FloatArray) -> FloatArray:
    """Lay a linear map (outputs, inputs) out for `_weighted`."""
    return np.ascontiguousarray(weights.T)


def _weighted(weights_by_input: FloatArray, inputs: FloatArray) -> FloatArray:
    """Apply a linear map, adding the inputs one after the other.

    A matrix product would leave the order of summation to the processor, and with it the last bit, by which an (s, S)
    rule decides ties.

    Args:
        weights_by_input: (inputs, outputs).
        inputs: (inputs,).

    Returns:
        (outputs,).
    """
    return np.asarray(np.add.reduce(weights_by_input * inputs[:, np.newaxis], axis=0), dtype=np.float64)
