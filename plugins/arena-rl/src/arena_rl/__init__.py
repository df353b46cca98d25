"""Learned controllers of arena, and their training.

``learned-policy`` plays a trained policy that the package ships, on the blind or the informed track; ``arena train``
makes such policies, by the recipes in the folder ``recipes``. Weights are safetensors and JSON: nothing is ever
unpickled.

- `arena_rl.inputs`: what a policy sees.
- `arena_rl.policies`: the networks that decide.
- `arena_rl.episodes`: what is played in training.
- `arena_rl.learners`: losses and optimisers.
- `arena_rl.training`: recipes and their runs.
- `arena_rl.controller`: a trained policy in play.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from arena import Controller, ControllerSpec, Track, TrainingCard, TrainingSpec, hookimpl
from arena_rl.config import LearnedConfig

__all__ = ["arena_controllers", "arena_trainings"]


def _learned_policy(config: LearnedConfig) -> Controller:
    from arena_rl.controller import LearnedController, shipped_policies

    return LearnedController(shipped_policies(config))


def _cards(config: LearnedConfig, track: Track) -> Iterable[TrainingCard]:
    from arena_rl.cards import shipped_cards

    return shipped_cards(config)


_PLAYS: Final = ()
"""Parts of worlds beyond the first schema that they play (`arena.world.parts`): none yet."""


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the controller that plays trained policies.

    Returns:
        One declaration.
    """
    return (
        ControllerSpec(
            name="learned-policy",
            config=LearnedConfig,
            tracks=("blind", "informed"),
            factory=_learned_policy,
            summary="a policy that was trained beforehand, by gradients through the dynamics or by its rewards",
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
    from arena_rl.training.recipes import load_recipe, recipe_names
    from arena_rl.training.train import train

    return [TrainingSpec(name, load_recipe(name).summary, partial(train, name)) for name in recipe_names()]
