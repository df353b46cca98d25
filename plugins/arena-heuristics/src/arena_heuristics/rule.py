"""The frame that the four rules share: look, aim, order what is missing."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np

from arena import Briefing, Observation
from arena_heuristics.config import CriticalRatioConfig, RuleConfig
from arena_heuristics.demand import DemandEstimate
from arena_heuristics.ending import Ending
from arena_heuristics.estimates import estimate_for
from arena_heuristics.ordering import FloatArray, IntArray, last_useful_periods
from arena_heuristics.stock_keeper import StockKeeper

ConfigT = TypeVar("ConfigT", bound=RuleConfig)
CriticalRatioConfigT = TypeVar("CriticalRatioConfigT", bound=CriticalRatioConfig)


class InventoryRule(ABC, Generic[ConfigT]):
    """A controller that compares inventory positions with levels and orders the difference.

    A rule fills in `prepare` and `shortfalls`; orders are clipped to the bounds by the arena.
    """

    def __init__(self, config: ConfigT) -> None:
        self.config = config
        self.stock: StockKeeper
        self.demand: DemandEstimate
        self.ending: Ending

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
        self.last_useful = last_useful_periods(briefing.network, briefing.horizon, self.stock.plan)
        self.ending = Ending(briefing, self.stock.materials, self.stock.plan, self.last_useful)
        self.prepare(briefing)

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period.

        Args:
            observation: What is seen before the decision.

        Returns:
            Units, (supply links,), finite and not negative.
        """
        self.demand.observe(observation)
        orders = self.stock.orders(self.shortfalls(observation))
        if self.ending.is_weighed:
            orders = np.where(self.ending.may_order(observation.period, len(orders)), orders, 0.0)
        return orders

    @abstractmethod
    def prepare(self, briefing: Briefing) -> None:
        """Precompute what the rule itself needs; ``self.stock`` and ``self.demand`` are ready."""

    @abstractmethod
    def shortfalls(self, observation: Observation) -> FloatArray:
        """Units to order of every material, (materials,); negative values order nothing."""


class CriticalRatioRule(InventoryRule[CriticalRatioConfigT]):
    """A rule that weighs a shortage against holding stock, by the published formulas or by the textbook's.

    By the textbook's formulas nothing is ordered that could not be sold before the episode ends, and levels cover no
    demand after it; the published rules look past the end. Where stock has a terminal value, both end by
    `arena_heuristics.ending`.
    """

    def begin(self, briefing: Briefing) -> None:
        """Precompute everything that stays fixed over the episode; see `InventoryRule.begin`."""
        self._is_textbook = self.config.formulas == "textbook"
        self._last_period = briefing.horizon - 1
        super().begin(briefing)

    def order(self, observation: Observation) -> FloatArray:
        """Decide the orders of a period; see `InventoryRule.order`."""
        orders = super().order(observation)
        if self.ending.is_weighed or not self._is_textbook:
            return orders
        return np.where(observation.period <= self.last_useful, orders, 0.0)

    def periods_left(self, observation: Observation) -> int | IntArray | None:
        """Longest lead time that levels cover: by the textbook's formulas until the episode ends, else any."""
        left = self._last_period - observation.period if self._is_textbook else None
        return self.ending.longest_cover(observation.period, left) if self.ending.is_weighed else left

    def quantiles_in(self, observation: Observation, usual: FloatArray) -> FloatArray:
        """Quantiles of the critical ratios in a period, (materials,): the last order is weighed by what is left.

        Args:
            observation: What is seen before the decision.
            usual: The quantiles of all other orders.
        """
        if self.config.critical_ratio is not None or not self.ending.is_weighed:
            return usual
        return self.ending.quantiles(observation.period, usual)
