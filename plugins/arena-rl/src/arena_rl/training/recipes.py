"""Recipes: all that determines a training, as data. The shipped ones are in the folder ``recipes`` of a package."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Self, TypeVar

from pydantic import Field, model_validator

from arena import FrozenSchema, load_document, load_network, parse_as, unknown_name
from arena_rl.episodes.worlds import World
from arena_rl.learners.learner import HdpoSettings, LearnerSettings, SacSettings
from arena_rl.policies.actor_networks import MlpShape
from arena_rl.policies.policy_files import PolicyShape, is_actor, signature

FOLDER: Final = Path(__file__).parents[1] / "recipes"
"""Folder of the recipes that this package ships."""


AnyRecipe = TypeVar("AnyRecipe", bound="TrainingRecipe")


class TrainingRecipe(FrozenSchema):
    """Recipe of a training, without its learner."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    summary: str = Field(max_length=200)
    policy: PolicyShape
    worlds: tuple[World, ...] = Field(min_length=1)
    networks: tuple[str, ...] = Field(
        default=(),
        description="networks for each of which a policy is trained, on the worlds that name it; where none does, it "
        "takes the place of the worlds' own",
    )
    steps: int = Field(ge=1, description="environment steps, one period of one episode each")
    seed: int = Field(default=1, ge=0)
    points: int = Field(default=40, ge=1, description="points of the learning curve: validations and checkpoints")
    start_from: str | None = Field(default=None, description="shipped policy whose weights the training starts from")

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe; a training is resumed only under the same one."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def worlds_of(self, network: str) -> tuple[World, ...]:
        """Worlds that a policy for one network is trained on.

        Args:
            network: name or file.

        Returns:
            The worlds whose network has the same signature, or, if there are none, all worlds. The network takes the
            place of their own, so that a name and a file mean the same.
        """
        signature_of_network = signature(load_network(network))
        own = [
            each
            for each in self.worlds
            if isinstance(each.network, str) and signature(load_network(each.network)) == signature_of_network
        ]
        return tuple(world.model_copy(update={"network": network}) for world in own or self.worlds)


class Recipe(TrainingRecipe):
    """Recipe of a training by one of the learners of this package."""

    learner: LearnerSettings

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        actor = is_actor(self.policy)
        if isinstance(self.learner, HdpoSettings):
            if actor:
                raise ValueError(
                    f"learner hdpo trains policies of kind dense or graph, not {self.policy.kind}; take ppo"
                )
            return self
        if not actor:
            raise ValueError(f"learner {self.learner.kind} trains no policy of kind {self.policy.kind}; take mlp")
        if self.policy.informed and self.learner.caution != 0.5:
            raise ValueError("caution is that of a blind policy's forecast; leave it out where the track shows one")
        if len(self.worlds) > 1 or not isinstance(self.worlds[0].network, str):
            raise ValueError(f"learner {self.learner.kind} trains on one network; give one world that names it")
        squashed = isinstance(self.policy, MlpShape) and self.policy.squashed
        if squashed != isinstance(self.learner, SacSettings):
            raise ValueError("learner sac, and no other, trains a policy of kind mlp with squashed: true")
        return self


def recipe_names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the recipes that a package ships in a folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def load_recipe(reference: str) -> Recipe:
    """Load a shipped recipe of this package, or one from a YAML file; see `read_recipe`."""
    return read_recipe(reference, Recipe, FOLDER)


def read_recipe(reference: str, model: type[AnyRecipe], folder: Path) -> AnyRecipe:
    """Load a recipe that a package ships, or one from a YAML file.

    Args:
        reference: name of a shipped recipe, or the path of a file.
        model: schema of the package's recipes.
        folder: where the package has them.

    Raises:
        InvalidInput: With every fault of the file.
        UnknownName: If the package ships no recipe of that name.
    """
    path = Path(reference)
    if path.suffix not in (".yaml", ".yml"):
        if reference not in recipe_names(folder):
            raise unknown_name("recipe", reference, recipe_names(folder))
        path = folder / f"{reference}.yaml"
    return parse_as(model, load_document(path), str(path))
