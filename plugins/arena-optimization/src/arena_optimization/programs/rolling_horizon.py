"""Rolling planning: the programs of an episode, one per decision, each begun where the last one ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arena import Briefing, Network, Observation
from arena_optimization.arrays import FloatArray
from arena_optimization.programs.extensive_form import ExtensiveForm, PathwiseProgram, Plan
from arena_optimization.programs.path_form import PathForm, compile_path
from arena_optimization.programs.path_program import state_path
from arena_optimization.programs.pooled_program import PooledProgram, poolable
from arena_optimization.programs.solver import PLENTY, Work
from arena_optimization.programs.start import Start, due_of, on_hand_of
from arena_optimization.programs.useful_shipments import ShipmentLimits, largest_shipments

HorizonRule = Callable[[Network, int], int]
"""From the network and the periods left: how many of them to plan."""

_INTEGER_SHARE = 0.4
"""Part of the time that integer programs are told to take: HiGHS was seen to overrun its limit to the 2.3-fold."""


class Planner:
    """Solves the program of every decision of an episode."""

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
        """State and compile the longest program; the later ones are cut from it.

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
        self._open_loop = open_loop
        self._random_periods = random_periods
        self._gap, self._work = gap, work
        self._backlog = briefing.fulfilment == "backlog"
        self._limits = ShipmentLimits(self.network, self._backlog, largest_shipments(briefing), briefing.discount)
        program = state_path(
            self.network,
            horizon=horizon(briefing.network, briefing.horizon),
            backlog=self._backlog,
            largest_order=float(briefing.order_bound.max()),
        )
        form = compile_path(program, self.network)
        if whole_periods is not None:
            form = replace(form, integer=form.integer & (form.columns.period < whole_periods))
        self.form: PathForm = form
        self._pools = open_loop and paths > 1 and poolable(form, self.network, discount=briefing.discount)
        special = pooled_paths if self._pools else integer_paths if form.integer.any() else None
        self.paths: int = paths if special is None else special
        self._program: ExtensiveForm | None = None

    def horizon(self, period: int) -> int:
        """Number of periods planned in a period."""
        return self._horizon(self._briefing.network, self._briefing.horizon - period)

    def plan(
        self,
        observation: Observation,
        demand: FloatArray,
        *,
        extra: Callable[[PathForm], FloatArray] | None = None,
        time_limit: float = np.inf,
    ) -> Plan:
        """Solve the program of a decision.

        Args:
            observation: What is seen.
            demand: Units, (paths, market links, horizon).
            extra: Gives an addition to the profit per unit of every decision of a path.
            time_limit: Seconds.

        Raises:
            SolveFailure: See `arena_optimization.programs.solver.Solver.solve`.
        """
        horizon = self.horizon(observation.period)
        start = self.start(observation, horizon)
        former, program = self._program, self._program
        if program is None or program.form.horizon != horizon:
            program = self._make(self.form.cut(horizon), self.paths)
        if extra is not None:
            program.price(extra(program.form))
        program.load(start, demand)
        if program is not former and not program.is_integer:
            if former is None and isinstance(program, PathwiseProgram):
                former = self._make(program.form, 1)
                former.load(start, demand.mean(axis=0, keepdims=True))
                former.solve(time_limit)
            if former is not None:
                program.start_from(former.basis.later(former.form.horizon - horizon, horizon))
        self._program = program
        return program.solve(_INTEGER_SHARE * time_limit if program.is_integer else time_limit)

    def _make(self, form: PathForm, paths: int) -> ExtensiveForm:
        if self._pools:
            return PooledProgram(form, self.network, paths=paths, discount=self._briefing.discount, work=self._work)
        return PathwiseProgram(
            form,
            paths=paths,
            shared=form.horizon if self._open_loop else 1,
            tied=0 if self._open_loop else self._random_periods,
            discount=self._briefing.discount,
            gap=self._gap,
            limits=self._limits,
            work=self._work,
        )

    def start(self, observation: Observation, horizon: int) -> Start:
        """What a program starts from."""
        return Start(
            on_hand=on_hand_of(self.network, observation),
            due=due_of(self.network, observation.pipeline, horizon),
            backlog=observation.last_unfilled if self._backlog else np.zeros_like(observation.last_unfilled),
        )
