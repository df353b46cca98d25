"""What a training is, and how a plugin declares one for ``arena train``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingRequest:
    """What a user asks of a training; None leaves it to the training's own recipe.

    Attributes:
        output: folder for everything that is written; a training that finds its own unfinished state there goes on.
        network: a shipped network's name or a file.
        steps: environment steps, one period of one episode each.
        seed: of everything that is drawn.
    """

    output: Path
    network: str | None = None
    steps: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class TrainingPoint:
    """A point of a learning curve.

    Attributes:
        policy: name of what is trained, where a training makes several.
        steps: environment steps so far.
        total: environment steps of the whole.
        loss: mean of what was minimised since the last point.
        score: value on the validation episodes, as the training's card defines it; higher is better.
    """

    policy: str
    steps: int
    total: int
    loss: float
    score: float


@dataclass(frozen=True)
class TrainingSpec:
    """Declaration of a training by a plugin.

    Attributes:
        name: lower-case name by which ``arena train`` refers to it.
        summary: one sentence for ``arena train --list``.
        run: trains, telling every point of the learning curve, and returns the files of the trained policies. It may be
            interrupted at any moment (KeyboardInterrupt) and goes on when it is called again with an equal request.
            Heavy imports belong inside it.
    """

    name: str
    summary: str
    run: Callable[[TrainingRequest, Callable[[TrainingPoint], None]], tuple[Path, ...]]
