"""One match: a submission plays one episode of a scenario, and the ledger of it becomes a row of results.

An attempt at an episode may break off: the arena fails, or a controller's process is killed and nobody can tell whether
that came from outside (an administrator, a machine short of memory) or from the controller. The first must not cost it
anything, the second must not gain it anything. So the episode is played again from its beginning, with the same seed,
and the controller has to repeat the orders of the attempts that broke off (`arena.results.attempts`). If it does, it is
in the state in which it was interrupted and has gained nothing. If it orders otherwise, or fails before it has repeated
all of them, it forfeits with the orders it had given first: it could be choosing with the knowledge of what came.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from arena.contract.controller import ControllerReport
from arena.contract.kpi import measure
from arena.errors import ContractViolation, ControllerKilled
from arena.llm.session import LlmSession, LlmUse, use_columns
from arena.play.episode import identity
from arena.play.seats import Host
from arena.play.table import OWN_FAILURES, Table
from arena.results.attempts import Journal, Precedent
from arena.results.record import EpisodeKey, EpisodeRecord, PlayedEpisode, episode_key
from arena.results.timing import DecisionTimes
from arena.simulate.prepared import prepare
from arena.simulate.simulator import Simulator

if TYPE_CHECKING:
    from arena.contract.seeds import EpisodeSeed
    from arena.entry.submission import Submission
    from arena.jail.limits import Limits
    from arena.llm.call import Gateway
    from arena.world.scenario import Scenario

MOST_PLAYINGS: Final = 3
"""Attempts at an episode whose controller is killed in each of them; the last one counts."""


def play(
    submission: Submission,
    scenario: Scenario,
    seed: EpisodeSeed,
    host: Host,
    limits: Limits,
    *,
    commitment: str | None = None,
    gateway: Gateway | None = None,
    precedent: Precedent | None = None,
    journal: Journal | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> PlayedEpisode:
    """Play one episode to its end.

    A controller that breaks the contract forfeits: the rest is played with zero orders, and the counted profit is at
    most 0. On the decentralised track there is one controller per managed node, and the first that fails forfeits the
    episode for all. A controller that was killed gets another attempt, which must begin with the same orders. An
    episode whose last decision was taken counts, whatever goes wrong in the clean-up after it.

    Args:
        submission: who plays.
        scenario: the scenario that is played; with windows, the seed's index says which of them.
        seed: of the episode, and what the controller's own randomness is derived from.
        host: where the controller runs.
        limits: its deadlines; the decision limit is the time budget in the briefing.
        commitment: commitment to the hidden seeds, for the record; None for public seeds.
        gateway: to the language model of a submission with the capability `llm`; without one its questions fail.
        precedent: orders of earlier attempts, which this one has to repeat; None for the first attempt.
        journal: where the orders are noted, for the case that the attempt breaks off; None for memory only.
        clock: seconds, for planning and decision time only; deadlines are the host's.

    Returns:
        The record, the requested orders and the realised demand.

    Raises:
        InfrastructureFailure: the arena failed; the episode is to be played again with the same seed, and with the
            precedent that the journal then has.
    """
    noted = journal or Journal()
    for last in [False] * (MOST_PLAYINGS - 1) + [True]:
        attempt = _Attempt(submission, scenario, seed, host, limits, commitment, gateway, precedent, noted, clock)
        episode = attempt.play()
        if last or not attempt.was_killed:
            break
        precedent = noted.precedent
    return episode


class _Attempt:
    """One attempt at an episode, from its beginning to its end.

    Arguments as for `play`.
    """

    def __init__(
        self,
        submission: Submission,
        scenario: Scenario,
        seed: EpisodeSeed,
        host: Host,
        limits: Limits,
        commitment: str | None,
        gateway: Gateway | None,
        precedent: Precedent | None,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._submission = submission
        self._scenario = scenario
        played = scenario.window_at(seed.index)
        self._seed = seed
        self._isolation = host.isolation
        self._limits = limits
        self._commitment = commitment
        self._precedent = precedent
        self._bound = np.empty((0, 0)) if precedent is None else precedent.requested
        self._journal = journal
        self._simulator = Simulator(played, prepare(scenario).compiled)
        # A new session: whatever is asked again in this attempt has its answer in the transcript.
        self._model = LlmSession(gateway, submission, scenario, seed, commitment) if submission.endpoint else None
        self._table = Table(submission, played, seed, host, limits, self._model, clock)
        self._violation: ContractViolation | None = None
        self._failure_period: int | None = None
        self._report = ControllerReport()

    @property
    def was_killed(self) -> bool:
        """Whether a controller's process was killed, and nobody can tell by whom."""
        return isinstance(self._violation, ControllerKilled)

    def play(self) -> PlayedEpisode:
        """Play.

        Raises:
            InfrastructureFailure: the arena failed before the last decision.
        """
        simulator = self._simulator
        simulator.start(self._seed.entropy)
        links = len(self._scenario.network.supply_links)
        self._journal.begin(self._key, self._isolation, links, self._precedent)
        try:
            try:
                self._table.begin()
                while not simulator.finished:
                    self._failure_period = simulator.period
                    orders = self._decide()
                    self._failure_period = None
                    simulator.step(orders)
                # All that counts is known: no failure of the arena plays the episode again from here on.
                with contextlib.suppress(*OWN_FAILURES):
                    self._table.close()
                self._report = self._table.report
            except ContractViolation as raised:
                self._violation = raised
        finally:
            self._table.release(forgive=simulator.finished or self._violation is not None)
        decisions = self._play_out()
        return self._episode(decisions)

    @property
    def _key(self) -> EpisodeKey:
        return episode_key(self._submission.digest, self._scenario.digest, self._commitment, self._seed.index)

    def _decide(self) -> NDArray[np.float64]:
        """Return the orders of the coming period, noted in the journal.

        Raises:
            ContractViolation: ``diverged`` for other orders than in an earlier attempt.
        """
        orders = self._table.decide(self._simulator)
        period = self._simulator.period
        if period < len(self._bound) and not np.array_equal(orders, self._bound[period]):
            raise ContractViolation(
                "diverged",
                f"played again after an attempt that broke off in period {len(self._bound)}, it ordered otherwise in "
                f"period {period}; the first orders count. Decide by observations and briefing.seed alone, never by "
                "the clock or by other sources of randomness",
            )
        self._journal.add(orders)
        return orders

    def _play_out(self) -> int:
        """Play what is left after a violation, and return the number of decisions that were taken.

        These are orders of an earlier attempt as far as there are any, since a controller that knows what came could
        otherwise choose the period in which it forfeits, and zero orders after them.
        """
        simulator = self._simulator
        for orders in self._bound[simulator.period :]:
            simulator.step(orders)
        decisions = simulator.period
        nothing = np.zeros(len(self._scenario.network.supply_links))
        while not simulator.finished:
            simulator.step(nothing)
        return decisions

    def _episode(self, decisions: int) -> PlayedEpisode:
        table, violation, limits = self._table, self._violation, self._limits
        ledger = self._simulator.ledger()
        kpis = measure(ledger, self._simulator.scenario).model_dump()
        if violation is not None:
            kpis["profit"] = min(kpis["profit"], 0.0)
        record = EpisodeRecord(
            **identity(self._submission, self._scenario, self._seed, self._isolation, self._commitment),
            **kpis,
            outcome=violation.code if violation else "ok",
            planning_time=table.planning_time,
            decision_time=sum(table.first_decisions) + sum(table.later_decisions),
            decision_times=DecisionTimes.measured(table.first_decisions, table.later_decisions, limits),
            decisions=decisions,
            clipped_orders=table.clipped,
            fallbacks=self._report.fallbacks,
            profit_bound=self._report.profit_bound,
            parse_failures=self._report.parse_failures,
            repairs=self._report.repairs,
            repetitions=0 if self._precedent is None else self._precedent.attempts,
            **use_columns(LlmUse() if self._model is None else self._model.use),
            failure_period=None if self._failure_period is None else decisions,
            failure_message=violation.message if violation else "",
            stderr_tail=table.stderr_tail,
        )
        return PlayedEpisode(record, ledger.requested, ledger.demand, ledger.lead_times)
