"""Imitation followed by proximal policy optimisation from the policy's own rewards."""

from __future__ import annotations

from collections.abc import Sequence

from arena_imitation.learner import ImitationLearner
from arena_imitation.recipes import Refinement
from arena_rl.episodes.worlds import World
from arena_rl.learners.learner import LearnerState
from arena_rl.learners.reward_learner import RewardLearner
from arena_rl.policies.actor import ActorPolicy


class RefinedLearner:
    """Imitates, then learns from rewards, beginning with the actor and the normalisation of the imitation.

    Args:
        imitation: the learner of the first part.
        refinement: of the recipe; plays as many environment steps per update as the first part.
        world: source of the episodes.
        seed: of all random numbers.
    """

    def __init__(self, imitation: ImitationLearner, refinement: Refinement, world: World, *, seed: int) -> None:
        self.packages: Sequence[str] = (*imitation.packages, "gymnasium", "stable-baselines3")
        self.policy: ActorPolicy = imitation.policy
        self.steps_per_update = imitation.steps_per_update
        self.updates = imitation.updates + max(1, round(refinement.steps / imitation.steps_per_update))
        self.updates_done = 0
        self._imitation, self._refinement, self._world, self._seed = imitation, refinement, world, seed
        self._from_rewards: RewardLearner | None = None

    def update(self) -> float:
        """Improve the policy once; returns the loss."""
        if self.updates_done < self._imitation.updates:
            loss = self._imitation.update()
        else:
            if self._from_rewards is None:
                self._from_rewards = self._begin_refinement()
            loss = self._from_rewards.update()
        self.updates_done += 1
        return loss

    def _begin_refinement(self) -> RewardLearner:
        settings, steps = self._refinement.learner, self._refinement.steps
        return RewardLearner(settings, self.policy, self._world, steps=steps, seed=self._seed, pretrained=True)

    def state(self) -> LearnerState:
        """State on which the next update depends."""
        return (self._imitation if self._from_rewards is None else self._from_rewards).state()

    def restore(self, state: LearnerState) -> None:
        """Continue from a state that `state` gave."""
        done = int(state.values["done"])
        if done <= self._imitation.updates:
            self._imitation.restore(state)
            self._imitation.updates_done = done
            return
        self._from_rewards = self._begin_refinement()
        self._from_rewards.restore(state)
        self._from_rewards.updates_done = done - self._imitation.updates
