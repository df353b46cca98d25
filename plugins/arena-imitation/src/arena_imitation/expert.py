"""The oracle as an expert: the orders of a planner that sees all demand to come, in any state of an episode.

The program is the one of arena-optimization, on one path of demand, the true one. It is compiled once per number of
periods left, and solved for one state after the other, each time from the last basis.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from arena import ArenaError
from arena_optimization.margins import margins_of
from arena_optimization.model import state_path
from arena_optimization.path_form import PathForm, compile_path
from arena_optimization.program import Program, Start
from arena_optimization.stocks import stocks_of
from arena_rl.inputs.observations import BatchBriefing, BatchObservation

FloatArray = NDArray[np.float64]


class UnteachableError(ArenaError, ValueError):
    """The oracle cannot teach on a network; the command line prints the message without a traceback."""


class Expert:
    """Orders of the oracle for one network and rule of fulfilment.

    Args:
        briefing: of the episodes; bound, network, fulfilment and horizon count.
        shortage_weight: factor on the price of a shortage under goodwill.

    Raises:
        UnteachableError: If the network's program is an integer program, which takes too long to solve state by state.
    """

    def __init__(self, briefing: BatchBriefing, *, shortage_weight: float) -> None:
        compiled = briefing.compiled
        self._stocks = stocks_of(compiled.network)
        self._backlog = compiled.backlog
        self._discount = compiled.discount
        self._margin = shortage_weight * float(np.mean(margins_of(compiled.network)))
        model = state_path(
            self._stocks, horizon=briefing.horizon, backlog=compiled.backlog, largest_order=briefing.order_bound
        )
        self._form: PathForm = compile_path(model, self._stocks)
        if self._form.integer.any():
            raise UnteachableError(
                f"network {compiled.network.name or '(unnamed)'} has fixed costs, lots, minimum orders or storage "
                "capacities: its oracle is an integer program, too slow to teach; train without them"
            )
        self._program = cache(self._make_program)

    def _make_program(self, periods: int) -> Program:
        form = self._form.cut(periods)
        return Program(form, paths=1, shared=periods, tied=0, discount=self._discount, gap=0.0)

    def orders(self, observation: BatchObservation, demand: FloatArray, *, lost_share: float = 0.0) -> FloatArray:
        """Orders of the oracle in the coming period.

        Args:
            observation: states of a batch of episodes.
            demand: all demand to come, units, (episodes, market links, periods left).
            lost_share: share of all later demand that a shortage loses; 0 without goodwill.

        Returns:
            Units, (episodes, supply links).

        Raises:
            SolveFailure: See `arena_optimization.solver.Solver.solve`.
        """
        count, _, periods = demand.shape
        program = self._program(periods)
        on_hand, pipeline = observation.on_hand.double().numpy(), observation.pipeline.double().numpy()
        unfilled, owed = observation.unfilled.double().numpy(), observation.owed.double().numpy()
        found = np.empty((count, len(self._stocks.of_link)))
        for episode in range(count):
            program.price(self._shortage_prices(program.form, demand[episode], lost_share))
            program.load(
                Start(
                    on_hand=on_hand[episode],
                    due=self._stocks.due(pipeline[episode], periods),
                    backlog=unfilled[episode] * self._backlog,
                ),
                demand[episode : episode + 1],
            )
            # Quantities owed from earlier periods are shipped with the new order.
            found[episode] = program.solve().flows[:, 0] - owed[episode]
        return np.maximum(found, 0.0)

    def _shortage_prices(self, form: PathForm, demand: FloatArray, lost_share: float) -> FloatArray:
        """Cost of a unit unfilled beside its penalty: the later margin that is lost with it, (columns of the form,)."""
        if lost_share == 0.0:
            return np.zeros(len(form.columns))
        in_period = demand.sum(axis=0)
        later = np.cumsum(in_period[::-1])[::-1] - in_period
        price = lost_share * self._margin * later / np.maximum(in_period, 1.0)
        return form.priced_shortage(price)
