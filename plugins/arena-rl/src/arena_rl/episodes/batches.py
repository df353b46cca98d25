"""Batches of training episodes, and how a policy plays them on the arena's own dynamics, differentiably."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from arena import Demand, Scenario, compile_scenario, initial_state, smooth_stock_out, step
from arena.training_worlds import mean_paths
from arena_rl.inputs.observations import Setting, Situation
from arena_rl.policies.forecaster import deviance


class Policy(Protocol):
    """What gives the orders of several batches, each of its own network.

    Attributes:
        forecasts: what the last call foresaw, per batch: means at sentiment 1, units, (episodes, market links,
            periods); empty where the policy makes no forecast of its own.
    """

    forecasts: list[Tensor]

    def together(self, settings: Sequence[Setting], situations: Sequence[Situation]) -> list[Tensor]:
        """Orders, units, (episodes, supply links) per batch."""


@dataclass(frozen=True)
class Episodes:
    """A batch of episodes that share network and rules.

    Attributes:
        setting: what a policy is told.
        mean_path: mean demand at sentiment 1, units, (episodes, market links, horizon + longest lead time).
        smallest_mean: lower bound of the mean, units, (episodes,).
        noise_scale: factor on demand's deviation from its mean, (episodes,).
    """

    setting: Setting
    mean_path: Tensor
    smallest_mean: Tensor
    noise_scale: Tensor

    @property
    def count(self) -> int:
        """Number of episodes."""
        return len(self.mean_path)

    @property
    def worth(self) -> Tensor:
        """Half of what customers would pay for the mean demand and 100 units more, money, (episodes,).

        Profits are divided by it, so that episodes of much and of little demand weigh alike in a loss.
        """
        prices = torch.tensor([link.price for link in self.setting.compiled.network.market_links])
        volume = self.mean_path[:, :, : self.setting.horizon].sum(2)
        return 0.5 * ((volume + 100.0) * prices).sum(1)


def make_episodes(scenario: Scenario, demands: list[Demand], *, informed: bool) -> Episodes:
    """Compile a batch.

    Args:
        scenario: gives network and rules.
        demands: one per episode; Poisson, as all of `arena.training_worlds` are.
        informed: whether the policy is shown forecast, noise scale and goodwill.
    """
    noise = torch.tensor([demand.noise_scale for demand in demands])
    setting = Setting(
        compiled=compile_scenario(scenario),
        horizon=scenario.horizon,
        order_bound=scenario.order_bound,
        noise_scale=noise if informed else None,
        goodwill=scenario.goodwill if informed else None,
        informed=informed,
    )
    return Episodes(
        setting=setting,
        mean_path=torch.from_numpy(mean_paths(scenario, demands).astype(np.float32)),
        smallest_mean=torch.tensor([demand.smallest_mean for demand in demands]),
        noise_scale=noise,
    )


def sample_demand(mean: Tensor, normal: Tensor, noise_scale: Tensor, generator: torch.Generator | None) -> Tensor:
    """Demand of a period, differentiable in its mean where the mean depends on what was played.

    Without a gradient in the mean, demand is Poisson. With one it is the Cornish-Fisher expansion of the Poisson
    quantile, rounded, with the gradient of the expansion (straight-through).

    Args:
        mean: units, (episodes, market links).
        normal: standard normal numbers, (episodes, market links).
        noise_scale: factor on the deviation from the mean, (episodes, 1).
        generator: for Poisson numbers.

    Returns:
        Units, (episodes, market links), not negative.
    """
    if mean.requires_grad:
        smooth = (mean + mean.clamp(min=1e-6).sqrt() * normal + (normal * normal - 1) / 6).clamp(min=0.0)
        raw = smooth + (smooth.round() - smooth).detach()
    else:
        raw = torch.poisson(mean, generator=generator)
    return (mean + noise_scale * (raw - mean)).clamp(min=0.0)


@dataclass(frozen=True)
class Played:
    """What came of batches that were played.

    Attributes:
        profits: per batch the profit of every episode, money, (episodes,).
        surprise: mean Poisson deviance of the policy's own forecasts from the true means; 0 if it made none.
    """

    profits: list[Tensor]
    surprise: Tensor


def play(
    policy: Policy,
    batches: Sequence[Episodes],
    generator: torch.Generator,
    *,
    surrogate_width: float = 3.0,
    feedback: float = 1.0,
) -> Played:
    """Play some batches to their end, side by side.

    Args:
        policy: gives the orders; gradients flow through it, the dynamics, demand and profit.
        batches: what is played; all have the same horizon, and a policy that joins networks wants equal counts.
        generator: of the demand.
        surrogate_width: see `arena.smooth_stock_out`, units.
        feedback: share of the gradient that flows on through the stocks that the policy sees, per period. Orders
            answer to earlier ones, so that a policy that corrects too much makes waves, in which the gradient grows
            with every period; damped, it does not, and what is corrected is corrected a little later. Sentiment is
            not damped: it would make service worth less than it is. Profits are the same.

    Returns:
        Profits, and how well the policy foresaw demand.
    """
    horizons = {batch.setting.horizon for batch in batches}
    if len(horizons) != 1:
        raise ValueError(f"batches that are played side by side end together; their horizons are {sorted(horizons)}")
    runs = [
        Run(batch, sampled(batch, generator), surrogate_width=surrogate_width, feedback=feedback) for batch in batches
    ]
    settings = [batch.setting for batch in batches]
    for period in range(horizons.pop()):
        orders = policy.together(settings, [run.situation(period) for run in runs])
        for run, forecast in zip(runs, policy.forecasts, strict=bool(policy.forecasts)):
            run.judge(period, forecast)
        for run, asked in zip(runs, orders, strict=True):
            run.advance(period, asked)
    return Played([run.profit for run in runs], sum((run.surprise for run in runs), torch.zeros(())) / len(runs))


DrawDemand = Callable[[int, Tensor], Tensor]
"""From a period and the mean demand in it, units, (episodes, market links), to the demand, the same shape."""


def sampled(episodes: Episodes, generator: torch.Generator) -> DrawDemand:
    """Demand of a batch as `sample_demand` gives it."""
    shape = (episodes.setting.horizon, episodes.count, episodes.setting.compiled.markets)
    normal, noise_scale = torch.randn(shape, generator=generator), episodes.noise_scale[:, None]
    return lambda period, mean: sample_demand(mean, normal[period], noise_scale, generator)


class Run:
    """One batch under way.

    Args:
        episodes: the batch.
        draw: gives the demand of every period.
        surrogate_width: see `play`.
        feedback: see `play`.
    """

    def __init__(
        self, episodes: Episodes, draw: DrawDemand, *, surrogate_width: float = 3.0, feedback: float = 1.0
    ) -> None:
        self.episodes = episodes
        self.setting = episodes.setting
        self.state = initial_state(self.setting.compiled, episodes.count, episodes.mean_path)
        self.profit = torch.zeros(episodes.count)
        self.surprise = torch.zeros(())
        self._draw = draw
        self._feedback = feedback
        self._stock_out = smooth_stock_out(surrogate_width)
        self._over = torch.arange(episodes.mean_path.shape[2]) >= self.setting.horizon
        self._smallest = episodes.smallest_mean[:, None]
        self._seen: list[Tensor] = []
        self._moods: list[Tensor] = []

    def situation(self, period: int) -> Situation:
        """What is seen before the decision of a period."""
        state, path = self.state, self.episodes.mean_path
        forecast = None
        if self.setting.informed:
            ahead = torch.maximum(self._smallest[:, :, None], path[:, :, period:] * state.sentiment[:, None, None])
            forecast = ahead.masked_fill(self._over[period:], 0.0)
        nothing = path.new_zeros((*path.shape[:2], 0))
        return Situation(
            period=period,
            on_hand=self._damped(state.on_hand),
            pipeline=self._damped(state.pipeline),
            unfilled=self._damped(state.unfilled),
            owed=self._damped(state.owed),
            sentiment=state.sentiment,
            demand=torch.stack(self._seen, dim=2) if self._seen else nothing,
            moods=torch.stack(self._moods, dim=1) if self._moods else nothing[:, 0],
            forecast=forecast,
        )

    def _damped(self, seen: Tensor) -> Tensor:
        """The same with less of a gradient."""
        if self._feedback == 1 or not seen.requires_grad:
            return seen
        fixed = seen.detach()
        return fixed + self._feedback * (seen - fixed)

    def judge(self, period: int, forecast: Tensor) -> None:
        """Add how far a forecast is from the true means, a period's share of the episode."""
        truth = self.episodes.mean_path[:, :, period : min(self.setting.horizon, period + forecast.shape[2])]
        self.surprise = self.surprise + deviance(forecast[:, :, : truth.shape[2]], truth) / self.setting.horizon

    def advance(self, period: int, orders: Tensor) -> None:
        """Play a period with these orders, units, (episodes, supply links)."""

        def demand(sentiment: Tensor) -> Tensor:
            mean = torch.maximum(self._smallest, self.episodes.mean_path[:, :, period] * sentiment[:, None])
            drawn = self._draw(period, mean)
            self._seen.append(drawn)
            self._moods.append(sentiment)
            return drawn

        orders = self.setting.playable(orders, period)
        self.state, flows = step(self.setting.compiled, self.state, orders, demand, stock_out=self._stock_out)
        self.profit = self.profit + flows.reward
