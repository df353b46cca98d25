"""Conformance kit: what every controller has to keep, checked in a minute.

For authors of plugins, in their own tests::

    from arena.testing import check_controller

    def test_my_controller_conforms():
        check_controller("my-controller")

The kit plays real matches (the same code that scores) of a few periods each, through a host that listens. It raises
one `ConformanceError` that lists everything it found; it never asserts, so it finds as much under `python -O`.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from arena.contest.host import Host, Isolation, Seat, make_host
from arena.contest.limits import Limits
from arena.contest.match import play
from arena.contest.record import PlayedEpisode
from arena.contest.submission import Manifest, Submission
from arena.contract.controller import ControllerSpec, Track
from arena.contract.seeds import PublicSeeds
from arena.contract.tracks import Briefing, Observation
from arena.documents import parse_model
from arena.errors import ArenaError
from arena.plugins import check_spec, discover
from arena.world.demand import Demand, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.library import load_network, load_scenario
from arena.world.network import Network
from arena.world.scenario import Scenario

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "CHECKS",
    "NETWORKS",
    "ConformanceError",
    "ConformanceResult",
    "DecisionTimes",
    "Finding",
    "check_controller",
    "check_submission",
    "short_scenarios",
]

NETWORKS: Final = ("serial", "divergent", "tree")
"""Networks that the kit plays unless told otherwise: one chain, several suppliers, several retailers."""

HORIZON: Final = 6
"""Periods of the kit's own scenarios."""

CHECKS: Final[Mapping[str, str]] = {
    "plays": "answers every decision with finite real orders, one per supply link, within the deadlines",
    "bounds": "keeps most orders between 0 and the order bound",
    "deterministic": "gives equal orders in two episodes with equal seeds",
    "independent": "gives the same orders after other episodes as before them",
    "respects input": "leaves briefings and observations as they were given",
}
"""What is checked, by name."""

_MOST_CLIPPED: Final = 0.5

_T = TypeVar("_T")


@dataclass(frozen=True)
class Finding:
    """One thing that a controller does wrong, or might not mean to do.

    Attributes:
        check: Name of the check, one of `CHECKS`.
        track: Track of the episode.
        scenario: Name of the scenario.
        message: What happened, with period and code where there are any.
    """

    check: str
    track: str
    scenario: str
    message: str

    def __str__(self) -> str:
        """Return the finding on one line."""
        return f"{self.check}, track {self.track}, {self.scenario}: {self.message}"


@dataclass(frozen=True)
class DecisionTimes:
    """How long decisions took, in seconds of the kit's clock; what stands between arena and controller included.

    Attributes:
        count: Number of decisions, those of `begin` not among them.
        median: Median.
        largest: Slowest decision; often the first one.
        largest_begin: Slowest `begin`, import and construction of the controller included.
    """

    count: int
    median: float
    largest: float
    largest_begin: float


@dataclass(frozen=True)
class ConformanceResult:
    """What the kit did and found.

    Attributes:
        controller: Name of the controller or submission.
        isolation: Isolation level of the matches.
        tracks: Tracks played.
        scenarios: Names of the scenarios played.
        checks: Names of the checks done, in the order of `CHECKS`.
        episodes: Number of episodes played.
        decision_times: Statistics of decision times.
        findings: Violations; empty for a controller that conforms.
        warnings: What is allowed but rarely meant.
    """

    controller: str
    isolation: Isolation
    tracks: tuple[Track, ...]
    scenarios: tuple[str, ...]
    checks: tuple[str, ...]
    episodes: int
    decision_times: DecisionTimes
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


class ConformanceError(ArenaError):
    """A controller does not conform.

    Attributes:
        result: Everything that the kit did and found.
    """

    def __init__(self, result: ConformanceResult) -> None:
        """Take the result; the message lists its findings."""
        self.result = result
        super().__init__(result)

    def __str__(self) -> str:
        """Return a first line with the count, then a line per finding."""
        count = len(self.result.findings)
        head = f"controller {self.result.controller} does not conform, {count} finding{'' if count == 1 else 's'}:"
        return "\n".join([head, *(f"  {finding}" for finding in self.result.findings)])


def check_controller(
    controller: ControllerSpec | str,
    config: BaseModel | Mapping[str, Any] | None = None,
    *,
    networks: Sequence[Network | str] = NETWORKS,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check a plugin's controller on every track that it declares, in this process.

    Args:
        controller: A specification, or the name of an installed controller.
        config: Its configuration, as a model or as the mapping a manifest would hold; None for the defaults.
        networks: Networks on which the kit plays its short scenarios.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        What was done, with warnings.

    Raises:
        ConformanceError: The controller does not conform; all findings are listed.
        PluginError: The specification itself is invalid.
        InvalidInput: The configuration does not fit the controller's model.
        UnknownName: No such controller, network or scenario.
    """
    spec = discover().controller(controller).spec if isinstance(controller, str) else controller
    check_spec(spec)
    given = {} if config is None else config if isinstance(config, Mapping) else config.model_dump(mode="json")
    validated = parse_model(spec.config, given, f"configuration of {spec.name}").model_dump(mode="json")
    submissions = [
        Submission(
            name=spec.name,
            manifest=Manifest(name=spec.name, controller=spec.name, track=track, config=validated),
            path=Path(spec.name),
            digest="",
            folder=None,
            controller=spec.name,
            track=track,
            config=validated,
            spec=spec,
        )
        for track in spec.tracks
    ]
    result = _examine(spec.name, submissions, _chosen(networks, scenarios), "trusted", limits or Limits())
    if result.findings:
        raise ConformanceError(result)
    return result


def check_submission(
    submission: Submission,
    *,
    isolation: Isolation = "process",
    networks: Sequence[Network | str] = NETWORKS,
    scenarios: Sequence[Scenario | str] | None = None,
    limits: Limits | None = None,
) -> ConformanceResult:
    """Check a loaded submission on the track of its manifest, at an isolation level.

    Args:
        submission: The submission.
        isolation: Level of the matches; anything but `trusted` keeps its code out of this process.
        networks: Networks on which the kit plays its short scenarios.
        scenarios: Scenarios to play in place of those.
        limits: Deadlines; None for the contest's.

    Returns:
        What was done and found; findings are returned here, not raised.

    Raises:
        UnknownName: No such network or scenario.
        ArenaError: The isolation level does not work on this machine.
    """
    return _examine(submission.name, [submission], _chosen(networks, scenarios), isolation, limits or Limits())


def short_scenarios(network: Network) -> tuple[Scenario, ...]:
    """Return the kit's scenarios on one network: ordinary, no demand at all, and far more than can be served.

    Both fulfilment modes and goodwill occur among them; each is `HORIZON` periods long.
    """
    ordinary = Demand(base_mean=20, trend=Trend(), seasonal=Seasonal(), shock=Shock(time=3))
    silent = Demand(series=Series(values=(0.0,)))
    scarce = Demand(base_mean=200)

    # A network's name is free text; a scenario's is not.
    slug = re.sub(r"[^a-z0-9]+", "-", network.name.lower()).strip("-") or "network"

    def scenario(name: str, demand: Demand, **fields: Any) -> Scenario:
        return Scenario(name=f"{slug[:60]}-{name}", network=network, demand=demand, horizon=HORIZON, **fields)

    return (
        scenario("short-backlog", ordinary, fulfilment="backlog"),
        scenario("short-goodwill-lost-sales", ordinary, fulfilment="lost_sales", goodwill=Goodwill()),
        scenario("no-demand-backlog", silent, fulfilment="backlog"),
        scenario("stock-outs-backlog", scarce, fulfilment="backlog"),
        scenario("stock-outs-lost-sales", scarce, fulfilment="lost_sales"),
    )


def _chosen(networks: Sequence[Network | str], scenarios: Sequence[Scenario | str] | None) -> tuple[Scenario, ...]:
    if scenarios is not None:
        return tuple(load_scenario(one) if isinstance(one, str) else one for one in scenarios)
    loaded = [load_network(one) if isinstance(one, str) else one for one in networks]
    return tuple(scenario for network in loaded for scenario in short_scenarios(network))


def _examine(
    name: str,
    submissions: Sequence[Submission],
    scenarios: Sequence[Scenario],
    isolation: Isolation,
    limits: Limits,
) -> ConformanceResult:
    host = _ListeningHost(make_host(isolation, limits))
    examiner = _Examiner(host, limits)
    try:
        for submission in submissions:
            examiner.examine(submission, scenarios)
    finally:
        host.close()
    return ConformanceResult(
        controller=name,
        isolation=isolation,
        tracks=tuple(submission.track for submission in submissions),
        scenarios=tuple(scenario.name for scenario in scenarios),
        checks=tuple(check for check in CHECKS if check in examiner.checks),
        episodes=examiner.episodes,
        decision_times=host.times(),
        findings=tuple(examiner.findings),
        warnings=tuple(examiner.warnings),
    )


class _Examiner:
    """Plays episodes and collects what they show."""

    def __init__(self, host: _ListeningHost, limits: Limits) -> None:
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self.checks: set[str] = set()
        self.episodes = 0
        self._host = host
        self._limits = limits

    def examine(self, submission: Submission, scenarios: Sequence[Scenario]) -> None:
        """Do all checks on one track."""
        played = [(scenario, self._play(submission, scenario)) for scenario in scenarios]
        self._judge_bounds(submission.track, [episode for _, episode in played])
        self.checks |= {"plays", "bounds"}
        if self._host.isolation == "trusted":
            # At every other level the controller has a copy, and there is nothing of ours that it could change.
            self.checks.add("respects input")
        first = {scenario.name: episode for scenario, episode in played if episode.record.outcome == "ok"}
        # Once per network is enough for determinism; every repetition comes right after the plays of all scenarios.
        repeated: set[str] = set()
        for scenario in scenarios:
            if scenario.name in first and scenario.network.name not in repeated:
                repeated.add(scenario.network.name)
                self._compare(submission, scenario, first[scenario.name])

    def _play(self, submission: Submission, scenario: Scenario) -> PlayedEpisode:
        played = self._repeat(submission, scenario)
        record = played.record
        if record.outcome != "ok":
            period = "" if record.failure_period is None else f"in period {record.failure_period}: "
            self._report("plays", submission, scenario, f"{period}{record.outcome}: {record.failure_message}")
        for message in sorted(self._host.take_changes()):
            self._report("respects input", submission, scenario, message)
        return played

    def _judge_bounds(self, track: Track, episodes: Sequence[PlayedEpisode]) -> None:
        """Warn of a controller most of whose orders were clipped; single scenarios may well ask for too much."""
        clipped = sum(episode.record.clipped_orders for episode in episodes)
        orders = sum(episode.requested.size for episode in episodes)
        if clipped > _MOST_CLIPPED * orders:
            text = f"{clipped} of {orders} orders were below 0 or above the order bound and were clipped"
            self.warnings.append(Finding("bounds", track, "all scenarios", text))

    def _compare(self, submission: Submission, scenario: Scenario, first: PlayedEpisode) -> None:
        """Play one scenario twice more, and compare: with the first play, and the two with each other."""
        second, third = (self._repeat(submission, scenario) for _ in range(2))
        self._host.take_changes()  # told of the first play already
        self.checks |= {"deterministic", "independent"}
        if (difference := _first_difference(second.requested, third.requested)) is not None:
            text = f"two episodes with equal seeds differ {difference}; draw random numbers from briefing.seed only"
            self._report("deterministic", submission, scenario, text)
        elif (difference := _first_difference(first.requested, second.requested)) is not None:
            text = f"orders changed {difference} after other episodes; keep nothing outside the controller object"
            self._report("independent", submission, scenario, text)

    def _repeat(self, submission: Submission, scenario: Scenario) -> PlayedEpisode:
        self.episodes += 1
        seed = PublicSeeds().episode(scenario.digest, 0)
        return play(submission, scenario, seed, self._host, self._limits)

    def _report(self, check: str, submission: Submission, scenario: Scenario, message: str) -> None:
        self.findings.append(Finding(check, submission.track, scenario.name, message))


def _first_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> str | None:
    """Return where two series of orders, shape (periods, supply links), differ first; None if nowhere."""
    places = np.argwhere(one != other)
    return None if not len(places) else f"first in period {places[0][0]} on supply link {places[0][1]}"


class _ListeningHost:
    """A host that passes everything on to another and takes notes: times, and changes made to what it handed out."""

    def __init__(self, host: Host) -> None:
        self.isolation = host.isolation
        self.decision_seconds: list[float] = []
        self.begin_seconds: list[float] = []
        self._host = host
        self._changes: set[str] = set()

    def open(self, submission: Submission) -> Seat:
        """Open a seat that listens."""
        return _ListeningSeat(self._host.open(submission), self)

    def close(self) -> None:
        """Close the other host."""
        self._host.close()

    def note_change(self, message: str) -> None:
        """Remember that something handed out was changed."""
        self._changes.add(message)

    def take_changes(self) -> set[str]:
        """Return the changes noted since the last call."""
        taken, self._changes = self._changes, set()
        return taken

    def times(self) -> DecisionTimes:
        """Return statistics of the times noted."""
        seconds = self.decision_seconds or [0.0]
        return DecisionTimes(
            count=len(self.decision_seconds),
            median=statistics.median(seconds),
            largest=max(seconds),
            largest_begin=max(self.begin_seconds, default=0.0),
        )


class _ListeningSeat:
    """A seat that passes everything on to another; see `arena.contest.host.Seat`."""

    def __init__(self, seat: Seat, host: _ListeningHost) -> None:
        self._seat = seat
        self._host = host
        self._setup_seconds = 0.0

    @property
    def stderr_tail(self) -> str:
        """End of what the controller wrote."""
        return self._seat.stderr_tail

    def setup(self) -> None:
        """Import and construct the controller, timed."""
        start = time.perf_counter()
        self._seat.setup()
        self._setup_seconds = time.perf_counter() - start

    def begin(self, briefing: Briefing) -> None:
        """Give the briefing, timed, and see that it stays as it is."""
        start = time.perf_counter()
        self._watched(lambda: self._seat.begin(briefing), briefing)
        self._host.begin_seconds.append(self._setup_seconds + time.perf_counter() - start)

    def order(self, observation: Observation) -> NDArray[np.float64]:
        """Ask for orders, timed, and see that the observation stays as it is."""
        start = time.perf_counter()
        reply = self._watched(lambda: self._seat.order(observation), observation)
        self._host.decision_seconds.append(time.perf_counter() - start)
        return reply

    def close(self) -> None:
        """End the episode."""
        self._seat.close()

    def release(self) -> None:
        """Free the seat."""
        self._seat.release()

    def _watched(self, action: Callable[[], _T], given: Briefing | Observation) -> _T:
        before = _content(given)
        try:
            return action()
        finally:
            after = _content(given)
            for field in before:
                if field not in after or not np.array_equal(before[field], after[field], equal_nan=True):
                    self._host.note_change(f"{type(given).__name__}.{field} was changed; copy an array to work on it")


def _content(given: Briefing | Observation) -> dict[str, NDArray[Any]]:
    """Return copies of the numeric fields of a briefing or observation."""
    found = {field.name: getattr(given, field.name, None) for field in dataclasses.fields(given)}
    return {
        name: np.array(value)
        for name, value in found.items()
        if isinstance(value, np.ndarray | int | float) and not isinstance(value, bool)
    }
