"""Plays the episodes of a conformance check and judges what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.contract.seeds import EpisodeSeed, PublicSeeds
from arena.contract.tracks import Track
from arena.entry.submission import Submission
from arena.jail.limits import Limits
from arena.play.match import play
from arena.play.seats import Host
from arena.results.record import PlayedEpisode
from arena.results.standings import BOUND_TOLERANCE
from arena.results.timing import DecisionTimes
from arena.testing.information import World, examine_information
from arena.testing.listener import ListeningHost
from arena.testing.recorder import RecordingHost
from arena.testing.result import Finding
from arena.world.scenario import Scenario

_MOST_CLIPPED: Final = 0.5
_MOST_FALLBACKS: Final = 0.5


class Examiner:
    """Plays episodes and collects what they show."""

    def __init__(self, host: ListeningHost, limits: Limits) -> None:
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self.checks: set[str] = set()
        self.times: list[DecisionTimes] = []
        self._host = host
        self._limits = limits

    def examine(self, submission: Submission, scenarios: Sequence[Scenario]) -> None:
        """Do all checks on one track."""
        played = [(scenario, self._play(submission, scenario)) for scenario in scenarios]
        self._judge_bounds(submission.track, [episode for _, episode in played])
        self._judge_reports(submission, played)
        self.checks |= {"plays", "bounds", "reports"}
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
                self.examine_information(submission, scenario)

    def examine_information(self, submission: Submission, scenario: Scenario) -> None:
        """Play one scenario in worlds that look alike, and find what differs though it must not."""

        def play_world(world: Scenario, seed: EpisodeSeed) -> World:
            recording = RecordingHost(self._host)
            return World(self._timed(submission, world, seed, recording), recording.messages)

        self.checks.add("information")
        for message in examine_information(scenario, submission.track, play_world):
            self._report("information", submission, scenario, message)
        self._host.take_changes()  # told where all scenarios are played

    def _play(self, submission: Submission, scenario: Scenario) -> PlayedEpisode:
        played = self._repeat(submission, scenario)
        record = played.record
        if record.outcome != "ok":
            period = "" if record.failure_period is None else f"in period {record.failure_period}: "
            text = f"{period}{record.outcome}: {record.failure_message}"
            self._report("plays", submission, scenario, text, record.stderr_tail)
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

    def _judge_reports(self, submission: Submission, played: Sequence[tuple[Scenario, PlayedEpisode]]) -> None:
        """Find bounds that the controller itself refutes, and warn of one that mostly falls back.

        A report that cannot be read forfeits the episode, as "plays" tells.
        """
        for scenario, episode in played:
            profit, bound = episode.record.profit, episode.record.profit_bound
            if bound is not None and profit - bound > BOUND_TOLERANCE * max(1.0, abs(profit), abs(bound)):
                text = f"profit_bound is {bound:.6g}, but the controller itself made {profit:.6g}; it bounds nothing"
                self._report("reports", submission, scenario, text)
        fallbacks = sum(episode.record.fallbacks for _, episode in played)
        seats = [len(scenario.network.managed) if submission.track == "decentralised" else 1 for scenario, _ in played]
        decisions = sum(count * one.record.decisions for count, (_, one) in zip(seats, played, strict=True))
        if fallbacks > _MOST_FALLBACKS * decisions:
            text = f"{fallbacks} of {decisions} decisions were answered by the controller's fallback"
            self.warnings.append(Finding("reports", submission.track, "all scenarios", text))

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
        return self._timed(submission, scenario, PublicSeeds().episode(scenario.digest, 0), self._host)

    def _timed(self, submission: Submission, scenario: Scenario, seed: EpisodeSeed, host: Host) -> PlayedEpisode:
        """Play one episode and keep its times."""
        played = play(submission, scenario, seed, host, self._limits)
        assert played.record.decision_times is not None  # It was played just now.
        self.times.append(played.record.decision_times)
        return played

    def _report(
        self, check: str, submission: Submission, scenario: Scenario, message: str, stderr_tail: str = ""
    ) -> None:
        self.findings.append(Finding(check, submission.track, scenario.name, message, stderr_tail))


def _first_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> str | None:
    """Return where two series of orders, shape (periods, supply links), differ first; None if nowhere."""
    places = np.argwhere(one != other)
    return None if not len(places) else f"first in period {places[0][0]} on supply link {places[0][1]}"
