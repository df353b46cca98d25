"""Normal deviates behind demand of told distributions: the way back from demand to where in its distribution it lies.

Demand of a continuous distribution tells its deviate. A count tells an interval of deviates, and so does a demand of 0
where the distribution reaches below 0: what is known then is a normal deviate that lies in the interval, of which mean
and deviation are taken.

Source of the moments: N. Johnson, S. Kotz, N. Balakrishnan (1994), "Continuous Univariate Distributions", volume 1,
section 13.10.1.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammainc, gammaincc, ndtr, ndtri, pdtr
from scipy.stats import nbinom

from arena_optimization.arrays import FloatArray

_TAIL: Final = 1e-12
"""Smallest probability of a tail whose quantile is taken."""
_NARROW: Final = 1e-6
"""Width of an interval of deviates that counts as one point."""
_ROUNDING: Final = 1e-9
"""What is added to a count before it is compared, so that a rounding error is no count less."""


class Deviates(NamedTuple):
    """What is known of normal deviates."""

    mean: FloatArray
    deviation: FloatArray
    """0 where the deviate is known."""


def deviates(distribution: str, demand: FloatArray, mean: FloatArray, deviation: FloatArray) -> Deviates:
    """Deviates of which `arena_optimization.beliefs.told_paths.quantiles` makes a demand.

    Args:
        distribution: Its name, as there. Of Poisson demand with a noise scale, the told deviation says which.
        demand: Units, any shape.
        mean: Units, of that shape.
        deviation: Standard deviation, units, of that shape, above 0.

    Returns:
        Mean and deviation of the deviates, of that shape.
    """
    safe = np.maximum(mean, _TAIL)
    if distribution == "normal":
        known = (demand - mean) / deviation
        return _within(np.where(demand > 0.0, ndtr(known), 0.0), ndtr(known), known)
    if distribution == "uniform":
        level = 0.5 + (demand - mean) / (2.0 * math.sqrt(3.0) * deviation)
        return _within(np.where(demand > 0.0, level, 0.0), level, None)
    if distribution == "gamma":
        shape = (safe / deviation) ** 2
        level = gammainc(shape, demand / safe * shape)
        return _within(level, level, None)
    if distribution == "negative_binomial" and bool((deviation**2 - mean > _ROUNDING * mean).all()):
        size = safe**2 / (deviation**2 - mean)
        share, count = size / (size + safe), np.rint(demand)
        return _within(nbinom.cdf(count - 1.0, size, share), nbinom.cdf(count, size, share), None)
    if distribution in ("poisson", "negative_binomial"):
        scale = deviation / np.sqrt(safe)
        count = np.rint(mean + (demand - mean) / scale)
        below = np.where(demand > 0.0, pdtr(count - 1.0, safe), 0.0)
        return _within(below, pdtr(np.maximum(count, 0.0), safe), None)
    # Values of other distributions lie between the multiples of scaled Poisson demand, so its counts are interpolated.
    unit = deviation**2 / safe
    count = np.maximum(demand / unit, 0.0)
    return _within(gammaincc(count, safe / unit), gammaincc(count + 1.0, safe / unit), None)


def _within(below: FloatArray, upto: FloatArray, known: FloatArray | None) -> Deviates:
    """Mean and deviation of normal deviates between two probabilities; ``known`` where they are one, if it is given."""
    below = np.nan_to_num(np.clip(below, 0.0, 1.0))
    upto = np.nan_to_num(np.clip(upto, 0.0, 1.0), nan=1.0)
    low, high = ndtri(np.clip(below, _TAIL, 1.0 - _TAIL)), ndtri(np.clip(upto, _TAIL, 1.0 - _TAIL))
    narrow = high - low <= _NARROW
    mass = np.where(narrow, 1.0, ndtr(high) - ndtr(low))
    at_low, at_high = _density(low), _density(high)
    mean = (at_low - at_high) / mass
    variance = 1.0 + (low * at_low - high * at_high) / mass - mean**2
    point = 0.5 * (low + high) if known is None else known
    mean = np.where(narrow, point, np.clip(mean, low, high))
    return Deviates(mean, np.where(narrow, 0.0, np.sqrt(np.clip(variance, 0.0, 1.0))))


def _density(deviate: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * deviate**2) / math.sqrt(2.0 * math.pi))
