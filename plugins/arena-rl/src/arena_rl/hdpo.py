"""Hindsight differentiable policy optimisation: the gradient of the profit, through the arena's own dynamics.

In hindsight the demand of an episode is known, and an episode's profit is then a function of the policy's weights that
can be differentiated. Its mean over episodes is what is maximised; no value function, no log-probability.
Source: Alvo, Russo, Kanoria: Neural inventory control in networks via hindsight differentiable policy optimization
(arXiv 2306.11246).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from arena_rl.episodes import Episodes, make_episodes, play
from arena_rl.recipes import Hdpo, World
from arena_rl.weights import AnyPolicy

_RULES = ((True, True), (False, True), (True, False), (False, False))  # backlog, goodwill


def loss(profits: Sequence[Tensor], batches: Sequence[Episodes]) -> Tensor:
    """Minus the mean profit, each episode's over what its customers would pay."""
    shares = [(profit / batch.worth).mean() for profit, batch in zip(profits, batches, strict=True)]
    return -torch.stack(shares).mean()


def draw_batches(
    worlds: Sequence[World], generator: np.random.Generator, *, batches: int, episodes: int, informed: bool
) -> list[Episodes]:
    """Batches of training episodes. Backlog and goodwill take turns, so that every update sees all four rules.

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


class HdpoLearner:
    """Improves a policy, one gradient at a time.

    Args:
        config: of the recipe.
        policy: what is improved.
        worlds: where its episodes come from.
        updates: number of gradients in the whole training; the learning rate falls over them.
        seed: of everything that is drawn.
    """

    def __init__(self, config: Hdpo, policy: AnyPolicy, worlds: Sequence[World], *, updates: int, seed: int) -> None:
        self.config = config
        self.policy = policy
        self.worlds = worlds
        self.updates = updates
        self.done = 0
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=config.learning_rate)
        self.scenarios = np.random.default_rng(seed)
        self.demand = torch.Generator().manual_seed(seed)

    def update(self) -> float:
        """Take one gradient; a gradient that is not finite is skipped, and the next episodes are tried.

        Returns:
            The loss.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * self.done / self.updates))
        batches = draw_batches(
            self.worlds,
            self.scenarios,
            batches=self.config.batches,
            episodes=self.config.episodes,
            informed=self.policy.shape.informed,
        )
        played = play(self.policy, batches, self.demand, surrogate_width=self.config.surrogate_width)
        value = loss(played.profits, batches) + self.config.foresight * played.surprise
        self.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.done += 1
        return float(value.detach())


def validate(policy: AnyPolicy, batches: Sequence[Episodes], seed: int) -> float:
    """Mean profit over what customers would pay, on fixed episodes.

    Args:
        policy: what plays.
        batches: the episodes.
        seed: of their demand, so that every call plays the same.
    """
    with torch.no_grad():
        played = play(policy, batches, torch.Generator().manual_seed(seed))
        return -float(loss(played.profits, batches))
