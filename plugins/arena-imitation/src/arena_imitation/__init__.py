"""Controllers of arena that imitate an oracle, and their training.

``imitation-policy`` plays a policy that was taught by the clairvoyant program of arena-optimization, on the blind or
the informed track; ``arena train`` makes such policies, by the recipes in the folder ``recipes``.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

from arena import Controller, ControllerSpec, Track, TrainingCard, TrainingSpec, hookimpl
from arena_rl.config import LearnedConfig

__all__ = ["WEIGHTS", "arena_controllers", "arena_trainings"]

WEIGHTS: Final = Path(__file__).parent / "weights"
"""Folder of the policies that this package ships."""


def _imitation_policy(config: LearnedConfig) -> Controller:
    from arena_rl.controller import LearnedController, shipped_policies

    return LearnedController(shipped_policies(config, WEIGHTS))


def _cards(config: LearnedConfig, track: Track) -> Iterable[TrainingCard]:
    from arena_rl.cards import shipped_cards

    return shipped_cards(config, WEIGHTS)


_PLAYS: Final = ()
"""Parts of worlds beyond the first schema that they play (`arena.world.parts`): none yet."""


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the controller that plays policies taught by the oracle.

    Returns:
        One declaration.
    """
    return (
        ControllerSpec(
            name="imitation-policy",
            config=LearnedConfig,
            tracks=("blind", "informed"),
            factory=_imitation_policy,
            summary="a policy that was taught by the oracle: behaviour cloning or DAgger",
            preload=("numpy", "torch", "safetensors.torch"),
            plays=_PLAYS,
            cards=_cards,
        ),
    )


@hookimpl
def arena_trainings() -> Iterable[TrainingSpec]:
    """Declare a training per shipped recipe.

    Returns:
        The declarations; summaries are read from the recipes.
    """
    from arena_imitation.recipes import load_recipe, recipe_names
    from arena_imitation.training import train

    return [TrainingSpec(name, load_recipe(name).summary, partial(train, name)) for name in recipe_names()]
