"""Fits the forecaster of a blind policy that is trained by its rewards: demand alone is played, no network.

Rewards say too little of what a forecast should have been; the true means of the training's own demand say it exactly.
So the forecaster is fitted to those first, and stays as it is while the policy learns what to do with it. A forecast
above the mean (`caution`) has the safety in it that an order for a mean lacks: a unit short costs a sale, a unit left
over some storage, and what the shape of the orders does not say the rewards teach only slowly. How much of it is best
depends on the network: `choose` tries.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch

from arena import Scenario
from arena.training_worlds import ScenarioMix, mean_paths
from arena_rl.episodes.batches import sample_demand
from arena_rl.episodes.worlds import draw_batches, validate
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.forecaster import Forecaster, deviance
from arena_rl.training.recipes import World

_GRADIENTS = 1000
_EPISODES = 128
_LEARNING_RATE = 3e-3
_MOST_SHORT = 0.5
_TRIAL_BATCHES = 8
_TRIAL_EPISODES = 256


def fit(
    forecaster: Forecaster,
    scenario: Scenario,
    mix: ScenarioMix,
    *,
    seed: int,
    caution: float = 0.5,
    gradients: int = _GRADIENTS,
) -> list[float]:
    """Fit a forecaster to the means of the coming periods, in every period of an episode.

    Args:
        forecaster: is improved in place.
        scenario: gives number of markets and horizon.
        mix: what demand is drawn from.
        seed: of everything that is drawn.
        caution: see `arena_rl.policies.forecaster.deviance`.
        gradients: how many, by Adam with a learning rate that falls as a cosine.

    Returns:
        The loss before each gradient: Poisson deviance over mean demand.
    """
    generator, noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(forecaster.parameters(), lr=_LEARNING_RATE)
    horizon, losses = scenario.horizon, []
    for done in range(gradients):
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * done / gradients))
        demands = mix.draw_demands(generator, scenario, _EPISODES)
        means = torch.from_numpy(mean_paths(scenario, demands)[:, :, :horizon].astype(np.float32))
        scales = torch.tensor([demand.noise_scale for demand in demands])[:, None, None]
        moods = _moods(mix, generator, horizon)
        seen = sample_demand(means * moods[:, None, :], torch.zeros_like(means), scales, noise)
        last = torch.cat((torch.ones(len(moods), 1), moods), dim=1)
        pasts = [forecaster.remembered(seen[:, :, :now], moods[:, :now], last[:, now]) for now in range(horizon)]
        foreseen = forecaster(torch.stack(pasts))
        parts = []
        for now in range(horizon):
            ahead = min(horizon - now, forecaster.periods)
            parts.append(deviance(foreseen[now, :, :, :ahead], means[:, :, now : now + ahead], caution=caution))
        loss = torch.stack(parts).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def choose(
    policy: ActorPolicy,
    scenario: Scenario,
    world: World,
    *,
    seed: int,
    cautions: Sequence[float],
    gradients: int = _GRADIENTS,
) -> float:
    """Fit the forecaster of a policy with several cautions; the one that earns most stays.

    What is earned is that of the policy as it is, untrained, in episodes of the training's own world.

    Args:
        policy: its forecaster is fitted in place.
        scenario: see `fit`.
        world: what demand and episodes are drawn from.
        seed: of everything that is drawn.
        cautions: see `fit`; the first wins where several earn the same.
        gradients: see `fit`.

    Returns:
        The caution that stays.
    """
    forecaster = policy.forecaster
    assert forecaster is not None
    if len(cautions) == 1:
        fit(forecaster, scenario, world.mix, seed=seed, caution=cautions[0], gradients=gradients)
        return cautions[0]
    trials = draw_batches(
        (world,), np.random.default_rng(seed), batches=_TRIAL_BATCHES, episodes=_TRIAL_EPISODES, informed=False
    )
    untrained = copy.deepcopy(forecaster.state_dict())
    earned, fitted = {}, {}
    for caution in cautions:
        forecaster.load_state_dict(untrained)
        fit(forecaster, scenario, world.mix, seed=seed, caution=caution, gradients=gradients)
        earned[caution], fitted[caution] = validate(policy, trials, seed), copy.deepcopy(forecaster.state_dict())
    best = max(cautions, key=earned.__getitem__)
    forecaster.load_state_dict(fitted[best])
    return best


def _moods(mix: ScenarioMix, generator: np.random.Generator, horizon: int) -> torch.Tensor:
    """Sentiments of some episodes in which every period is served or not by chance, (episodes, horizon)."""
    found = np.ones((_EPISODES, horizon), dtype=np.float32)
    for course in found:
        if generator.random() >= mix.goodwill:
            continue
        goodwill = mix.goodwill_ranges.draw(generator)
        short = generator.random(horizon) < generator.uniform(0.0, _MOST_SHORT)
        for period in range(1, horizon):
            moved = course[period - 1] * (goodwill.decay if short[period] else goodwill.growth)
            course[period] = np.clip(moved, goodwill.floor, goodwill.cap)
    return torch.from_numpy(found)
