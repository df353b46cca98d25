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
from arena_rl.inputs.observations import BatchBriefing, BatchObservation, DemandHistory
from arena_rl.policies.forecaster import poisson_deviance


class Policy(Protocol):
    """Gives the orders of several batches, each of its own network.

    Attributes:
        forecasts: forecasts of the last call per batch, means at sentiment 1, units, (episodes, market links,
            periods); empty for a policy without a forecast of its own.
    """

    forecasts: list[Tensor]

    def order_batches(
        self, briefings: Sequence[BatchBriefing], observations: Sequence[BatchObservation]
    ) -> list[Tensor]:
        """Orders, units, (episodes, supply links) per batch."""


@dataclass(frozen=True)
class EpisodeBatch:
    """Batch of episodes that share network and rules.

    Attributes:
        briefing: briefing of the policy.
        mean_path: mean demand at sentiment 1, units, (episodes, market links, horizon + longest lead time).
        smallest_mean: lower bound of the mean, units, (episodes,).
        noise_scale: factor on demand's deviation from its mean, (episodes,).
    """

    briefing: BatchBriefing
    mean_path: Tensor
    smallest_mean: Tensor
    noise_scale: Tensor

    @property
    def count(self) -> int:
        """Number of episodes."""
        return len(self.mean_path)

    @property
    def reference_profit(self) -> Tensor:
        """Half of the market value of the mean demand and 100 units more, money, (episodes,).

        Profits are divided by it, so that episodes of much and of little demand have the same weight in a loss.
        """
        prices = torch.tensor([link.price for link in self.briefing.compiled.network.market_links])
        volume = self.mean_path[:, :, : self.briefing.horizon].sum(2)
        return 0.5 * ((volume + 100.0) * prices).sum(1)


def make_batch(scenario: Scenario, demands: list[Demand], *, informed: bool) -> EpisodeBatch:
    """Compile a batch.

    Args:
        scenario: gives network and rules.
        demands: one per episode; Poisson, as all of `arena.training_worlds` are.
        informed: whether the policy sees forecast, noise scale and goodwill.
    """
    noise_scale = torch.tensor([demand.noise_scale for demand in demands])
    briefing = BatchBriefing(
        compiled=compile_scenario(scenario),
        horizon=scenario.horizon,
        order_bound=scenario.order_bound,
        noise_scale=noise_scale if informed else None,
        goodwill=scenario.goodwill if informed else None,
        informed=informed,
    )
    return EpisodeBatch(
        briefing=briefing,
        mean_path=torch.from_numpy(mean_paths(scenario, demands).astype(np.float32)),
        smallest_mean=torch.tensor([demand.smallest_mean for demand in demands]),
        noise_scale=noise_scale,
    )


def sample_demand(mean: Tensor, normal: Tensor, noise_scale: Tensor, generator: torch.Generator | None) -> Tensor:
    """Sample the demand of a period, differentiable in its mean where the mean depends on earlier orders.

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
class PlayedBatches:
    """Outcome of batches that were played.

    Attributes:
        profits: profit of every episode per batch, money, (episodes,).
        forecast_deviance: mean Poisson deviance of the policy's own forecasts from the true means; 0 without them.
    """

    profits: list[Tensor]
    forecast_deviance: Tensor


def play(
    policy: Policy,
    batches: Sequence[EpisodeBatch],
    generator: torch.Generator,
    *,
    surrogate_width: float = 3.0,
    feedback: float = 1.0,
) -> PlayedBatches:
    """Play some batches to their end, side by side.

    Args:
        policy: gives the orders; gradients flow through it, the dynamics, demand and profit.
        batches: all of the same horizon; for a policy that joins networks, of equal counts.
        generator: of the demand.
        surrogate_width: see `arena.smooth_stock_out`, units.
        feedback: share of the gradient that flows on through the observed stocks, per period. Orders answer to
            earlier ones, so that a policy that corrects too much makes waves, in which the gradient grows with every
            period; below 1 it does not, and corrections come a little later. Sentiment is not damped, since service
            would then be worth less than it is. Profits do not depend on it.

    Returns:
        Profits, and the deviance of the policy's forecasts.

    Raises:
        ValueError: If the horizons differ.
    """
    horizons = {batch.briefing.horizon for batch in batches}
    if len(horizons) != 1:
        raise ValueError(f"batches that are played side by side end together; their horizons are {sorted(horizons)}")
    runs = [
        EpisodeRun(batch, demand_sampler(batch, generator), surrogate_width=surrogate_width, feedback=feedback)
        for batch in batches
    ]
    briefings = [batch.briefing for batch in batches]
    for period in range(horizons.pop()):
        orders = policy.order_batches(briefings, [run.observe(period) for run in runs])
        for run, forecast in zip(runs, policy.forecasts, strict=bool(policy.forecasts)):
            run.score_forecast(period, forecast)
        for run, placed in zip(runs, orders, strict=True):
            run.advance(period, placed)
    deviance = sum((run.forecast_deviance for run in runs), torch.zeros(())) / len(runs)
    return PlayedBatches([run.profit for run in runs], deviance)


DemandSampler = Callable[[int, Tensor], Tensor]
"""From a period and its mean demand, units, (episodes, market links), to the demand, the same shape."""


def demand_sampler(batch: EpisodeBatch, generator: torch.Generator) -> DemandSampler:
    """Make a sampler of a batch's demand by `sample_demand`."""
    shape = (batch.briefing.horizon, batch.count, batch.briefing.compiled.markets)
    normal, noise_scale = torch.randn(shape, generator=generator), batch.noise_scale[:, None]
    return lambda period, mean: sample_demand(mean, normal[period], noise_scale, generator)


class EpisodeRun:
    """Batch of episodes that is being played.

    Args:
        batch: the episodes.
        sample: gives the demand of every period.
        surrogate_width: see `play`.
        feedback: see `play`.
    """

    def __init__(
        self, batch: EpisodeBatch, sample: DemandSampler, *, surrogate_width: float = 3.0, feedback: float = 1.0
    ) -> None:
        self._batch = batch
        self._briefing = batch.briefing
        self._state = initial_state(self._briefing.compiled, batch.count, batch.mean_path)
        self.profit = torch.zeros(batch.count)
        self.forecast_deviance = torch.zeros(())
        self._sample = sample
        self._feedback = feedback
        self._stock_out = smooth_stock_out(surrogate_width)
        self._after_end = torch.arange(batch.mean_path.shape[2]) >= self._briefing.horizon
        self._smallest_mean = batch.smallest_mean[:, None]
        self._history = DemandHistory(batch.count, self._briefing.compiled.markets)

    def observe(self, period: int) -> BatchObservation:
        """Observation before the decision of a period."""
        state, path = self._state, self._batch.mean_path
        forecast = None
        if self._briefing.informed:
            means = path[:, :, period:] * state.sentiment[:, None, None]
            forecast = torch.maximum(self._smallest_mean[:, :, None], means)
            forecast = forecast.masked_fill(self._after_end[period:], 0.0)
        return BatchObservation(
            period=period,
            on_hand=self._damped(state.on_hand),
            pipeline=self._damped(state.pipeline),
            unfilled=self._damped(state.unfilled),
            owed=self._damped(state.owed),
            sentiment=state.sentiment,
            past_demand=self._history.demand,
            past_sentiment=self._history.sentiment,
            forecast=forecast,
        )

    def _damped(self, stock: Tensor) -> Tensor:
        """Reduce the gradient of an observed stock, see `play`."""
        if self._feedback == 1 or not stock.requires_grad:
            return stock
        fixed = stock.detach()
        return fixed + self._feedback * (stock - fixed)

    def score_forecast(self, period: int, forecast: Tensor) -> None:
        """Add the deviance of a forecast from the true means, as one period's share of the episode."""
        truth = self._batch.mean_path[:, :, period : min(self._briefing.horizon, period + forecast.shape[2])]
        deviance = poisson_deviance(forecast[:, :, : truth.shape[2]], truth)
        self.forecast_deviance = self.forecast_deviance + deviance / self._briefing.horizon

    def advance(self, period: int, orders: Tensor) -> None:
        """Play a period with these orders, units, (episodes, supply links)."""

        def demand(sentiment: Tensor) -> Tensor:
            mean = torch.maximum(self._smallest_mean, self._batch.mean_path[:, :, period] * sentiment[:, None])
            sampled = self._sample(period, mean)
            self._history.append(sampled, sentiment)
            return sampled

        orders = self._briefing.playable(orders, period)
        self._state, flows = step(self._briefing.compiled, self._state, orders, demand, stock_out=self._stock_out)
        self.profit = self.profit + flows.reward
