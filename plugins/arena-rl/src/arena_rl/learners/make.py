"""What all learners have in common, and the one that a recipe asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from arena import ArenaError
from arena_rl.learners.learner import Hdpo, LearnerSettings
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.policy_files import AnyPolicy
from arena_rl.training.recipes import World


class Learner(Protocol):
    """Improves a policy, update by update.

    Attributes:
        done: updates so far.
        updates: updates of the whole training.
        steps_per_update: environment steps of one.
        packages: distributions beside torch and numpy that it uses, for the training card.
    """

    done: int
    updates: int
    steps_per_update: int
    packages: Sequence[str]

    def update(self) -> float:
        """Improve the policy once; returns the loss."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next update depends on: tensors, and what JSON can hold."""

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Go to a state that `state` of an equal learner gave; ``about`` may hold more."""


def make_learner(
    settings: LearnerSettings, policy: AnyPolicy, worlds: Sequence[World], *, steps: int, seed: int
) -> Learner:
    """The learner of a recipe.

    Args:
        settings: what the recipe says of it.
        policy: what it improves, in place.
        worlds: where its episodes come from.
        steps: environment steps of the whole training.
        seed: of everything that is drawn.

    Raises:
        ArenaError: If it needs Stable-Baselines3, and that is not installed.
    """
    if isinstance(settings, Hdpo):
        from arena_rl.learners.hdpo import HdpoLearner

        return HdpoLearner(settings, policy, worlds, steps=steps, seed=seed)
    assert isinstance(policy, ActorPolicy)
    try:
        from arena_rl.learners.reward_learner import RewardLearner
    except ModuleNotFoundError as error:
        raise ArenaError(f"learner {settings.kind} needs {error.name}: pip install 'arena-rl[train]'") from error
    return RewardLearner(settings, policy, worlds[0], steps=steps, seed=seed)
