"""Rolling planning: the programs of an episode, one per decision and independent part of the network."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from arena import Briefing, Network, Observation
from arena_optimization.arrays import BoolArray, FloatArray
from arena_optimization.deliveries import Deliveries
from arena_optimization.programs.extensive_form import Plan, UnfinishedPlan
from arena_optimization.programs.independent_parts import independent_parts
from arena_optimization.programs.part_planner import Method, PartPlanner
from arena_optimization.programs.path_form import PathForm
from arena_optimization.programs.path_rules import waiting_shares
from arena_optimization.programs.rolling_rules import seen_orders
from arena_optimization.programs.solver import PLENTY, Work
from arena_optimization.programs.start import Start, due_of, on_hand_of

HorizonRule = Callable[[Network, int], int]
"""From the network and the periods left: how many of them to plan."""


class Planner:
    """Solves the programs of every decision of an episode."""

    def __init__(
        self,
        briefing: Briefing,
        *,
        horizon: HorizonRule,
        paths: int,
        open_loop: bool,
        random_periods: int = 0,
        integer_paths: int | None = None,
        pooled_paths: int | None = None,
        whole_periods: int | None = None,
        gap: float = 0.0,
        work: Work = PLENTY,
    ) -> None:
        """State and compile the longest program of every part; the later ones are cut from it.

        Args:
            briefing: The episode.
            horizon: How many of the periods left are planned.
            paths: Number of paths of demand.
            open_loop: Whether one plan of shipments serves all paths; otherwise only today's shipments are common,
                and those of paths that cannot be told apart yet.
            random_periods: Not open loop: periods in which paths differ; later they differ no more than they did.
            integer_paths: Number of paths if the program is an integer program; None for no difference.
            pooled_paths: Open loop: number of paths where they need no rows of their own; None for no difference.
            whole_periods: First periods in which whole decisions must be whole; None for all.
            gap: Relative gap at which an integer program counts as solved.
            work: What a solve may take.
        """
        self.network: Network = briefing.network
        self._briefing = briefing
        self._horizon = horizon
        self._backlog = np.array(waiting_shares(briefing)) > 0.0
        longest = horizon(briefing.network, briefing.horizon)
        method = Method(open_loop, random_periods, whole_periods, gap, work)
        self._parts = independent_parts(self.network)
        self._planners = [PartPlanner(briefing, part, longest, method) for part in self._parts]
        self._tells_by_history = not open_loop
        forms = [planner.form for planner in self._planners]
        pools = paths > 1 and all(planner.pools for planner in self._planners)
        is_integer = any(form.integer.any() for form in forms)
        special = pooled_paths if pools else integer_paths if is_integer else None
        self.paths: int = paths if special is None else special

    @property
    def form(self) -> PathForm:
        """The program of one path, of the first part."""
        return self._planners[0].form

    @property
    def asked(self) -> BoolArray:
        """Links on which a plan states orders, so that what is owed is no part of them, (supply links,)."""
        asked = np.zeros(len(self.network.supply_links), dtype=np.bool_)
        for part, planner in zip(self._parts, self._planners, strict=True):
            asked[part.links] = planner.asked
        return asked

    def horizon(self, period: int) -> int:
        """Number of periods planned in a period."""
        return self._horizon(self._briefing.network, self._briefing.horizon - period)

    def plan(
        self,
        observation: Observation,
        demand: FloatArray,
        *,
        deliveries: Deliveries | None = None,
        extra: Callable[[PathForm], FloatArray] | None = None,
        time_limit: float = np.inf,
    ) -> Plan:
        """Solve the programs of a decision.

        Args:
            observation: What is seen.
            demand: Units, (paths, market links, horizon).
            deliveries: Of the links whose lead time varies, as many paths; None where there are none.
            extra: Gives an addition to the profit per unit of every decision of a path.
            time_limit: Seconds, for all parts.

        Raises:
            UnfinishedPlan: A solver stopped with a solution.
            SolveFailure: See `arena_optimization.programs.solver.Solver.solve`.
        """
        horizon, until = self.horizon(observation.period), time.monotonic() + time_limit
        start = self.start(observation, horizon, deliveries)
        histories = self._histories(demand[:, :, :horizon], start)
        flows = np.zeros((len(self.network.supply_links), horizon))
        objective, bound, common = 0.0, 0.0, 0.0
        stopped: UnfinishedPlan | None = None
        for part, planner in zip(self._parts, self._planners, strict=True):
            try:
                plan = planner.plan(
                    start.of(part.points, part.links, part.markets, part.drawn),
                    demand[:, part.markets, :horizon],
                    period=observation.period,
                    paths=self.paths,
                    survival=np.zeros((0, 0)) if deliveries is None else deliveries.survival[part.drawn],
                    extra=extra,
                    histories=histories,
                    time_limit=time_limit if len(self._parts) == 1 else max(until - time.monotonic(), 0.01),
                )
            except UnfinishedPlan as failure:
                plan, stopped = failure.plan, failure
            flows[part.links] = plan.flows
            objective, bound, common = objective + plan.objective, bound + plan.bound, common + plan.common_profit
        together = Plan(objective, bound, flows, common)
        if stopped is not None:
            raise UnfinishedPlan(stopped, together) from stopped
        return together

    def start(self, observation: Observation, horizon: int, deliveries: Deliveries | None = None) -> Start:
        """What a program starts from."""
        network = self.network
        due = due_of(network, observation.pipeline, horizon)
        if deliveries is not None:
            due = np.repeat(due[None], len(deliveries.coming), axis=0)
            for place, link in enumerate(network.varying_links):
                due[:, network.receiving_points[link]] += deliveries.coming[:, place, :horizon]
        return Start(
            on_hand=on_hand_of(network, observation),
            due=due,
            backlog=np.where(self._backlog, observation.last_unfilled, 0.0),
            seen=seen_orders(network, observation.unseen, horizon),
            owed=observation.owed,
            kernel=None if deliveries is None else deliveries.kernel,
        )

    def _histories(self, demand: FloatArray, start: Start) -> FloatArray | None:
        """What tells paths apart: all demand, and all arrivals; None where the demand of a part itself does."""
        if not self._tells_by_history or (start.kernel is None and len(self._parts) == 1):
            return None
        if start.kernel is None:
            return demand
        paths, horizon = len(demand), demand.shape[2]
        arrivals = np.swapaxes(start.kernel[:, :, :horizon, :horizon], 1, 2).reshape(paths, -1, horizon)
        return np.concatenate([demand, start.due, arrivals], axis=1)
