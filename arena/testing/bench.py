"""Plays the episodes that the checks of a controller look at, each when a check first asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arena.contract.seeds import EpisodeSeed, PublicSeeds
from arena.entry.submission import Submission
from arena.jail.limits import Limits
from arena.play.match import play
from arena.play.seats import Host
from arena.results.record import PlayedEpisode
from arena.results.timing import DecisionTimes
from arena.testing.apart import run_apart
from arena.testing.information import World, examine_information
from arena.testing.listener import ListeningHost
from arena.testing.recorder import RecordingHost
from arena.world.scenario import Scenario


class Play(NamedTuple):
    """An episode that was played once.

    Attributes:
        scenario: its scenario.
        episode: the episode.
        changes: what the controller changed of what it was handed, a sentence each.
    """

    scenario: Scenario
    episode: PlayedEpisode
    changes: tuple[str, ...]


class Repetition(NamedTuple):
    """An episode that was played again, twice in a row, after all scenarios had been played.

    Attributes:
        scenario: its scenario.
        first: as it was played first.
        second: played again.
        third: and once more.
    """

    scenario: Scenario
    first: PlayedEpisode
    second: PlayedEpisode
    third: PlayedEpisode


class Bench:
    """Episodes of submissions of one controller, one submission per track.

    Args:
        submissions: one per track.
        scenarios: what is played.
        host: seats the controllers.
        limits: deadlines.

    Attributes:
        submissions: as given.
        scenarios: as given.
        times: how long the decisions of every episode took.
        host: the host, which listens.
    """

    def __init__(
        self, submissions: Sequence[Submission], scenarios: Sequence[Scenario], host: Host, limits: Limits
    ) -> None:
        self.submissions = tuple(submissions)
        self.scenarios = tuple(scenarios)
        self.times: list[DecisionTimes] = []
        self.host = ListeningHost(host)
        self._limits = limits
        self._plays: dict[str, tuple[Play, ...]] = {}
        self._repetitions: dict[str, tuple[Repetition, ...]] = {}
        self._carried: dict[tuple[str, str], bool] = {}

    def plays(self, submission: Submission) -> tuple[Play, ...]:
        """Return every scenario, played once, in order."""
        if submission.track not in self._plays:
            self._plays[submission.track] = tuple(self._play(submission, scenario) for scenario in self.scenarios)
        return self._plays[submission.track]

    def repeatable(self, submission: Submission) -> tuple[Play, ...]:
        """Return the first play of every network that came to its end; once per network is enough for comparisons."""
        by_network: dict[str, Play] = {}
        for each in self.plays(submission):
            if each.episode.record.outcome == "ok":
                by_network.setdefault(each.scenario.network.name, each)
        return tuple(by_network.values())

    def repetitions(self, submission: Submission) -> tuple[Repetition, ...]:
        """Return one scenario of every network, played twice more after the plays of all scenarios."""
        if submission.track not in self._repetitions:
            found = []
            for each in self.repeatable(submission):
                second, third = (self._repeat(submission, each.scenario) for _ in range(2))
                found.append(Repetition(each.scenario, each.episode, second, third))
            self.host.take_changes()  # told of the first play already
            self._repetitions[submission.track] = tuple(found)
        return self._repetitions[submission.track]

    def carries_over(self, submission: Submission, scenario: Scenario) -> bool:
        """Tell whether repetitions of an episode differ only since the controller's process remembers the ones before.

        If they differ, it is played twice more, each time in a copy of this process, so that both begin with the same
        classes and modules: a controller that follows nothing else then orders the same.
        """
        place = (submission.track, scenario.name)
        if place not in self._carried:
            played = [each[1:] for each in self.repetitions(submission) if each.scenario.name == scenario.name]
            is_equal = all(np.array_equal(one.requested, each[0].requested) for each in played for one in each)
            self._carried[place] = not is_equal and self._is_equal_apart(submission, scenario)
        return self._carried[place]

    def _is_equal_apart(self, submission: Submission, scenario: Scenario) -> bool:
        if self.host.isolation != "trusted":
            return False  # Processes of controllers end with the episode.
        one, other = (run_apart(lambda: self._repeat(submission, scenario).requested) for _ in range(2))
        return one is not None and other is not None and np.array_equal(one, other)

    def information_differences(self, submission: Submission, scenario: Scenario, *, apart: bool = False) -> list[str]:
        """Play one scenario in worlds that look alike, and return what differs though it must not.

        Args:
            submission: who plays.
            scenario: what is played.
            apart: play every world in a copy of this process, so that none knows of the others.
        """

        def play_here(world: Scenario, seed: EpisodeSeed) -> World:
            recording = RecordingHost(self.host)
            return World(self._timed(submission, world, seed, recording), recording.messages)

        def play_world(world: Scenario, seed: EpisodeSeed) -> World:
            return (run_apart(lambda: play_here(world, seed)) if apart else None) or play_here(world, seed)

        found = list(examine_information(scenario, submission.track, play_world))
        self.host.take_changes()  # told where all scenarios are played
        return found

    def _play(self, submission: Submission, scenario: Scenario) -> Play:
        episode = self._repeat(submission, scenario)
        return Play(scenario, episode, tuple(sorted(self.host.take_changes())))

    def _repeat(self, submission: Submission, scenario: Scenario) -> PlayedEpisode:
        return self._timed(submission, scenario, PublicSeeds().episode(scenario.digest, 0), self.host)

    def _timed(self, submission: Submission, scenario: Scenario, seed: EpisodeSeed, host: Host) -> PlayedEpisode:
        """Play one episode and keep its times."""
        played = play(submission, scenario, seed, host, self._limits)
        assert played.record.decision_times is not None  # It was played just now.
        self.times.append(played.record.decision_times)
        return played
