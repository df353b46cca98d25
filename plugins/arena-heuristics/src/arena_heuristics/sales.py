"""Demand behind sales: what was wanted where the shelf was empty, and what was before the first period.

Where sales are seen in place of demand, or a history says that the shelf was empty, what was sold is the least that
was wanted. In its place the rules put what demand is on average if it exceeds that, for normal demand with the mean μ
and the deviation σ of the latest periods:

    μ + σ φ(a) / (1 − Φ(a)),  a = (sold − μ) / σ

This is one step of the method of maximum likelihood for censored demand (Nahmias 1994, Naval Research Logistics 41,
739-757). To take such sales for demand would lower levels, and with them sales, again and again.
"""

import math
from collections import deque

import numpy as np

from arena import Briefing, Observation
from arena_heuristics.supply import FloatArray

_WINDOW = 20  # periods; more than the rules' own, since a deviation of five periods is rough
_FAR = 8.0  # deviations, beyond which the quotient of two tiny numbers is its limit


def mean_beyond(sold: float, mean: float, deviation: float) -> float:
    """Mean of normal demand that is known to exceed what was sold, units.

    >>> mean_beyond(20.0, 20.0, 5.0)
    23.989...
    >>> mean_beyond(20.0, 10.0, 0.0)
    20.0
    """
    if deviation <= 0:
        return max(sold, mean)
    a = (sold - mean) / deviation
    if a > _FAR:
        return sold + deviation / a
    density = math.exp(-a * a / 2.0) / math.sqrt(2.0 * math.pi)
    return mean + deviation * density / (0.5 * math.erfc(a / math.sqrt(2.0)))


class SeenSales:
    """Demand per market link as far as it was seen. Where demand itself is seen, it is returned as it is.

    Args:
        briefing: of the episode.
        priors: demand presumed before any is seen, units per period, (market links,).

    Attributes:
        history: demand of the periods before the first one, (periods before, market links), corrected where the shelf
            was empty.
    """

    def __init__(self, briefing: Briefing, priors: FloatArray) -> None:
        self._sales_shown = briefing.visible_demand == "sales"
        self._priors = priors
        self._recent: deque[FloatArray] = deque(maxlen=_WINDOW)
        rows = zip(briefing.history, briefing.history_in_stock, strict=True)
        corrected = [self._corrected(sold, in_stock) for sold, in_stock in rows]
        self.history: FloatArray = np.array(corrected).reshape(len(corrected), len(priors))

    def demand(self, observation: Observation) -> FloatArray:
        """Demand of the last period, (market links,); to be called once in every period but the first."""
        if not self._sales_shown:
            return observation.last_demand
        return self._corrected(observation.last_demand, observation.in_stock)

    def _corrected(self, sold: FloatArray, in_stock: FloatArray) -> FloatArray:
        empty = in_stock == 0
        if empty.any():
            sold = sold.copy()
            means, deviations = self._moments()
            for link in np.flatnonzero(empty).tolist():
                sold[link] = mean_beyond(float(sold[link]), float(means[link]), float(deviations[link]))
        self._recent.append(sold)
        return sold

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if not self._recent:
            return self._priors, np.sqrt(self._priors)
        seen = np.array(self._recent)
        means = seen.mean(axis=0)
        return means, np.maximum(np.sqrt(means), seen.std(axis=0))
