"""A forecast learnt from what was seen: mean demand at sentiment 1 of the coming periods.

The blind track shows no forecast. This one is trained with the policy that reads it: by the policy's profit, and by how
well it foretells the true mean of the training episodes (Poisson deviance), so that it has a meaning of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_WINDOWS = (1, 3, 5, 10, 30)
_SMALLEST_MOOD = 0.05
_SMALLEST_MEAN = 0.02  # units


class Forecaster(nn.Module):
    """From demand by lag, freed of sentiment, to the means of the coming periods.

    Args:
        periods: of memory, and of the forecast.
        width: of its two layers.
        unit: units by which demand is divided.
        hints: number of further inputs per market link.
    """

    def __init__(self, periods: int, width: int, unit: float, hints: int = 0) -> None:
        super().__init__()
        self.periods = periods
        self.unit = unit
        inputs = forecaster_inputs(periods) + hints
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.head = nn.Linear(width, periods)
        self.skip = nn.Linear(inputs, periods)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.skip.weight.mul_(0.1)
            # Before training: what the last five periods asked, on average.
            self.skip.weight[:, periods + _WINDOWS.index(5)] += 1.0

    def forward(self, past: Tensor) -> Tensor:
        """Means of the coming periods, units, (episodes, market links, periods).

        Args:
            past: from `remembered`.
        """
        raw = self.head(self.body(past)) + self.skip(past)
        forecast: Tensor = self.unit * nn.functional.softplus(raw, beta=3.0)
        return forecast

    def remembered(self, demand: Tensor, moods: Tensor, sentiment: Tensor) -> Tensor:
        """What the forecast is made from, (episodes, market links, inputs).

        Args:
            demand: all that was seen, latest last, units, (episodes, market links, periods so far).
            moods: the sentiments under which it came, (episodes, periods so far).
            sentiment: of now, (episodes,).
        """
        past = (demand / moods.clamp(min=_SMALLEST_MOOD)[:, None, :]).flip(2)
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


def coming(means: Tensor, sentiment: Tensor, left: int) -> Tensor:
    """A forecast until the end, at today's sentiment; past its last period, that period's mean holds.

    Args:
        means: at sentiment 1, units, (episodes, market links, periods).
        sentiment: of now, (episodes,).
        left: periods until the end.

    Returns:
        Units, (episodes, market links, left).
    """
    if left > means.shape[2]:
        means = torch.cat((means, means[:, :, -1:].expand(-1, -1, left - means.shape[2])), dim=2)
    return means[:, :, :left] * sentiment[:, None, None]


def forecaster_inputs(periods: int) -> int:
    """Number of inputs of a forecaster."""
    return 2 * periods + 2 + len(_WINDOWS)


def deviance(forecast: Tensor, truth: Tensor, *, caution: float = 0.5) -> Tensor:
    """Mean Poisson deviance of forecasts over their mean truth.

    Args:
        forecast: units, any shape.
        truth: the means, units, of the same shape.
        caution: a forecast too small weighs caution / (1 - caution) times one too large; with more than one half the
            best forecast lies above the mean, as an upper expectile does.
    """
    least = truth - truth * (truth + _SMALLEST_MEAN).log()
    excess = forecast - truth * (forecast + _SMALLEST_MEAN).log() - least
    weight = 2 * torch.where(forecast < truth, caution, 1 - caution)
    return (weight * excess).mean() / truth.mean().clamp(min=_SMALLEST_MEAN)
