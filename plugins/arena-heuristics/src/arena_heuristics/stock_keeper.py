"""Inventory positions and orders of one network: what a rule counts, and how what is missing is ordered.

`arena_heuristics.ordering` says what counts.
"""

from typing import Literal

import numpy as np

from arena import Briefing, Observation
from arena_heuristics.ordering import (
    DUST,
    Convention,
    FloatArray,
    IntArray,
    content_of,
    list_materials,
    material_needs,
    unit_contents,
)
from arena_heuristics.supply import Protection, plan_supply

_SHARES = {"backlog": 1.0, "lost_sales": 0.0}


def carried_shares(briefing: Briefing) -> FloatArray:
    """Share of the unfilled units that wait for the next period, (market links,): 1 backlog, 0 lost sales."""
    return np.array(
        [
            _SHARES[link.fulfilment or briefing.fulfilment] if link.waiting_share is None else link.waiting_share
            for link in briefing.network.market_links
        ]
    )


class StockKeeper:
    """Inventory positions and orders of one network: everything about ordering that does not depend on the rule.

    Attributes:
        materials: What is ordered, in the order of all arrays per material.
        needs: Units per unit of demand, (materials, market links).
        plan: What is planned with on the supply links.
        lead_times: Largest number of periods from order to arrival per material; whole, also where lead times vary.
        protection: The same where lead times vary: their means and variances.
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
        self.plan = plan_supply(network, lead_time_weight)
        self.materials = list_materials(network, lead_time_weight, self.plan)
        self._contents = unit_contents(network, self.materials, convention)
        self._convention = convention
        self.needs = material_needs(network, self.materials, self._contents)
        self.lead_times: IntArray = np.array([material.lead_time for material in self.materials], dtype=np.int64)
        self.protection = self._protect()
        self._carried = carried_shares(briefing)
        self._backlogged = bool(self._carried.any())
        self._owing = briefing.upstream_shortage == "owed"
        # Every link delivers one material, so an order is one gather and one product.
        self._material_of_link: IntArray = np.zeros(len(network.supply_links), dtype=np.int64)
        self._share_of_link = np.zeros(len(network.supply_links))
        for index, material in enumerate(self.materials):
            self._material_of_link[list(material.links)] = index
            self._share_of_link[list(material.links)] = material.shares
        self._delays = network.order_delays
        self._delayed = any(self._delays)
        self._chances = self.plan.chances
        self._may_be_lost = bool((self._chances < 1.0).any())
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
        self._weigh(stock_weights, debt_weights, is_echelon=False)

    def count_echelon_stock(self) -> None:
        """Let positions count all stock, orders and debts downstream as well: the echelon's position.

        What is held downstream counts with the units of the material that it is made of; owed quantities inside the
        echelon cancel, so that only the customers' backlog and what the echelon's top has yet to receive remain.
        """
        stock_weights = np.eye(len(self.materials))
        debt_weights = np.zeros((len(self.materials), len(self.network.managed)))
        inside = [content_of(material, self.network, self._contents, self._convention) for material in self.materials]
        for index, material in enumerate(self.materials):
            own = self.network.managed_index(material.node)
            for other, other_material in enumerate(self.materials):
                if other_material.node != material.node:
                    stock_weights[index, other] = material.units * inside[other][own]
            for node in self.network.managed:
                debt_weights[index, self.network.managed_index(node)] = material.units * self._contents[node][own]
        self._weigh(stock_weights, debt_weights, is_echelon=True)

    def _protect(self) -> Protection:
        """Lead times of every material: those of its slowest link that is used, on average."""
        slowest = []
        for material in self.materials:
            used = [self.plan.deliveries[link] for link in material.links if self.plan.is_used[link]]
            slowest.append(max(used, key=lambda each: each[:2], default=None))
        return Protection(
            np.array([0.0 if one is None else one.mean for one in slowest]),
            np.array([0.0 if one is None else one.variance for one in slowest]),
            np.array([0.0 if one is None else (1.0 - one.chance) / one.chance for one in slowest]),
        )

    def _weigh(self, stock_weights: FloatArray, debt_weights: FloatArray, *, is_echelon: bool) -> None:
        """Precompute the linear maps from an observation's arrays to positions per material.

        What a supplier has not seen is on order for the buyer, and no debt of the supplier yet. In an echelon that has
        both it still lies in the supplier's stock, and must not count twice.
        """
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
        if self._may_be_lost:
            of_in_transit = of_in_transit * self._chances
        self._of_on_hand = _by_input(stock_weights @ pooled)
        self._of_component_stock = _by_input(stock_weights @ components)
        self._of_in_transit = _by_input(of_in_transit)
        of_owed = of_in_transit - debt_weights @ shipping
        self._of_owed = _by_input(of_owed)
        self._of_unseen = _by_input(np.repeat(of_owed if is_echelon else of_in_transit, self._delays, axis=1))
        self._of_backlog = _by_input((debt_weights @ selling) * self._carried)

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
        if self._delayed:
            positions += _weighted(self._of_unseen, observation.unseen)
        if self._backlogged:
            positions -= _weighted(self._of_backlog, observation.last_unfilled)
        return positions

    def orders(self, shortfalls: FloatArray) -> FloatArray:
        """Split the missing units of every material between its suppliers, more of them where orders may be lost.

        Where a link has a lot size or a minimum order, its part is raised to the minimum and then rounded up to whole
        lots, which is what the arena would do with it; rounding errors order nothing.

        Args:
            shortfalls: Units to order, (materials,); negative ones order nothing.

        Returns:
            Orders, (supply links,).
        """
        orders = np.maximum(shortfalls, 0.0)[self._material_of_link] * self._share_of_link
        if self._may_be_lost:
            orders = orders / self._chances
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
