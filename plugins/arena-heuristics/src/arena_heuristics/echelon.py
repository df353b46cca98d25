"""Echelon base stock, approximately: every node looks at all stock between itself and the customers."""

import numpy as np

from arena import Briefing, Network, Observation, order_up_to_level
from arena_heuristics.config import EchelonBaseStockConfig
from arena_heuristics.costs import echelon_holding_cost
from arena_heuristics.ordering import FloatArray, IntArray
from arena_heuristics.rule import InventoryRule, critical_quantiles


def downstream_lead_times(network: Network) -> dict[int, int]:
    """Largest total lead time from every managed node to a market, in periods.

    Args:
        network: The network.

    Returns:
        Per managed node id; 0 for a retailer that supplies no other node.
    """
    longest: dict[int, int] = {}
    for node in reversed(network.upstream_first):
        links = [network.supply_links[link] for link in network.outbound(node)]
        longest[node] = max((link.lead_time + longest[link.buyer] for link in links), default=0)
    return longest


class EchelonBaseStock(InventoryRule[EchelonBaseStockConfig]):
    """Order up to the critical-ratio quantile of the demand until what is ordered now can be sold.

    An approximation of the optimal rule for serial systems (Clark and Scarf 1960, Management Science 6): the level
    covers (largest total lead time from the node to a market + L) + 1 periods and is compared with the echelon
    inventory position, the node's own and those of all nodes it supplies, directly or not. The critical ratio is
    b / (b + e) with the echelon holding cost e = max(0.01, h − Σ h of the direct successors).

    In the published convention ``"whole"`` stock at a shared descendant counts fully for each of its suppliers; with
    ``"shared"`` it counts with the share of it that came from the node, like the demand.
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute critical ratios and protection intervals; switch positions to the echelon's."""
        network = briefing.network
        costs = {node: echelon_holding_cost(network, node, self.config.least_holding_cost) for node in network.managed}
        self._quantiles = critical_quantiles(self.config, self.stock, costs)
        downstream = downstream_lead_times(network)
        self._lead_times: IntArray = self.stock.lead_times + np.array(
            [downstream[material.node] for material in self.stock.materials], dtype=np.int64
        )
        self.stock.count_echelon_stock()

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every material's echelon position with its level."""
        demand = self.demand.over(self._lead_times)
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, self._quantiles)
        return level - self.stock.positions(observation)
