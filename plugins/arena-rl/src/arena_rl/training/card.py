"""The training card: recipe, budget, learning curve and package versions of a trained policy."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy
import torch

from arena_rl.policies.policy_files import written_whole
from arena_rl.training.curve import Curve
from arena_rl.training.recipes import TrainingRecipe

_ROWS = 10


def write_card(
    path: Path,
    *,
    recipe: TrainingRecipe,
    label: str,
    parameters: int,
    steps: int,
    seconds: float,
    curve: Curve,
    validation_episodes: int,
    packages: Sequence[str],
) -> None:
    """Write the card in Markdown.

    Args:
        path: of the card.
        recipe: of the training.
        label: name of the policy.
        parameters: number of its weights.
        steps: environment steps of the training.
        seconds: wall time since the training was last started.
        curve: learning curve of the whole training.
        validation_episodes: number of episodes of a validation.
        packages: further distributions whose versions are listed.
    """
    every = max(1, len(curve) // _ROWS)
    shown = [point for number, point in enumerate(curve, start=1) if number % every == 0 or number == len(curve)]
    rows = "\n".join(f"| {point.steps:,} | {point.loss:.4f} | {point.validation:.4f} |" for point in shown)
    validated = f"{validation_episodes:,}"
    data = json.dumps(recipe.model_dump(mode="json"), indent=2)
    versions = ", ".join(
        (
            f"Python {platform.python_version()}",
            f"torch {torch.__version__}",
            f"numpy {numpy.__version__}",
            f"inventory-arena {version('inventory-arena')}",
            f"arena-rl {version('arena-rl')}",
            *(f"{name} {version(name)}" for name in packages),
        )
    )
    text = f"""# {label}

{recipe.summary}

- Command: `arena train {recipe.name}{" --network " + label.partition(".")[2] if "." in label else ""}`
- Weights: {parameters:,}
- Budget: {steps:,} environment steps on one thread; {seconds / 60:.0f} minutes since it was last started
- Made with: {versions}
- Validation: mean profit of {validated} episodes over half of what customers would pay for their mean demand and 100
  units more, by the worlds of the recipe with seeds of their own; no scenario of a competition is among them.
- Validation at the end: {curve[-1].validation:.4f}

| steps | loss | validation |
|---:|---:|---:|
{rows}

## Recipe

```json
{data}
```
"""
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
