"""One match: a submission plays one episode of a scenario, and the ledger of it becomes a row of results.

When a controller's process is killed, nobody can tell whether it was from outside (an administrator, a machine short of
memory) or brought about by the controller. The first must not cost it anything, the second must not gain it anything.
So the episode is played again from its beginning, with the same seed, and counts if the controller repeats what it
ordered until it was killed: then it stands where it stood, has been told what it had been told, and has chosen nothing
with the knowledge of what came of it. One that orders otherwise could be throwing dice until it likes the outcome, and
one that is killed again and again does not answer: both forfeit.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from arena.contest.gateway.session import ModelSession, ModelUse, use_columns
from arena.contest.host import Host, InfrastructureFailure, Seat
from arena.contest.record import EpisodeRecord, PlayedEpisode, identity
from arena.contest.timing import DecisionTimes
from arena.contract.controller import ControllerReport
from arena.contract.kpi import measure
from arena.contract.orders import check_orders
from arena.contract.tracks import TrackView
from arena.errors import ContractViolation, ControllerKilled
from arena.simulate.simulator import Simulator, realised_demand

if TYPE_CHECKING:
    from arena.contest.gateway.call import Gateway
    from arena.contest.limits import Limits
    from arena.contest.submission import Submission
    from arena.contract.seeds import EpisodeSeed
    from arena.world.scenario import Scenario

MOST_PLAYINGS: Final = 3
"""How often an episode is played whose controller is killed; the last time, that counts."""


def play(
    submission: Submission,
    scenario: Scenario,
    seed: EpisodeSeed,
    host: Host,
    limits: Limits,
    *,
    commitment: str | None = None,
    gateway: Gateway | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> PlayedEpisode:
    """Play one episode to its end.

    A controller that breaks the contract forfeits: the rest is played with zero orders, and the counted profit is at
    most 0. On the decentralised track there is one controller per managed node, and the first that fails forfeits the
    episode for all. A controller that was killed gets another try, which must begin with the same orders.

    Args:
        submission: Who plays.
        scenario: What is played.
        seed: Of the episode and of the controller's own randomness.
        host: Where the controller runs.
        limits: Its deadlines; the decision limit is the time budget in the briefing.
        commitment: Commitment to the hidden seeds, for the record; None for public seeds.
        gateway: To the language model of a submission with the capability `llm`; without one its questions fail.
        clock: Seconds, for planning and decision time only; deadlines are the host's.

    Returns:
        The record, the requested orders and the realised demand.

    Raises:
        InfrastructureFailure: The arena failed; the episode is to be played again with the same seed.
    """
    killed: PlayedEpisode | None = None
    for _ in range(MOST_PLAYINGS):
        episode, was_killed = _play_once(submission, scenario, seed, host, limits, commitment, gateway, clock)
        if killed is not None and not _begin_alike(killed, episode):
            return _told_apart(killed)
        if not was_killed:
            return episode
        # The longest playing is what the next is held against: it saw most of what came.
        killed = episode if killed is None else max(killed, episode, key=lambda one: one.record.decisions)
    assert killed is not None  # It is None only if nothing was played.
    return killed


def _play_once(
    submission: Submission,
    scenario: Scenario,
    seed: EpisodeSeed,
    host: Host,
    limits: Limits,
    commitment: str | None,
    gateway: Gateway | None,
    clock: Callable[[], float],
) -> tuple[PlayedEpisode, bool]:
    """Play one episode from its beginning to its end; also whether a controller was killed in it."""
    simulator = Simulator(scenario)
    simulator.start(seed.entropy)
    # A new session: whatever is asked again in this playing has its answer in the transcript.
    model = ModelSession(gateway, submission, scenario, seed, commitment) if submission.endpoint else None
    table = _Table(submission, scenario, seed, host, limits, model, clock)
    violation: ContractViolation | None = None
    failure_period: int | None = None
    report = ControllerReport()
    try:
        try:
            table.begin()
            while not simulator.finished:
                failure_period = simulator.period
                orders = table.decide(simulator)
                failure_period = None
                simulator.step(orders)
            report = table.close()
        except ContractViolation as raised:
            violation = raised
    finally:
        table.release(forgive=violation is not None)
    nothing = np.zeros(len(scenario.network.supply_links))
    while not simulator.finished:
        simulator.step(nothing)
    ledger = simulator.ledger()
    kpis = measure(ledger, scenario).model_dump()
    if violation is not None:
        kpis["profit"] = min(kpis["profit"], 0.0)
    record = EpisodeRecord(
        **identity(submission, scenario, seed, host.isolation, commitment),
        **kpis,
        outcome=violation.code if violation else "ok",
        planning_time=table.planning_time,
        decision_time=sum(table.first_decisions) + sum(table.later_decisions),
        decision_times=DecisionTimes.measured(table.first_decisions, table.later_decisions, limits),
        decisions=table.decisions,
        clipped_orders=table.clipped,
        fallbacks=report.fallbacks,
        profit_bound=report.profit_bound,
        parse_failures=report.parse_failures,
        repairs=report.repairs,
        **use_columns(ModelUse() if model is None else model.use),
        failure_period=failure_period,
        failure_message=violation.message if violation else "",
        stderr_tail=table.stderr_tail,
    )
    return PlayedEpisode(record, ledger.requested, ledger.demand), isinstance(violation, ControllerKilled)


def _begin_alike(killed: PlayedEpisode, again: PlayedEpisode) -> bool:
    """Whether two playings of an episode have the same orders as far as both got."""
    shared = min(killed.record.decisions, again.record.decisions)
    return np.array_equal(killed.requested[:shared], again.requested[:shared])


def _told_apart(killed: PlayedEpisode) -> PlayedEpisode:
    """The forfeit of a controller that did not repeat itself."""
    said = f"{killed.record.failure_message}; played again, it ordered otherwise before, so this counts"
    return PlayedEpisode(killed.record.model_copy(update={"failure_message": said}), killed.requested, killed.demand)


class _Table:
    """The seats of one episode and what they used up."""

    def __init__(
        self,
        submission: Submission,
        scenario: Scenario,
        seed: EpisodeSeed,
        host: Host,
        limits: Limits,
        model: ModelSession | None,
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

    def begin(self) -> None:
        """Seat, set up and brief every controller. Only the briefing counts as planning time."""
        oracle = self._submission.track == "oracle"
        demand = realised_demand(self._scenario, self._seed.entropy) if oracle else None
        for view in self._views:
            briefing = view.brief(
                seed=_controller_seed(self._seed, view.node),
                time_budget=self._limits.decision,
                realised_demand=demand,
                entropy=self._seed.entropy if oracle else None,
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

    def close(self) -> ControllerReport:
        """Let every controller report and close. It is part of the contract: one that fails here forfeits too.

        Returns:
            The counts of all seats, and the bound of the only one; on the decentralised track nobody has a bound.

        Raises:
            ContractViolation: Also ``out_of_bounds`` for more fallbacks than decisions, and ``protocol_error`` for a
                bound on another track than the oracle's.
        """
        fallbacks = parse_failures = repairs = 0
        bound = None
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
            fallbacks += report.fallbacks
            parse_failures += report.parse_failures
            repairs += report.repairs
            bound = report.profit_bound
        return ControllerReport(fallbacks, bound, parse_failures, repairs)

    def release(self, *, forgive: bool) -> None:
        """Free every seat.

        Args:
            forgive: The episode is decided already; trouble in cleaning up after it changes nothing.
        """
        with contextlib.ExitStack() as cleaning:
            if forgive:
                cleaning.enter_context(contextlib.suppress(InfrastructureFailure))
            for seat in self._seats:
                cleaning.callback(seat.release)

    @property
    def stderr_tail(self) -> str:
        """What the controllers wrote last, under a line with the node's number where there are several."""
        tails = [(view.node, seat.stderr_tail) for view, seat in zip(self._views, self._seats, strict=False)]
        return "\n".join(tail if node is None else f"[node {node}]\n{tail}" for node, tail in tails if tail)


def _controller_seed(seed: EpisodeSeed, node: int | None) -> int:
    """Seed of one controller's own randomness: equal for every submission, different for every node."""
    if node is None:
        return seed.controller_seed
    return int(np.random.SeedSequence([seed.controller_seed, node]).generate_state(1, np.uint64)[0])
