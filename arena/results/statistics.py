"""Statistics of profits and of other values: means, standard errors and intervals, each None where it has no value.

Every estimate is a mean over *units* that are drawn independently of each other: its array holds a value per unit,
shape (strata, units), and the estimate is the sum of the strata's means. On public seeds all scenarios are played with
the same few seeds, so a unit is a seed across all scenarios and there is one stratum. On hidden seeds every scenario
has a stream of its own: a unit is one episode, and a stratum one scenario (its values divided by their number).

The interval is Student's t, corrected for skewness by Hall's cubic transformation, with the degrees of freedom of Welch
and Satterthwaite. `benchmarks/inference.py` measures how often it covers the mean.

Sources: P. Hall, On the removal of skewness by transformation, Journal of the Royal Statistical Society B 54 (1992);
F. E. Satterthwaite, An approximate distribution of estimates of variance components, Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.compared import Interval

CONFIDENCE: Final = 0.95
"""Coverage of every interval."""

FEWEST_FOR_RISK: Final = 40
"""Episodes below which the worst twentieth is a single one, and no estimate of anything."""

SPREAD_TOLERANCE: Final = 1e-12
"""Spread, relative to the largest value, up to which values are one value that was computed several times."""

_TAIL: Final = 0.05
_SYMMETRIC: Final = 1e-6  # a smaller skewness changes nothing but the rounding

Matrix = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean with what is known of its error.

    Attributes:
        value: the mean.
        standard_error: its standard error; None with fewer than two units in a stratum.
        interval: the 95 % interval; None also where all units are equal, which says nothing about others.
    """

    value: float
    standard_error: float | None
    interval: Interval | None


def estimate(units: Matrix) -> Estimate | None:
    """Estimate a mean from independent units.

    Args:
        units: values, shape (strata, units); the estimate is the sum of the strata's means.

    Returns:
        The estimate, or None if there is no unit or a value is not a finite number.
    """
    number = units.shape[-1]
    if not units.size or not np.isfinite(units).all():
        return None
    value = float(units.mean(axis=-1).sum())
    if number < 2:
        return Estimate(value, None, None)
    deviations = units - units.mean(axis=-1, keepdims=True)
    squares = np.square(deviations).sum(axis=-1)
    largest = float(np.abs(units).max())
    if np.sqrt(squares.max()) <= SPREAD_TOLERANCE * largest * np.sqrt(number):
        return Estimate(value, 0.0, None)
    variances = squares / (number * (number - 1))
    variance = float(variances.sum())
    error = float(np.sqrt(variance))
    freedom = variance**2 / float(np.square(variances).sum()) * (number - 1)
    skewness = float((deviations**3).sum()) / float(squares.sum()) ** 1.5
    quantile = student_quantile(freedom)
    low, high = (value - error * float(unskew(end, skewness)) for end in (quantile, -quantile))
    return Estimate(value, error, Interval(low=low, high=high))


def estimate_many(units: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Estimate many means at once, each as `estimate` does.

    Args:
        units: values, shape (means, strata, units).

    Returns:
        Values and ends of the 95 % intervals, lower and upper, shape (means,) each; NaN where there is none.
    """
    from scipy.special import stdtrit

    number = units.shape[-1]
    value, low, high = (np.full(len(units), np.nan) for _ in range(3))
    finite = np.isfinite(units).all(axis=(1, 2))
    if not units.size or not finite.any():
        return value, low, high
    units = units[finite]
    value[finite] = units.mean(axis=-1).sum(axis=-1)
    if number < 2:
        return value, low, high
    deviations = units - units.mean(axis=-1, keepdims=True)
    squares = np.square(deviations).sum(axis=-1)
    largest = np.abs(units).max(axis=(1, 2))
    varied = np.sqrt(squares.max(axis=1)) > SPREAD_TOLERANCE * largest * np.sqrt(number)
    squares = squares[varied]
    variances = squares / (number * (number - 1))
    variance = variances.sum(axis=1)
    error = np.sqrt(variance)
    freedom = variance**2 / np.square(variances).sum(axis=1) * (number - 1)
    skewness = (deviations[varied] ** 3).sum(axis=(1, 2)) / squares.sum(axis=1) ** 1.5
    quantile = stdtrit(freedom, (1 + CONFIDENCE) / 2)
    where = np.flatnonzero(finite)[varied]
    low[where] = value[where] - error * unskew(quantile, skewness)
    high[where] = value[where] - error * unskew(-quantile, skewness)
    return value, low, high


def skew(statistic: Matrix, skewness: Matrix) -> Matrix:
    """Transform t statistics so that their distribution is nearly symmetric though that of the units is skewed.

    Args:
        statistic: (estimate − mean) / standard error.
        skewness: of the estimate, that is the third central moment of the mean / its standard deviation cubed.

    Returns:
        Hall's cubic transformation, which is increasing and has a closed inverse. Shape of the arguments.
    """
    tilt = skewness / 3
    return statistic + tilt * statistic**2 + tilt**2 * statistic**3 / 3 + skewness / 6


def unskew(transformed: Matrix | float, skewness: Matrix | float) -> Matrix:
    """Return the statistics that `skew` transforms to some values, for one skewness each. Shape of the arguments."""
    symmetric = np.abs(skewness) < _SYMMETRIC
    tilt = np.where(symmetric, 1.0, skewness)
    curved = 3 / tilt * (np.cbrt(1 + tilt * (transformed - tilt / 6)) - 1)
    return np.where(symmetric, transformed, curved)


def student_quantile(freedom: float) -> float:
    """Return the half width of an interval by Student's t, in standard errors, for so many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def mean_of(profit: Matrix, scored: NDArray[np.bool_]) -> Matrix:
    """Return the mean over the last axis of what was scored; NaN where nothing was."""
    counts = scored.sum(axis=-1)
    total = np.where(scored, profit, 0.0).sum(axis=-1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None when there is no value or one is missing."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present and len(present) == len(values) else None


def mean_bound(bounds: Sequence[float | None]) -> float | None:
    """Return the mean as `mean` does; None also for bounds too large to be added, which bound nothing."""
    with np.errstate(over="ignore"):
        average = mean(bounds)
    return None if average is None else known(average)


def known(value: float) -> float | None:
    """Return a finite value, or None."""
    return float(value) if np.isfinite(value) else None


def cvar(profit: Matrix) -> float | None:
    """Return the mean of the worst ⌊0.05 n⌋ profits; None below 40, of which a twentieth is less than two."""
    return float(np.sort(profit)[: int(_TAIL * profit.size)].mean()) if profit.size >= FEWEST_FOR_RISK else None


def interquartile_mean(values: Matrix) -> float | None:
    """Return the mean of the middle half, ⌊n/4⌋ values cut at each end; None without a value."""
    cut = values.size // 4
    return float(np.sort(values)[cut : values.size - cut].mean()) if values.size else None
