"""The oracle as a teacher: what a planner that sees all demand to come would order now, in any state of an episode.

The program is the one of arena-optimization, on one path of demand: what will really be wanted. It is compiled once per
number of periods left, and solved again for one state after the other, each time from the last basis.
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
from arena_rl.inputs.observations import Setting, Situation

FloatArray = NDArray[np.float64]


class UnteachableError(ArenaError, ValueError):
    """A network on which the oracle cannot teach; the command line tells it without a traceback."""


class Expert:
    """Orders for one network and rule of fulfilment.

    Args:
        setting: of the episodes; bounds, network, fulfilment and horizon count.
        shortage_weight: factor on the price of a shortage under goodwill.

    Raises:
        UnteachableError: If the network's program is an integer program, which takes too long to solve state by state.
    """

    def __init__(self, setting: Setting, *, shortage_weight: float) -> None:
        compiled = setting.compiled
        self._stocks = stocks_of(compiled.network)
        self._backlog = compiled.backlog
        self._discount = compiled.discount
        self._margin = shortage_weight * float(np.mean(margins_of(compiled.network)))
        model = state_path(
            self._stocks, horizon=setting.horizon, backlog=compiled.backlog, largest_order=setting.order_bound
        )
        self._form: PathForm = compile_path(model, self._stocks)
        if self._form.integer.any():
            raise UnteachableError(
                f"network {compiled.network.name or '(unnamed)'} has fixed costs, lots, minimum orders or storage "
                "capacities: its oracle is an integer program, too slow to teach; train without them"
            )
        self._program = cache(self._make)

    def _make(self, periods: int) -> Program:
        form = self._form.cut(periods)
        return Program(form, paths=1, shared=periods, tied=0, discount=self._discount, gap=0.0)

    def orders(self, situation: Situation, demand: FloatArray, *, loss: float = 0.0) -> FloatArray:
        """What it would order in the coming period.

        Args:
            situation: states of a batch of episodes.
            demand: all that will be wanted, units, (episodes, market links, periods left).
            loss: share of all later demand that a shortage costs; 0 without goodwill.

        Returns:
            Units, (episodes, supply links).

        Raises:
            SolveFailure: See `arena_optimization.solver.Solver.solve`.
        """
        count, _, periods = demand.shape
        program = self._program(periods)
        on_hand, pipeline = situation.on_hand.double().numpy(), situation.pipeline.double().numpy()
        unfilled, owed = situation.unfilled.double().numpy(), situation.owed.double().numpy()
        found = np.empty((count, len(self._stocks.of_link)))
        for episode in range(count):
            program.price(self._prices(program.form, demand[episode], loss))
            program.load(
                Start(
                    on_hand=on_hand[episode],
                    due=self._stocks.due(pipeline[episode], periods),
                    backlog=unfilled[episode] * self._backlog,
                ),
                demand[episode : episode + 1],
            )
            # What is owed from before is shipped with the new order.
            found[episode] = program.solve().flows[:, 0] - owed[episode]
        return np.maximum(found, 0.0)

    def _prices(self, form: PathForm, demand: FloatArray, loss: float) -> FloatArray:
        """What a unit unfilled costs beside its penalty: the later margin that goes with it, (columns of the form,)."""
        if loss == 0.0:
            return np.zeros(len(form.columns))
        wanted = demand.sum(axis=0)
        later = np.cumsum(wanted[::-1])[::-1] - wanted
        price = loss * self._margin * later / np.maximum(wanted, 1.0)
        return form.priced_shortage(price)
