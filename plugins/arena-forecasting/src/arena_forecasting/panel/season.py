"""The season that all items of a panel share: its period found in the data, and a factor per phase.

One index of all items is found first: demand of item i in period t is explained as (mean of i) × (index of t), by
alternating sums over what is known (the Poisson likelihood's own conditions). A season is a period after which the
index repeats itself. Factors of single items or groups of items are noisier than they are different, so there are none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from arena_forecasting.panel.observed import FloatArray, Panel

_ROUNDS = 15  # of alternating sums; they converge in fewer
_LEAST_INDEX = 1e-3
_FEWEST_PAIRS = 24  # of periods a season apart, from which a season is believed at all
_EVIDENCE = 3.5  # correlation × √pairs; by chance the largest of a hundred candidates is about 2.7
_OF_MULTIPLE = 0.8  # of the correlation at a multiple, from which a divisor of it is the period
_HALF_SPAN = 13  # periods to either side whose median is the trend that is removed before seasons are looked for
_NO_EVIDENCE = 0.5  # cycles: weight of "no season" against the cycles that were seen


class Season(NamedTuple):
    """Factors of a season.

    Attributes:
        factors: One per phase; the phase of a period is its number, from the first of the history, modulo their count.
            A single 1 is no season.
    """

    factors: FloatArray

    @property
    def period(self) -> int:
        """Periods after which the season repeats itself; 1 without a season."""
        return len(self.factors)

    def over(self, first: int, count: int) -> FloatArray:
        """Factors of successive periods, (count,).

        Args:
            first: Number of the first period, counted from the beginning of the history.
            count: How many periods.
        """
        return self.factors[np.arange(first, first + count) % self.period]


def common_index(panel: Panel) -> FloatArray:
    """Demand of all items by period, relative to their means: 1 is usual, (periods,).

    Items that are out of stock, or not yet sold, change nothing: only what is known is compared, item by item.
    """
    index = np.ones(panel.periods)
    by_period, by_item = panel.demand.sum(axis=1), panel.demand.sum(axis=0)
    flags = panel.known.astype(np.float64)
    for _ in range(_ROUNDS):
        means = by_item / np.maximum(index @ flags, 1e-9)
        expected = flags @ means
        index = np.where(expected > 0, by_period / np.maximum(expected, 1e-9), 1.0)
        index = index / max(float(index.mean()), 1e-9)
    return np.maximum(index, _LEAST_INDEX)


def find_period(index: FloatArray) -> int:
    """Period of the season in an index: the lag at which its deviations from the trend repeat themselves best.

    A lag counts by its correlation × √pairs, needs at least 24 pairs, and has to be beyond chance. Multiples of a
    period repeat as well as the period itself; so the shortest divisor that repeats nearly as well is taken.

    Args:
        index: By period, above 0, (periods,).

    Returns:
        Periods; 1 if no season is found.

    >>> find_period(1.5 + np.sin(np.arange(60) * 2 * np.pi / 12))
    12
    >>> find_period(np.ones(60))
    1
    """
    logs = np.log(index)
    around = [np.median(logs[max(0, at - _HALF_SPAN) : at + _HALF_SPAN + 1]) for at in range(len(logs))]
    rest = logs - np.array(around)
    correlations = {lag: _correlation(rest[lag:], rest[:-lag]) for lag in range(2, len(rest) - _FEWEST_PAIRS + 1)}
    if not correlations:
        return 1
    evidence = {lag: found * math.sqrt(len(rest) - lag) for lag, found in correlations.items()}
    best = max(evidence, key=evidence.__getitem__)
    if evidence[best] <= _EVIDENCE:
        return 1
    enough = _OF_MULTIPLE * correlations[best]
    return next(lag for lag, found in correlations.items() if best % lag == 0 and found >= enough)


def _correlation(later: FloatArray, earlier: FloatArray) -> float:
    size = math.sqrt(float(later @ later) * float(earlier @ earlier))
    return float(later @ earlier) / size if size > 1e-12 else 0.0


def shared_season(panel: Panel, period: int | None = None) -> Season:
    """Season that all items share.

    Each cycle's log index is compared with its own mean, so that growth from cycle to cycle is no season. A phase's
    factor is the mean over the cycles that were seen, shrunk to none as if half a cycle without a season had been seen.

    Args:
        panel: What was seen, at least a cycle of it where a period is given.
        period: Periods of a cycle; None: found by `find_period`.
    """
    if panel.periods == 0:
        return Season(np.ones(1))
    index = common_index(panel)
    period = find_period(index) if period is None else period
    if period < 2 or panel.periods < period:
        return Season(np.ones(1))
    logs = _without_growth(index, period)
    phases = np.arange(panel.periods) % period
    seen = np.bincount(phases, minlength=period)
    return Season(np.exp(np.bincount(phases, weights=logs, minlength=period) / (seen + _NO_EVIDENCE)))


def _without_growth(index: FloatArray, period: int) -> FloatArray:
    """Log index, each cycle's level removed; cycles end with the latest period, the first one may be cut off."""
    logs = np.log(index)
    last = len(index)
    for end in range(last, 0, -period):
        begin = max(0, end - period)
        if end - begin == period:
            logs[begin:end] -= math.log(float(index[begin:end].mean()))
            continue
        # A part of a cycle is compared with the same phases of the whole ones.
        phases = np.arange(begin, end)
        whole = [logs[phase + period : last : period].mean() for phase in phases.tolist()]
        logs[begin:end] -= float(np.mean(logs[begin:end] - np.array(whole)))
    return logs
