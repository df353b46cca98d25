"""Dispersion of the items of a panel: negative binomial likelihood, shrunk by what all items have in common."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from arena_forecasting.panel.observed import FloatArray

_DISPERSIONS = 1.0 / np.array([0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0, 13.0, 25.0, 60.0])
_ROUNDS = 50  # of expectation and maximisation over eleven values
_LEAST_MEAN = 0.02  # units per period


def log_likelihood(demand: FloatArray, mean: FloatArray, dispersion: float) -> FloatArray:
    """Log probability of counts of mean μ and variance μ + dispersion × μ²; the factorial is left out.

    Args:
        demand: Units, any shape.
        mean: Units, above 0, the same shape.
        dispersion: Above 0.
    """
    size = 1.0 / dispersion
    return np.asarray(
        gammaln(demand + size)
        - gammaln(size)
        + size * np.log(size / (size + mean))
        + demand * np.log(mean / (size + mean)),
        dtype=np.float64,
    )


def shrunk_dispersions(demand: FloatArray, mean: FloatArray, known: FloatArray) -> FloatArray:
    """Dispersion of each item: its posterior mean, the prior being the distribution over all items (empirical Bayes).

    The prior is a histogram over eleven values that maximises the likelihood of all items together; an item with little
    demand keeps it, one with much has its own.

    Args:
        demand: Units, (periods, items).
        mean: Forecasts made before, units, (periods, items).
        known: 1 where demand is known, 0 elsewhere, (periods, items).

    Returns:
        Variance = mean + dispersion × mean², (items,); the middle of the values if nothing is known.
    """
    count = demand.shape[1]
    if not known.any():
        return np.full(count, float(np.median(_DISPERSIONS)))
    mean = np.maximum(mean, _LEAST_MEAN)
    logs = np.array([(log_likelihood(demand, mean, each) * known).sum(axis=0) for each in _DISPERSIONS])
    likelihoods = np.exp(logs - logs.max(axis=0))
    prior = np.full(len(_DISPERSIONS), 1.0 / len(_DISPERSIONS))
    for _ in range(_ROUNDS):
        posterior = prior[:, None] * likelihoods
        posterior /= posterior.sum(axis=0)
        prior = posterior.mean(axis=1)
    return np.asarray(_DISPERSIONS @ posterior, dtype=np.float64)
