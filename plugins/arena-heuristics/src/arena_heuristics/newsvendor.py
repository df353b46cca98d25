"""Newsvendor base stock: every node covers the demand of its own lead time to its own critical ratio."""

from arena import Briefing, Observation, holding_cost, order_up_to_level
from arena_heuristics.config import NewsvendorConfig
from arena_heuristics.ordering import FloatArray
from arena_heuristics.rule import InventoryRule, critical_quantiles


class Newsvendor(InventoryRule[NewsvendorConfig]):
    """Order up to the critical-ratio quantile of the demand over the lead time and the coming period.

    Level of a material = mean + z·deviation of the demand over L + 1 periods, with L the largest lead time of its
    suppliers and z the standard normal quantile of b / (b + h) (`arena.newsvendor_quantile`). Every node decides by its
    own inventory position, as if its suppliers never ran out.
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute the critical ratios."""
        network = briefing.network
        costs = {node: holding_cost(network, node) for node in network.managed}
        self._quantiles = critical_quantiles(self.config, self.stock, costs)

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Compare every material's position with its level."""
        demand = self.demand.over(self.stock.lead_times)
        level: FloatArray = order_up_to_level(demand.mean, demand.deviation, self._quantiles)
        return level - self.stock.positions(observation)
