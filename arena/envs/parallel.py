"""One agent per managed node: the decentralised track as a PettingZoo environment.

Importing this module needs PettingZoo: ``pip install pettingzoo``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from numpy.typing import NDArray

from arena.contract.messages import LocalObservation
from arena.contract.orders import check_orders
from arena.contract.tracks import TrackView
from arena.envs.beginnings import Beginnings, bounds
from arena.envs.layout import ObservationLayout
from arena.envs.single import RENDER_MODES, resolve_scenario
from arena.errors import ContractViolation, EpisodeEnded, Fault, InvalidInput, suggest, unknown_name
from arena.schemas import seed_number
from arena.simulate.compiled import compile_scenario
from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator
from arena.world.scenario import LARGEST_QUANTITY, Scenario

try:
    from pettingzoo import ParallelEnv
except ImportError as error:
    raise ImportError("the parallel environment needs PettingZoo; install it with: pip install pettingzoo") from error

#: Whose profit an agent is rewarded with, see :class:`ParallelInventoryEnv`.
Reward = Literal["network", "node"]

Observations = dict[str, np.ndarray]
Infos = dict[str, dict[str, Any]]


class ParallelInventoryEnv(ParallelEnv[str, np.ndarray, np.ndarray]):
    """A supply network managed by one agent per node, ``node_<id>``, all ordering at once.

    *Observation* of an agent: what the decentralised track shows of its node, flat, float64: last demand and last
    unfilled of its own market links, its on hand, the pipeline slots of its inbound links, the period, sentiment; where
    the scenario has them, its component stock, what its suppliers owe, its orders that suppliers have not seen, what it
    received by link and by age, and whether its shelf was empty (`LocalObservation.vector`); then the orders requested
    from it in the last period, one per outbound supply link, and, where upstream shortage is owed, what it owes on
    each of them.
    *Action*: orders in units on its inbound links, within [0, 1 000 000], the bound of the decentralised track; what
    lies outside is clipped and counted in ``info["clipped_orders"]``. The boxes of observations and ``state_space``
    have one finite bound, which no observation exceeds (:mod:`arena.envs.reach`): 1e8 on the published networks, since
    a node may order 1 000 000 units of raw material in every period. All agents are truncated together after the
    horizon; none is terminated. ``state()`` is the blind track's vector of the whole network.

    *Reward*: ``network`` gives every agent the whole network's profit of the period. It is the default, because that
    sum is what a decentralised submission is scored by. ``node`` gives each agent its own node's profit (what it is
    paid by buyers and customers less its costs); over the agents they add up to the network's. Both are discounted as
    in :class:`~arena.envs.single.InventoryEnv`.

    *Seeds*: as in :class:`~arena.envs.single.InventoryEnv`; ``reset(seed=42)`` plays the demand of
    ``Simulator.start(42)``.

    Args:
        scenario: name of a shipped scenario, path of a YAML file, or a scenario.
        reward: ``network`` or ``node``.
        render_mode: None, ``ansi`` (a table) or ``rgb_array`` (a picture, needs matplotlib).

    Raises:
        UnknownName: If there is no such scenario, reward or render mode.
        InvalidInput: With every fault of the scenario's file; or if mean demand exceeds 1 000 000 units a period, which
            the order bound of this track could not serve.

    Example:
        >>> import numpy as np
        >>> from arena.envs.parallel import parallel_env
        >>> env = parallel_env("serial-trend-seasonal-backlog-decentralised")
        >>> observations, infos = env.reset(seed=42)
        >>> env.agents
        ['node_1', 'node_2', 'node_3']
        >>> orders = {agent: np.full(1, 20.0) for agent in env.agents}
        >>> observations, rewards, terminations, truncations, infos = env.step(orders)
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo has it
        "name": "inventory_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "is_parallelizable": True,
    }

    def __init__(
        self, scenario: str | Path | Scenario, *, reward: Reward = "network", render_mode: str | None = None
    ) -> None:
        if reward not in get_args(Reward):
            raise unknown_name("reward", str(reward), get_args(Reward))
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise unknown_name("render mode", str(render_mode), RENDER_MODES)
        self.scenario = resolve_scenario(scenario)
        faults = self.scenario.faults_by_node()
        if faults:
            raise InvalidInput([Fault(self.scenario.name, *fault) for fault in faults])
        self.reward = reward
        self.render_mode = render_mode
        self._compiled = compile_scenario(self.scenario)
        self._beginnings = Beginnings(self.scenario)
        self._simulator = Simulator(self.scenario, self._compiled)
        self._layout = ObservationLayout(self.scenario, self._compiled, "blind")
        self._generator: np.random.Generator | None = None
        self._has_begun = False
        managed = self.scenario.network.managed
        self.possible_agents = [f"node_{node}" for node in managed]
        self.agents: list[str] = []
        self._views = {
            agent: TrackView(self.scenario, "decentralised", node)
            for agent, node in zip(self.possible_agents, managed, strict=True)
        }
        _, bound = bounds(self.scenario, self._compiled, LARGEST_QUANTITY)
        self.state_space = self._layout.space(bound)
        self._observation_boxes = {
            agent: spaces.Box(-bound, bound, vector.shape, np.float64) for agent, vector in self._observe().items()
        }
        self._action_boxes = {
            agent: spaces.Box(0.0, view.largest_order, (len(view.links),), np.float64)
            for agent, view in self._views.items()
        }
        self.observation_spaces = dict(self._observation_boxes)
        self.action_spaces = dict(self._action_boxes)

    def observation_space(self, agent: str) -> spaces.Box:
        """The observation space of an agent, the same object at every call."""
        return self._observation_boxes[agent]

    def action_space(self, agent: str) -> spaces.Box:
        """The action space of an agent, the same object at every call."""
        return self._action_boxes[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Begin a new episode.

        Args:
            seed: of the random stream; None continues it.
            options: ``{"window": k}`` plays the k-th window of a scenario that has windows; else one is drawn.

        Returns:
            The first observation and an info of every agent; where the scenario tells of the time before, with the
            ``history`` and ``history_in_stock`` of its own market links.

        Raises:
            ValueError: If there is no such window.
        """
        number = None if seed is None else seed_number(seed)
        if number is not None or self._generator is None:
            self._generator = seeding.np_random(number)[0]
        self._beginnings.seed(number)
        window = self._beginnings.choose(options)
        played = self._beginnings.scenario(window)
        if played is not self._simulator.scenario:
            self._simulator = Simulator(played, self._compiled)
        told = self._beginnings.told(window, played, self._generator)
        self._simulator.start(self._generator)
        self._has_begun = True
        self.agents = list(self.possible_agents)
        infos: Infos = {}
        for agent, view in self._views.items():
            markets = list(self.scenario.network.markets_of(view.node or 0))
            own = {name: value[:, markets] if isinstance(value, np.ndarray) else value for name, value in told.items()}
            infos[agent] = {"clipped_orders": 0, **own}
        return self._observe(), infos

    def step(
        self, actions: Mapping[str, NDArray[np.float64]]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play one period.

        Args:
            actions: orders in units of every agent, one per inbound link of its node.

        Returns:
            Observations, rewards, terminations (never), truncations (all or none) and infos, by agent.

        Raises:
            ContractViolation: If an agent's orders are missing, not finite, or of wrong shape or dtype, or if they are
                of an agent that does not exist.
            EpisodeEnded: After the last period.
            ResetNeeded: Before the first ``reset``.
        """
        simulator = self._simulator
        if not self._has_begun:
            raise ResetNeeded("no episode is running: call reset() before step()")
        if simulator.finished:
            raise EpisodeEnded(f"the episode is over after {self.scenario.horizon} periods: call reset() for the next")
        for agent in actions:
            if agent not in self._views:
                hint = suggest(str(agent), self.possible_agents)
                raise ContractViolation("bad_shape", f"orders come from an unknown agent {agent!r}; {hint}")
        orders = np.zeros(self._compiled.links)
        infos: Infos = {}
        for agent, view in self._views.items():
            if agent not in actions:
                raise ContractViolation("bad_shape", f"orders of {agent} are missing; every agent orders every period")
            try:
                checked = check_orders(actions[agent], view.largest_order, len(view.links))
            except ContractViolation as violation:
                raise ContractViolation(violation.code, f"{agent}: {violation.message}") from None
            orders[list(view.links)] = checked.orders
            infos[agent] = {"clipped_orders": checked.clipped}
        period = simulator.period
        profit = simulator.step(orders)
        agents, finished = self.agents, simulator.finished
        rewards = dict.fromkeys(agents, profit)
        if self.reward == "node":
            assert simulator.last is not None
            profits = self._compiled.node_profits(simulator.last.rows, period)
            rewards = dict(zip(agents, profits.tolist(), strict=True))
        if finished:
            self.agents = []
        return self._observe(), rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, finished), infos

    def state(self) -> NDArray[np.float64]:
        """The whole network, as the blind track's observation vector: for training with a central critic."""
        return self._layout.single(self._simulator.columns, self._simulator.last)

    def ledger(self) -> Ledger:
        """Everything that happened in the episode so far, as read-only arrays."""
        return self._simulator.ledger()

    def render(self) -> Any:
        """The network after the last period: text (``ansi``) or uint8 pixels of shape (height, width, 3).

        Returns:
            None, with Gymnasium's warning, if no render mode was chosen.

        Raises:
            ResetNeeded: Before the first ``reset``.
            ArenaError: If ``rgb_array`` was chosen and matplotlib is missing.
        """
        if self.render_mode is None:
            gymnasium.logger.warn('render() draws nothing without a render mode; choose render_mode="ansi"')
            return None
        if not self._has_begun:
            raise ResetNeeded("no episode is running: call reset() before render()")
        from arena.envs.render import render

        return render(self.render_mode, self.scenario, self._simulator)

    def _observe(self) -> Observations:
        state = self._simulator.state
        observations = {}
        for agent, view in self._views.items():
            seen = view.observe(state)
            assert isinstance(seen, LocalObservation)
            owed = (seen.owed_to_buyers,) if seen.owed_shown else ()
            observations[agent] = np.concatenate((seen.vector, seen.incoming_orders, *owed))
        return observations


def parallel_env(
    scenario: str | Path | Scenario, *, reward: Reward = "network", render_mode: str | None = None
) -> ParallelInventoryEnv:
    """Make a :class:`ParallelInventoryEnv`, under the name by which PettingZoo's users look for it."""
    return ParallelInventoryEnv(scenario, reward=reward, render_mode=render_mode)
