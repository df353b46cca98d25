"""The training card: what a policy was trained on, how long, how it went, and with what."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy
import torch

from arena_rl.policies.files import replacing
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
    validated: int,
    packages: Sequence[str],
) -> None:
    """Write the card, Markdown.

    Args:
        path: of the card.
        recipe: what was done.
        label: name of the policy.
        parameters: number of its weights.
        steps: environment steps trained.
        seconds: wall time since the training was last started.
        curve: (steps, loss, validation) over the whole training.
        validated: episodes of a validation.
        packages: further distributions whose versions are told.
    """
    every = max(1, len(curve) // _ROWS)
    shown = [point for number, point in enumerate(curve, start=1) if number % every == 0 or number == len(curve)]
    rows = "\n".join(f"| {done:,} | {value:.4f} | {score:.4f} |" for done, value, score in shown)
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
- Validation: mean profit of {validated:,} episodes over half of what customers would pay for their mean demand and 100
  units more, by the worlds of the recipe with seeds of their own; no scenario of a competition is among them.
- Validation at the end: {curve[-1][2]:.4f}

| steps | loss | validation |
|---:|---:|---:|
{rows}

## Recipe

```json
{data}
```
"""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
