"""The oracle with a certified upper bound of the episode's profit, also under goodwill."""

from __future__ import annotations

import contextlib
import time

import numpy as np

from arena import OracleBriefing
from arena_optimization.config import BoundConfig
from arena_optimization.controllers.clairvoyant import ClairvoyantController, ClairvoyantPlan
from arena_optimization.controllers.goodwill_search import GoodwillSearch
from arena_optimization.controllers.oracle import exogenous_plan, reported, searched
from arena_optimization.programs.sentiment_graph import IndistinctSentiments
from arena_optimization.programs.sentiment_program import Proof, SentimentProgram
from arena_optimization.programs.solver import Work


class Bound(ClairvoyantController):
    """Plays the best plan that it finds, and reports a bound that no controller can exceed in this episode.

    On exogenous demand it is `Oracle`, on goodwill with inverse-CDF sampling the integer program over sentiments, begun
    from the oracle's plan. With direct sampling under goodwill it plays as `Oracle` and reports no bound: every change
    of sentiment there gives unrelated demand ever after, so that all 2^(periods - 1) service patterns would have to be
    solved. A bound that the solver had proved when its time was up is a bound, and the plan is no fallback then; if
    it had proved nothing, none is reported. Nor is one where rounding leaves open which demand a sentiment has.
    """

    def __init__(self, config: BoundConfig) -> None:
        """Take the settings."""
        super().__init__()
        self._config = config

    def make_plan(self, briefing: OracleBriefing) -> ClairvoyantPlan:
        """The best plan found, and the bound that was proved."""
        return certified_plan(briefing, self._config)


def certified_plan(briefing: OracleBriefing, config: BoundConfig) -> ClairvoyantPlan:
    """The plan of `Bound`."""
    if briefing.goodwill is None:
        return exogenous_plan(briefing, config, with_bound=True)
    started = time.monotonic()
    search = searched(briefing, config)
    scenario = briefing.scenario
    assert scenario is not None
    proof = Proof(np.inf, None, np.zeros((briefing.horizon, len(briefing.network.market_links))))
    if scenario.demand.sampling == "inverse_cdf":
        with contextlib.suppress(IndistinctSentiments):
            proof = _proof(briefing, config, search, started)
    if proof.orders is not None:
        search.consider(proof.orders)
    if proof.short is not None:
        search.refine(proof.short)
    earned = -np.inf if search.best is None else search.best.profit
    if search.is_integer and proof.bound - earned > config.gap * abs(proof.bound):
        search.by_orders(config.search_periods)
    plan = search.plan
    assert plan.played is not None
    bound = reported(proof.bound, plan.played.profit, proof.most_wanted, briefing)
    return ClairvoyantPlan(plan.orders, bound, plan.is_fallback, plan.played)


def _proof(briefing: OracleBriefing, config: BoundConfig, search: GoodwillSearch, started: float) -> Proof:
    """What the program over sentiments proves, begun from the best plan so far.

    Raises:
        IndistinctSentiments: If rounding leaves open which demand a sentiment has.
    """
    program = SentimentProgram(briefing, gap=config.gap, work=Work(config.nodes, config.iterations))
    if search.best is not None:
        program.suggest(search.best.short)
    return program.solve(max(0.1, config.time_limit - (time.monotonic() - started)))
