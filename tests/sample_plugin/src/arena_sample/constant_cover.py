"""The constant-cover rule."""

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Observation


class ConstantCover:
    """Keep the demand of the lead time and `cover` more periods in stock and in transit at every managed node.

    On the decentralised track the network of the briefing is the node's own, and what neighbours ordered stands in
    for the demand that the node does not see.

    Args:
        cover: Periods of demand kept beyond the lead time.
    """

    def __init__(self, cover: float) -> None:
        self.cover = cover

    def begin(self, briefing: Briefing) -> None:
        """Keep the briefing and forget everything else."""
        self.briefing = briefing
        self.seen: list[float] = []

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Return the units to order on every supply link that this controller orders on."""
        incoming = getattr(observation, "incoming_orders", np.zeros(0))
        self.seen.append(float(observation.last_demand.sum() + incoming.sum()))
        demand = float(np.mean(self.seen[-5:]))
        network = self.briefing.network
        own = network.managed if self.briefing.node is None else (self.briefing.node,)
        orders = np.zeros(len(self.briefing.order_bound))
        for position, node in enumerate(own):
            inbound = list(network.inbound(node))
            lead_time = max(network.supply_links[link].lead_time for link in inbound)
            # The local arrays of a single node start at its first inbound link.
            slots = inbound if self.briefing.node is None else list(range(len(inbound)))
            stock = observation.on_hand[position] + observation.in_transit[slots].sum()
            orders[slots] = max(0.0, demand * (lead_time + self.cover) - stock) / len(inbound)
        return np.minimum(orders, self.briefing.order_bound)
