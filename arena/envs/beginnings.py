"""How the episodes of an environment begin: which window of data is played, and what was before period 0."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.envs.reach import observation_bound
from arena.schemas import whole_number
from arena.simulate.compiled import CompiledScenario
from arena.simulate.customers import draw_history, history_generator, window_generator
from arena.world.customers import history_flags
from arena.world.scenario import Scenario


class Beginnings:
    """Windows and histories of one environment, from streams of their own beside that of demand.

    Args:
        scenario: what is played, with all its windows.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._windows: dict[int, Scenario] = {}
        self._entropy: Any = None
        self._choosing: np.random.Generator | None = None
        self._remembering: np.random.Generator | None = None

    def seed(self, seed: int | None) -> None:
        """Begin the streams of a seed; None continues them, or begins them with a seed of the operating system."""
        if seed is None and self._entropy is not None:
            return
        self._entropy = np.random.SeedSequence().entropy if seed is None else seed
        # Made when something is taken from them: most scenarios have neither windows nor a history.
        self._choosing = self._remembering = None

    def choose(self, options: dict[str, Any] | None = None) -> int:
        """The window that the next episode plays.

        Args:
            options: of a reset; its `window` is taken where it is given.

        Raises:
            TypeError: If the window is not a whole number.
            ValueError: If there is no such window.
        """
        asked = self.asked(options, 1)
        if asked is not None:
            return asked[0]
        if self._scenario.windows == 1:
            return 0
        if self._choosing is None:
            self._choosing = window_generator(self._entropy)
        return int(self._choosing.integers(self._scenario.windows))

    def asked(self, options: dict[str, Any] | None, count: int) -> list[int] | None:
        """The windows that the options of a reset ask for, one per episode; None if they are to be drawn.

        Args:
            options: of a reset; its `window` is one for all episodes, or one for each.
            count: number of episodes.

        Raises:
            TypeError: If a window is not a whole number.
            ValueError: If there is no such window, or their number is another one.
        """
        asked = (options or {}).get("window")
        if asked is None:
            return None
        is_one = np.ndim(asked) == 0
        windows = [whole_number(each, "window") for each in ([asked] * count if is_one else asked)]
        if len(windows) != count:
            raise ValueError(f"there is one window per sub-environment: num_envs is {count}, got {len(windows)}")
        for window in windows:
            self.scenario(window)
        return windows

    def scenario(self, window: int) -> Scenario:
        """The scenario of a window.

        Raises:
            ValueError: If there is no such window.
        """
        if self._scenario.windows == 1 and window:
            raise ValueError(f"scenario {self._scenario.name} has one window, and window {window} is asked for")
        if window not in self._windows:
            self._windows[window] = self._scenario.window_at(window)
        return self._windows[window]

    @property
    def remembering(self) -> np.random.Generator:
        """The stream of histories."""
        if self._remembering is None:
            self._remembering = history_generator(self._entropy)
        return self._remembering

    def history(self, scenario: Scenario, generator: np.random.Generator) -> NDArray[np.float64]:
        """Demand before the next episode, units, shape (history, market links).

        Args:
            scenario: of its window.
            generator: the stream that its demand will be drawn from; nothing is taken from it.
        """
        markets = len(scenario.network.market_links)
        return draw_history(scenario, self.remembering, lambda: copy.deepcopy(generator).random(markets))

    def told(self, window: int, scenario: Scenario, generator: np.random.Generator) -> dict[str, Any]:
        """What the info of a reset tells of the beginning: `window`, `history` and `history_in_stock`, where there are.

        Args:
            window: that is played.
            scenario: of that window.
            generator: the stream that demand will be drawn from.
        """
        info: dict[str, Any] = {"window": window} if self._scenario.windows > 1 else {}
        if scenario.history:
            info |= {"history": self.history(scenario, generator), "history_in_stock": history_flags(scenario)}
        return info


def bounds(scenario: Scenario, compiled: CompiledScenario, order_bound: float | None = None) -> tuple[float, float]:
    """The largest order and the largest entry of an observation in any window, units.

    Args:
        scenario: what is played.
        compiled: the scenario compiled.
        order_bound: the largest order, where it does not follow from the scenario.
    """
    played = [scenario.window_at(window) for window in range(scenario.windows)] if scenario.windows > 1 else [scenario]
    most = max(each.order_bound for each in played) if order_bound is None else order_bound
    return most, max(observation_bound(each, compiled, most) for each in played)
