"""(s, S): order rarely, but then a batch that is worth a fixed cost."""

import numpy as np

from arena import Briefing, Network, Observation, holding_cost, standard_normal_quantile
from arena_heuristics.config import ReorderPointConfig
from arena_heuristics.costs import holding_costs
from arena_heuristics.ordering import FloatArray, Material
from arena_heuristics.rule import InventoryRule

# Units; a batch far beyond any order bound, where a holding cost next to nothing would make it infinite.
_LARGEST_BATCH_FACTOR = 1e30


class ReorderPoint(InventoryRule[ReorderPointConfig]):
    """Order up to S as soon as the position is below s.

    Reorder point s = mean + z·deviation of the demand over L + 1 periods, with L the largest lead time of the
    material's suppliers and z the quantile of the service level. S = s + √(2·μ·K / h), the economic order quantity
    (Harris 1913) for the demand μ of the coming period, the fixed ordering cost K and the holding cost h; where h or μ
    is not positive, S = s + the mean over L + 1 periods.

    Exact ties happen: with μ = 20 and K = 10·h the batch is 20 units, and a demand of 20 brings the position back to s.
    They are decided by the last bit of the sums, without a tolerance, because that is what the published results show.

    K of a material is the mean fixed ordering cost of the supply links that are used. Where that is 0 a batch is
    worth nothing, and the published rule pretends a cost to stay an (s, S) rule: 10 × operating cost at a factory,
    10 × h elsewhere.

    It weighs no shortage. Where stock has a terminal value, S covers no demand after the end of the episode and an
    order that cannot be sold in time is placed only if that value pays for it (`arena_heuristics.ending`).
    """

    def prepare(self, briefing: Briefing) -> None:
        """Compute the quantile and the factor of √μ in the economic order quantity."""
        network = briefing.network
        self._last_period = briefing.horizon - 1
        self._quantile = standard_normal_quantile(self.config.service_level)
        holding = holding_costs(self.stock)
        fixed = [self._fixed_cost(network, material) for material in self.stock.materials]
        self._holding_costs = holding > 0
        self._batch_factor = np.array(
            [
                min(2 * cost / unit_cost, _LARGEST_BATCH_FACTOR) if unit_cost > 0 else 0.0
                for cost, unit_cost in zip(fixed, holding.tolist(), strict=True)
            ]
        )

    def shortfalls(self, observation: Observation) -> FloatArray:
        """Order up to S where the position is below s."""
        left = self.ending.longest_cover(observation.period, None) if self.ending.is_weighed else None
        demand = self.stock.protection.demand(self.demand.over, left)
        mean = self.demand.next_period().mean
        reorder_point = demand.mean + self._quantile * demand.deviation
        batch = np.where(
            self._holding_costs & (mean > 0), np.sqrt(np.maximum(mean, 0.0) * self._batch_factor), demand.mean
        )
        if self.ending.is_weighed:
            batch = np.where(
                self.ending.pays(observation.period), batch, self._until_the_end(observation, reorder_point, batch)
            )
        position = self.stock.positions(observation)
        below = position < reorder_point
        return np.asarray(np.where(below, reorder_point + batch - position, 0.0), dtype=np.float64)

    def _until_the_end(self, observation: Observation, reorder_point: FloatArray, batch: FloatArray) -> FloatArray:
        """Batches that bring no more than is wanted until the end, at the service level, (materials,)."""
        left = np.full(len(batch), self._last_period - observation.period)
        rest = self.demand.over(left)
        return np.clip(rest.mean + self._quantile * rest.deviation - reorder_point, 0.0, batch)

    def _fixed_cost(self, network: Network, material: Material) -> float:
        used = [link for link in material.links if self.stock.plan.is_used[link]]
        costs = [network.supply_links[link].fixed_ordering_cost for link in used]
        mean = sum(costs) / len(costs)
        if mean > 0:
            return mean
        if network.role(material.node) == "factory":
            return self.config.fixed_cost_factor * (network.node(material.node).operating_cost or 0.0)
        return self.config.fixed_cost_factor * holding_cost(network, material.node)
