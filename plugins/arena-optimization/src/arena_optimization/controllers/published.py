"""The two rolling programs of the published benchmark: deterministic (DLP) and multi-stage stochastic (MSSP).

Source: gym-invmgmt (arXiv 2605.11355). Same programs, stated in Pyomo and solved by HiGHS: what is optimal is equal,
and where several plans are, another of them may be played.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from arena import Briefing, InformedBriefing, Network, Observation
from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.forecast import ForecastOutlook
from arena_optimization.beliefs.mean_demand import MeanDemand, mean_demand_for
from arena_optimization.config import DeterministicProgramConfig, MultiStageProgramConfig
from arena_optimization.controllers.rolling import RollingController, work_of
from arena_optimization.programs.extensive_form import Plan
from arena_optimization.programs.rolling_horizon import Planner

_SAMPLING_LABEL = 0x4D535350
"""Keeps the sampling of paths apart from other uses of the seed; the published number ("MSSP" in ASCII)."""
_SHORTEST = 10
_BEYOND_CRITICAL_PATH = 5
_MEAN_OF = 100
"""Paths of deliveries whose mean stands for the mean delivery."""


def deterministic_horizon(network: Network, left: int) -> int:
    """Periods that the deterministic program plans: 10, or two more than the longest lead time, as far as there are."""
    return max(min(_SHORTEST, left), min(left, _longest_link(network) + 2))


def multi_stage_horizon(network: Network, left: int) -> int:
    """Periods that the multi-stage program plans: 10, or five more than the longest way to a retailer."""
    horizon = max(_SHORTEST, network.longest_lead_time + _BEYOND_CRITICAL_PATH)
    return max(min(horizon, left), min(left, _longest_link(network) + 2))


def _longest_link(network: Network) -> int:
    return max(link.slots + link.order_delay for link in network.supply_links)


def _tells_other_demand(briefing: Briefing) -> TypeGuard[InformedBriefing]:
    """Whether demand is told to be of a kind that the published program does not know."""
    if not isinstance(briefing, InformedBriefing):
        return False
    is_published = all(name in ("poisson", "normal", "uniform") for name in briefing.distributions)
    return not is_published or bool(briefing.autoregressions.any()) or briefing.correlation is not None


class DeterministicProgram(RollingController):
    """Plans for mean demand as if it were certain."""

    def __init__(self, config: DeterministicProgramConfig) -> None:
        """Take the settings."""
        super().__init__(config.time_share)
        self._config = config
        self._means: MeanDemand
        self._planner: Planner

    def prepare(self, briefing: Briefing) -> None:
        """State the program."""
        self._means = mean_demand_for(briefing, window=self._config.window, prior_mean=self._config.prior_mean)
        self._planner = Planner(
            briefing,
            horizon=deterministic_horizon,
            paths=1,
            open_loop=True,
            gap=self._config.gap,
            work=work_of(self._config),
        )
        self.asked = self._planner.asked

    def learn(self, observation: Observation) -> None:
        """Update the expected demand."""
        self._means.observe(observation)

    def plan(self, observation: Observation) -> Plan:
        """Plan for the mean path."""
        horizon = self._planner.horizon(observation.period)
        demand, deliveries = self._means.over(horizon)[None], self.deliveries(horizon, _MEAN_OF)
        return self._planner.plan(
            observation, demand, deliveries=deliveries and deliveries.mean(), time_limit=self.time_left
        )

    def expected_demand(self) -> FloatArray:
        """Mean demand of the coming period."""
        return self._means.over(1)[:, 0]


class MultiStageProgram(RollingController):
    """Plans for sampled paths of demand; paths that cannot be told apart yet share their decisions.

    The first periods of every path are Poisson, the others the rounded mean.
    """

    def __init__(self, config: MultiStageProgramConfig) -> None:
        """Take the settings."""
        super().__init__(config.time_share)
        self._config = config
        self._means: MeanDemand
        self._planner: Planner
        self._generator: np.random.Generator
        self._told: ForecastOutlook | None = None

    def prepare(self, briefing: Briefing) -> None:
        """State the program and seed the sampling."""
        config = self._config
        self._means = mean_demand_for(briefing, window=config.window, prior_mean=config.prior_mean)
        self._planner = Planner(
            briefing,
            horizon=multi_stage_horizon,
            paths=config.paths,
            open_loop=False,
            random_periods=config.random_periods,
            gap=config.gap,
            work=work_of(config),
        )
        self.asked = self._planner.asked
        self._told = ForecastOutlook(briefing) if _tells_other_demand(briefing) else None
        state = np.random.SeedSequence([briefing.seed, _SAMPLING_LABEL]).generate_state(1)
        self._generator = np.random.default_rng(state[0])

    def learn(self, observation: Observation) -> None:
        """Update the expected demand."""
        self._means.observe(observation)
        if self._told is not None:
            self._told.observe(observation)

    def plan(self, observation: Observation) -> Plan:
        """Plan for sampled paths."""
        horizon = self._planner.horizon(observation.period)
        deliveries = self.deliveries(horizon, self._planner.paths)
        demand = self.sample(self._means.over(horizon), observation.sentiment)
        return self._planner.plan(observation, demand, deliveries=deliveries, time_limit=self.time_left)

    def sample(self, means: FloatArray, sentiment: float = 1.0) -> FloatArray:
        """Draw the paths: path by path, period by period, link by link.

        Args:
            means: Units, (market links, horizon).
            sentiment: Of the last period.

        Returns:
            Units, (paths, market links, horizon).
        """
        config = self._config
        shape = (config.paths, min(config.random_periods, means.shape[1]), means.shape[0])
        paths = np.empty((config.paths, *means.shape))
        paths[:] = np.round(means)
        if self._told is not None:
            # Nothing is published about such demand: its paths are those that are told.
            told = self._told.draw(means.shape[1], config.paths).at(np.full((config.paths, means.shape[1]), sentiment))
            paths[:, :, : shape[1]] = told[:, :, : shape[1]]
            return paths
        drawn = self._generator.poisson(np.broadcast_to(means.T[: shape[1]], shape))
        paths[:, :, : shape[1]] = np.swapaxes(drawn, 1, 2)
        return paths

    def expected_demand(self) -> FloatArray:
        """Mean demand of the coming period."""
        return self._means.over(1)[:, 0]
