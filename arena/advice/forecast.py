"""A plain forecast of recorded demand: the mean of like periods, and how far demand has strayed from it.

It is what the informed track is told of today's world, and what the advice reckons with. It is stated with every
advice, so that nobody takes it for more: no trend, no holidays, and a day of the week where there are weeks enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SPANS: Final = {"day": 56, "week": 13, "month": 12}
_SPAN: Final = 28
_SEASONS: Final = {"day": 7}
_FEWEST_SEASONS: Final = 4


@dataclass(frozen=True)
class Forecast:
    """Mean demand of the periods to come.

    Attributes:
        mean: units, shape (periods, market links).
        deviation: standard deviation of a period around it, units, shape (market links,).
        words: how it was made, for people.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    words: str


def forecast_demand(
    units: NDArray[np.float64], in_stock: NDArray[np.bool_] | None, frequency: str, periods: int
) -> Forecast:
    """Forecast recorded demand.

    Of days, each day of the week has the mean of its like over the last eight weeks, where there are four weeks at
    least. Otherwise every period has the mean of the last 56 days, 13 weeks, 12 months or 28 periods, or of as many as
    there are. Periods in which the shelf was empty are left out, since more may have been asked for.

    Args:
        units: recorded demand, shape (periods before, market links), at least one period.
        in_stock: whether the shelf held goods, of that shape; None if it is not known.
        frequency: length of a period, as `DemandData.frequency`.
        periods: how many to forecast.

    >>> forecast_demand(np.array([[2.0], [4.0]]), None, "week", 3).mean.tolist()
    [[3.0], [3.0], [3.0]]
    """
    span = min(len(units), _SPANS.get(frequency, _SPAN))
    season = _SEASONS.get(frequency, 1)
    if span < season * _FEWEST_SEASONS:
        season = 1
    span -= span % season
    recent = units[-span:]
    kept = np.ones_like(recent) if in_stock is None else in_stock[-span:].astype(np.float64)
    # A market that was sold out all the time has no other demand than what was sold.
    kept[:, ~kept.any(axis=0)] = 1.0
    shape = (span // season, season, recent.shape[1])
    weights, table = kept.reshape(shape), recent.reshape(shape)
    overall = (kept * recent).sum(axis=0) / kept.sum(axis=0)
    counts = weights.sum(axis=0)
    by_season = np.where(counts > 0, (weights * table).sum(axis=0) / np.maximum(counts, 1.0), overall)
    residuals = weights * (table - by_season)
    freedom = np.maximum(kept.sum(axis=0) - (counts > 0).sum(axis=0), 1.0)
    deviation = np.sqrt((residuals**2).sum(axis=(0, 1)) / freedom)
    mean = np.tile(by_season, (periods // season + 1, 1))[:periods]
    unit = frequency if frequency in _SPANS else "period"
    words = f"the mean of the last {span} {unit}{'' if span == 1 else 's'}"
    if season > 1:
        words = f"the mean of each day of the week over the last {span // season} weeks"
    return Forecast(mean, deviation, words)
