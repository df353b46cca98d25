"""The oracle as an expert: the orders of a planner that sees all demand to come, in any state of an episode.

The program is the one of arena-optimization, on one path of demand, the true one. It is compiled once per number of
periods left, and solved for one state after the other, each time from the last basis.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from arena import ArenaError, contribution_margins, lost_goodwill_price
from arena_optimization.programs.extensive_form import PathwiseProgram
from arena_optimization.programs.path_form import PathForm, compile_path
from arena_optimization.programs.path_program import state_path
from arena_optimization.programs.start import Start, due_of
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
        self._network = compiled.network
        self._backlog = compiled.backlog
        self._discount = compiled.discount
        self._margin = shortage_weight * float(np.mean(contribution_margins(compiled.network)))
        program = state_path(
            self._network, horizon=briefing.horizon, backlog=compiled.backlog, largest_order=briefing.order_bound
        )
        self._form: PathForm = compile_path(program, self._network)
        if self._form.integer.any():
            raise UnteachableError(
                f"network {compiled.network.name or '(unnamed)'} has fixed costs, lots, minimum orders or storage "
                "capacities: its oracle is an integer program, too slow to teach; train without them"
            )
        self._program = cache(self._make_program)

    def _make_program(self, periods: int) -> PathwiseProgram:
        form = self._form.cut(periods)
        return PathwiseProgram(form, paths=1, shared=periods, tied=0, discount=self._discount, gap=0.0)

    def orders(self, observation: BatchObservation, demand: FloatArray, *, lost_share: float = 0.0) -> FloatArray:
        """Orders of the oracle in the coming period.

        Args:
            observation: states of a batch of episodes.
            demand: all demand to come, units, (episodes, market links, periods left).
            lost_share: share of all later demand that a shortage loses; 0 without goodwill.

        Returns:
            Units, (episodes, supply links).

        Raises:
            SolveFailure: See `arena_optimization.programs.solver.Solver.solve`.
        """
        count, _, periods = demand.shape
        program = self._program(periods)
        on_hand, pipeline = observation.on_hand.double().numpy(), observation.pipeline.double().numpy()
        unfilled, owed = observation.unfilled.double().numpy(), observation.owed.double().numpy()
        found = np.empty((count, len(self._network.supply_links)))
        for episode in range(count):
            program.price(self._shortage_prices(program.form, demand[episode], lost_share))
            program.load(
                Start(
                    on_hand=on_hand[episode],
                    due=due_of(self._network, pipeline[episode], periods),
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
        units = demand.sum(axis=0)
        return form.priced_shortage(lost_goodwill_price(lost_share * self._margin, units, units))
