"""Newsvendor base stock: every node orders up to the quantile of demand at its own critical ratio.

`Newsvendor` covers the node's own lead time by installation stock, `EchelonBaseStock` the way to the customers by
echelon stock.
"""

import numpy as np

from arena import Briefing, Observation, holding_cost, order_up_to_level
from arena_heuristics.config import EchelonBaseStockConfig, NewsvendorConfig
from arena_heuristics.costs import critical_quantiles, echelon_holding_cost, echelon_quantiles
from arena_heuristics.ordering import FloatArray, IntArray, longest_lead_times_to_market, waits_to_ship
from arena_heuristics.rule import CriticalRatioRule


class Newsvendor(CriticalRatioRule[NewsvendorConfig]):
    """Order up to the critical-ratio quantile of the demand over the lead time and the coming period.

    Level of a material = mean + z·deviation of the demand over L + 1 periods, with L the largest lead time of its
    suppliers and z the standard normal quantile of b / (b + h) (`arena.newsvendor_quantile`). Every node decides by its
    own inventory position, as if its suppliers never ran out.

    By the textbook's formulas a node that ships to others covers a period more: what it receives can be shipped on in
    the next period.
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute the critical ratios."""
        network = briefing.network
        costs = {node: holding_cost(network, node) for node in network.managed}
        self._quantiles = critical_quantiles(self.config, self.stock, costs)
        self._lead_times = self.stock.lead_times
        if self.config.formulas == "textbook":
            self._lead_times = self._lead_times + waits_to_ship(network, self.stock.materials)

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every material's position with its level."""
        demand = self.demand.over(self.until_the_end(self._lead_times, observation))
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, self._quantiles)
        return level - self.stock.positions(observation)


class EchelonBaseStock(CriticalRatioRule[EchelonBaseStockConfig]):
    """Order up to the critical-ratio quantile of the demand until what is ordered now can be sold.

    An approximation of the optimal rule for serial systems (Clark and Scarf 1960, Management Science 6): the level
    covers (largest total lead time from the node to a market + L) + 1 periods and is compared with the echelon
    inventory position, the node's own and those of all nodes it supplies, directly or not. The critical ratio is
    b / (b + e) with the echelon holding cost e = max(0.01, h − Σ h of the direct successors).

    In the published convention ``"whole"`` stock at a shared descendant counts fully for each of its suppliers; with
    ``"shared"`` it counts with the share of it that came from the node, like the demand.

    By the textbook's formulas the level covers a period more for every node on the way, in which a delivery waits to be
    shipped on, and z is the mean of the quantiles of (b + s) / (b + m) and (b + s) / (b + h): s is the least holding
    cost at the node's suppliers, 0 at raw material, and m the largest from the node down to the customers. On serial
    networks these give bounds of the optimal levels (Shang and Song 2003, Management Science 49, 618-638).
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute critical ratios and protection intervals; switch positions to the echelon's."""
        network = briefing.network
        if self.config.formulas == "textbook":
            self._quantiles = echelon_quantiles(self.config, self.stock)
            downstream = longest_lead_times_to_market(network, waiting=1)
        else:
            least = self.config.least_holding_cost
            costs = {node: echelon_holding_cost(network, node, least) for node in network.managed}
            self._quantiles = critical_quantiles(self.config, self.stock, costs)
            downstream = longest_lead_times_to_market(network)
        self._lead_times: IntArray = self.stock.lead_times + np.array(
            [downstream[material.node] for material in self.stock.materials], dtype=np.int64
        )
        self.stock.count_echelon_stock()

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every material's echelon position with its level."""
        demand = self.demand.over(self.until_the_end(self._lead_times, observation))
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, self._quantiles)
        return level - self.stock.positions(observation)
