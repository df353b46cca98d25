"""Many episodes at once: the dynamics of a whole batch in one pass over numpy columns."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from arena.envs.beginnings import Beginnings, bounds
from arena.envs.layout import EnvTrack, MeanPaths, ObservationLayout
from arena.envs.single import resolve_scenario
from arena.envs.training_worlds import DrawnEpisodes, check_mix
from arena.errors import EpisodeEnded, unknown_name
from arena.schemas import seed_number
from arena.simulate.arrivals import Arrivals, draw_lead_times
from arena.simulate.blocks import BlockDynamics, BlockMovements, BlockState, are_blocks_faster
from arena.simulate.columns import NUMPY, Column
from arena.simulate.compiled import compile_scenario
from arena.simulate.customers import Customers, draw_history
from arena.simulate.dynamics import advance
from arena.simulate.orders import order_array, refuse_non_finite
from arena.simulate.states import Columns, Movements, initial_columns
from arena.simulate.streams import child_generator
from arena.training_worlds import ScenarioMix
from arena.world.customers import history_flags
from arena.world.scenario import Scenario

_MIX_STREAM = 0x6D6978  # keeps the stream of drawn scenarios apart from those of demand
_LEAD_TIME_STREAM = 0x6C6561640000  # and the first one of lead times by sub-environment, where streams are shared

#: Where the randomness of a batch comes from, see :class:`InventoryVectorEnv`.
Streams = Literal["shared", "independent"]


class InventoryVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """A batch of episodes of one scenario; all of them begin and end together.

    Observations have shape (num_envs, length), actions (num_envs, supply links), rewards (num_envs,), all float64, with
    the meaning of :class:`~arena.envs.single.InventoryEnv`. Observations are new arrays at every step, in Fortran order
    (contiguous over the batch).

    *Streams*: ``shared`` draws the demand of the whole batch from one generator: fast, reproducible from the seed and
    ``num_envs``, every sub-environment with demand of its own. ``independent`` gives sub-environment i a generator of
    its own, seeded ``seed + i`` (or ``seed[i]``): its observations and rewards equal those of a single environment with
    that seed, bit for bit. It is tens of times slower; use it to compare, not to train.

    *Windows and histories*: where the scenario has windows, every reset draws one for each sub-environment, told as
    ``window`` in its info; where it tells of the time before, ``history`` and ``history_in_stock``, arrays (num_envs,
    periods, market links), are there too. Both come from streams of their own.

    *Randomisation*: with a mix (`arena.training_worlds.ScenarioMix`) every reset draws a scenario for each sub-
    environment: demand, fulfilment, goodwill, initial stock, probabilities of random lead times. Network, horizon,
    observation layout and order bound stay those of the given scenario; the observation space is unbounded, since
    nothing bounds what a mix may draw. The demand drawn is that of every market link, and windows and correlation of
    the scenario take no part.
    Scenarios are drawn from a stream of their own, so that with independent streams sub-environment i equals a single
    environment of the i-th of `drawn_scenarios`, bit for bit. What a briefing would tell of the rules is in the info of
    every reset: ``backlog``, with a history ``history`` and ``history_in_stock``, and on the informed track
    ``noise_scale``, ``goodwill``, ``growth``, ``decay``, ``cap`` and ``floor``, arrays (num_envs, …).

    *Autoreset*, as Gymnasium defines the modes, declared in ``metadata["autoreset_mode"]``:

    - ``SAME_STEP`` (the default, and what Stable-Baselines3 and most training loops want): the step that ends the
      episodes returns the first observations of the next ones; ``info["final_obs"]`` and ``info["final_info"]`` hold
      what ended.
    - ``NEXT_STEP``: the step after the end ignores its actions and begins the next episodes, with reward 0. Gymnasium's
      vector wrappers of observations (``NormalizeObservation``, ``RescaleObservation`` and the like) want this mode and
      refuse ``SAME_STEP``, whose ``final_obs`` they would leave as they are.
    - ``DISABLED``: a step after the end raises; call ``reset``.

    *Info*: ``period``, ``sentiment`` and ``clipped_orders`` as arrays (num_envs,), each with its mask (``_period``, …)
    as is Gymnasium's custom.

    Args:
        scenario: name of a shipped scenario, path of a YAML file, or a scenario.
        num_envs: number of episodes in the batch.
        track: what is observed: ``blind``, or ``informed`` with the forecast.
        streams: ``shared`` or ``independent``.
        autoreset_mode: the mode or its name (``"SameStep"``, ``"NextStep"``, ``"Disabled"``).
        randomisation: what every reset draws scenarios from; None plays the given scenario only.

    Raises:
        UnknownName: If there is no such scenario, track, kind of streams or autoreset mode.
        InvalidInput: With every fault of the scenario's file.
        ValueError: If there is not at least one episode, or the mix does not fit the scenario: in its
            horizon, or in initial stocks that storages cannot hold.

    Example:
        >>> import numpy as np
        >>> from arena.envs import InventoryVectorEnv
        >>> envs = InventoryVectorEnv("serial-stationary-backlog", num_envs=4)
        >>> observations, infos = envs.reset(seed=42)
        >>> observations, rewards, terminations, truncations, infos = envs.step(np.full((4, 3), 20.0))
        >>> observations.shape, rewards.shape
        ((4, 15), (4,))
    """

    def __init__(
        self,
        scenario: str | Path | Scenario,
        num_envs: int = 1,
        *,
        track: EnvTrack = "blind",
        streams: Streams = "shared",
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        randomisation: ScenarioMix | None = None,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is at least 1, got {num_envs}")
        if streams not in get_args(Streams):
            raise unknown_name("kind of streams", str(streams), get_args(Streams))
        modes = [mode.value for mode in AutoresetMode]
        if not isinstance(autoreset_mode, AutoresetMode) and autoreset_mode not in modes:
            raise unknown_name("autoreset mode", str(autoreset_mode), modes)
        self.scenario = resolve_scenario(scenario)
        if randomisation is not None:
            check_mix(randomisation, self.scenario)
        self.randomisation = randomisation
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        self._compiled = compile_scenario(self.scenario)
        self._track: EnvTrack = track
        self._layout = ObservationLayout(self.scenario, self._compiled, track)
        self._order_bound, largest = bounds(self.scenario, self._compiled)
        self._shape = (num_envs, self._compiled.links)
        # What a mix may draw has no bound that holds for every draw to come.
        self.single_observation_space: spaces.Box = self._layout.space(largest if randomisation is None else np.inf)
        self.single_action_space = spaces.Box(0.0, self._order_bound, self._shape[1:], np.float64)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

        self._customers = Customers(self.scenario)
        self._means: MeanPaths | None = None
        # With shared streams one environment's streams of windows and histories serve all.
        self._beginnings = [Beginnings(self.scenario) for _ in range(num_envs if streams == "independent" else 1)]
        self._generators: list[np.random.Generator] | None = [] if streams == "independent" else None
        self._everyone = np.ones(num_envs, dtype=np.bool_)
        self._everyone.flags.writeable = False
        can_be_blocks = randomisation is None and self.scenario.visible_demand == "demand"
        in_blocks = can_be_blocks and are_blocks_faster(self._compiled, num_envs)
        self._dynamics = BlockDynamics(self._compiled) if in_blocks else None
        self._state: Columns | BlockState | None = None
        self._arrivals: Arrivals | None = None
        self._drawing: np.random.Generator | None = None
        self._drawn: DrawnEpisodes | None = None

    @property
    def drawn_scenarios(self) -> tuple[Scenario, ...]:
        """The scenario that each sub-environment plays since the last reset."""
        return (self.scenario,) * self.num_envs if self._drawn is None else self._drawn.scenarios

    # --- Gymnasium's methods ------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Begin a new episode in every sub-environment.

        Args:
            seed: of the random stream, or with independent streams also one per sub-environment; None continues.
            options: ``{"window": k}`` plays the k-th window of a scenario that has windows in all sub-environments,
                ``{"window": [0, 1, …]}`` one in each; else they are drawn. ``reset_mask`` is accepted if it asks for
                all sub-environments: they have one clock.

        Returns:
            The first observations, and info.

        Raises:
            TypeError: If a seed or a window is not a whole number.
            ValueError: If a seed is negative, seeds do not fit the streams, the mask leaves a sub-environment out,
                there is no such window, or scenarios are drawn, which have none.
        """
        mask = (options or {}).get("reset_mask")
        if mask is not None and not (np.shape(mask) == (self.num_envs,) and np.all(mask)):
            raise ValueError(
                "reset_mask asks for every sub-environment: all episodes of this vector environment begin and end "
                "together; leave the mask out, or use gymnasium.vector.SyncVectorEnv"
            )
        windows = self._beginnings[0].asked(options, self.num_envs)
        if windows is not None and self.randomisation is not None:
            raise ValueError("scenarios that are drawn have no windows: leave the option window out")
        seed = _plain(seed)
        self._seed(seed)
        if self.randomisation is not None:
            self._draw_scenarios(self.randomisation, seed)
        told = self._begin(windows) if self._drawn is None else self._drawn.briefing(self._track)
        self._state = self._initial()
        self._arrivals = self._draw_arrivals()
        info = self._info(self._state, 0)
        info |= told | dict.fromkeys([f"_{name}" for name in told], self._everyone)
        return self._observe(self._state, None), info

    def step(
        self, actions: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Play one period of every episode.

        Args:
            actions: orders in units, shape (num_envs, supply links), any real dtype.

        Returns:
            Observations, profits of the period, terminations (never), truncations (all or none), and info.

        Raises:
            ContractViolation: If an order is not finite, or shape or dtype are wrong.
            EpisodeEnded: After the last period, in mode ``DISABLED``.
            ResetNeeded: Before the first ``reset``.
        """
        state = self._state
        if state is None:
            raise ResetNeeded("no episode is running: call reset() before step()")
        terminations = np.zeros(self.num_envs, dtype=np.bool_)
        if state.period >= self.scenario.horizon:
            if self.autoreset_mode is not AutoresetMode.NEXT_STEP:
                raise EpisodeEnded(
                    f"the episodes are over after {self.scenario.horizon} periods: call reset() for the next"
                )
            observations, info = self.reset()
            return observations, np.zeros(self.num_envs), terminations, terminations.copy(), info

        orders, clipped = self._checked(actions)
        after, moved = self._advance(state, orders)
        self._state = after
        rewards = moved.reward if self._generators is None else self._exact_rewards(moved, state.period)
        observations, info = self._observe(after, moved), self._info(after, clipped)
        finished = after.period >= self.scenario.horizon
        truncations = np.full(self.num_envs, finished)
        if finished and self.autoreset_mode is AutoresetMode.SAME_STEP:
            each = np.fromiter(observations, dtype=np.object_, count=self.num_envs)
            final = {"final_obs": each, "final_info": info}
            observations, info = self.reset()
            info |= final | {"_final_obs": self._everyone, "_final_info": self._everyone}
        return observations, rewards, terminations, truncations, info

    # --- orders, demand, money ----------------------------------------------------------------------------------

    def _advance(
        self, state: Columns | BlockState, orders: NDArray[np.float64]
    ) -> tuple[Columns | BlockState, Movements | BlockMovements]:
        """Play a period, in whole blocks where the network is plain."""
        period, drawn = state.period, self._drawn
        draw = self._shared_demand if self._generators is None else self._independent_demand
        if isinstance(state, BlockState):
            assert self._dynamics is not None
            return self._dynamics.advance(state, orders, lambda sentiment: draw(period, sentiment))
        compiled, played = (self._compiled, state) if drawn is None else (drawn.compiled, drawn.played(state))
        arriving = () if self._arrivals is None else self._arrivals.in_period(period)
        return advance(compiled, played, [*orders], lambda sentiment: [*draw(period, sentiment)], NUMPY, None, arriving)

    def _checked(self, actions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | int]:
        """Orders within bounds, of their own memory, by supply link, and how many were clipped per sub-environment."""
        array = order_array(actions, self._shape, entries="(num_envs, supply links)")
        orders = np.ascontiguousarray(array.T)
        # NaN compares false, so one look at the extremes finds everything that needs care.
        if orders.min() >= 0.0 and orders.max() <= self._order_bound:
            return orders, 0
        unfit = np.flatnonzero(~np.isfinite(orders).all(axis=0))
        refuse_non_finite(orders, whose=f"of sub-environment {unfit[0]}" if unfit.size else "")
        within = np.clip(orders, 0.0, self._order_bound)
        return within, np.count_nonzero(within != orders, axis=0)

    def _shared_demand(self, period: int, sentiment: Column) -> NDArray[np.float64]:
        if self._drawn is not None:
            return np.array(self._drawn.demand(self.np_random, period, sentiment))
        return self._customers.shared(self.np_random, period, sentiment, is_calm=self._compiled.goodwill is None)

    def _independent_demand(self, period: int, sentiment: Column) -> NDArray[np.float64]:
        assert self._generators is not None
        if self._drawn is not None:
            return np.array(self._drawn.independent_demand(self._generators, period, sentiment))
        return np.array(self._customers.independent(self._generators, period, sentiment))

    def _exact_rewards(self, moved: Movements | BlockMovements, period: int) -> NDArray[np.float64]:
        # One dot product each: a product with the whole matrix adds up in another order and rounds differently.
        compiled, rows = self._compiled, np.ascontiguousarray(moved.rows.T)
        rewards = np.array([np.dot(compiled.reward_map, row) for row in rows])
        weight = compiled.period_weight(period)
        if weight != 1.0:
            rewards = rewards * weight
        if compiled.has_terminal_values and period + 1 == compiled.horizon:
            values = np.array([np.dot(compiled.terminal_reward_map, row) for row in rows])
            rewards = rewards + values * compiled.discount**compiled.horizon
        return rewards

    # --- beginnings ---------------------------------------------------------------------------------------------

    def _begin(self, windows: Sequence[int] | None) -> dict[str, Any]:
        """Choose windows unless they are given, and draw histories; what the info tells of them."""
        scenario, count = self.scenario, self.num_envs
        if scenario.windows == 1 and not scenario.history:
            self._customers.begin()
            return {}
        each = self._beginnings * (count if len(self._beginnings) == 1 else 1)
        windows = [one.choose() for one in each] if windows is None else windows
        played = [self._beginnings[0].scenario(window) for window in windows]
        told: dict[str, Any] = {"window": np.array(windows)} if scenario.windows > 1 else {}
        if scenario.windows > 1:
            paths = np.stack([one.mean_path for one in played], axis=2)
            self._means = MeanPaths(paths, scenario.smallest_means[:, None, None])
            self._customers = Customers(scenario, paths)
        self._customers.begin()
        if scenario.history:
            streams = self._generators or [self.np_random] * count
            if self._generators is None:
                histories = self._shared_histories(played)
            else:
                histories = [one.history(its, stream) for one, its, stream in zip(each, played, streams, strict=True)]
            told |= {"history": np.stack(histories), "history_in_stock": np.stack([*map(history_flags, played)])}
        return told

    def _shared_histories(self, played: Sequence[Scenario]) -> list[NDArray[np.float64]]:
        """Histories of a batch whose demand comes from one stream, market link by market link."""
        first = copy.deepcopy(self.np_random).random((self._compiled.markets, self.num_envs))
        remembering = self._beginnings[0].remembering
        return [draw_history(one, remembering, lambda i=i: first[:, i]) for i, one in enumerate(played)]  # type: ignore[misc]

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        self._seed_demand(seed)
        given = [seed] if seed is None or isinstance(seed, int) else list(seed)
        if seed is None or len(self._beginnings) == 1:
            seeds = given[:1] * len(self._beginnings)
        else:
            seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else given
        for one, number in zip(self._beginnings, seeds, strict=True):
            one.seed(number)

    def _seed_demand(self, seed: int | Sequence[int | None] | None) -> None:
        if self._generators is None:
            if seed is not None and not isinstance(seed, int):
                raise ValueError(
                    "streams are shared, so there is one seed; "
                    'make the environment with streams="independent" to seed each sub-environment'
                )
            super().reset(seed=seed)
            return
        if seed is None or isinstance(seed, int):
            seeds: list[int | None] = [None if seed is None else seed + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"there is one seed per sub-environment: num_envs is {self.num_envs}, got {len(seeds)}")
        if not self._generators:
            self._generators = [seeding.np_random(each)[0] for each in seeds]
            return
        for i, each in enumerate(seeds):
            if each is not None:
                self._generators[i] = seeding.np_random(each)[0]

    def _draw_scenarios(self, mix: ScenarioMix, seed: int | Sequence[int | None] | None) -> None:
        seeds = [seed] if seed is None or isinstance(seed, int) else list(seed)
        given = [each for each in seeds if each is not None]
        if given or self._drawing is None:
            self._drawing = np.random.default_rng([_MIX_STREAM, *given] if given else None)
        self._drawn = DrawnEpisodes(self.scenario, self._compiled, mix, self._drawing, self.num_envs)

    def _initial(self) -> Columns | BlockState:
        if self._dynamics is not None:
            return self._dynamics.initial(self.num_envs)
        columns = initial_columns(self._compiled, lambda value: np.full(self.num_envs, value))
        if self._drawn is not None:
            columns.on_hand = self._drawn.on_hand(self._compiled)
        return columns

    def _draw_arrivals(self) -> Arrivals | None:
        network = self.scenario.network
        if not network.varying_links:
            return None
        if self._drawn is not None and self._drawn.has_lead_times:
            shared = (child_generator(self.np_random, _LEAD_TIME_STREAM + i) for i in range(self.num_envs))
            table = self._drawn.lead_times(self._generators or list(shared))
        elif self._generators is None:
            table = draw_lead_times(self.scenario, self.np_random, self.num_envs)
        else:
            table = np.stack([draw_lead_times(self.scenario, stream) for stream in self._generators], axis=2)
        return Arrivals(network, table, lambda arrives: arrives.astype(np.float64))

    def _observe(self, state: Columns | BlockState, last: Movements | BlockMovements | None) -> NDArray[np.float64]:
        return self._layout.batch(state, last, self._means if self._drawn is None else self._drawn.means)

    def _info(self, state: Columns | BlockState, clipped: NDArray[np.float64] | int) -> dict[str, Any]:
        info: dict[str, Any] = {
            "period": np.full(self.num_envs, state.period),
            "sentiment": state.sentiment.copy(),
            "clipped_orders": np.zeros(self.num_envs, dtype=np.int64) if isinstance(clipped, int) else clipped,
        }
        return info | dict.fromkeys([f"_{name}" for name in info], self._everyone)


def _plain(seed: int | Sequence[int | None] | None) -> int | list[int | None] | None:
    """Return seeds as Python's integers, which alone Gymnasium takes; numpy's and arrays of them become such."""
    if (isinstance(seed, Sequence) and not isinstance(seed, str)) or (isinstance(seed, np.ndarray) and seed.ndim):
        return [None if each is None else seed_number(each) for each in seed]
    return None if seed is None else seed_number(seed)


__all__ = ["InventoryVectorEnv", "Streams"]
