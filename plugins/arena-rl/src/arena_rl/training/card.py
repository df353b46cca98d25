"""The training card: recipe, budget, learning curve and package versions of a policy, for people and as data."""

from __future__ import annotations

import json
import math
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy
import torch

from arena import LearningPoint, TrainingCard
from arena_rl.cards import ENDING
from arena_rl.policies.policy_files import written_whole
from arena_rl.training.curve import Curve
from arena_rl.training.recipes import TrainingRecipe

_ROWS = 10
_KINDS = {"effects": "levels with trend, season and shock", "series": "random series"}
"""Families of `arena.training_worlds`, in words."""


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
    """Write the card in Markdown, and beside it as data, which the page of standings shows.

    Args:
        path: of the card in Markdown, `LABEL.card.md`.
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
    budget = f"{steps:,} environment steps on one thread; {seconds / 60:.0f} minutes since it was last started"
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
- Budget: {budget}
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
    card = TrainingCard(
        name=label,
        network=label.partition(".")[2],
        summary=recipe.summary,
        recipe=recipe.name,
        worlds=describe_worlds(recipe.model_dump(mode="json"), label.partition(".")[2]),
        budget=budget,
        steps=steps,
        seed=recipe.seed,
        weights=parameters,
        score=round(curve[-1].validation, 4),
        score_meaning=describe_score(validation_episodes),
        curve=tuple(
            LearningPoint(
                steps=one.steps,
                # A learner that has not begun to learn has none.
                loss=round(one.loss, 4) if math.isfinite(one.loss) else None,
                score=round(one.validation, 4),
            )
            for one in shown
        ),
        made_with=versions,
    )
    with written_whole(path.with_name(label + ENDING)) as unfinished:
        plain = card.model_dump(mode="json", exclude_defaults=True)
        unfinished.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def describe_score(episodes: int) -> str:
    """Return the unit of the validation score, and on what it is measured.

    Args:
        episodes: number of episodes of a validation.
    """
    return (
        f"mean profit of {episodes:,} episodes over half of what customers would pay for their mean demand and 100 "
        "units more, by the worlds of the recipe with seeds of their own; no scenario of a competition is among them"
    )


def describe_worlds(recipe: Mapping[str, Any], network: str = "") -> str:
    """Return the worlds of a recipe in words: networks and kinds of demand with their shares.

    Args:
        recipe: as JSON values.
        network: name of the network that takes the place of those of the recipe; empty for none.
    """
    worlds = recipe["worlds"]
    # As in a training: the worlds that name the network, and where none does it takes the place of all.
    if named := [world for world in worlds if network and world["network"] == network]:
        worlds = named
    by_demand: dict[str, Counter[str]] = {}
    for world in worlds:
        played = network or _network(world["network"])
        by_demand.setdefault(_demand(world["mix"]), Counter())[played] += world["weight"]
    total = sum(world["weight"] for world in worlds)
    return "; ".join(f"{_shares(networks, total)}, demand: {demand}" for demand, networks in by_demand.items())


def _network(network: str | Mapping[str, Any]) -> str:
    return network if isinstance(network, str) else f"random networks ({', '.join(network['topologies'])})"


def _demand(mix: Mapping[str, Any]) -> str:
    kinds: Counter[str] = Counter()
    for one in mix["families"]:
        kinds[_KINDS.get(one["family"]["kind"], one["family"]["kind"])] += one["weight"]
    return _shares(kinds, sum(kinds.values()))


def _shares(weights: Mapping[str, float], total: float) -> str:
    if len(weights) == 1 and total == sum(weights.values()):
        return next(iter(weights))
    return ", ".join(f"{100 * weight / total:.0f} % {name}" for name, weight in weights.items())
