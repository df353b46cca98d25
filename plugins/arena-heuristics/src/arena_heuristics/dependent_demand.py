"""Forecast demand whose deviations depend on the period before and on other market links, as the informed track tells.

With the coefficient φ of a market link, deviates follow z' = φ z + √(1 − φ²) e, and the e of a period have the told
correlation R. The rules take deviations of demand from its mean for σ z, as if demand were normal. The last period's z
is seen, (demand − mean) / σ, so that the coming periods have other means than the forecast, and the innovations e alone
are uncertain: over n periods the demand of link i answers to the one of period m by
g(i, m) = √(1 − φ²) Σ φ^(k − m) σ(i, k) for k = m … n, and its variance is Σ g(·, m)' R g(·, m) over the periods m.

What the rules know of z fades where demand was not seen: before the first period, and where the shelf was empty and
sales are shown in place of demand.

Source: Box, Jenkins, Reinsel and Ljung (2015), Time Series Analysis, section 5.2.
"""

import numpy as np

from arena import InformedObservation, Observation
from arena_heuristics.demand import LEAST_DEVIATION, ForecastDemand
from arena_heuristics.supply import FloatArray, IntArray, Moments


class DependentDemand(ForecastDemand):
    """See the module's text; other arguments are those of `ForecastDemand`.

    Args:
        autoregressions: φ, (market links,).
        correlation: R, (market links, market links); None: none.
    """

    def set_dependence(self, autoregressions: FloatArray, correlation: FloatArray | None) -> None:
        """Take note of how demands depend on each other; to be called once, before any observation."""
        links = self._needs.shape[1]
        self._coefficients = autoregressions if len(autoregressions) else np.zeros(links)
        self._correlation = np.eye(links) if correlation is None else correlation
        self._deviates = np.zeros(links)
        self._unknown = np.ones(links)  # what is left of the uncertainty of the last deviate: 1 before it is seen
        self._last: tuple[FloatArray, FloatArray] | None = None

    def observe(self, observation: Observation) -> None:
        """Take the forecast, and the last period's deviates from the forecast before it."""
        if self._last is not None:
            mean, deviation = self._last
            moves = deviation > 0
            deviates = np.where(moves, (observation.last_demand - mean) / np.where(moves, deviation, 1.0), 0.0)
            seen = moves if not observation.sales_shown else moves & (observation.in_stock > 0)
            self._deviates = np.where(seen, deviates, self._coefficients * self._deviates)
            faded = np.sqrt(self._coefficients**2 * self._unknown**2 + 1.0 - self._coefficients**2)
            self._unknown = np.where(seen, 0.0, faded)
        super().observe(observation)
        assert isinstance(observation, InformedObservation)
        self._spreads = np.sqrt(self._variances)
        self._last = (self._forecast[:, 0], self._spreads[:, 0])

    def next_period(self) -> Moments:
        """Estimate the coming period."""
        mean, deviation = self.over(np.zeros(len(self._needs), dtype=np.int64))
        return Moments(mean, np.maximum(deviation, LEAST_DEVIATION))

    def over(self, lead_times: IntArray) -> Moments:
        """Estimate the coming lead time + 1 periods: means of normal demand, not below 0, and their deviation."""
        longest = int(lead_times.max()) + 1
        powers = self._coefficients[:, np.newaxis] ** np.arange(1, longest + 1)
        expected = self._forecast[:, :longest] + powers * self._spreads[:, :longest] * self._deviates[:, np.newaxis]
        totals = np.cumsum(np.maximum(expected, 0.0), axis=1)
        mean, variance = np.zeros(len(lead_times)), np.zeros(len(lead_times))
        for lead_time in set(lead_times.tolist()):
            rows = lead_times == lead_time
            mean[rows] = self._needs[rows] @ totals[:, lead_time]
            variance[rows] = self._variance(self._needs[rows], lead_time + 1)
        return Moments(mean, np.sqrt(np.maximum(variance, 0.0)))

    def _variance(self, needs: FloatArray, periods: int) -> FloatArray:
        """Variance of the demand for some materials over the coming periods, (materials,)."""
        answers = np.zeros(len(self._coefficients))
        fresh = np.sqrt(1.0 - self._coefficients**2)
        variance = np.zeros(len(needs))
        for period in reversed(range(periods)):
            answers = self._spreads[:, period] + self._coefficients * answers
            variance += self._quadratic(needs * (fresh * answers))
        return variance + self._quadratic(needs * (self._unknown * self._coefficients * answers))

    def _quadratic(self, weights: FloatArray) -> FloatArray:
        return np.asarray(((weights @ self._correlation) * weights).sum(axis=1), dtype=np.float64)
