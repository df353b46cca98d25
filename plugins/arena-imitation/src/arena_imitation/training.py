"""Training by a recipe of this package; all of it but recipe and learner is that of `arena_rl.training`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from arena import ArenaError, TrainingPoint, TrainingRequest
from arena_imitation.recipes import ImitationRecipe, load_recipe
from arena_rl.episodes.worlds import World
from arena_rl.learners.learner import Learner
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.policy_files import AnyPolicy
from arena_rl.training.train import run_recipe


def train(name: str, request: TrainingRequest, report: Callable[[TrainingPoint], None]) -> tuple[Path, ...]:
    """Train by a recipe of this package; see `arena_rl.training.train.run_recipe`."""
    return run_recipe(load_recipe(name), make_learner, request, report)


def make_learner(recipe: ImitationRecipe, policy: AnyPolicy, worlds: Sequence[World]) -> Learner:
    """Make the learner of a recipe.

    Args:
        recipe: gives settings, steps and seed.
        policy: the policy that the learner improves, in place.
        worlds: source of its episodes.

    Raises:
        ArenaError: If it needs a package that is not installed.
    """
    assert isinstance(policy, ActorPolicy)
    try:
        from arena_imitation.learner import ImitationLearner

        imitation = ImitationLearner(recipe.learner, policy, worlds[0], steps=recipe.steps, seed=recipe.seed)
        if recipe.refinement is None:
            return imitation
        from arena_imitation.refinement import RefinedLearner
    except ModuleNotFoundError as error:
        raise ArenaError(f"training {recipe.name} needs {error.name}: pip install 'arena-imitation[train]'") from error
    return RefinedLearner(imitation, recipe.refinement, worlds[0], seed=recipe.seed)
