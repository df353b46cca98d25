"""The forecaster of a blind policy: mean demand at sentiment 1 of the coming periods, from past demand.

The blind track shows no forecast. The forecaster is trained with the policy that reads it, by the policy's profit and
by its Poisson deviance from the true means of the training episodes, or is fitted to those means beforehand
(`arena_rl.learners.forecaster_fit`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from arena_rl.inputs.observations import BatchObservation

_WINDOWS = (1, 3, 5, 10, 30)
_SMALLEST_SENTIMENT = 0.05
_SMALLEST_MEAN = 0.02  # units


class OwnForecast(NamedTuple):
    """Forecast that a policy made itself.

    Attributes:
        history: features from which it was made, (episodes, market links, features).
        means: means at sentiment 1, units, (episodes, market links, periods).
        to_end: forecast until the end of the episode at today's sentiment, units, (episodes, market links, periods).
    """

    history: Tensor
    means: Tensor
    to_end: Tensor


class Forecaster(nn.Module):
    """Network from demand by lag, freed of sentiment, to the means of the coming periods.

    Args:
        periods: number of periods that are read, and that are forecast.
        width: width of its two layers.
        unit: units by which demand is divided.
        hints: number of further features per market link.
    """

    def __init__(self, periods: int, width: int, unit: float, hints: int = 0) -> None:
        super().__init__()
        self.periods = periods
        self.unit = unit
        inputs = history_feature_count(periods) + hints
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.head = nn.Linear(width, periods)
        self.skip = nn.Linear(inputs, periods)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.skip.weight.mul_(0.1)
            # Before training the forecast is about the mean of the last five periods.
            self.skip.weight[:, periods + _WINDOWS.index(5)] += 1.0

    def forecast(self, observation: BatchObservation, horizon: int, hints: Tensor | None = None) -> OwnForecast:
        """Forecast from an observation.

        Args:
            observation: of a batch.
            horizon: number of periods of the episode.
            hints: further features, (market links, hints), if the forecaster was made for some.
        """
        history = self.history_features(observation.past_demand, observation.past_sentiment, observation.sentiment)
        if hints is not None:
            history = torch.cat((history, hints.expand(len(history), -1, -1)), dim=2)
        means = self(history)
        return OwnForecast(history, means, forecast_to_end(means, observation.sentiment, horizon - observation.period))

    def forward(self, history: Tensor) -> Tensor:
        """Means of the coming periods at sentiment 1, units, (episodes, market links, periods).

        Args:
            history: from `history_features`.
        """
        raw = self.head(self.body(history)) + self.skip(history)
        means: Tensor = self.unit * nn.functional.softplus(raw, beta=3.0)
        return means

    def history_features(self, demand: Tensor, past_sentiment: Tensor, sentiment: Tensor) -> Tensor:
        """Features from which the forecast is made, (episodes, market links, features).

        Args:
            demand: all demand so far, latest last, units, (episodes, market links, periods so far).
            past_sentiment: sentiment under which each demand arose, (episodes, periods so far).
            sentiment: today's sentiment, (episodes,).
        """
        past = (demand / past_sentiment.clamp(min=_SMALLEST_SENTIMENT)[:, None, :]).flip(2)
        count, markets, known = past.shape
        lags = past[:, :, : self.periods]
        if known < self.periods:
            lags = nn.functional.pad(lags, (0, self.periods - known))
        means = [past[:, :, :window].mean(2) if known else past.new_zeros((count, markets)) for window in _WINDOWS]
        clock = torch.zeros(self.periods + 1)
        clock[min(known, self.periods)] = 1.0
        return torch.cat(
            (
                lags / self.unit,
                torch.stack(means, dim=2) / self.unit,
                clock.expand(count, markets, -1),
                sentiment[:, None, None].expand(-1, markets, 1),
            ),
            dim=2,
        )


def forecast_to_end(means: Tensor, sentiment: Tensor, periods_left: int) -> Tensor:
    """Forecast until the end of the episode, at today's sentiment; beyond the last mean, that mean is repeated.

    Args:
        means: means at sentiment 1, units, (episodes, market links, periods).
        sentiment: today's sentiment, (episodes,).
        periods_left: periods until the end.

    Returns:
        Mean demand, units, (episodes, market links, periods_left).
    """
    if periods_left > means.shape[2]:
        means = torch.cat((means, means[:, :, -1:].expand(-1, -1, periods_left - means.shape[2])), dim=2)
    return means[:, :, :periods_left] * sentiment[:, None, None]


def history_feature_count(periods: int) -> int:
    """Number of features of a history of so many periods, see `Forecaster.history_features`."""
    return 2 * periods + 2 + len(_WINDOWS)


def poisson_deviance(forecast: Tensor, truth: Tensor, *, caution: float = 0.5) -> Tensor:
    """Mean Poisson deviance of forecasts, divided by the mean of the truth.

    Args:
        forecast: units, any shape.
        truth: the true means, units, of the same shape.
        caution: between 0 and 1; a forecast too small weighs caution / (1 - caution) times one too large. Above one
            half the best forecast lies above the mean, as an upper expectile does.
    """
    least = truth - truth * (truth + _SMALLEST_MEAN).log()
    excess = forecast - truth * (forecast + _SMALLEST_MEAN).log() - least
    weight = 2 * torch.where(forecast < truth, caution, 1 - caution)
    return (weight * excess).mean() / truth.mean().clamp(min=_SMALLEST_MEAN)
