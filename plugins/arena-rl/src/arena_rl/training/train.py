"""Runs a recipe: validation, learning curve, checkpoints, weights and card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic

import numpy as np
import torch

from arena import TrainingPoint, TrainingRequest, compile_scenario, load_network
from arena_rl.episodes.batches import Episodes
from arena_rl.episodes.worlds import draw_batches, validate
from arena_rl.inputs.echelon_positions import Reach
from arena_rl.inputs.observations import Setting
from arena_rl.learners.make import Learner, make_learner
from arena_rl.policies.policy_files import AnyPolicy, PolicyFile, make_policy, save_policy, shipped_policy, signature
from arena_rl.training.card import write_card
from arena_rl.training.checkpoint import load_checkpoint, save_checkpoint
from arena_rl.training.curve import Curve, CurveLog, write_curve
from arena_rl.training.folder import make_folder, refuse_strangers
from arena_rl.training.recipes import AnyRecipe, Recipe, World, load_recipe

_VALIDATION_SEED: Final = 20_260_511
_VALIDATION_BATCHES: Final = 8
_VALIDATION_EPISODES: Final = 256

Tell = Callable[[TrainingPoint], None]


def run(name: str, request: TrainingRequest, tell: Tell) -> tuple[Path, ...]:
    """Train by a recipe: one policy, or one for each of its networks.

    Args:
        name: of a shipped recipe.
        request: what the user asks for.
        tell: is told every point of the learning curves.

    Returns:
        The weights written.
    """
    return run_recipe(load_recipe(name), recipe_learner, request, tell)


def recipe_learner(recipe: Recipe, policy: AnyPolicy, worlds: Sequence[World]) -> Learner:
    """The learner of a recipe of this package."""
    return make_learner(recipe.learner, policy, worlds, steps=recipe.steps, seed=recipe.seed)


def run_recipe(
    recipe: AnyRecipe,
    make: Callable[[AnyRecipe, AnyPolicy, Sequence[World]], Learner],
    request: TrainingRequest,
    tell: Tell,
) -> tuple[Path, ...]:
    """Train by a recipe of any package.

    Args:
        recipe: what is done.
        make: makes the learner of a recipe that improves a policy on some worlds.
        request: what the user asks for.
        tell: is told every point of the learning curves.

    Returns:
        The weights written.

    Raises:
        ArenaError: If files are in the way that no training wrote, or a file cannot be written.
    """
    changes: dict[str, object] = {}
    if request.steps is not None:
        changes["steps"] = request.steps
    if request.seed is not None:
        changes["seed"] = request.seed
    recipe = recipe.model_copy(update=changes)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    networks: tuple[str | None, ...] = (request.network,) if request.network is not None else recipe.networks or (None,)
    trainings = [Training(recipe, make, network, request.output) for network in networks]
    refuse_strangers((each.folder, each.label) for each in trainings)
    return tuple(each.run(tell) for each in trainings)


class Training(Generic[AnyRecipe]):
    """The training of one policy.

    Args:
        recipe: what is done.
        make: makes its learner.
        network: name or file of the network that a policy is trained for, see `TrainingRecipe.worlds_of`; None for
            the networks of all worlds.
        output: folder; everything of this policy lies in a folder of its own in it.
    """

    def __init__(
        self,
        recipe: AnyRecipe,
        make: Callable[[AnyRecipe, AnyPolicy, Sequence[World]], Learner],
        network: str | None,
        output: Path,
    ) -> None:
        self.recipe = recipe
        self._make = make
        self.network = None if network is None else load_network(network)
        self.label = recipe.name if self.network is None else f"{recipe.name}.{self.network.name or 'network'}"
        self.folder = output / self.label
        self.worlds = recipe.worlds if network is None else recipe.worlds_of(network)
        text = f"{recipe.digest} {signature(self.network) if self.network is not None else ''}"
        self.digest = hashlib.sha256(text.encode()).hexdigest()

    def run(self, tell: Tell) -> Path:
        """Train to the end, from the last checkpoint if there is one.

        Returns:
            The weights.

        Raises:
            ArenaError: If a file cannot be written; the last checkpoint is kept.
        """
        make_folder(self.folder)
        stem = self.folder / self.label
        checkpoint = self.folder / "checkpoint.safetensors"
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        policy = self._policy()
        learner = self._make(recipe, policy, self.worlds)
        total = learner.updates * learner.steps_per_update
        curve: Curve = []
        if checkpoint.exists():
            curve = load_checkpoint(checkpoint, learner, digest=self.digest)
            weights = stem.with_name(self.label + ".safetensors")
            if learner.done >= learner.updates and weights.exists():
                return weights  # the card keeps the time that the training took
        examined = self._validation_batches(policy)
        every = max(1, learner.updates // recipe.points)
        started, losses = time.monotonic(), []
        with CurveLog(self.folder) as log:
            while learner.done < learner.updates:
                losses.append(learner.update())
                if learner.done % every and learner.done != learner.updates:
                    continue
                point = (
                    learner.done * learner.steps_per_update,
                    sum(losses) / len(losses),
                    validate(policy, examined, _VALIDATION_SEED),
                )
                losses.clear()
                curve.append(point)
                log.add(point)
                save_checkpoint(checkpoint, learner, digest=self.digest, curve=curve)
                write_curve(self.folder / "curve.csv", curve)
                tell(TrainingPoint(self.label, point[0], total, point[1], point[2]))
        about = PolicyFile(
            shape=recipe.policy,
            network=None if self.network is None else signature(self.network),
            network_name="" if self.network is None else self.network.name,
            recipe=recipe.name,
        )
        save_policy(stem, policy, about)
        write_card(
            stem.with_name(self.label + ".card.md"),
            recipe=recipe,
            label=self.label,
            parameters=sum(each.numel() for each in policy.parameters()),
            steps=total,
            seconds=time.monotonic() - started,
            curve=curve,
            validated=_VALIDATION_BATCHES * _VALIDATION_EPISODES,
            packages=learner.packages,
        )
        return stem.with_name(self.label + ".safetensors")

    def _policy(self) -> AnyPolicy:
        recipe = self.recipe
        setting: Setting | None = None
        if self.network is not None or recipe.start_from is not None:
            setting = self._first_setting()
        if recipe.start_from is not None:
            assert setting is not None
            policy = shipped_policy(recipe.start_from, setting)
            if policy.shape != recipe.policy:
                raise ValueError(
                    f"recipe {recipe.name} trains {recipe.policy!r}, and {recipe.start_from}, which it starts from, is "
                    f"{policy.shape!r}; give both the same shape"
                )
            return policy.requires_grad_(True)
        reach = None if self.network is None or setting is None else Reach(setting.compiled)
        return make_policy(recipe.policy, self.network, reach)

    def _first_setting(self) -> Setting:
        scenario = self.worlds[0].draw(np.random.default_rng(0), backlog=True, goodwill=False)
        return Setting(
            compiled=compile_scenario(scenario),
            horizon=scenario.horizon,
            order_bound=scenario.order_bound,
            noise_scale=None,
            goodwill=None,
            informed=self.recipe.policy.informed,
        )

    def _validation_batches(self, policy: AnyPolicy) -> list[Episodes]:
        return draw_batches(
            self.worlds,
            np.random.default_rng(_VALIDATION_SEED),
            batches=_VALIDATION_BATCHES,
            episodes=_VALIDATION_EPISODES,
            informed=policy.shape.informed,
        )
