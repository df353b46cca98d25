"""The arena's vector environment as Stable-Baselines3 trains on it, seen through a policy: inputs out, actions in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from arena import BatchState, Scenario, compile_scenario, step
from arena.envs import InventoryVectorEnv
from arena.training_worlds import ScenarioMix
from arena_rl.inputs.observations import Setting, Situation, near_one, point_places
from arena_rl.policies.actor import ActorPolicy, Frames

_RULE_NAMES = ("backlog", "noise_scale", "goodwill", "growth", "decay", "cap", "floor")


@dataclass(frozen=True)
class DrawnSetting(Setting):
    """The setting of a batch whose episodes differ in their rules.

    Attributes:
        drawn: rules as policies read them, (episodes, RULES).
    """

    drawn: Tensor

    @property
    def rules(self) -> Tensor:
        """What is told of the rules, by episode."""
        return self.drawn


class PolicyEnvironment(VecEnv):
    """A batch of randomised episodes: observations are a policy's inputs, actions its actions.

    The end of an episode is its true end, told with ``done`` and without ``TimeLimit.truncated``: a policy knows the
    time, and nothing is earned after the last period. Stocks left have no value then.

    Args:
        policy: gives inputs and turns actions into orders.
        scenario: gives the network and what the mix leaves alone.
        mix: what every episode is drawn from.
        count: number of episodes.
        keeps_decisions: whether inputs of post-decision states are kept, see `decided`.
    """

    def __init__(
        self, policy: ActorPolicy, scenario: Scenario, mix: ScenarioMix, count: int, *, keeps_decisions: bool = False
    ) -> None:
        self.policy = policy
        self.envs = InventoryVectorEnv(
            scenario, count, track="informed" if policy.shape.informed else "blind", randomisation=mix
        )
        self._compiled = compile_scenario(scenario)
        self._places = point_places(self._compiled)
        self._keeps_decisions = keeps_decisions
        self.decided: list[np.ndarray] = []
        """Inputs of the post-decision states since the last reset, (count, inputs) per period."""
        links, bound = self._compiled.links, policy.bound
        super().__init__(
            count,
            spaces.Box(-np.inf, np.inf, (policy.input_size,), np.float32),
            spaces.Box(-bound, bound, (links,), np.float32),
        )

    def reset(self) -> np.ndarray:
        """Begin new episodes; `seed` decides which."""
        observations, infos = self.envs.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self.decided.clear()
        return self._begin(observations, infos)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the coming period, (count, supply links)."""
        self._actions = torch.from_numpy(np.asarray(actions, dtype=np.float32))

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Play the period."""
        setting, situation = self._setting, self._situation
        with torch.no_grad():
            orders = setting.playable(self.policy.orders(setting, situation, self._actions), situation.period)
            costs = self.policy.cost(self._actions).numpy()
            if self._keeps_decisions:
                decided = post_decision(setting, situation, orders)
                self.decided.append(self.policy.frame(setting, decided).numpy())
        observations, rewards, _, ends, infos = self.envs.step(orders.numpy())
        inputs = self._begin(observations, infos) if ends[0] else self._look(observations, first=False)
        return inputs, (rewards - costs).astype(np.float32), ends, [{} for _ in range(self.num_envs)]

    def _begin(self, observations: np.ndarray, infos: dict[str, Any]) -> np.ndarray:
        told = [infos.get(name, np.zeros(self.num_envs)) for name in _RULE_NAMES]
        rules = torch.from_numpy(np.stack(told, axis=1).astype(np.float32))
        informed = self.policy.shape.informed
        self._setting = DrawnSetting(
            compiled=self._compiled,
            horizon=self.envs.scenario.horizon,
            order_bound=self.envs.scenario.order_bound,
            noise_scale=rules[:, 1] if informed else None,
            goodwill=None,
            informed=informed,
            drawn=near_one(rules),
        )
        self._seen: list[Tensor] = []
        self._moods: list[Tensor] = []
        self._frames = Frames(self.policy.shape.frames)
        return self._look(observations, first=True)

    def _look(self, observations: np.ndarray, *, first: bool) -> np.ndarray:
        """Read the contract's observation vector."""
        compiled, network, horizon = self._compiled, self._compiled.network, self.envs.scenario.horizon
        columns = torch.from_numpy(observations.astype(np.float32))
        sizes = [
            compiled.markets,
            compiled.markets,
            len(network.managed),
            network.pipeline_offsets[-1],
            1,
            1,
            len(network.components),
            compiled.links if compiled.owes_upstream else 0,
        ]
        demand, unfilled, on_hand, pipeline, _, mood, components, owed, ahead = columns.split_with_sizes(
            [*sizes, columns.shape[1] - sum(sizes)], dim=1
        )
        if not first:
            self._seen.append(demand)
            self._moods.append(mood[:, 0])
        period = len(self._seen)
        forecast = None
        if self.policy.shape.informed:
            forecast = ahead.reshape(self.num_envs, compiled.markets, -1).clone()
            forecast[:, :, horizon - period :] = 0.0
        nothing = columns.new_zeros((self.num_envs, compiled.markets, 0))
        situation = Situation(
            period=period,
            on_hand=torch.cat((on_hand, components), dim=1)[:, self._places],
            pipeline=pipeline,
            unfilled=unfilled,
            owed=owed if compiled.owes_upstream else columns.new_zeros((self.num_envs, compiled.links)),
            sentiment=mood[:, 0],
            demand=torch.stack(self._seen, dim=2) if self._seen else nothing,
            moods=torch.stack(self._moods, dim=1) if self._moods else nothing[:, 0],
            forecast=forecast,
        )
        with torch.no_grad():
            self._situation = self.policy.foreseen(self._setting, situation)
            return self._frames.with_latest(self.policy.frame(self._setting, self._situation)).numpy()

    # --- what else Stable-Baselines3 asks of an environment --------------------------------------------------------

    def close(self) -> None:
        """Nothing is to be closed."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute, once per episode; None where there is none."""
        return [getattr(self, attr_name, None) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute for all."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method once."""
        return [getattr(self, method_name)(*method_args, **method_kwargs)]

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """No episode is wrapped."""
        return [False for _ in self._get_indices(indices)]


def post_decision(setting: Setting, situation: Situation, orders: Tensor) -> Situation:
    """What is left when orders are placed and filled, deliveries are in, and no customer has come yet.

    It is the state after a period without demand, which follows from state and orders alone; waiting customers are
    served in it.

    Args:
        setting: of the batch; where its episodes differ in goodwill, sentiment is left as it was.
        situation: before the decision.
        orders: units, (episodes, supply links).
    """
    compiled = replace(setting.compiled, backlog=True, goodwill=None)
    due = situation.unfilled * setting.rules[:, :1]
    state = BatchState(
        period=situation.period,
        on_hand=situation.on_hand,
        pipeline=situation.pipeline,
        in_transit=torch.zeros_like(orders),
        owed=situation.owed,
        unfilled=due,
        shortfall=due,
        sentiment=situation.sentiment,
    )
    after, _ = step(compiled, state, orders, torch.zeros_like(situation.unfilled))
    return replace(situation, on_hand=after.on_hand, pipeline=after.pipeline, owed=after.owed, unfilled=after.unfilled)
