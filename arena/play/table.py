"""The seats of one episode: briefed alike, asked one after the other, and what they used up."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.contract.orders import check_orders
from arena.contract.tracks import TrackView
from arena.errors import ContractViolation
from arena.play.seats import Host, InfrastructureFailure, Seat
from arena.simulate.arrivals import draw_lead_times
from arena.simulate.simulator import Simulator, realised_demand, realised_history
from arena.simulate.streams import episode_generator

if TYPE_CHECKING:
    from arena.contract.seeds import EpisodeSeed
    from arena.entry.submission import Submission
    from arena.jail.limits import Limits
    from arena.llm.session import LlmSession
    from arena.world.scenario import Scenario

OWN_FAILURES: Final = (InfrastructureFailure, OSError, MemoryError)
"""Failures of the arena, not of a controller."""


class Table:
    """The seats of one episode and what they used up.

    Args:
        submission: who plays.
        scenario: what is played; with windows, that of the episode.
        seed: of the episode.
        host: where the controllers run.
        limits: their deadlines.
        model: answers questions to the language model; None without one.
        clock: seconds, for planning and decision time.
    """

    def __init__(
        self,
        submission: Submission,
        scenario: Scenario,
        seed: EpisodeSeed,
        host: Host,
        limits: Limits,
        model: LlmSession | None,
        clock: Callable[[], float],
    ) -> None:
        self._submission = submission
        self._scenario = scenario
        self._seed = seed
        self._host = host
        self._limits = limits
        self._model = model
        self._clock = clock
        nodes = scenario.network.managed if submission.track == "decentralised" else (None,)
        self._views = [TrackView(scenario, submission.track, node) for node in nodes]
        self._seats: list[Seat] = []
        self.planning_time = 0.0
        self.first_decisions: list[float] = []
        self.later_decisions: list[float] = []
        self.decisions = 0
        self.clipped = 0
        self.report = ControllerReport()

    def begin(self, past: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None) -> None:
        """Seat, set up and brief every controller. Only the briefing counts as planning time.

        Args:
            past: demand before the episode and whether shelves held goods, each of shape (history, market links), in
                place of what the scenario draws.
        """
        oracle = self._submission.track == "oracle"
        demand = realised_demand(self._scenario, self._seed.entropy) if oracle else None
        lead_times = draw_lead_times(self._scenario, episode_generator(self._seed.entropy)) if oracle else None
        history = realised_history(self._scenario, self._seed.entropy) if past is None else past[0]
        for view in self._views:
            briefing = view.brief(
                seed=controller_seed(self._seed, self._submission.name, view.node),
                time_budget=self._limits.decision,
                realised_demand=demand,
                realised_lead_times=lead_times,
                entropy=self._seed.entropy if oracle else None,
                history=history,
                in_stock=None if past is None else past[1],
            )
            seat = self._host.open(self._submission, self._model)
            self._seats.append(seat)
            seat.setup()
            started = self._clock()
            try:
                seat.begin(briefing)
            finally:
                self.planning_time += self._clock() - started

    def decide(self, simulator: Simulator) -> NDArray[np.float64]:
        """Ask every seat for its orders of the coming period, each from its own view of the same state.

        Returns:
            Checked orders, units, shape (supply links,).
        """
        state = simulator.state
        orders = np.zeros(len(self._scenario.network.supply_links))
        for view, seat in zip(self._views, self._seats, strict=True):
            observation = view.observe(state)
            started = self._clock()
            try:
                reply = seat.order(observation)
            finally:
                elapsed = self._clock() - started
                (self.later_decisions if self.decisions else self.first_decisions).append(elapsed)
            checked = check_orders(reply, view.largest_order, len(view.links))
            orders[list(view.links)] = checked.orders
            self.clipped += checked.clipped
        self.decisions += 1
        return orders

    def close(self) -> None:
        """Let every controller report and close. It is part of the contract: one that fails here forfeits too.

        `report` then has the counts of all seats, or of those that were asked before the arena failed, and the bound of
        the only one; on the decentralised track nobody has a bound.

        Raises:
            ContractViolation: Also ``out_of_bounds`` for more fallbacks than decisions, and ``protocol_error`` for a
                bound on another track than the oracle's.
        """
        for seat in self._seats:
            report = seat.close()
            if report.fallbacks > self.decisions:
                raise ContractViolation(
                    "out_of_bounds",
                    f"report(): {report.fallbacks} fallbacks in {self.decisions} decisions; count each decision once",
                )
            if report.profit_bound is not None and self._submission.track != "oracle":
                raise ContractViolation(
                    "protocol_error",
                    "report(): only the oracle track knows enough to certify a bound; "
                    f"leave profit_bound None on track {self._submission.track}",
                )
            told = self.report
            self.report = ControllerReport(
                told.fallbacks + report.fallbacks,
                report.profit_bound,
                told.parse_failures + report.parse_failures,
                told.repairs + report.repairs,
            )

    def release(self, *, forgive: bool) -> None:
        """Free every seat.

        Args:
            forgive: The episode is decided already; trouble in cleaning up after it changes nothing.
        """
        with contextlib.ExitStack() as cleaning:
            if forgive:
                cleaning.enter_context(contextlib.suppress(*OWN_FAILURES))
            for seat in self._seats:
                cleaning.callback(seat.release)

    @property
    def stderr_tail(self) -> str:
        """What the controllers wrote last, under a line with the node's number where there are several."""
        tails = [(view.node, seat.stderr_tail) for view, seat in zip(self._views, self._seats, strict=False)]
        return "\n".join(tail if node is None else f"[node {node}]\n{tail}" for node, tail in tails if tail)


def controller_seed(seed: EpisodeSeed, submission: str, node: int | None) -> int:
    """Seed of one controller's own randomness, 63 bits: a hash, from which the demand's seed does not follow.

    It differs between submissions, so that it tells no two of them that they play the same episode, and between the
    nodes of a decentralised one.
    """
    parts = "|".join(("controller", str(int(seed.controller_seed)), submission, "" if node is None else str(node)))
    return int.from_bytes(hashlib.sha256(parts.encode()).digest()[:8], "big") >> 1
