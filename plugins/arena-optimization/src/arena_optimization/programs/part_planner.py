"""The programs of one independent part of a network, one per decision, each begun where the last one ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from arena import Briefing
from arena_optimization.arrays import FloatArray
from arena_optimization.programs.extensive_form import ExtensiveForm, PathwiseProgram, Plan
from arena_optimization.programs.independent_parts import Part
from arena_optimization.programs.path_form import PathForm, compile_path
from arena_optimization.programs.path_program import state_path
from arena_optimization.programs.pooled_program import PooledProgram, poolable
from arena_optimization.programs.rolling_rules import (
    decision_periods,
    price_of_missing,
    rolling_rules,
    way_worth,
)
from arena_optimization.programs.solver import PLENTY, Work
from arena_optimization.programs.start import Start
from arena_optimization.programs.useful_shipments import ShipmentLimits, largest_shipments

_INTEGER_SHARE = 0.4
"""Part of the time that integer programs are told to take: HiGHS was seen to overrun its limit to the 2.3-fold."""


class Method(NamedTuple):
    """How a program is made of paths."""

    open_loop: bool
    random_periods: int = 0
    whole_periods: int | None = None
    gap: float = 0.0
    work: Work = PLENTY


class PartPlanner:
    """Solves the programs of a part.

    Attributes:
        network: The part.
        form: The program of one path over the longest horizon; later ones are cut from it.
        asked: Whether orders and shipments are told apart, (supply links,).
    """

    def __init__(self, briefing: Briefing, part: Part, horizon: int, method: Method) -> None:
        """State and compile the longest program.

        Args:
            briefing: The episode.
            part: The part.
            horizon: Periods of the longest program.
            method: How it is made of paths.
        """
        network = self.network = part.network
        self._method, self._discount, self._warm_up = method, briefing.discount, briefing.warm_up
        self._last = briefing.horizon
        self._rules = rules = rolling_rules(briefing, network, horizon)
        backlog = briefing.fulfilment == "backlog" if rules is None else rules.backlog
        most = largest_shipments(briefing)[part.links]
        self._limits = ShipmentLimits(network, backlog, most, briefing.discount, rules)
        program = state_path(
            network, horizon=horizon, backlog=backlog, largest_order=float(briefing.order_bound.max()), rules=rules
        )
        form = compile_path(program, network, rules)
        if method.whole_periods is not None:
            form = replace(form, integer=form.integer & (form.columns.period < method.whole_periods))
        if rules is not None:
            ordered = np.concatenate([form.flows, form.columns.where("asked")])
            upper = form.upper.copy()
            upper[ordered] = np.minimum(upper[ordered], most[form.columns.item[ordered]])
            form = replace(form, upper=upper)
        self.form: PathForm = form
        asks = None if rules is None else rules.asks
        self.asked = np.isin(np.arange(len(network.supply_links)), sorted(asks or ()))
        self._program: ExtensiveForm | None = None

    @cached_property
    def pools(self) -> bool:
        """Whether paths need no rows of their own; see `arena_optimization.programs.pooled_program`."""
        return self._method.open_loop and self._is_plain and poolable(self.form, self.network, discount=self._discount)

    @property
    def _is_plain(self) -> bool:
        """Whether paths differ at the customers' end alone, all of whom wait, and all periods count alike."""
        rules = self._rules
        if rules is None:
            return True
        own = rules.draws or rules.own_points or self._warm_up or self.form.worths
        return not own and all(share == 1.0 for share in rules.shares)

    def plan(
        self,
        start: Start,
        demand: FloatArray,
        *,
        period: int,
        paths: int,
        survival: FloatArray,
        extra: Callable[[PathForm], FloatArray] | None,
        histories: FloatArray | None,
        time_limit: float,
    ) -> Plan:
        """Solve the program of a decision.

        Args:
            start: What it starts from.
            demand: Units, (paths, market links, horizon).
            period: Of the decision.
            paths: Number of paths.
            survival: See `arena_optimization.deliveries.Deliveries`.
            extra: Gives an addition to the profit per unit of every decision of a path.
            histories: See `ExtensiveForm.load`.
            time_limit: Seconds.
        """
        horizon = demand.shape[2]
        former, program = self._program, self._program
        if program is None or program.form.horizon != horizon:
            program = self._make(self.form.cut(horizon), paths)
        self._price(program, extra)
        worth = None if self._rules is None else self._worth(program.form, period, survival)
        if worth is not None:
            program.weigh(*worth)
        program.load(start, demand, histories)
        if program is not former and not program.is_integer:
            if former is None and isinstance(program, PathwiseProgram):
                former = self._make(program.form, 1)
                if worth is not None:
                    former.weigh(*worth)
                former.load(start.mean(), demand.mean(axis=0, keepdims=True))
                former.solve(time_limit)
            if former is not None:
                program.start_from(former.basis.later(former.form.horizon - horizon, horizon))
        self._program = program
        return program.solve(_INTEGER_SHARE * time_limit if program.is_integer else time_limit)

    def _price(self, program: ExtensiveForm, extra: Callable[[PathForm], FloatArray] | None) -> None:
        prices = None if extra is None else extra(program.form)
        if self._rules is not None and self._rules.asks:
            missing = price_of_missing(program.form, self.network, self._rules)
            prices = missing if prices is None else prices + missing
        if prices is not None:
            program.price(prices)

    def _worth(self, form: PathForm, period: int, survival: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Profit per unit of the decisions and of the data of a program that begins in a period."""
        counted = max(0, self._warm_up - period)
        ends = period + form.horizon == self._last
        profits = form.worth(self._discount, counted, ends=ends)
        if len(survival):
            weights: FloatArray = np.array([self._discount**k for k in range(form.horizon)])
            weights[:counted] = 0.0
            end = self._discount**form.horizon if ends else 0.0
            profits = profits + way_worth(form, self.network, survival, weights, end)
        return profits, form.data_worth(self._discount, counted, ends=ends)

    def _make(self, form: PathForm, paths: int) -> ExtensiveForm:
        method = self._method
        if paths > 1 and self.pools:
            return PooledProgram(form, self.network, paths=paths, discount=self._discount, work=method.work)
        return PathwiseProgram(
            form,
            paths=paths,
            shared=form.horizon if method.open_loop else 1,
            tied=0 if method.open_loop else method.random_periods,
            discount=self._discount,
            gap=method.gap,
            limits=self._limits,
            work=method.work,
            decided=None if self._rules is None else decision_periods(form, self._rules.delays),
        )
