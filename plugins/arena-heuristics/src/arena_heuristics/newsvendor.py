"""Newsvendor base stock: every node orders up to the quantile of demand at its own critical ratio.

`Newsvendor` covers the node's own lead time by installation stock, `EchelonBaseStock` the way to the customers by
echelon stock.
"""

import numpy as np

from arena import Briefing, Observation, order_up_to_level
from arena_heuristics.config import EchelonBaseStockConfig, NewsvendorConfig
from arena_heuristics.costs import critical_quantiles, echelon_holding_costs, echelon_quantiles, holding_costs
from arena_heuristics.ordering import FloatArray, longest_ways_to_market, waits_to_ship
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
        self._quantiles = critical_quantiles(self.config, self.stock, holding_costs(self.stock), briefing)
        self._protection = self.stock.protection
        if self.config.formulas == "textbook":
            self._protection = self._protection.longer(waits_to_ship(network, self.stock.materials))

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every material's position with its level."""
        demand = self._protection.demand(self.demand.over, self.periods_left(observation))
        level: FloatArray = order_up_to_level(
            demand.mean, demand.deviation, self.quantiles_in(observation, self._quantiles)
        )
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
        is_textbook = self.config.formulas == "textbook"
        if is_textbook:
            self._quantiles = echelon_quantiles(self.config, self.stock, briefing)
        else:
            costs = echelon_holding_costs(self.stock, self.config.least_holding_cost)
            self._quantiles = critical_quantiles(self.config, self.stock, costs, briefing)
        ways = longest_ways_to_market(network, int(is_textbook), self.stock.plan)
        means, variances = zip(*(ways[material.node] for material in self.stock.materials), strict=True)
        self._protection = self.stock.protection.longer(np.array(means), np.array(variances))
        self.stock.count_echelon_stock()

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every material's echelon position with its level."""
        demand = self._protection.demand(self.demand.over, self.periods_left(observation))
        level: FloatArray = order_up_to_level(
            demand.mean, demand.deviation, self.quantiles_in(observation, self._quantiles)
        )
        return level - self.stock.positions(observation)
