"""The stochastic program: open-loop feedback over many paths of demand, aware of goodwill.

Before every decision one plan of shipments to the end of the episode is made that is best on average over paths of
demand in which every period is random; its first period is played. Stocks of the suppliers and all limits are stated
once, only the customers' end is stated per path (see `arena_optimization.programs.extensive_form`).

Under goodwill demand depends on the plan. A program is made for the demand at foreseen sentiments, with a price on
shortage; its plan is tried on all paths, with the sentiment that follows on each; the next program is made for the
demand met there. Two starts are tried: sentiments as the plan of the last period left them, and full service from now
on. The plan with the best profit on its paths is played; to leave the former start it has to be clearly better, since
a plan that is dropped and taken up again costs more than it promises.

The informed track draws its paths around the forecast, from the distribution that is told, the blind track from a
Bayesian belief (`arena_optimization.beliefs.bayesian_mixture`).

Source of the policy: D. Bertsekas (2005), "Dynamic Programming and Optimal Control", section 6.1 (open-loop feedback
control); common decisions and sampled paths: A. Kleywegt, A. Shapiro, T. Homem-de-Mello (2002), SIAM J. Optim. 12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from arena import (
    Briefing,
    Goodwill,
    InformedBriefing,
    Network,
    Observation,
    contribution_margins,
    lost_goodwill_price,
)
from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.bayesian_mixture import BayesianBelief
from arena_optimization.beliefs.demand_paths import DemandPaths
from arena_optimization.beliefs.forecast import ForecastOutlook
from arena_optimization.config import StochasticProgramConfig
from arena_optimization.controllers.customers import Customers
from arena_optimization.controllers.rolling import RollingController, work_of
from arena_optimization.deliveries import Deliveries
from arena_optimization.lookahead.stores import Stores, first_look, stores_of
from arena_optimization.programs.extensive_form import Plan
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.rolling_horizon import Planner
from arena_optimization.programs.solver import SolveFailure


class Outlook(Protocol):
    """What a track lets a controller expect of demand."""

    @property
    def goodwill(self) -> Goodwill | None:
        """Dynamics of the sentiment; None if it does not move."""

    @property
    def possible_loss(self) -> float:
        """Share of later demand that a shortage may cost while it is not known whether sentiment moves; else 0."""

    def observe(self, observation: Observation) -> None:
        """Take note of an observation; once per period."""

    def draw(self, horizon: int, count: int) -> DemandPaths:
        """Paths of demand over the coming periods."""


class _Round(NamedTuple):
    """A plan, and what follows from it on its paths."""

    plan: Plan
    profit: float
    """Mean over the paths, money."""
    course: FloatArray
    """Mean sentiments of the coming periods, (periods,)."""


class StochasticProgram(RollingController):
    """Open-loop feedback over sampled paths; see the module's text."""

    def __init__(self, config: StochasticProgramConfig) -> None:
        """Take the settings."""
        super().__init__(config.time_share)
        self._config = config
        self._outlook: Outlook
        self._planner: Planner
        self._customers: Customers
        self._course: FloatArray | None = None
        self._course_from = 0

    def prepare(self, briefing: Briefing) -> None:
        """State the program and choose the outlook that the track allows."""
        config = self._config
        self._stores = stores_of(briefing) if config.lookahead_paths else None
        self._look_ahead: int | None = None
        self._planner = Planner(
            briefing,
            horizon=self._planned,
            paths=config.paths,
            integer_paths=config.integer_paths,
            pooled_paths=config.pooled_paths,
            whole_periods=config.whole_periods,
            open_loop=True,
            gap=config.gap,
            work=work_of(config),
        )
        self.asked = self._planner.asked
        self._customers = Customers(briefing)
        self._margin = float(np.mean(contribution_margins(briefing.network)))
        self._course = None
        self._outlook = (
            ForecastOutlook(briefing)
            if isinstance(briefing, InformedBriefing)
            else BayesianBelief(briefing, config.belief, briefing.seed)
        )

    def learn(self, observation: Observation) -> None:
        """Update the outlook."""
        self._outlook.observe(observation)

    def expected_demand(self) -> FloatArray:
        """Mean demand of the coming period at sentiment 1."""
        return self._outlook.draw(1, self._planner.paths).mean(np.ones((self._planner.paths, 1)))[:, 0]

    def plan(self, observation: Observation) -> Plan:
        """Plan for paths of demand."""
        planner, goodwill = self._planner, self._outlook.goodwill
        if self._stores is not None and goodwill is None and not self._outlook.possible_loss:
            plan = self._ahead(self._stores, observation)
            if plan is not None:
                return plan
        horizon = planner.horizon(observation.period)
        paths = self._outlook.draw(horizon, planner.paths)
        deliveries = self.deliveries(horizon, planner.paths)
        if goodwill is None:
            sentiments = np.full((planner.paths, horizon), observation.sentiment)
            pricing = self._pricing(self._outlook.possible_loss, paths, sentiments)
            return planner.plan(
                observation, paths.at(sentiments), deliveries=deliveries, extra=pricing, time_limit=self.time_left
            )
        served = self._customers.first_sentiments(goodwill, observation, planner.paths, horizon)
        starts = [served]
        if self._course is not None:
            # Sentiment itself is known again; of the last plan only its later course is kept.
            course = self._course[observation.period - self._course_from :][:horizon]
            starts.insert(0, np.tile(course * (served[0, 0] / course[0]), (planner.paths, 1)))
        best: Plan | None = None
        best_profit, failure = -np.inf, None
        for start in starts:
            try:
                for found in self._rounds(observation, goodwill, paths, start, deliveries):
                    if best is None or found.profit > best_profit + self._config.switching_gain * abs(best_profit):
                        best, best_profit = found.plan, found.profit
                        self._course, self._course_from = found.course, observation.period
            except SolveFailure as raised:
                failure = raised
        if best is None:
            raise failure or SolveFailure("numerical")
        return best

    def _ahead(self, stores: Stores, observation: Observation) -> Plan | None:
        """The orders of the look-ahead; None where demand is certain, which a program plans better."""
        left = self.briefing.horizon - observation.period
        if self._look_ahead is None:
            means = self._demand(observation, first_look(left), _FEW_PATHS).mean(axis=(0, 2))
            self._look_ahead = stores.horizon(means, left)
        horizon = min(self._look_ahead, left)
        periods = min(left, horizon + stores.longest)
        demand = self._demand(observation, periods, stores.paths(self._config.lookahead_paths, periods))
        if not np.ptp(demand, axis=0).any():
            return None
        return stores.plan(observation, demand, horizon, self.time_left)

    def _demand(self, observation: Observation, periods: int, count: int) -> FloatArray:
        """Paths of demand at the present sentiment, (paths, market links, periods), units."""
        return self._outlook.draw(periods, count).at(np.full((count, periods), observation.sentiment))

    def _planned(self, _: Network, left: int) -> int:
        return min(left, self._config.longest_horizon)

    def _rounds(
        self,
        observation: Observation,
        goodwill: Goodwill,
        paths: DemandPaths,
        sentiments: FloatArray,
        deliveries: Deliveries | None,
    ) -> Iterator[_Round]:
        """Plans from one start, each made for the demand that the one before would meet."""
        planner, config = self._planner, self._config
        start, loss = planner.start(observation, sentiments.shape[1], deliveries), goodwill.shortage_loss
        demand, last = paths.at(sentiments), -np.inf
        for _ in range(config.rounds):
            plan = planner.plan(
                observation,
                demand,
                deliveries=deliveries,
                extra=self._pricing(loss, paths, sentiments),
                time_limit=self.time_left,
            )
            outcome = self._customers.play(plan.flows, start, paths, goodwill, observation)
            profit = plan.common_profit + outcome.profit
            yield _Round(plan, profit, outcome.sentiments.mean(axis=0))
            change = float(np.abs(outcome.demand - demand).sum())
            if profit <= last or change <= _SETTLED * float(demand.sum()):
                return
            demand, sentiments, last = outcome.demand, outcome.sentiments, profit

    def _pricing(self, loss: float, paths: DemandPaths, sentiments: FloatArray) -> Callable[[PathForm], FloatArray]:
        """The price on a shortage that takes a share of all later demand, as the planner wants it."""
        margin, units = self._config.shortage_weight * self._margin, paths.mean(sentiments).sum(axis=0)
        price = lost_goodwill_price(loss * margin, units, units)
        return lambda form: form.priced_shortage(price)


_SETTLED = 0.02
"""Relative change of demand at which another round would hardly change the plan."""
_FEW_PATHS = 16
"""Paths whose mean says how far to look ahead."""
