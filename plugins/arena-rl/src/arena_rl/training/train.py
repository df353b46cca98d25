"""The run of a recipe: updates, validations, learning curve, checkpoints, weights and card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic

import numpy as np
import torch

from arena import (
    ArenaError,
    TrainingPoint,
    TrainingRequest,
    compile_scenario,
    describe_part,
    load_network,
    parts_of,
)
from arena_rl.episodes.batches import EpisodeBatch
from arena_rl.episodes.worlds import World, draw_batches, validate
from arena_rl.inputs.observations import BatchBriefing
from arena_rl.learners.learner import HdpoSettings, Learner
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.policy_files import (
    AnyPolicy,
    PolicyFile,
    make_policy,
    save_policy,
    shipped_policy,
    signature,
)
from arena_rl.training.card import write_card
from arena_rl.training.checkpoint import load_checkpoint, save_checkpoint
from arena_rl.training.curve import Curve, CurveLog, CurvePoint, write_curve
from arena_rl.training.folder import PolicyDestination, make_folder, refuse_foreign_files
from arena_rl.training.recipes import AnyRecipe, Recipe, load_recipe

_VALIDATION_SEED: Final = 20_260_511
_VALIDATION_BATCHES: Final = 8
_VALIDATION_EPISODES: Final = 256

Report = Callable[[TrainingPoint], None]
MakeLearner = Callable[[AnyRecipe, AnyPolicy, Sequence[World]], Learner]


def train(name: str, request: TrainingRequest, report: Report) -> tuple[Path, ...]:
    """Train by a recipe of this package: one policy, or one for each of its networks.

    Args:
        name: of a shipped recipe, or the path of a file.
        request: network, steps, seed and folder that the user asks for.
        report: called with every point of the learning curves.

    Returns:
        The weights written.
    """
    return run_recipe(load_recipe(name), make_learner, request, report)


def make_learner(recipe: Recipe, policy: AnyPolicy, worlds: Sequence[World]) -> Learner:
    """Make the learner of a recipe of this package.

    Args:
        recipe: gives settings, steps and seed.
        policy: the policy that the learner improves, in place.
        worlds: source of its episodes.

    Raises:
        ArenaError: If the learner needs Stable-Baselines3, and it is not installed.
    """
    settings, steps, seed = recipe.learner, recipe.steps, recipe.seed
    if isinstance(settings, HdpoSettings):
        from arena_rl.learners.hdpo import HdpoLearner

        return HdpoLearner(settings, policy, worlds, steps=steps, seed=seed)
    assert isinstance(policy, ActorPolicy)
    try:
        from arena_rl.learners.reward_learner import RewardLearner
    except ModuleNotFoundError as error:
        raise ArenaError(f"learner {settings.kind} needs {error.name}: pip install 'arena-rl[train]'") from error
    return RewardLearner(settings, policy, worlds[0], steps=steps, seed=seed)


def run_recipe(
    recipe: AnyRecipe, make_learner: MakeLearner[AnyRecipe], request: TrainingRequest, report: Report
) -> tuple[Path, ...]:
    """Train by a recipe of any package.

    Args:
        recipe: of the training.
        make_learner: makes the learner of the recipe that improves a policy on some worlds.
        request: network, steps, seed and folder that the user asks for.
        report: called with every point of the learning curves.

    Returns:
        The weights written.

    Raises:
        ArenaError: If a world has parts that no policy is told of, if files that no training wrote would be replaced,
            or if a file cannot be written.
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
    trainings = [Training(recipe, make_learner, network, request.output) for network in networks]
    for each in trainings:
        refuse_parts(each.worlds)
    refuse_foreign_files(PolicyDestination(each.folder, each.label) for each in trainings)
    return tuple(each.run(report) for each in trainings)


def refuse_parts(worlds: Sequence[World]) -> None:
    """Refuse worlds with parts beyond the first schema: a policy is told of none, and would learn another world.

    Raises:
        ArenaError: Naming the parts of the first such world.
    """
    for world in worlds:
        parts = parts_of(world.first_scenario())
        if parts:
            network = world.network if isinstance(world.network, str) else "random networks"
            told = "; ".join(map(describe_part, parts))
            raise ArenaError(f"{network}: learned policies are told nothing of this, and would not play it: {told}")


class Training(Generic[AnyRecipe]):
    """Training of one policy.

    Args:
        recipe: of the training.
        make_learner: makes its learner.
        network: name or file of the network that the policy is trained for, see `TrainingRecipe.worlds_of`; None for
            the networks of all worlds.
        output: folder in which the policy gets a folder of its own.
    """

    def __init__(
        self, recipe: AnyRecipe, make_learner: MakeLearner[AnyRecipe], network: str | None, output: Path
    ) -> None:
        self.recipe = recipe
        self._make_learner = make_learner
        self.network = None if network is None else load_network(network)
        self.label = recipe.name if self.network is None else f"{recipe.name}.{self.network.name or 'network'}"
        self.folder = output / self.label
        self.worlds = recipe.worlds if network is None else recipe.worlds_of(network)
        text = f"{recipe.digest} {signature(self.network) if self.network is not None else ''}"
        self.digest = hashlib.sha256(text.encode()).hexdigest()

    def run(self, report: Report) -> Path:
        """Train to the end, from the last checkpoint if there is one.

        Args:
            report: called with every point of the learning curve.

        Returns:
            The weights.

        Raises:
            ArenaError: If a file cannot be written; the last checkpoint is kept.
        """
        make_folder(self.folder)
        stem = self.folder / self.label
        weights = stem.with_name(self.label + ".safetensors")
        checkpoint = self.folder / "checkpoint.safetensors"
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        policy = self.start_policy()
        learner = self._make_learner(recipe, policy, self.worlds)
        total = learner.updates * learner.steps_per_update
        curve: Curve = []
        if checkpoint.exists():
            curve = load_checkpoint(checkpoint, learner, digest=self.digest)
            if learner.updates_done >= learner.updates and weights.exists():
                return weights  # the card keeps the time that the training took
        validation = self._validation_batches(policy)
        every = max(1, learner.updates // recipe.points)
        started, losses = time.monotonic(), []
        with CurveLog(self.folder) as log:
            while learner.updates_done < learner.updates:
                losses.append(learner.update())
                if learner.updates_done % every and learner.updates_done != learner.updates:
                    continue
                point = CurvePoint(
                    steps=learner.updates_done * learner.steps_per_update,
                    loss=sum(losses) / len(losses),
                    validation=validate(policy, validation, _VALIDATION_SEED),
                )
                losses.clear()
                curve.append(point)
                log.add(point)
                save_checkpoint(checkpoint, learner, digest=self.digest, curve=curve)
                write_curve(self.folder / "curve.csv", curve)
                report(TrainingPoint(self.label, point.steps, total, point.loss, point.validation))
        description = PolicyFile(
            shape=recipe.policy,
            network=None if self.network is None else signature(self.network),
            network_name="" if self.network is None else self.network.name,
            recipe=recipe.name,
        )
        save_policy(stem, policy, description)
        write_card(
            stem.with_name(self.label + ".card.md"),
            recipe=recipe,
            label=self.label,
            parameters=sum(each.numel() for each in policy.parameters()),
            steps=total,
            seconds=time.monotonic() - started,
            curve=curve,
            validation_episodes=_VALIDATION_BATCHES * _VALIDATION_EPISODES,
            packages=learner.packages,
        )
        return weights

    def start_policy(self) -> AnyPolicy:
        """Make the policy from which the training starts: untrained, or the shipped one that the recipe names.

        Raises:
            ValueError: If the shipped policy has another shape.
        """
        recipe = self.recipe
        if recipe.start_from is not None:
            policy = shipped_policy(recipe.start_from, self._first_briefing())
            if policy.shape != recipe.policy:
                raise ValueError(
                    f"recipe {recipe.name} trains {recipe.policy!r}, and {recipe.start_from}, which it starts from, is "
                    f"{policy.shape!r}; give both the same shape"
                )
            return policy.requires_grad_(True)
        structure = None if self.network is None else self._first_briefing().structure
        return make_policy(recipe.policy, self.network, structure)

    def _first_briefing(self) -> BatchBriefing:
        scenario = self.worlds[0].first_scenario()
        return BatchBriefing(
            compiled=compile_scenario(scenario),
            horizon=scenario.horizon,
            order_bound=scenario.order_bound,
            noise_scale=None,
            goodwill=None,
            informed=self.recipe.policy.informed,
        )

    def _validation_batches(self, policy: AnyPolicy) -> list[EpisodeBatch]:
        return draw_batches(
            self.worlds,
            np.random.default_rng(_VALIDATION_SEED),
            batches=_VALIDATION_BATCHES,
            episodes=_VALIDATION_EPISODES,
            informed=policy.shape.informed,
        )
