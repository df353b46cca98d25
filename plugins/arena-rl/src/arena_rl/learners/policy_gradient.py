"""Proximal policy optimisation around an actor, and its two relatives: bounded and post-decision PPO.

Stable-Baselines3 gives PPO; each relative has a loss of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor, nn

from arena_rl.episodes.environment import PolicyEnvironment
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.actor_networks import make_critic_body

FloatArray = NDArray[np.float32]


class _ActorAndCritic(nn.Module):
    """Extractor of a policy of Stable-Baselines3: here the whole actor, and the critic's body."""

    def __init__(self, policy: ActorPolicy) -> None:
        super().__init__()
        self.actor = policy.actor
        self.critic, self.latent_dim_vf = make_critic_body(policy.shape, policy.features, policy.input_size)
        self.latent_dim_pi = policy.features.structure.compiled.links

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_actor(inputs), self.forward_critic(inputs)

    def forward_actor(self, inputs: Tensor) -> Tensor:
        actions: Tensor = self.actor(inputs)
        return actions

    def forward_critic(self, inputs: Tensor) -> Tensor:
        latent: Tensor = self.critic(inputs)
        return latent


class SharedActorPolicy(ActorCriticPolicy):
    """Policy of Stable-Baselines3 around the actor of an `ActorPolicy`: training the one trains the other."""

    def __init__(self, *arguments: Any, actor_policy: Callable[[], ActorPolicy], **settings: Any) -> None:
        self._actor_policy = actor_policy
        super().__init__(*arguments, **settings)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _ActorAndCritic(self._actor_policy())  # type: ignore[assignment]

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]


# --- bounded policy optimisation --------------------------------------------------------------------------------------


def bounded_ratio_loss(ratio: Tensor, advantages: Tensor, bound: float) -> Tensor:
    """Mean of |A|·|ρ − (1 + ε·sign A)|: the distance of each probability ratio ρ from the best within its bounds.

    Where PPO's loss is flat beyond 1 ± ε, this one pulls back. Source: Ao et al., Bounded ratio reinforcement learning
    (arXiv 2604.18578), with mean-based in place of median-based advantages A.

    Args:
        ratio: ratio of the probabilities of the actions under the new and the old policy, (decisions,).
        advantages: (decisions,).
        bound: ε.
    """
    return (advantages.abs() * (ratio - (1 + bound * advantages.sign())).abs()).mean()


class BPO(PPO):
    """PPO with the bounded-ratio loss in place of the clipped one; all else is Stable-Baselines3's."""

    def train(self) -> None:
        """Improve actor and critic by the collected episodes."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        bound = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        for _ in range(self.n_epochs):
            for data in self.rollout_buffer.get(self.batch_size):
                values, log_probability, entropy = self.policy.evaluate_actions(data.observations, data.actions)
                advantages = (data.advantages - data.advantages.mean()) / (data.advantages.std() + 1e-8)
                log_ratio = log_probability - data.old_log_prob
                with torch.no_grad():
                    divergence = float((log_ratio.exp() - 1 - log_ratio).mean())
                if self.target_kl is not None and divergence > 1.5 * self.target_kl:
                    return
                assert entropy is not None
                loss = (
                    bounded_ratio_loss(log_ratio.exp(), advantages, bound)
                    + self.vf_coef * nn.functional.mse_loss(values.flatten(), data.returns)
                    - self.ent_coef * entropy.mean()
                )
                self.policy.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
                self.logger.record("train/loss", loss.item())


# --- post-decision PPO ------------------------------------------------------------------------------------------------


def post_decision_advantages(
    rewards: FloatArray,
    values: FloatArray,
    post_decision_values: FloatArray,
    advantages: FloatArray,
    *,
    gamma: float,
    kind: Literal["maximum", "surprise"],
) -> FloatArray:
    """Advantages by two critics, V of the state and U of the post-decision state.

    With R the return that the state critic learns, R = A + V:

    - ``maximum``: max(R − V, R − U). Source: Felizardo et al., post-decision proximal policy optimization with dual
      critic networks (arXiv 2504.05150).
    - ``surprise``: A − (r + γ·V' − U). Only demand follows the decision in its period, so the subtracted term has mean
      0 given the decision, and the gradient keeps its mean at a smaller variance.

    Args:
        rewards: r, (periods, episodes), of whole episodes.
        values: V before each decision, the same shape.
        post_decision_values: U after each decision, the same shape.
        advantages: A by the state critic, the same shape.
        gamma: γ.
        kind: one of the two.

    Returns:
        Advantages, the same shape.
    """
    if kind == "maximum":
        return np.asarray(np.maximum(advantages, advantages + values - post_decision_values))
    following = np.concatenate((values[1:], np.zeros_like(values[:1])))
    return np.asarray(advantages - (rewards + gamma * following - post_decision_values))


class PDPPO(PPO):
    """PPO with a second critic, of post-decision states; all else is Stable-Baselines3's.

    Args:
        advantage: see `post_decision_advantages`.
    """

    def __init__(self, *arguments: Any, advantage: Literal["maximum", "surprise"], **settings: Any) -> None:
        self._advantage = advantage
        super().__init__(*arguments, **settings)

    def _setup_model(self) -> None:
        super()._setup_model()
        environment = self._environment()
        policy = environment.policy
        body, width = make_critic_body(policy.shape, policy.features, policy.input_size)
        self.second_critic = nn.Sequential(body, nn.Linear(width, 1))
        rate = self.lr_schedule(1)
        self.second_optimizer = torch.optim.Adam(self.second_critic.parameters(), lr=rate, eps=1e-5)

    def _environment(self) -> PolicyEnvironment:
        assert isinstance(self.env, VecNormalize)
        environment = self.env.unwrapped
        assert isinstance(environment, PolicyEnvironment)
        return environment

    def train(self) -> None:
        """Improve the actor and both critics by the collected episodes."""
        assert isinstance(self.env, VecNormalize)
        buffer = self.rollout_buffer
        frames = self._environment().post_decision_frames
        inputs = np.stack([np.asarray(self.env.normalize_obs(frame)) for frame in frames]).astype(np.float32)
        states = torch.from_numpy(inputs).flatten(0, 1)
        with torch.no_grad():
            values = self.second_critic(states).reshape(buffer.values.shape).numpy()
        returns = torch.from_numpy(buffer.returns.copy()).flatten()
        buffer.advantages = post_decision_advantages(
            buffer.rewards, buffer.values, values, buffer.advantages, gamma=self.gamma, kind=self._advantage
        )
        super().train()
        for _ in range(self.n_epochs):
            order = torch.from_numpy(np.random.permutation(len(states)))
            for batch in torch.split(order, self.batch_size):
                loss = nn.functional.mse_loss(self.second_critic(states[batch]).flatten(), returns[batch])
                self.second_optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.second_critic.parameters(), self.max_grad_norm)
                self.second_optimizer.step()
