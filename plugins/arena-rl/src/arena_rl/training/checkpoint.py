"""The state of a training in one file, so that a kill at any moment leaves a whole one: safetensors, no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from arena import ArenaError
from arena_rl.learners.make import Learner
from arena_rl.policies.files import replacing
from arena_rl.training.curve import Curve

_FORMAT = "1"


class CheckpointError(ArenaError, ValueError):
    """A checkpoint that is damaged or of another training; the command line tells it without a traceback."""


def save_checkpoint(path: Path, learner: Learner, *, digest: str, curve: Curve) -> None:
    """Write the state of a learner; the file that was there is replaced only by a whole one.

    Args:
        path: of the file.
        learner: its state and the number of its updates are kept.
        digest: of the recipe, network and seed.
        curve: points of the learning curve so far.

    Raises:
        ArenaError: If it cannot be written.
    """
    tensors, state = learner.state()
    about = state | {"format": _FORMAT, "digest": digest, "done": learner.done, "curve": curve}
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    with replacing(path) as unfinished:
        save_file(contiguous, unfinished, {"about": json.dumps(about)})


def load_checkpoint(path: Path, learner: Learner, *, digest: str) -> Curve:
    """Put a learner where the file left it.

    Args:
        path: of the file.
        learner: a new one, of the same recipe.
        digest: of the recipe, network and seed.

    Returns:
        The learning curve so far.

    Raises:
        CheckpointError: If the file is damaged or of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        made_for = (about["format"], about["digest"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: is no checkpoint ({error}); remove it to train from the beginning") from error
    if made_for != (_FORMAT, digest):
        raise CheckpointError(
            f"{path}: belongs to another training (recipe, network, steps or seed differ); choose another folder, or "
            "remove it to train from the beginning"
        )
    learner.restore(tensors, about)
    learner.done = int(about["done"])
    return [(int(step), float(value), float(score)) for step, value, score in about["curve"]]
