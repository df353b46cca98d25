"""The arena's vector environment for Stable-Baselines3: observations are a policy's features, actions its actions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from arena import BatchState, Scenario, compile_scenario, step
from arena.envs import InventoryVectorEnv
from arena.training_worlds import ScenarioMix
from arena_rl.inputs.observations import (
    BatchBriefing,
    BatchObservation,
    DemandHistory,
    scale_rules,
)
from arena_rl.policies.actor import ActorPolicy, Frames

_RULE_NAMES = ("backlog", "noise_scale", "goodwill", "growth", "decay", "cap", "floor")


@dataclass(frozen=True)
class RandomisedBriefing(BatchBriefing):
    """Briefing of a batch whose episodes differ in their rules.

    Attributes:
        drawn_rules: rules as policies read them, (episodes, RULES).
    """

    drawn_rules: Tensor

    @property
    def rules(self) -> Tensor:
        """Rules as policies read them, by episode, (episodes, RULES)."""
        return self.drawn_rules

    def backlog(self, observation: BatchObservation) -> Tensor:
        """Backlog of the market links, units, (episodes, market links); 0 where unfilled demand is lost."""
        return observation.unfilled * self.rules[:, :1]


class PolicyEnvironment(VecEnv):
    """Batch of randomised episodes, seen through a policy.

    An episode ends with ``done`` and without ``TimeLimit.truncated``: a policy knows the time, and nothing is earned
    after the last period. Stocks left have no value then.

    Args:
        policy: computes features and converts actions to orders.
        scenario: gives the network and all that the mix does not draw.
        mix: distribution of the episodes.
        count: number of episodes.
        keep_post_decision: whether features of post-decision states are kept, see `post_decision_frames`.
    """

    def __init__(
        self, policy: ActorPolicy, scenario: Scenario, mix: ScenarioMix, count: int, *, keep_post_decision: bool = False
    ) -> None:
        self.policy = policy
        self.envs = InventoryVectorEnv(
            scenario, count, track="informed" if policy.shape.informed else "blind", randomisation=mix
        )
        self._compiled = compile_scenario(scenario)
        self._keep_post_decision = keep_post_decision
        self.post_decision_frames: list[NDArray[np.float32]] = []
        """Features of the post-decision states since the last reset, (count, features) per period."""
        links, bound = self._compiled.links, policy.bound
        super().__init__(
            count,
            spaces.Box(-np.inf, np.inf, (policy.input_size,), np.float32),
            spaces.Box(-bound, bound, (links,), np.float32),
        )

    def reset(self) -> NDArray[np.float32]:
        """Begin new episodes, drawn by the seed that `seed` set."""
        observations, infos = self.envs.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self.post_decision_frames.clear()
        return self._begin(observations, infos)

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Set the actions of the coming period, (count, supply links)."""
        self._actions = torch.from_numpy(np.asarray(actions, dtype=np.float32))

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Play the period; returns features, rewards, ends and infos, by episode."""
        briefing, observation = self._briefing, self._observation
        with torch.no_grad():
            orders = briefing.playable(self.policy.orders(briefing, observation, self._actions), observation.period)
            costs = self.policy.action_cost(self._actions).numpy()
            if self._keep_post_decision:
                after = post_decision(briefing, observation, orders)
                self.post_decision_frames.append(self.policy.frame(briefing, after).numpy())
        observations, rewards, _, ends, infos = self.envs.step(orders.numpy())
        inputs = self._begin(observations, infos) if ends[0] else self._read(observations, first=False)
        return inputs, (rewards - costs).astype(np.float32), ends, [{} for _ in range(self.num_envs)]

    def _begin(self, observations: NDArray[np.float64], infos: dict[str, Any]) -> NDArray[np.float32]:
        columns = [infos.get(name, np.zeros(self.num_envs)) for name in _RULE_NAMES]
        rules = torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))
        informed = self.policy.shape.informed
        self._briefing = RandomisedBriefing(
            compiled=self._compiled,
            horizon=self.envs.scenario.horizon,
            order_bound=self.envs.scenario.order_bound,
            noise_scale=rules[:, 1] if informed else None,
            goodwill=None,
            informed=informed,
            drawn_rules=scale_rules(rules),
        )
        self._history = DemandHistory(self.num_envs, self._compiled.markets)
        self._frames = Frames(self.policy.shape.frames)
        return self._read(observations, first=True)

    def _read(self, observations: NDArray[np.float64], *, first: bool) -> NDArray[np.float32]:
        """Convert the observation vectors of the contract, (count, entries), to features, (count, input size)."""
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
        demand, unfilled, on_hand, pipeline, _, sentiment, components, owed, ahead = columns.split_with_sizes(
            [*sizes, columns.shape[1] - sum(sizes)], dim=1
        )
        if not first:
            self._history.append(demand, sentiment[:, 0])
        period = len(self._history)
        forecast = None
        if self.policy.shape.informed:
            forecast = ahead.reshape(self.num_envs, compiled.markets, -1).clone()
            forecast[:, :, horizon - period :] = 0.0
        observation = BatchObservation(
            period=period,
            on_hand=torch.cat((on_hand, components), dim=1)[:, list(network.stock_places)],
            pipeline=pipeline,
            unfilled=unfilled,
            owed=owed if compiled.owes_upstream else columns.new_zeros((self.num_envs, compiled.links)),
            sentiment=sentiment[:, 0],
            past_demand=self._history.demand,
            past_sentiment=self._history.sentiment,
            forecast=forecast,
        )
        with torch.no_grad():
            self._observation = self.policy.with_forecast(self._briefing, observation)
            return self._frames.with_latest(self.policy.frame(self._briefing, self._observation)).numpy()

    # --- the rest of the interface of Stable-Baselines3 -------------------------------------------------------------

    def close(self) -> None:
        """Do nothing: the environment holds no resources."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Value of an attribute, once per episode; None if it does not exist."""
        return [getattr(self, attr_name, None) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute for all episodes."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method once for all episodes."""
        return [getattr(self, method_name)(*method_args, **method_kwargs)]

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """Say that no episode is wrapped."""
        return [False for _ in self._get_indices(indices)]


def post_decision(briefing: BatchBriefing, observation: BatchObservation, orders: Tensor) -> BatchObservation:
    """Post-decision state: orders are placed and filled, deliveries have arrived, and demand has not.

    It is the state after a period without demand, which follows from state and orders alone; backlog is served in it.

    Args:
        briefing: of the batch.
        observation: before the decision.
        orders: units, (episodes, supply links).

    Returns:
        The post-decision state as an observation of the same period; its sentiment is that before the decision.
    """
    compiled = replace(briefing.compiled, carried_shares=(1.0,) * briefing.compiled.markets, goodwill=None)
    backlog = briefing.backlog(observation)
    state = BatchState(
        period=observation.period,
        on_hand=observation.on_hand,
        pipeline=observation.pipeline,
        in_transit=torch.zeros_like(orders),
        unseen=orders.new_zeros((len(orders), 0)),
        owed=observation.owed,
        unfilled=backlog,
        shortfall=backlog,
        sentiment=observation.sentiment,
    )
    after, _ = step(compiled, state, orders, torch.zeros_like(observation.unfilled))
    return replace(
        observation, on_hand=after.on_hand, pipeline=after.pipeline, owed=after.owed, unfilled=after.unfilled
    )
