"""The frame that the four rules share: look, aim, order what is missing."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np

from arena import Briefing, Network, Observation, newsvendor_quantile, shortage_cost, standard_normal_quantile
from arena_heuristics.config import CriticalRatioConfig, RuleConfig
from arena_heuristics.costs import per_material
from arena_heuristics.demand import DemandEstimate, estimate_for
from arena_heuristics.ordering import FloatArray, StockKeeper

ConfigT = TypeVar("ConfigT", bound=RuleConfig)
RatioConfigT = TypeVar("RatioConfigT", bound=CriticalRatioConfig)


class InventoryRule(ABC, Generic[ConfigT]):
    """A controller that compares inventory positions with levels and orders the difference.

    A rule fills in `prepare` and `shortfalls`; orders are clipped to the bounds by the arena.
    """

    def __init__(self, config: ConfigT) -> None:
        self.config = config
        self.stock: StockKeeper
        self.demand: DemandEstimate

    def begin(self, briefing: Briefing) -> None:
        """Precompute everything that stays fixed over the episode.

        Args:
            briefing: The network and rules of the episode; its type says whether forecasts will come.
        """
        self.stock = StockKeeper(
            briefing,
            lead_time_weight=self.config.lead_time_weight,
            alternative_paths=self.config.alternative_paths,
        )
        self.demand = estimate_for(briefing, self.stock.needs, self.config)
        self.prepare(briefing)

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period.

        Args:
            observation: What is seen before the decision.

        Returns:
            Units, (supply links,), finite and not negative.
        """
        self.demand.observe(observation)
        return self.stock.orders(self.shortfalls(observation))

    @abstractmethod
    def prepare(self, briefing: Briefing) -> None:
        """Precompute what the rule itself needs; ``self.stock`` and ``self.demand`` are ready."""

    @abstractmethod
    def shortfalls(self, observation: Observation) -> FloatArray:
        """Units to order of every material, (materials,); negative values order nothing."""


def critical_quantiles(config: CriticalRatioConfig, stock: StockKeeper, holding_costs: dict[int, float]) -> FloatArray:
    """Quantile z of every material's critical ratio.

    Args:
        config: May fix the ratio; gives the least shortage cost.
        stock: The materials and their network.
        holding_costs: Cost of a unit left, per managed node.

    Returns:
        (materials,).
    """
    network: Network = stock.network
    if config.critical_ratio is not None:
        return np.full(len(stock.materials), standard_normal_quantile(config.critical_ratio))
    quantiles = {
        node: newsvendor_quantile(shortage_cost(network, node, config.least_shortage_cost), holding)
        for node, holding in holding_costs.items()
    }
    return per_material(stock.materials, quantiles)
