"""The oracle with a certified upper bound of the episode's profit, also under goodwill."""

from __future__ import annotations

import time

from arena import OracleBriefing
from arena_optimization.config import BoundConfig
from arena_optimization.controllers.clairvoyant import ClairvoyantController, ClairvoyantPlan
from arena_optimization.controllers.oracle import exogenous_plan, reported, searched
from arena_optimization.controllers.proof import falls_short, prove
from arena_optimization.programs.path_rules import uses_later_parts


class Bound(ClairvoyantController):
    """Plays the best plan that it finds, and reports a bound that no controller can exceed in this episode.

    On exogenous demand it is `Oracle`, on goodwill with inverse-CDF sampling the integer program over sentiments, begun
    from the oracle's plan. With direct sampling under goodwill it plays as `Oracle` and reports no bound: every change
    of sentiment there gives unrelated demand ever after, so that all 2^(periods - 1) service patterns would have to be
    solved. A bound that the solver had proved when its work or its time was up is a bound, and the plan of the search
    is no fallback then; with integer decisions the proof also finds plans, and a time limit counts. If nothing was
    proved that is less than all revenue, no bound is reported, nor where rounding leaves open which demand a sentiment
    has.
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
    deadline = time.monotonic() + config.time_limit
    search = searched(briefing, config)
    proof = prove(briefing, config, search, gap=config.gap, deadline=deadline)
    if (search.is_integer or uses_later_parts(briefing)) and falls_short(search, proof, config.gap):
        search.by_orders(config.search_periods)
    plan = search.plan
    assert plan.played is not None
    bound = None if proof is None else reported(proof.bound, plan.played.profit, proof.most_wanted, briefing)
    return ClairvoyantPlan(plan.orders, bound, plan.is_fallback, plan.played)
