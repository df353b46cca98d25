"""Demand as far as a track shows it: the history before the first period, and sales where a shelf was empty.

Where sales are seen in place of demand, or the history says that a shelf was empty, what was sold is the least that was
wanted. In its place stands what demand is on average if it exceeds that, for normal demand with the mean μ and the
deviation σ of the latest periods:

    μ + σ φ(a) / (1 − Φ(a)),  a = (sold − μ) / σ

Source: one step of the method of maximum likelihood for censored demand, S. Nahmias (1994), "Demand estimation in lost
sales inventory systems", Naval Research Logistics 41, 739-757.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from scipy.special import log_ndtr

from arena import Briefing, Observation
from arena_optimization.arrays import FloatArray

_WINDOW = 20
"""Latest periods whose moments are taken."""


class SeenDemand:
    """Demand per market link as far as it was seen; where demand itself is seen, it is what was seen.

    Attributes:
        history: Demand of the periods before the first one, corrected where the shelf was empty, (periods, market
            links), units.
    """

    def __init__(self, briefing: Briefing, presumed: FloatArray) -> None:
        """Read the history.

        Args:
            briefing: The episode.
            presumed: Demand per period before any is seen, (market links,), units.
        """
        self._presumed = presumed
        self._recent: deque[FloatArray] = deque(maxlen=_WINDOW)
        rows = zip(briefing.history, briefing.history_in_stock, strict=True)
        corrected = [self._corrected(sold, in_stock) for sold, in_stock in rows]
        self.history: FloatArray = np.array(corrected).reshape(len(corrected), len(presumed))

    def of(self, observation: Observation) -> FloatArray:
        """Demand of the last period, (market links,), units; once per period, from the second one on."""
        if not observation.sales_shown:
            return observation.last_demand
        return self._corrected(observation.last_demand, observation.in_stock)

    def _corrected(self, sold: FloatArray, in_stock: FloatArray) -> FloatArray:
        empty = in_stock == 0
        if empty.any():
            means, deviations = self._moments()
            sold = np.where(empty, mean_beyond(sold, means, deviations), sold)
        self._recent.append(sold)
        return sold

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if not self._recent:
            return self._presumed, np.sqrt(self._presumed)
        seen = np.array(self._recent)
        means = seen.mean(axis=0)
        return means, np.maximum(np.sqrt(means), seen.std(axis=0))


def mean_beyond(sold: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Mean of normal demand that is known to be at least what was sold, units.

    Args:
        sold: Units, any shape.
        mean: Of demand, of that shape, as is ``deviation``.
        deviation: Standard deviation; where it is 0, the larger of mean and sales is returned.
    """
    certain = deviation <= 0
    a = (sold - mean) / np.where(certain, 1.0, deviation)
    ratio = np.exp(-a * a / 2.0 - 0.5 * np.log(2.0 * np.pi) - log_ndtr(-a))
    return np.asarray(np.where(certain, np.maximum(sold, mean), np.maximum(mean + deviation * ratio, sold)))
