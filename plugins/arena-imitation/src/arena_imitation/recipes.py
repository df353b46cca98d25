"""Recipes of trainings by the oracle's example. The shipped ones are in the folder ``recipes``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from arena import FrozenSchema
from arena_rl.learners.learner import PpoSettings
from arena_rl.policies.actor_networks import MlpShape, ResidualShape
from arena_rl.policies.policy_files import is_actor
from arena_rl.training import recipes
from arena_rl.training.recipes import TrainingRecipe

FOLDER: Final = Path(__file__).parent / "recipes"
"""Folder of the recipes that this package ships."""

Positive = Annotated[float, Field(gt=0)]


class ImitationSettings(FrozenSchema):
    """Settings of a learner that imitates the orders of the oracle, which sees all demand to come."""

    kind: Literal["cloning", "dagger"] = Field(
        description="who plays the episodes of a lesson: cloning: the oracle; dagger: in the first lesson the oracle, "
        "in all later ones the pupil (arXiv 1011.0686)"
    )
    batches: int = Field(default=4, ge=1, description="scenarios of a lesson, played side by side")
    episodes: int = Field(default=64, ge=1, description="episodes of each")
    gradients: int = Field(default=200, ge=1, description="gradients after each lesson, on all lessons so far")
    batch: int = Field(default=512, ge=1, description="decisions per gradient")
    learning_rate: Positive = Field(default=1e-3, description="of Adam, at the start; it falls as a cosine to 0")
    memory: int = Field(default=150_000, ge=1, description="latest decisions that are remembered")
    caution: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="which expectile of the oracle's orders is imitated: 0.5 the mean; more, since the oracle needs no "
        "safety stock and its pupil does",
    )
    shortage_weight: float = Field(
        default=1.5, ge=0, description="under goodwill, the price of a shortage in lost later margin"
    )


class Refinement(FrozenSchema):
    """Second part of a training, in which the policy learns from its rewards."""

    learner: PpoSettings
    steps: int = Field(ge=1, description="environment steps, on top of those of the recipe")


class ImitationRecipe(TrainingRecipe):
    """Recipe of a training by the oracle's example."""

    learner: ImitationSettings
    refinement: Refinement | None = None

    @model_validator(mode="after")
    def _can_be_taught(self) -> Self:
        shape = self.policy
        squashed = isinstance(shape, MlpShape) and shape.squashed
        if not is_actor(shape) or isinstance(shape, ResidualShape) or squashed or shape.frames > 1:
            raise ValueError(
                "an oracle teaches policies of kind mlp (not squashed), gnn, or transformer with memory 1, not "
                f"{shape.kind}"
            )
        if len(self.worlds) > 1 or not isinstance(self.worlds[0].network, str):
            raise ValueError("an oracle teaches on one network; give one world that names it")
        lesson = self.learner.batches * self.learner.episodes
        if self.refinement is not None and self.refinement.learner.environments != lesson:
            raise ValueError(
                f"a refinement plays as many episodes side by side as a lesson has: environments: {lesson}"
            )
        return self


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that this package ships."""
    return recipes.recipe_names(FOLDER)


def load_recipe(reference: str) -> ImitationRecipe:
    """Load a shipped recipe, or one from a YAML file; see `arena_rl.training.recipes.read_recipe`."""
    return recipes.read_recipe(reference, ImitationRecipe, FOLDER)
