"""Checkpoints: the state of a training in one file, safetensors without pickle, which is whole after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from arena import ArenaError
from arena_rl.learners.learner import Learner, LearnerState
from arena_rl.policies.policy_files import written_whole
from arena_rl.training.curve import Curve, CurvePoint

_FORMAT = "1"


class CheckpointError(ArenaError, ValueError):
    """A checkpoint is damaged or of another training; the command line prints the message without a traceback."""


def save_checkpoint(path: Path, learner: Learner, *, digest: str, curve: Curve) -> None:
    """Write the state of a learner; an earlier file is replaced only by a whole one.

    Args:
        path: of the file.
        learner: its state and the number of its updates are saved.
        digest: of the recipe, network and seed.
        curve: points of the learning curve so far.

    Raises:
        ArenaError: If it cannot be written.
    """
    tensors, values = learner.state()
    about = values | {"format": _FORMAT, "digest": digest, "done": learner.updates_done, "curve": curve}
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    with written_whole(path) as unfinished:
        save_file(contiguous, unfinished, {"about": json.dumps(about)})


def load_checkpoint(path: Path, learner: Learner, *, digest: str) -> Curve:
    """Restore a learner from a file.

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
    learner.restore(LearnerState(tensors, about))
    learner.updates_done = int(about["done"])
    return [CurvePoint(int(steps), float(loss), float(score)) for steps, loss, score in about["curve"]]
