"""Hindsight differentiable policy optimisation: the gradient of the profit, through the arena's own dynamics.

In hindsight the demand of an episode is known, and an episode's profit is then a function of the policy's weights that
can be differentiated. Its mean over episodes is what is maximised; no value function, no log-probability.
Source: Alvo, Russo, Kanoria: Neural inventory control in networks via hindsight differentiable policy optimization
(arXiv 2306.11246).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arena_rl.episodes.batches import play
from arena_rl.episodes.worlds import draw_batches, share_earned
from arena_rl.learners.learner import Hdpo
from arena_rl.learners.state import get_optimizer, put_optimizer
from arena_rl.policies.policy_files import AnyPolicy
from arena_rl.training.recipes import World


class HdpoLearner:
    """Improves a policy, one gradient at a time.

    Args:
        config: of the recipe.
        policy: what is improved.
        worlds: where its episodes come from.
        steps: environment steps of the whole training; the learning rate falls over them.
        seed: of everything that is drawn.
    """

    def __init__(self, config: Hdpo, policy: AnyPolicy, worlds: Sequence[World], *, steps: int, seed: int) -> None:
        self.packages: Sequence[str] = ()
        self.config = config
        self.policy = policy
        self.worlds = worlds
        self.steps_per_update = config.batches * config.episodes * worlds[0].mix.horizon[1]
        self.updates = max(1, round(steps / self.steps_per_update))
        self.done = 0
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=config.learning_rate)
        self.scenarios = np.random.default_rng(seed)
        self.demand = torch.Generator().manual_seed(seed)

    def update(self) -> float:
        """Take one gradient; a gradient that is not finite is skipped, and the next episodes are tried.

        Returns:
            The loss.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * self.done / self.updates))
        batches = draw_batches(
            self.worlds,
            self.scenarios,
            batches=self.config.batches,
            episodes=self.config.episodes,
            informed=self.policy.shape.informed,
        )
        played = play(
            self.policy,
            batches,
            self.demand,
            surrogate_width=self.config.surrogate_width,
            feedback=self.config.feedback,
        )
        value = -share_earned(played.profits, batches) + self.config.foresight * played.surprise
        self.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.done += 1
        return float(value.detach())

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next update depends on: tensors, and what JSON can hold."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= get_optimizer("optimizer", self.optimizer)
        tensors["demand"] = self.demand.get_state()
        return tensors, {"scenarios": self.scenarios.bit_generator.state}

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go to a state that `state` gave."""
        weights = {name.removeprefix("policy."): each for name, each in tensors.items() if name.startswith("policy.")}
        self.policy.load_state_dict(weights)
        put_optimizer("optimizer", self.optimizer, tensors)
        self.demand.set_state(tensors["demand"])
        self.scenarios.bit_generator.state = about["scenarios"]
