"""The search for a good plan of an episode with goodwill, by whoever knows the episode.

Source of the fixed point: gym-invmgmt (arXiv 2605.11355).
"""

from __future__ import annotations

import time

import numpy as np

from arena import OracleBriefing, contribution_margins, lost_goodwill_price
from arena_optimization.arrays import BoolArray, FloatArray
from arena_optimization.config import PublishedOracleConfig
from arena_optimization.controllers.clairvoyant import ClairvoyantPlan
from arena_optimization.controllers.order_search import OrderSearch
from arena_optimization.programs.episode_program import EpisodeProgram, Solved
from arena_optimization.programs.known_episode import Played, demand_of, play
from arena_optimization.programs.solver import SolveFailure, Work

_ROUNDS = 10
_SAME_TRACE = 1.0
_MARGIN = 1e-6
_SEARCH_SHARE = 10
"""An integer program of the search takes at most this part of the nodes: its plan is one of many that are played."""
_GRACE = 3.0
"""Seconds beyond the time limit that the local search may take: where programs took them all, some are left for it."""
_LAST_SECONDS = 1.0
"""The program of one pattern takes milliseconds; it is given this also when all the time is gone."""


class GoodwillSearch:
    """Looks for the best plan of an episode with goodwill; every plan is judged by playing it."""

    def __init__(self, briefing: OracleBriefing, config: PublishedOracleConfig) -> None:
        """State the program.

        Args:
            briefing: An episode with goodwill.
            config: Limits of the solver.
        """
        self._briefing = briefing
        work = Work(max(1, config.nodes // _SEARCH_SHARE), config.iterations)
        self.program = EpisodeProgram(briefing, gap=config.gap, work=work)
        self.is_integer: bool = bool(self.program.integer.any())
        self._solves_left = np.inf
        self._solved: dict[object, Solved] = {}
        self._deadline = time.monotonic() + config.time_limit
        self.best: Played | None = None
        self._has_failed = False
        periods = briefing.horizon
        self._starts = (
            play(briefing, np.zeros((periods, len(briefing.network.supply_links)))).demand,
            demand_of(briefing, np.zeros(periods, dtype=np.bool_)),
        )

    @property
    def plan(self) -> ClairvoyantPlan:
        """The best plan so far."""
        if self.best is None:
            # The relaxation has a solution: nothing need ever be shipped.
            solved = EpisodeProgram(self._briefing, relaxed=True).solve(self._starts[1])
            return ClairvoyantPlan(solved.orders, None, True, play(self._briefing, solved.orders))
        return ClairvoyantPlan(self.best.orders, None, self._has_failed, self.best)

    def allow(self, *, integer_solves: int) -> None:
        """Set how many programs may be solved from now on if they are integer programs."""
        if self.is_integer:
            self._solves_left = integer_solves

    def by_orders(self, periods: int) -> None:
        """Local search over single orders, from the best plan, or from no orders at all.

        Args:
            periods: Periods that may be simulated.
        """
        start = self.best
        if start is None:
            start = play(self._briefing, np.zeros((self._briefing.horizon, len(self._briefing.network.supply_links))))
        search = OrderSearch(self._briefing, periods=periods, deadline=self._deadline + _GRACE)
        self.best = search.improved(start)
        self._has_failed |= search.ran_out_of_time
        # Its quantities are what steps could reach; the program of its service pattern knows the best ones.
        self.refine(self.best.short)

    def refine(self, short: BoolArray) -> None:
        """Plan for a service pattern once the search is over: a program or two, and no failure if they fail."""
        has_failed = self._has_failed
        self._deadline = max(self._deadline, time.monotonic() + _LAST_SECONDS)
        self.allow(integer_solves=2)
        self.force(short, set())
        self._has_failed = has_failed

    def published(self) -> None:
        """The published fixed point from both traces; the optimistic one wins a tie."""
        for trace in self._starts:
            self._fixed_point(trace)

    def priced(self, weights: tuple[float, ...]) -> None:
        """Fixed points of plans that price a shortage by what it costs later.

        An unfilled unit of period t is charged with weight × (1 - decay / growth) × margin × (demand after t) /
        (demand of t): sentiment, and all later demand with it, falls by that share.
        """
        # Integer programs are few: the service patterns get half of them.
        reserved = self._solves_left / 2 if self.is_integer else 0.0
        for weight in weights:
            if self._solves_left < reserved:
                return
            for trace in (*self._starts, *(() if self.best is None else (self.best.demand,))):
                self._fixed_point(trace, weight)

    def improved(self, solves: int) -> None:
        """Local search over service patterns, by changing one period or exchanging neighbours.

        Args:
            solves: Programs that may be solved.
        """
        if self.best is None:
            return
        tried: set[bytes] = set()
        is_better = self.force(self.best.short, tried)
        while is_better or len(tried) <= 1:
            is_better = False
            for pattern in _neighbours(self.best.short):
                if len(tried) >= solves or time.monotonic() > self._deadline:
                    return
                if self.force(pattern, tried):
                    is_better = True
                    break
            else:
                return

    def force(self, short: BoolArray, tried: set[bytes]) -> bool:
        """Plan for the demand of a service pattern, with full service in the periods that have it.

        Args:
            short: Periods that may end with unfilled units, (periods,).
            tried: Patterns that were planned before; this one is added.

        Returns:
            Whether that made the best plan better.
        """
        pattern = short.copy()
        pattern[-1] = True
        if pattern.tobytes() in tried:
            return False
        tried.add(pattern.tobytes())
        demand, before = demand_of(self._briefing, pattern), self.best
        for margin in (0.0, _MARGIN):
            solved = self._solve(demand, served=~pattern, margin=margin)
            if solved is None:
                return False
            played = self._judge(solved.orders)
            # Rounding may cost a full service where stock and demand are no whole numbers: then with a margin.
            if not (played.short & ~pattern).any():
                break
        return self.best is not before

    def _fixed_point(self, trace: FloatArray, weight: float = 0.0) -> None:
        for _ in range(_ROUNDS):
            solved = self._solve(trace, prices=self._prices(trace, weight) if weight else None)
            if solved is None:
                return
            played = self._judge(solved.orders)
            if np.abs(played.demand - trace).sum() <= _SAME_TRACE:
                return
            trace = played.demand

    def _solve(
        self,
        demand: FloatArray,
        *,
        prices: FloatArray | None = None,
        served: BoolArray | None = None,
        margin: float = 0.0,
    ) -> Solved | None:
        key = tuple(None if part is None else part.tobytes() for part in (demand, prices, served)), margin
        # Fixed points from several starts meet; an integer program is worth remembering.
        if key in self._solved:
            return self._solved[key]
        left = self._deadline - time.monotonic()
        if self._solves_left <= 0:
            return None
        self._solves_left -= 1
        try:
            if left <= 0:
                raise SolveFailure("time_limit")
            solved = self.program.solve(demand, prices=prices, served=served, margin=margin, time_limit=left)
        except SolveFailure as failure:
            # A pattern that cannot be served is no failure of the method, nor is a program that took all its work.
            self._has_failed |= failure.reason not in ("infeasible", "work_limit")
            return None
        self._has_failed |= solved.stopped == "time_limit"
        if self.is_integer:
            self._solved[key] = solved
        return solved

    def ran_out_of_time(self) -> None:
        """Take note that a program beside the search was stopped by the clock: the plan may depend on the machine."""
        self._has_failed = True

    def consider(self, orders: FloatArray) -> None:
        """Play a plan from elsewhere, and keep it if it is the best."""
        self._judge(orders)

    def _judge(self, orders: FloatArray) -> Played:
        played = play(self._briefing, orders)
        if self.best is None or played.profit > self.best.profit:
            self.best = played
        return played

    def _prices(self, trace: FloatArray, weight: float) -> FloatArray:
        goodwill = self._briefing.goodwill
        assert goodwill is not None
        value = trace @ contribution_margins(self._briefing.network)
        price = lost_goodwill_price(weight * goodwill.shortage_loss, value, trace.sum(axis=1))
        return np.repeat(price[:, None], trace.shape[1], axis=1)


def _neighbours(short: BoolArray) -> list[BoolArray]:
    """Service patterns that differ in one period, or in the order of two neighbouring ones; the last is free."""
    last = len(short) - 1
    found = []
    for period in range(last):
        changed = short.copy()
        changed[period] = not changed[period]
        found.append(changed)
    for period in range(last - 1):
        if short[period] != short[period + 1]:
            changed = short.copy()
            changed[period], changed[period + 1] = short[period + 1], short[period]
            found.append(changed)
    return found
