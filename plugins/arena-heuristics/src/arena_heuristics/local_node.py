"""One managed node as it sees itself: its stock, what is on its way to it, and what is asked of it.

Everything here is computed from what the decentralised track tells of a node, whether that came in an observation of
its own or was cut from one of the whole network. Sums run in a fixed order, so that both give the same to the last bit.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arena import Briefing, newsvendor_quantile, shortage_cost, standard_normal_quantile
from arena_heuristics.costs import material_holding_cost, owed_penalty
from arena_heuristics.ordering import DUST, FloatArray, Material
from arena_heuristics.stock_keeper import carried_shares
from arena_heuristics.supply import SupplyPlan, plan_supply


class NodeState(NamedTuple):
    """What one node sees before a decision; units."""

    on_hand: float
    component_stock: FloatArray
    """Of its bill of materials, (lines,)."""
    in_transit: FloatArray
    """(inbound links,)."""
    owed: FloatArray
    """By its suppliers, (inbound links,)."""
    owed_to_buyers: FloatArray
    """(outbound links,); in an echelon what it has not seen of their orders is part of it."""
    orders: FloatArray
    """Seen by it in the last period, (outbound links,)."""
    demand: FloatArray
    """Of its customers in the last period, (its market links,)."""
    unfilled: FloatArray
    """Unfilled by it at the end of the last period, (its market links,)."""
    unseen: FloatArray | None = None
    """Ordered by it and not seen by its suppliers, (inbound links,); None: nothing is."""


class LocalNode:
    """The fixed part of a node's decisions, and its memory of what it could not ship.

    Arrays have one entry per material that the node orders (`arena_heuristics.ordering`).

    Args:
        briefing: Of the node, or of a whole network that has it.
        node: Id of the managed node.
        materials: The node's materials, links by position in the briefing's network.
        plan: What is planned with on the links of the briefing's network, if known.

    Attributes:
        node: Its id.
        materials: Its materials.
        links: Positions of its inbound links in the briefing's network.
        consumption: Units of every material in one unit that the node ships; yield losses count.
        lead_times: Largest number of periods from order to arrival of every material, order delays included.
        link_lead_times: The same of every inbound link.
        values_stock: Whether its stock is worth or costs money after the last period.
        handover: Periods from here to the nearest buyer, 0 if the node sells to customers itself.
        largest: Most of every material that the node can use up in a period; infinite for who sells to customers, since
            a capacity limits shipments only.
    """

    def __init__(
        self, briefing: Briefing, node: int, materials: Sequence[Material], plan: SupplyPlan | None = None
    ) -> None:
        network = briefing.network
        plan = plan_supply(network, 0.0) if plan is None else plan
        description = network.node(node)
        inbound, outbound = network.inbound(node), network.outbound(node)
        self.node = node
        self.materials = tuple(materials)
        self.links = list(inbound)
        self.values_stock = description.values_stock
        self._owing = briefing.upstream_shortage == "owed"
        self._carried = carried_shares(briefing)[list(network.markets_of(node))]
        self._backlogged = bool(self._carried.any())
        self._shares_out = description.allocation == "proportional"
        self._has_bill = bool(description.bill_of_materials)
        self._yield = description.yield_
        self._capacity = np.inf if description.capacity is None else description.capacity
        self._places = [[inbound.index(link) for link in material.links] for material in materials]
        self._units = np.array([material.units for material in materials])
        self._stock = description.initial_stock or 0.0
        self.link_lead_times = np.array([plan.periods[link] for link in inbound])
        # A buyer orders again what it did not get, and its order comes so many periods later.
        self._delays = [network.supply_links[link].order_delay for link in outbound]
        longest = max(self._delays, default=0) + 1
        self._unfilled = deque([np.zeros(len(outbound))] * longest, maxlen=longest)
        self._shippable = 0.0
        sells = bool(network.markets_of(node))
        self.consumption = self._units / self._yield
        self.lead_times = np.array([material.lead_time for material in materials], dtype=np.float64)
        self.handover = 0 if sells else min(plan.periods[link] for link in outbound if plan.is_used[link])
        self.largest = np.full(len(materials), np.inf) if sells else self._capacity * self.consumption

    def quantiles(self, briefing: Briefing, critical_ratio: float | None, least_shortage_cost: float) -> FloatArray:
        """Quantile z of the critical ratio, per material, by the node's own prices and costs unless it is given."""
        if critical_ratio is not None:
            return np.full(len(self.materials), standard_normal_quantile(critical_ratio))
        shortage = shortage_cost(briefing.network, self.node, least_shortage_cost) + owed_penalty(briefing, self.node)
        return np.array(
            [
                newsvendor_quantile(shortage, material_holding_cost(briefing.network, material))
                for material in self.materials
            ]
        )

    def priors(self) -> FloatArray:
        """Demand presumed before any is seen: the initial stock covers the lead time and a period more.

        Unlike `arena.presumed_demand` it is that of every material, at nodes without customers too, and over the
        material's own lead time: a node on the decentralised track sees no other.
        """
        return np.minimum(self._stock / (self.lead_times + 1), self.largest)

    def positions(self, state: NodeState) -> FloatArray:
        """Inventory position of every material: stock and what is on its way, less what the node owes."""
        owed = self.consumption * state.owed_to_buyers.sum()
        if self._backlogged:
            owed = owed + self._units * (self._carried * state.unfilled).sum()
        coming = state.in_transit + state.owed
        if state.unseen is not None:
            coming = coming + state.unseen
        stocks = self._stocks(state).tolist()
        held = [stock + float(coming[places].sum()) for stock, places in zip(stocks, self._places, strict=True)]
        position: FloatArray = np.array(held) - owed
        return position

    def new_demand(self, state: NodeState) -> FloatArray:
        """What was newly asked of the node in the last period, in units of every material; to be called every period.

        Where upstream shortages are lost, a buyer that keeps a base stock asks again for what it did not get: an order
        is new only as far as it exceeds what was left unfilled on its link the period before, or so many periods more
        before as the order is delayed. Without that, one shortage would be counted again in every period that it lasts.
        """
        asked_again = np.array([self._unfilled[-1 - delay][link] for link, delay in enumerate(self._delays)])
        orders = np.maximum(state.orders - asked_again, 0.0)
        if not self._owing:
            self._unfilled.append(state.orders - self._shipped(state.orders))
        self._shippable = self._can_ship(state)
        asked: FloatArray = self.consumption * orders.sum() + self._units * state.demand.sum()
        return asked

    def split(self, shortfalls: FloatArray, may_order: npt.NDArray[np.bool_]) -> FloatArray:
        """Divide the missing units of every material between its suppliers.

        Args:
            shortfalls: Units, (materials,); negative ones order nothing.
            may_order: Whether a delivery on a link is of use, (inbound links,); others get no order.

        Returns:
            Orders, (inbound links,).
        """
        orders = np.zeros(len(self.links))
        for material, places, shortfall in zip(self.materials, self._places, shortfalls.tolist(), strict=True):
            orders[places] = max(shortfall, 0.0) * np.array(material.shares)
        return np.where(may_order & (orders > DUST), orders, 0.0)

    def _stocks(self, state: NodeState) -> FloatArray:
        return state.component_stock if self._has_bill else np.array([state.on_hand])

    def _can_ship(self, state: NodeState) -> float:
        """Most that the node can ship in the coming period, by the contract: what arrives in it comes too late."""
        return min(self._capacity, float((self._stocks(state) / self.consumption).min()))

    def _shipped(self, orders: FloatArray) -> FloatArray:
        """What was shipped of the last period's orders: in the order of the links, or in proportion to them."""
        if self._shares_out:
            return orders * min(1.0, self._shippable / max(float(orders.sum()), DUST))
        before = np.cumsum(orders) - orders
        return np.clip(self._shippable - before, 0.0, orders)
