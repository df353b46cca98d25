"""Episodes of the fit, of any world that the fitted rule plays: the rule itself in the simulator, one by one.

`arena_llm.fitting.batch` plays the published worlds some hundred times as fast, by a second definition of the rule's
estimates. Worlds with parts beyond the first schema, a history, windows, bills of materials, lots or owed shortages
are played here, by the controller's own code.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from arena import Fault, InvalidInput, Scenario, Simulator, TrackView, describe_part, parts_of, realised_history
from arena_llm import FITTED_PLAYS
from arena_llm.fitting.batch import BatchOfEpisodes, obstacle_to_a_batch
from arena_llm.parameters import make_parameters
from arena_llm.rule import FloatArray, OrderingRule
from arena_llm.schedule import stage_of


class Episodes(Protocol):
    """Many episodes of one scenario, each with parameters of its own."""

    def play(self, schedules: FloatArray, seed: int) -> FloatArray:
        """Play all episodes to their end.

        Args:
            schedules: parameters of every episode and stage, shape (episodes, stages, 6).
            seed: of the random stream.

        Returns:
            Profit of every episode, money, (episodes,).
        """


class SimulatedEpisodes:
    """Plays one scenario many times, one episode after the other; see `Episodes`.

    Episode i plays the seed + i, and the window of index i where the scenario has windows, from the first one again
    after the last.

    Args:
        scenario: what is played.
        track: what is seen.
        episodes: how many.

    Raises:
        InvalidInput: the scenario has a part that the fitted rule does not play.
    """

    def __init__(self, scenario: Scenario, track: Literal["blind", "informed"], episodes: int) -> None:
        refuse_unplayed(scenario)
        self._track: Literal["blind", "informed"] = track
        self._windows = [scenario.window_at(index) for index in range(min(scenario.windows, episodes))]
        self._views = [TrackView(window, track) for window in self._windows]
        self._simulators = [Simulator(window) for window in self._windows]

    def play(self, schedules: FloatArray, seed: int) -> FloatArray:
        """Play all episodes to their end; see `Episodes.play`."""
        return np.array([self._play_one(values, seed, index) for index, values in enumerate(schedules)])

    def _play_one(self, values: FloatArray, seed: int, index: int) -> float:
        place = index % len(self._windows)
        scenario, view, simulator = self._windows[place], self._views[place], self._simulators[place]
        schedule = [make_parameters(stage) for stage in values.tolist()]
        history = realised_history(scenario, seed + index)
        rule = OrderingRule(view.brief(seed=0, time_budget=1.0, history=history))
        simulator.start(seed + index)
        profit = 0.0
        while not simulator.finished:
            stage = stage_of(simulator.period, scenario.horizon, len(schedule))
            orders = rule.orders(view.observe(simulator.state), schedule[stage])
            profit += simulator.step(np.clip(orders, 0.0, view.largest_order))
        return profit


def episodes_of(scenario: Scenario, track: Literal["blind", "informed"], episodes: int) -> Episodes:
    """Choose how a scenario is played: all episodes at once where that is the same, else one by one.

    Raises:
        InvalidInput: the scenario has a part that the fitted rule does not play.
    """
    if obstacle_to_a_batch(scenario) is None:
        return BatchOfEpisodes(scenario, track, episodes)
    return SimulatedEpisodes(scenario, track, episodes)


def refuse_unplayed(*scenarios: Scenario) -> None:
    """Refuse scenarios with parts that the fitted rule does not play.

    Raises:
        InvalidInput: naming every such scenario and its parts.
    """
    faults = []
    for scenario in scenarios:
        unplayed = [part for part in parts_of(scenario) if part not in FITTED_PLAYS]
        if unplayed:
            rule = f"the rule that is fitted does not play: {', '.join(map(describe_part, unplayed))}"
            faults.append(Fault("training", "scenarios", scenario.name, rule, "leave this scenario out"))
    if faults:
        raise InvalidInput(faults)
