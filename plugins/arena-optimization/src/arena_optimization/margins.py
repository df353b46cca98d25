"""What a sale earns."""

from __future__ import annotations

import numpy as np

from arena import Network
from arena_optimization.stocks import FloatArray


def margins_of(network: Network) -> FloatArray:
    """What a sale earns beyond the cheapest way to make the unit, (market links,), money per unit; not below 0."""
    cost: dict[int, float] = {}

    def made(node_id: int) -> float:
        """Cheapest cost of one unit that a node ships."""
        if network.role(node_id) == "raw_material":
            return 0.0
        if node_id not in cost:
            node, links = network.node(node_id), [network.supply_links[i] for i in network.inbound(node_id)]
            landed = {
                link.supplier: (link.price if network.role(link.supplier) == "raw_material" else made(link.supplier))
                for link in links
            }
            parts = node.bill_of_materials
            bought = (
                sum(part.units * min(landed[supplier] for supplier in part.suppliers) for part in parts)
                if parts
                else min(landed.values(), default=0.0)
            )
            cost[node_id] = (bought + (node.operating_cost or 0.0)) / node.yield_
        return cost[node_id]

    return np.array([max(0.0, link.price - made(link.retailer)) for link in network.market_links])
