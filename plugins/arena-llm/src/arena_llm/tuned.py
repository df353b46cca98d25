"""The ordering rule with parameters that were fitted offline: what a perfect tuner could reach."""

from __future__ import annotations

from arena import Briefing, Observation
from arena_llm.config import TunedBaseStockConfig
from arena_llm.fitted import load_fitted
from arena_llm.parameters import Parameters, default_parameters
from arena_llm.rule import FloatArray, OrderingRule
from arena_llm.schedule import stage_of


class TunedBaseStock:
    """Looks its parameters up, by the network's shape, the fulfilment mode and the stage of the episode.

    That is what a tuner is told, and as often as ``llm-adaptive`` may revise; nothing else about the episode enters.
    """

    def __init__(self, config: TunedBaseStockConfig) -> None:
        self._config = config
        self._rule: OrderingRule
        self._schedule: tuple[Parameters, ...]
        self._horizon: int

    def begin(self, briefing: Briefing) -> None:
        """Choose the schedule.

        Args:
            briefing: of the episode.
        """
        self._rule = OrderingRule(briefing)
        self._horizon = briefing.horizon
        if self._config.parameters == "defaults":
            self._schedule = (default_parameters(),)
        else:
            self._schedule = load_fitted(briefing.track).schedule(briefing.network, briefing.fulfilment)

    def order(self, observation: Observation) -> FloatArray:
        """Order by the rule with the parameters of the stage.

        Args:
            observation: what is seen before the decision.

        Returns:
            Units, (supply links,).
        """
        stage = stage_of(observation.period, self._horizon, len(self._schedule))
        return self._rule.orders(observation, self._schedule[stage])
