"""Hindsight differentiable policy optimisation: the gradient of the profit, through the arena's own dynamics.

In hindsight the demand of an episode is known, and the profit is then a differentiable function of the policy's
weights. Its mean over episodes is maximised, without value function or log-probability. Source: M. Alvo, D. Russo,
Y. Kanoria, Neural inventory control in networks via hindsight differentiable policy optimization (arXiv 2306.11246).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from arena_rl.episodes.batches import play
from arena_rl.episodes.worlds import World, draw_batches, relative_profit
from arena_rl.learners.learner import HdpoSettings, LearnerState, optimizer_tensors, restore_optimizer, with_prefix
from arena_rl.policies.policy_files import AnyPolicy


class HdpoLearner:
    """Improves a policy, one gradient at a time.

    Args:
        settings: of the recipe.
        policy: the policy that is improved.
        worlds: source of its episodes.
        steps: environment steps of the whole training, over which the learning rate falls.
        seed: of all random numbers.
    """

    def __init__(
        self, settings: HdpoSettings, policy: AnyPolicy, worlds: Sequence[World], *, steps: int, seed: int
    ) -> None:
        self.packages: Sequence[str] = ()
        self.settings = settings
        self.policy = policy
        self.worlds = worlds
        self.steps_per_update = settings.batches * settings.episodes * worlds[0].mix.horizon[1]
        self.updates = max(1, round(steps / self.steps_per_update))
        self.updates_done = 0
        self._optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate)
        self._scenarios = np.random.default_rng(seed)
        self._demand = torch.Generator().manual_seed(seed)

    def update(self) -> float:
        """Take one gradient step; a gradient that is not finite is skipped.

        Returns:
            The loss.
        """
        settings = self.settings
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * self.updates_done / self.updates))
        batches = draw_batches(
            self.worlds,
            self._scenarios,
            batches=settings.batches,
            episodes=settings.episodes,
            informed=self.policy.shape.informed,
        )
        played = play(
            self.policy,
            batches,
            self._demand,
            surrogate_width=settings.surrogate_width,
            feedback=settings.feedback,
        )
        loss = -relative_profit(played.profits, batches) + settings.foresight * played.forecast_deviance
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), settings.clip)
        if torch.isfinite(norm):
            self._optimizer.step()
        self.updates_done += 1
        return float(loss.detach())

    def state(self) -> LearnerState:
        """State on which the next update depends."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= optimizer_tensors("optimizer", self._optimizer)
        tensors["demand"] = self._demand.get_state()
        return LearnerState(tensors, {"scenarios": self._scenarios.bit_generator.state})

    def restore(self, state: LearnerState) -> None:
        """Continue from a state that `state` gave."""
        self.policy.load_state_dict(with_prefix("policy.", state.tensors))
        restore_optimizer("optimizer", self._optimizer, state.tensors)
        self._demand.set_state(state.tensors["demand"])
        self._scenarios.bit_generator.state = state.values["scenarios"]
