"""What the program over sentiments adds to the search of an episode with goodwill: a bound, and plans to be tried."""

from __future__ import annotations

import time

import numpy as np

from arena import OracleBriefing
from arena_optimization.config import OracleConfig
from arena_optimization.controllers.goodwill_search import GoodwillSearch
from arena_optimization.programs.sentiment_graph import IndistinctSentiments
from arena_optimization.programs.sentiment_program import Proof, SentimentProgram
from arena_optimization.programs.solver import Work

_LEAST_SECONDS = 0.1


def prove(
    briefing: OracleBriefing, config: OracleConfig, search: GoodwillSearch, *, gap: float, deadline: float
) -> Proof | None:
    """Solve the program over sentiments from the best plan so far, and let the search try what it found.

    Args:
        briefing: An episode with goodwill.
        config: Limits of the solver.
        search: The search; its best plan may become a better one.
        gap: Relative gap at which the program counts as solved.
        deadline: When the solver stops at the latest, by the monotonic clock.

    Returns:
        What was proved; None where demand is no function of period and sentiment, or where rounding leaves open which.
    """
    scenario = briefing.scenario
    if scenario is None or any(demand.sampling != "inverse_cdf" for demand in scenario.demands):
        return None
    try:
        program = SentimentProgram(briefing, gap=gap, work=Work(config.nodes, config.iterations))
    except IndistinctSentiments:
        return None
    if search.best is not None:
        program.suggest(search.best.short)
    proof = program.solve(max(_LEAST_SECONDS, deadline - time.monotonic()))
    if search.is_integer and proof.stopped == "time_limit":
        search.ran_out_of_time()
    if proof.orders is not None:
        search.consider(proof.orders)
    if proof.short is not None:
        search.refine(proof.short)
    return proof


def falls_short(search: GoodwillSearch, proof: Proof | None, gap: float) -> bool:
    """Whether the best plan is not proved to be the best of all, within the gap."""
    earned = -np.inf if search.best is None else search.best.profit
    bound = np.inf if proof is None else proof.bound
    return bool(not np.isfinite(bound) or bound - earned > gap * max(1.0, abs(bound)))
