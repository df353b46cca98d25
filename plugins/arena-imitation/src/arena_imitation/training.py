"""Makes the learner that a recipe asks for; all else of a training is arena-rl's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from arena import ArenaError, TrainingPoint, TrainingRequest
from arena_imitation.teaching import ImitationRecipe, load_recipe
from arena_rl.learners.make import Learner
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.policy_files import AnyPolicy
from arena_rl.training.recipes import World
from arena_rl.training.train import run_recipe


def train(name: str, request: TrainingRequest, tell: Callable[[TrainingPoint], None]) -> tuple[Path, ...]:
    """Train by a recipe of this package; see `arena_rl.training.train.run_recipe`."""
    return run_recipe(load_recipe(name), recipe_learner, request, tell)


def recipe_learner(recipe: ImitationRecipe, policy: AnyPolicy, worlds: Sequence[World]) -> Learner:
    """The learner of a recipe.

    Raises:
        ArenaError: If it needs a package that is not installed.
    """
    assert isinstance(policy, ActorPolicy)
    try:
        from arena_imitation.learner import ImitationLearner

        first = ImitationLearner(recipe.learner, policy, worlds[0], steps=recipe.steps, seed=recipe.seed)
        if recipe.refinement is None:
            return first
        from arena_imitation.refinement import RefinedLearner
    except ModuleNotFoundError as error:
        raise ArenaError(f"training {recipe.name} needs {error.name}: pip install 'arena-imitation[train]'") from error
    return RefinedLearner(first, recipe.refinement, worlds[0], seed=recipe.seed)
