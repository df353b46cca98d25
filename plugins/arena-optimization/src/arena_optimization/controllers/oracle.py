"""Controllers that know the whole episode: the published oracle, and one that looks further under goodwill.

On exogenous demand both play the program over the realised trace. Its objective is what the simulator pays if every
retailer serves one market link, ships nothing on, and earns on a sale (price above its operating cost): the simulator
serves customers at once and in the order of the links, the program whenever and whom it pays to. Elsewhere the played
profit may be lower. The proved bound holds everywhere.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from arena import OracleBriefing
from arena_optimization.arrays import FloatArray
from arena_optimization.config import OracleConfig, PublishedOracleConfig
from arena_optimization.controllers.clairvoyant import ClairvoyantController, ClairvoyantPlan
from arena_optimization.controllers.goodwill_search import GoodwillSearch
from arena_optimization.programs.episode_program import EpisodeProgram, Solved
from arena_optimization.programs.solver import SolveFailure

SAFETY = 1e-6
"""Relative widening of a reported bound, above the solver's tolerances."""


class PublishedOracle(ClairvoyantController):
    """The oracle of gym-invmgmt: the trace's optimum; under goodwill a fixed point of trace and plan.

    Under goodwill two traces start it: the demand that follows zero orders, and the demand of an episode without any
    shortage. Each plan is played, the best one is kept, and the next plan is made for the demand that was met.
    It is a strong reference under goodwill, not a bound. It reports no bound at all, as published.

    If an integer program is not solved in time, its best solution is played, and without one the plan of its linear
    relaxation; either way every decision counts as a fallback.

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
    period, each pattern with the very demand that follows from it. No bound is known there, and none reported. Where
    demand is sampled directly, another sentiment means other noise ever after, and the search picks what suits it: part
    of what it gains is luck that no controller without foresight could have.
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
    search = GoodwillSearch(briefing, config)
    search.published()
    search.priced(config.weights)
    search.improved(config.search_solves)
    return search.plan


def exogenous_plan(briefing: OracleBriefing, config: PublishedOracleConfig, *, with_bound: bool) -> ClairvoyantPlan:
    """The program over the realised demand.

    Args:
        briefing: An episode with exogenous demand.
        config: Limits of the solver.
        with_bound: Whether the bound is wanted; with minimum orders that is a second program.
    """
    demand = briefing.realised_demand
    assert demand is not None
    has_least = any(link.minimum_order > 0 for link in briefing.network.supply_links)
    time_limit = config.time_limit / 2 if has_least and with_bound else config.time_limit
    solved = _solve_or_relax(briefing, demand, config.gap, time_limit)
    bound: float | None = None
    if with_bound:
        bound = solved.bound
        if has_least or not solved.complete:
            relaxed = EpisodeProgram(briefing, least_quantities=False, relaxed=True).solve(demand)
            bound = relaxed.bound if has_least else min(bound, relaxed.bound)
        if has_least:
            whole = EpisodeProgram(briefing, least_quantities=False, gap=config.gap)
            # In vain, the bound of the linear relaxation stands.
            with contextlib.suppress(SolveFailure):
                bound = min(bound, whole.solve(demand, time_limit=time_limit).bound)
        bound = widened(bound)
    return ClairvoyantPlan(solved.orders, bound, not solved.complete)


def widened(bound: float) -> float:
    """A bound that the tolerances of the solver cannot have pushed below the truth."""
    return bound + SAFETY * max(1.0, abs(bound))


def _solve_or_relax(briefing: OracleBriefing, demand: FloatArray, gap: float, limit: float) -> Solved:
    try:
        return EpisodeProgram(briefing, gap=gap).solve(demand, time_limit=limit)
    except SolveFailure:
        return replace(EpisodeProgram(briefing, relaxed=True).solve(demand), complete=False)
