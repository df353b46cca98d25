"""Quantiles of demand's distributions, exact, for one draw and for arrays.

SciPy's ``poisson.ppf`` takes about 100 microseconds a call, and ``scipy.special.pdtrik`` alone can be off by one and
has no value at the ends. Here a guess close to the quantile is corrected with the distribution function itself. That
holds for the negative binomial distribution likewise, whose distribution function is a regularised incomplete beta.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

#: A generator's uniforms are multiples of 2**-53 below 1. Where 0 has no finite quantile, half a step stands for it.
SMALLEST_UNIFORM: Final = 2.0**-54
LARGEST_UNIFORM: Final = 1.0 - 2.0**-53


def poisson_quantile(uniform: float, mean: float) -> float:
    """The smallest count whose cumulative probability reaches a level.

    Args:
        uniform: the level, from 0 to 1 (1 counts as the largest number below it).
        mean: of the distribution, 0 or more.

    Returns:
        The smallest whole number k with ``pdtr(k, mean) >= uniform``.

    Source: the guess is the expansion of Cornish and Fisher (1938) with its first correction for skewness.
    """
    from scipy.special import ndtri, pdtr

    level = min(uniform, LARGEST_UNIFORM)
    deviate = float(ndtri(max(level, SMALLEST_UNIFORM)))
    guess = max(0.0, float(math.ceil(mean + math.sqrt(mean) * deviate + (deviate * deviate - 1) / 6 - 0.5)))
    # At count 0 the second look is at -1, where pdtr is not a number and the comparison false.
    if pdtr(guess, mean) >= level and not pdtr(guess - 1, mean) >= level:
        return guess
    return smallest_count(level, mean, guess)


def poisson_quantiles(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Quantiles of Poisson distributions: the smallest counts whose cumulative probabilities reach given levels.

    Equal to :func:`poisson_quantile` element by element.

    Args:
        uniform: levels, from 0 to 1.
        mean: means of the distributions, 0 or more, of the same shape.

    Returns:
        Whole numbers, of that shape.
    """
    from scipy.special import ndtri, pdtr

    level = np.minimum(uniform, LARGEST_UNIFORM)
    deviate = ndtri(np.maximum(level, SMALLEST_UNIFORM))
    count = np.maximum(0.0, np.ceil(mean + np.sqrt(mean) * deviate + (deviate * deviate - 1) / 6 - 0.5))
    wrong = ~(pdtr(count, mean) >= level) | (pdtr(count - 1, mean) >= level)
    for place in np.argwhere(wrong):
        at = tuple(place)
        count[at] = smallest_count(float(level[at]), float(mean[at]), float(count[at]))
    return np.asarray(count)


def smallest_count(level: float, mean: float, guess: float) -> float:
    """The quantile of the Poisson distribution by search, from any guess.

    Args:
        level: from 0 to below 1.
        mean: of the distribution, 0 or more.
        guess: a whole number, 0 or more; the nearer, the faster.

    Returns:
        The smallest whole number k with ``pdtr(k, mean) >= level``.
    """
    from scipy.special import pdtr

    return search_count(lambda count: float(pdtr(count, mean)), level, guess)


def search_count(cumulative: Callable[[float], float], level: float, guess: float) -> float:
    """The smallest count whose cumulative probability reaches a level: doubling strides bracket it, halving finds it.

    Args:
        cumulative: probability of a count or less; for a count below 0 it is not a number, or 0.
        level: from 0 to below 1.
        guess: a whole number, 0 or more; the nearer, the faster.
    """

    def reaches(count: float) -> bool:
        return count >= 0 and cumulative(count) >= level

    stride = 1.0
    if reaches(guess):
        enough, too_few = guess, guess - 1
        while reaches(too_few):
            enough, too_few, stride = too_few, too_few - stride, 2 * stride
    else:
        enough, too_few = guess + 1, guess
        while not reaches(enough):
            enough, too_few, stride = enough + stride, enough, 2 * stride
    while enough - too_few > 1:
        middle = float(math.floor((enough + too_few) / 2))
        if reaches(middle):
            enough = middle
        else:
            too_few = middle
    return enough


def negative_binomial_quantiles(uniform: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Quantiles of negative binomial distributions of variance ``mean + dispersion * mean**2``.

    The probability of k or less is ``betainc(r, k + 1, r / (r + mean))`` with ``r = 1 / dispersion`` (Johnson, Kemp and
    Kotz 2005, Univariate Discrete Distributions, section 5.6).

    Args:
        uniform: levels, from 0 to 1 (1 counts as the largest number below it).
        mean: means of the distributions, 0 or more, of the same shape.
        dispersion: above 0.

    Returns:
        Whole numbers, of that shape: the smallest counts whose cumulative probabilities reach the levels.
    """
    from scipy.special import betainc, ndtri

    size = 1.0 / dispersion
    level = np.atleast_1d(np.minimum(uniform, LARGEST_UNIFORM))
    means = np.atleast_1d(np.asarray(mean, dtype=np.float64))
    share = size / (size + means)
    deviate = ndtri(np.maximum(level, SMALLEST_UNIFORM))
    spread = np.sqrt(means + dispersion * means * means)
    # The skewness is (1 + 2 dispersion mean) / spread, as the guess of Cornish and Fisher takes it.
    skew = (1.0 + 2.0 * dispersion * means) * (deviate * deviate - 1) / 6
    count = np.maximum(0.0, np.ceil(means + spread * deviate + skew - 0.5))
    below = np.where(count > 0, betainc(size, np.maximum(count, 1.0), share), 0.0)
    wrong = ~(betainc(size, count + 1, share) >= level) | ((count > 0) & (below >= level))
    for (place,) in np.argwhere(wrong.ravel()):
        chance = float(share.ravel()[place])
        count.ravel()[place] = search_count(
            lambda k, chance=chance: float(betainc(size, k + 1, chance)),  # type: ignore[misc]
            float(level.ravel()[place]),
            float(count.ravel()[place]),
        )
    return np.asarray(count.reshape(np.shape(uniform)))
