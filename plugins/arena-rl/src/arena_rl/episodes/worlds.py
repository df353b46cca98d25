"""Episodes drawn from the worlds of a recipe, and how a policy's profit on them is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from arena_rl.episodes.batches import Episodes, Policy, make_episodes, play
from arena_rl.training.recipes import World

_RULES = ((True, True), (False, True), (True, False), (False, False))  # backlog, goodwill


def draw_batches(
    worlds: Sequence[World], generator: np.random.Generator, *, batches: int, episodes: int, informed: bool
) -> list[Episodes]:
    """Batches of episodes. Backlog and goodwill take turns, so that four batches see all four rules.

    Args:
        worlds: what is drawn from, by weight.
        generator: what is drawn with.
        batches: number of scenarios.
        episodes: number of episodes of each.
        informed: whether the policy is shown forecasts.
    """
    weights = np.array([world.weight for world in worlds])
    found = []
    for number in range(batches):
        world = worlds[int(generator.choice(len(worlds), p=weights / weights.sum()))]
        backlog, goodwill = _RULES[number % len(_RULES)]
        scenario = world.draw(generator, backlog=backlog, goodwill=goodwill)
        found.append(make_episodes(scenario, world.mix.draw_demands(generator, scenario, episodes), informed=informed))
    return found


def share_earned(profits: Sequence[Tensor], batches: Sequence[Episodes]) -> Tensor:
    """Mean profit, each episode's over its `Episodes.worth`; a number."""
    shares = [(profit / batch.worth).mean() for profit, batch in zip(profits, batches, strict=True)]
    return torch.stack(shares).mean()


def validate(policy: Policy, batches: Sequence[Episodes], seed: int) -> float:
    """Mean profit over `Episodes.worth`, on fixed episodes.

    Args:
        policy: what plays.
        batches: the episodes.
        seed: of their demand, so that every call plays the same.
    """
    with torch.no_grad():
        played = play(policy, batches, torch.Generator().manual_seed(seed))
        return float(share_earned(played.profits, batches))
