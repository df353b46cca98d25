"""A pupil that goes on alone: first imitation, then proximal policy optimisation from its own rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from arena_imitation.learner import ImitationLearner
from arena_imitation.teaching import Refinement
from arena_rl.learners.reward_learner import RewardLearner
from arena_rl.policies.actor import ActorPolicy
from arena_rl.training.recipes import World


class RefinedLearner:
    """Imitation, then rewards; the second learner begins with the actor and the normalisation of the first.

    Args:
        first: imitates.
        refinement: of the recipe; plays as many environment steps per update as the first.
        world: where the episodes come from.
        seed: of everything that is drawn.
    """

    def __init__(self, first: ImitationLearner, refinement: Refinement, world: World, *, seed: int) -> None:
        self.packages: Sequence[str] = (*first.packages, "gymnasium", "stable-baselines3")
        self.policy: ActorPolicy = first.policy
        self.steps_per_update = first.steps_per_update
        self.updates = first.updates + max(1, round(refinement.steps / first.steps_per_update))
        self.done = 0
        self._first, self._refinement, self._world, self._seed = first, refinement, world, seed
        self._second: RewardLearner | None = None

    def update(self) -> float:
        """Improve the policy once; returns the loss."""
        if self.done < self._first.updates:
            loss = self._first.update()
        else:
            if self._second is None:
                self._second = self._begin_second()
            loss = self._second.update()
        self.done += 1
        return loss

    def _begin_second(self) -> RewardLearner:
        settings = self._refinement
        return RewardLearner(
            settings.learner, self.policy, self._world, steps=settings.steps, seed=self._seed, goes_on=True
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next update depends on: tensors, and what JSON can hold."""
        return (self._first if self._second is None else self._second).state()

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go to a state that `state` gave."""
        done = int(about["done"])
        if done <= self._first.updates:
            self._first.restore(tensors, about)
            self._first.done = done
            return
        self._second = self._begin_second()
        self._second.restore(tensors, about)
        self._second.done = done - self._first.updates
