"""Controllers that know the whole episode: the published oracle, and one that looks further under goodwill.

On exogenous demand both play the program over the realised trace. Where the simulator's sales are not what pays most
(see `arena_optimization.programs.forced_sales`), `Oracle` plans with customers who are served at once and in the order
of the links, as an integer program; the published oracle does so only in worlds with parts beyond the first schema. So
the plan of `Oracle` earns what was proved to be the most, in every world but those that
`arena_optimization.programs.short_supply` names. There, and where the solver was stopped, a plan that earns less than
was proved is improved by the local search, and the bound that is reported lies above what is earned.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

import numpy as np

from arena import OracleBriefing
from arena_optimization.arrays import FloatArray
from arena_optimization.config import OracleConfig, PublishedOracleConfig
from arena_optimization.controllers.clairvoyant import ClairvoyantController, ClairvoyantPlan
from arena_optimization.controllers.goodwill_search import GoodwillSearch
from arena_optimization.controllers.order_search import OrderSearch
from arena_optimization.controllers.proof import falls_short, prove
from arena_optimization.programs.episode_program import EpisodeProgram, Solved
from arena_optimization.programs.known_episode import Played, play
from arena_optimization.programs.path_rules import uses_later_parts
from arena_optimization.programs.solver import SolveFailure, Work

_SENTIMENT_GAP = 1e-3
"""Relative gap at which the program over sentiments counts as solved."""
_NODE_SHARE = 5
"""Factor on the nodes of a program on exogenous demand: at most two are solved, and each is worth a proof."""
_GRACE = 3.0
"""Seconds beyond the time limit that the local search may take: where a solver took them all, some are left for it."""
SAFETY = 1e-6
"""Relative widening of a reported bound, above the solver's tolerances."""


class PublishedOracle(ClairvoyantController):
    """The oracle of gym-invmgmt: the trace's optimum; under goodwill a fixed point of trace and plan.

    Under goodwill two traces start it: the demand that follows zero orders, and the demand of an episode without any
    shortage. Each plan is played, the best one is kept, and the next plan is made for the demand that was met.
    It is a strong reference under goodwill, not a bound. It reports no bound at all, as published.

    On exogenous demand the plan of an integer program is improved as `exogenous_plan` says. If it is not proved to be
    the optimum, since a limit of work or of time stopped the solver, every decision counts as a fallback.

    Source: gym-invmgmt (arXiv 2605.11355).
    """

    def __init__(self, config: PublishedOracleConfig) -> None:
        """Take the settings."""
        super().__init__()
        self._config = config

    def make_plan(self, briefing: OracleBriefing) -> ClairvoyantPlan:
        """The optimum of the trace, or the better of the two fixed points."""
        if briefing.goodwill is None:
            return exogenous_plan(briefing, self._config, with_bound=False)
        search = GoodwillSearch(briefing, self._config)
        search.published()
        return search.plan


class Oracle(ClairvoyantController):
    """The best plan found with the whole episode known; on exogenous demand optimal and certified.

    Under goodwill it never plays worse than the published oracle, whose plan is its first candidate. Then it prices
    shortage by the margin that later customers would have brought, and at last improves the service pattern period by
    period, each pattern with the very demand that follows from it. With integer decisions it solves few of them: it
    asks the program over sentiments, and ends with a local search over orders. It reports no bound under goodwill;
    `Bound` does. Where demand is sampled directly, another sentiment means other noise ever after, and the search picks
    what suits it: part of what it gains is luck that no controller without foresight could have.
    Fallbacks are those of `PublishedOracle`.
    """

    def __init__(self, config: OracleConfig) -> None:
        """Take the settings."""
        super().__init__()
        self._config = config

    def make_plan(self, briefing: OracleBriefing) -> ClairvoyantPlan:
        """The best plan found."""
        return best_plan(briefing, self._config)


def best_plan(briefing: OracleBriefing, config: OracleConfig) -> ClairvoyantPlan:
    """The plan of `Oracle`."""
    if briefing.goodwill is None:
        return exogenous_plan(briefing, config, with_bound=True)
    deadline = time.monotonic() + config.time_limit
    search = searched(briefing, config)
    if search.is_integer or uses_later_parts(briefing):
        gap = max(config.gap, _SENTIMENT_GAP)
        if falls_short(search, prove(briefing, config, search, gap=gap, deadline=deadline), gap):
            search.by_orders(config.search_periods)
    return search.plan


def searched(briefing: OracleBriefing, config: OracleConfig) -> GoodwillSearch:
    """The search of an episode with goodwill: fixed points, priced shortage, then service patterns."""
    search = GoodwillSearch(briefing, config)
    search.published()
    search.allow(integer_solves=config.integer_solves)
    search.priced(config.weights)
    search.improved(config.search_solves)
    return search


def exogenous_plan(briefing: OracleBriefing, config: PublishedOracleConfig, *, with_bound: bool) -> ClairvoyantPlan:
    """The program over the realised demand.

    A linear program is played as it is if it earns what was planned. The plan of an integer program is the best of
    several, by what the simulator pays for them: the optimum among shipments of at least the minimum order, that among
    shipments which scarce stock may make smaller, and, if neither earns what was proved to be the most, what a local
    search makes of the better one.

    Args:
        briefing: An episode with exogenous demand.
        config: Limits of the solver and of the search.
        with_bound: Whether the bound is wanted.
    """
    demand = briefing.realised_demand
    assert demand is not None
    deadline = time.monotonic() + config.time_limit
    work = Work(_NODE_SHARE * config.nodes, config.iterations)
    can_play = briefing.scenario is not None and briefing.stream is not None
    program = EpisodeProgram(briefing, gap=config.gap, work=work)
    candidates: list[Played] = []
    if not program.integer.any() and not uses_later_parts(briefing):
        solved = program.solve(demand, time_limit=config.time_limit)
        plan = ClairvoyantPlan(solved.orders, widened(solved.bound) if with_bound else None, False)
        if not with_bound or not can_play:
            return plan
        candidates = [play(briefing, plan.orders)]
        if not _falls_short(candidates[0], solved.bound, config):
            return plan
    # What is published is planned as published: whom to serve is a choice of the plan there.
    in_order = with_bound and can_play
    if in_order and not uses_later_parts(briefing):  # with these it is in order already
        program = EpisodeProgram(briefing, in_order=True, gap=config.gap, work=work)
    has_least = any(link.minimum_order > 0 for link in briefing.network.supply_links)
    solves = [_solve_or_relax(program, briefing, demand, config.time_limit / 2 if has_least else config.time_limit)]
    if has_least:
        loose = EpisodeProgram(briefing, least_quantities=False, in_order=in_order, gap=config.gap, work=work)
        # In vain, the bound of the linear relaxation stands.
        with contextlib.suppress(SolveFailure):
            # Half of the time that is left: what it cannot prove, the local search may still find.
            solves.append(loose.solve(demand, time_limit=max(0.1, (deadline - time.monotonic()) / 2)))
    # The last program bounds what anyone earns, unless it is the one of least quantities.
    bound = solves[-1].bound if len(solves) > has_least else np.inf
    stopped = {solve.stopped for solve in solves}
    if len(solves) == has_least or stopped != {None}:
        bound = min(bound, EpisodeProgram(briefing, least_quantities=False, relaxed=True).solve(demand).bound)
    if not can_play:
        # Without the episode no plan can be played before the contest plays it.
        return ClairvoyantPlan(solves[0].orders, widened(bound) if with_bound else None, solves[0].stopped is not None)
    candidates += [play(briefing, solve.orders) for solve in solves]
    best = max(candidates, key=lambda played: played.profit)
    if _falls_short(best, bound, config):
        search = OrderSearch(briefing, periods=config.search_periods, deadline=deadline + _GRACE)
        best = search.improved(best)
        if search.ran_out_of_time:
            stopped.add("time_limit")
    is_fallback = "time_limit" in stopped or (solves[0].stopped is not None and _falls_short(best, bound, config))
    proved = reported(bound, best.profit, demand, briefing) if with_bound else None
    return ClairvoyantPlan(best.orders, proved, is_fallback, best)


def _falls_short(plan: Played, bound: float, config: PublishedOracleConfig) -> bool:
    """Whether a plan earns less than the most, by more than the solver's tolerances."""
    return bound - plan.profit > max(config.gap, SAFETY) * max(1.0, abs(bound))


def reported(bound: float, earned: float, demand: FloatArray, briefing: OracleBriefing) -> float | None:
    """A bound as it is reported, money.

    It is widened, so that the tolerances of the solver cannot have pushed it below the truth. None if it says nothing:
    nobody earns more than by selling all that is wanted for nothing spent, and a solver that was stopped early may have
    proved less than that.

    Args:
        bound: What was proved.
        earned: What the plan earns.
        demand: The most that customers can want, (periods, market links), units.
        briefing: The episode.
    """
    prices = np.array([link.price for link in briefing.network.market_links])
    revenue = float(briefing.discount ** np.arange(len(demand)) @ demand @ prices)
    revenue += sum(link.price * link.initial_backlog for link in briefing.network.market_links)
    says_nothing = bound > widened(max(revenue, earned)) and not any(
        node.values_stock for node in briefing.network.nodes
    )
    if says_nothing or not np.isfinite(bound):
        return None
    return widened(max(bound, earned))


def widened(bound: float) -> float:
    """A number that the tolerances of the solver cannot have pushed below the truth."""
    return bound + SAFETY * max(1.0, abs(bound))


def _solve_or_relax(program: EpisodeProgram, briefing: OracleBriefing, demand: FloatArray, limit: float) -> Solved:
    try:
        return program.solve(demand, time_limit=limit)
    except SolveFailure as failure:
        return replace(EpisodeProgram(briefing, relaxed=True).solve(demand), stopped=failure.reason)
