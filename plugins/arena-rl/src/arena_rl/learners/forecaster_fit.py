"""Fits the forecaster of a blind policy that is trained by its rewards: only demand is played, no network.

Rewards say little about the right forecast; the true means of the training's own demand say it exactly. The forecaster
is fitted to those first, and is fixed while the policy learns to use it. A forecast above the mean (`caution`) contains
the safety stock that an order for the mean lacks: a unit short costs a sale, a unit left over costs some storage, and
rewards teach safety stock only slowly. How much of it is best depends on the network: `fit_most_profitable` tries.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from arena import Scenario, next_sentiment
from arena.training_worlds import ScenarioMix, mean_paths
from arena_rl.episodes.batches import sample_demand
from arena_rl.episodes.worlds import World, draw_batches, validate
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.forecaster import Forecaster, poisson_deviance

_GRADIENTS = 1000
_EPISODES = 128
_LEARNING_RATE = 3e-3
_MOST_STOCK_OUTS = 0.5  # share of the periods
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
        forecaster: improved in place.
        scenario: gives number of markets and horizon.
        mix: distribution of the demand.
        seed: of all random numbers.
        caution: see `arena_rl.policies.forecaster.poisson_deviance`.
        gradients: number of gradient steps, by Adam with a learning rate that falls as a cosine.

    Returns:
        The loss before each gradient: Poisson deviance over mean demand.
    """
    generator, noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(forecaster.parameters(), lr=_LEARNING_RATE)
    horizon, losses = scenario.horizon, []
    for number in range(gradients):
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * number / gradients))
        demands = mix.draw_demands(generator, scenario, _EPISODES)
        means = torch.from_numpy(mean_paths(scenario, demands)[:, :, :horizon].astype(np.float32))
        noise_scales = torch.tensor([demand.noise_scale for demand in demands])[:, None, None]
        sentiment = _random_sentiment(mix, generator, horizon)
        demand = sample_demand(means * sentiment[:, None, :], torch.zeros_like(means), noise_scales, noise)
        last = torch.cat((torch.ones(len(sentiment), 1), sentiment), dim=1)
        histories = [
            forecaster.history_features(demand[:, :, :now], sentiment[:, :now], last[:, now]) for now in range(horizon)
        ]
        forecasts = forecaster(torch.stack(histories))
        parts = []
        for now in range(horizon):
            ahead = min(horizon - now, forecaster.periods)
            truth = means[:, :, now : now + ahead]
            parts.append(poisson_deviance(forecasts[now, :, :, :ahead], truth, caution=caution))
        loss = torch.stack(parts).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def fit_most_profitable(
    policy: ActorPolicy,
    scenario: Scenario,
    world: World,
    *,
    seed: int,
    cautions: Sequence[float],
    gradients: int = _GRADIENTS,
) -> float:
    """Fit the forecaster of an untrained policy with several cautions, and keep the one that earns most.

    Profit is that of the policy as it is, in episodes of the training's own world.

    Args:
        policy: its forecaster is fitted in place.
        scenario: see `fit`.
        world: source of demand and episodes.
        seed: of all random numbers.
        cautions: see `fit`; of equally profitable ones the first is kept.
        gradients: see `fit`.

    Returns:
        The caution that was kept.
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
    profits, fitted = {}, {}
    for caution in cautions:
        forecaster.load_state_dict(untrained)
        fit(forecaster, scenario, world.mix, seed=seed, caution=caution, gradients=gradients)
        profits[caution], fitted[caution] = validate(policy, trials, seed), copy.deepcopy(forecaster.state_dict())
    best = max(cautions, key=profits.__getitem__)
    forecaster.load_state_dict(fitted[best])
    return best


def _random_sentiment(mix: ScenarioMix, generator: np.random.Generator, horizon: int) -> Tensor:
    """Sentiment of some episodes in which stock-outs are random, (episodes, horizon)."""
    found = np.ones((_EPISODES, horizon), dtype=np.float32)
    for course in found:
        if generator.random() >= mix.goodwill:
            continue
        goodwill = mix.goodwill_ranges.draw(generator)
        stock_out = generator.random(horizon) < generator.uniform(0.0, _MOST_STOCK_OUTS)
        for period in range(1, horizon):
            course[period] = next_sentiment(goodwill, course[period - 1], stock_out[period])
    return torch.from_numpy(found)
