"""One episode at a time: the scored simulator as a Gymnasium environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from arena.contract.kpi import Kpis, measure
from arena.contract.orders import check_orders
from arena.envs.beginnings import Beginnings, bounds
from arena.envs.layout import EnvTrack, ObservationLayout
from arena.errors import EpisodeEnded, unknown_name
from arena.schemas import seed_number
from arena.simulate.compiled import compile_scenario
from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario

RENDER_MODES = ("ansi", "rgb_array")


def resolve_scenario(scenario: str | Path | Scenario) -> Scenario:
    """A scenario from the name of a shipped one, the path of a YAML file, or itself.

    Raises:
        UnknownName: With the closest names, if nothing of that name exists.
        InvalidInput: With every fault of the file.
    """
    return scenario if isinstance(scenario, Scenario) else load_scenario(scenario)


class InventoryEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A supply network to be managed over one episode.

    *Observation*: the contract's flat vector of the track, float64, of what is known before the coming period, see
    :mod:`arena.envs.layout`. It lies in the observation space, whose bound follows from the scenario
    (:mod:`arena.envs.reach`): ±1e6 on the published rows. *Action*: orders in units, one per supply link, within
    [0, largest order] (`Scenario.order_bound`); what lies outside is clipped and counted, as in a scored match. An
    order above 0, however small, buys the whole minimum order or lot of a link that has one, so give exactly 0 where
    nothing is wanted. *Reward*: profit of the whole network in the period, money. A scenario's `discount` is inside
    the reward: period t counts ``discount**t``, and the sum of rewards is the score. Train such a scenario without
    another discount (γ = 1). The episode is truncated after the scenario's horizon and never terminates.

    *Seeds*: ``reset(seed=42)`` plays exactly the demand of ``Simulator.start(42)``, the stream of a scored episode.
    ``reset()`` continues the stream; an environment that was never seeded draws its seed from the operating system.
    Windows of a scenario that has some are drawn at every reset, from a stream of their own.

    *Info* of ``reset`` and ``step``: ``period`` (the coming one, from 0), ``sentiment`` (of the last period) and
    ``clipped_orders`` (how many of the orders just given were clipped); after the last period also ``kpis`` if asked
    for. Of ``reset`` also ``window`` where there are several, and, where the scenario tells of the time before,
    ``history`` and ``history_in_stock``, arrays (periods, market links).

    Args:
        scenario: name of a shipped scenario, path of a YAML file, or a scenario.
        track: what is observed: ``blind``, or ``informed`` with the forecast.
        render_mode: None, ``ansi`` (a table) or ``rgb_array`` (a picture, needs matplotlib).
        kpis: whether ``info["kpis"]`` holds the KPIs of the episode after its last period. Measuring them costs as much
            time as ten to twenty periods; :meth:`kpis` measures on demand.

    Raises:
        UnknownName: If there is no such scenario, track or render mode.
        InvalidInput: With every fault of the scenario's file.

    Example:
        >>> import numpy as np
        >>> from arena.envs import InventoryEnv
        >>> env = InventoryEnv("serial-stationary-backlog")
        >>> observation, info = env.reset(seed=42)
        >>> truncated, profit = False, 0.0
        >>> while not truncated:
        ...     observation, reward, terminated, truncated, info = env.step(np.full(3, 20.0))
        ...     profit += reward
        >>> round(profit, 2)
        758.03
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        scenario: str | Path | Scenario,
        *,
        track: EnvTrack = "blind",
        render_mode: str | None = None,
        kpis: bool = False,
    ) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise unknown_name("render mode", str(render_mode), RENDER_MODES)
        self.render_mode = render_mode
        self.scenario = resolve_scenario(scenario)
        compiled = compile_scenario(self.scenario)
        self._compiled = compiled
        self._beginnings = Beginnings(self.scenario)
        self._simulator = Simulator(self.scenario, compiled)
        self._layout = ObservationLayout(self.scenario, compiled, track)
        self._shape = (compiled.links,)
        self._order_bound, largest = bounds(self.scenario, compiled)
        self._with_kpis = kpis
        self._has_begun = False
        self.observation_space = self._layout.space(largest)
        self.action_space = spaces.Box(0.0, self._order_bound, self._shape, np.float64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Begin a new episode.

        Args:
            seed: of the random stream; None continues it.
            options: ``{"window": k}`` plays the k-th window of a scenario that has windows; else one is drawn.

        Returns:
            The first observation, and info.

        Raises:
            ValueError: If there is no such window.
        """
        number = None if seed is None else seed_number(seed)
        super().reset(seed=number)
        self._beginnings.seed(number)
        window = self._beginnings.choose(options)
        played = self._beginnings.scenario(window)
        if played is not self._simulator.scenario:
            self._simulator = Simulator(played, self._compiled)
        told = self._beginnings.told(window, played, self.np_random)
        self._simulator.start(self.np_random)
        self._has_begun = True
        columns = self._simulator.columns
        info = {"period": 0, "sentiment": columns.sentiment, "clipped_orders": 0, **told}
        return self._layout.single(columns, None, played.mean_path), info

    def step(self, action: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, bool, bool, dict[str, Any]]:
        """Play one period.

        Args:
            action: orders in units, one per supply link, any real dtype.

        Returns:
            Observation, profit of the period, False (never terminated), whether that was the last period, and info.

        Raises:
            ContractViolation: If an order is not finite, or shape or dtype are wrong.
            EpisodeEnded: After the last period.
            ResetNeeded: Before the first ``reset``.
        """
        simulator = self._simulator
        if simulator.finished:
            raise EpisodeEnded(f"the episode is over after {self.scenario.horizon} periods: call reset() for the next")
        if not self._has_begun:
            raise ResetNeeded("no episode is running: call reset() before step()")
        clipped = 0
        if not self._is_within_bounds(action):
            checked = check_orders(action, self._order_bound, self._shape[0])
            action, clipped = checked.orders, checked.clipped
        reward = simulator.step(action)
        columns, last, finished = simulator.columns, simulator.last, simulator.finished
        assert last is not None
        info = {"period": columns.period, "sentiment": columns.sentiment, "clipped_orders": clipped}
        if finished and self._with_kpis:
            info["kpis"] = self.kpis().model_dump()
        return self._layout.single(columns, last, simulator.scenario.mean_path), reward, False, finished, info

    def _is_within_bounds(self, action: NDArray[np.float64]) -> bool:
        """Whether orders can go to the simulator as they are; it still refuses NaN, which compares as it likes."""
        if type(action) is not np.ndarray or action.shape != self._shape or action.dtype.kind not in "fiu":
            return False
        orders = action.tolist()
        return bool(min(orders) >= 0.0 and max(orders) <= self._order_bound)

    def ledger(self) -> Ledger:
        """Everything that happened in the episode so far, as read-only arrays."""
        return self._simulator.ledger()

    def kpis(self) -> Kpis:
        """The KPIs of the periods played so far.

        Raises:
            ValueError: If none was played.
        """
        return measure(self._simulator.ledger(), self.scenario)

    def render(self) -> Any:
        """The network after the last period: text (``ansi``) or uint8 pixels of shape (height, width, 3).

        Returns:
            None, with Gymnasium's warning, if no render mode was chosen.

        Raises:
            ResetNeeded: Before the first ``reset``.
            ArenaError: If ``rgb_array`` was chosen and matplotlib is missing.
        """
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render() draws nothing without a render mode; "
                f'make the environment with render_mode="{RENDER_MODES[0]}" or "{RENDER_MODES[1]}"'
            )
            return None
        if not self._has_begun:
            raise ResetNeeded("no episode is running: call reset() before render()")
        from arena.envs.render import render

        return render(self.render_mode, self.scenario, self._simulator)
