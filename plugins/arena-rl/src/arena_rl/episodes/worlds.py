"""Worlds of a recipe: what training and validation episodes are drawn from, and the score of a policy in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from arena import FrozenSchema, Network, Scenario, load_network
from arena.training_worlds import RandomNetworks, ScenarioMix
from arena_rl.episodes.batches import EpisodeBatch, Policy, make_batch, play

_RULES = ((True, True), (False, True), (True, False), (False, False))  # backlog, goodwill


class World(FrozenSchema):
    """Source of scenarios: a network, fixed or random, and a mix of rules and demand."""

    weight: float = Field(default=1.0, gt=0, description="relative to the other worlds")
    network: str | RandomNetworks = Field(description="a shipped network's name, a file, or ranges to draw from")
    mix: ScenarioMix

    def draw(self, generator: np.random.Generator, *, backlog: bool, goodwill: bool) -> Scenario:
        """Draw a scenario."""
        if isinstance(self.network, str):
            network: Network = load_network(self.network)
        else:
            network = self.network.draw(generator)
        return self.mix.draw(generator, network, backlog=backlog, goodwill=goodwill)

    def first_scenario(self) -> Scenario:
        """One scenario of the world, always the same, for what all its scenarios have in common."""
        return self.draw(np.random.default_rng(0), backlog=True, goodwill=False)


def draw_batches(
    worlds: Sequence[World], generator: np.random.Generator, *, batches: int, episodes: int, informed: bool
) -> list[EpisodeBatch]:
    """Draw batches of episodes. Backlog and goodwill take turns, so that four batches cover all four rules.

    Args:
        worlds: drawn from by weight.
        generator: source of randomness.
        batches: number of scenarios.
        episodes: number of episodes of each.
        informed: whether the policy sees forecasts.
    """
    weights = np.array([world.weight for world in worlds])
    found = []
    for number in range(batches):
        world = worlds[int(generator.choice(len(worlds), p=weights / weights.sum()))]
        backlog, goodwill = _RULES[number % len(_RULES)]
        scenario = world.draw(generator, backlog=backlog, goodwill=goodwill)
        found.append(make_batch(scenario, world.mix.draw_demands(generator, scenario, episodes), informed=informed))
    return found


def relative_profit(profits: Sequence[Tensor], batches: Sequence[EpisodeBatch]) -> Tensor:
    """Mean profit over all batches, each episode's divided by its `EpisodeBatch.reference_profit`; a number."""
    shares = [(profit / batch.reference_profit).mean() for profit, batch in zip(profits, batches, strict=True)]
    return torch.stack(shares).mean()


def validate(policy: Policy, batches: Sequence[EpisodeBatch], seed: int) -> float:
    """Score a policy on fixed episodes: its `relative_profit`.

    Args:
        policy: the policy that plays.
        batches: the episodes.
        seed: of their demand, so that every call plays the same.
    """
    with torch.no_grad():
        played = play(policy, batches, torch.Generator().manual_seed(seed))
        return float(relative_profit(played.profits, batches))
