"""Demand that depends on the period before and on other market links, as the informed track tells.

With the coefficient φ of a market link, the normal deviates behind demand follow z' = φ z + √(1 − φ²) e, and the e of a
period have the told correlation. The last z is read off the demand of the last period, (demand − mean) / deviation, as
if it were normal; where demand was not seen, what is known of z fades.

Source: G. Box, G. Jenkins, G. Reinsel, G. Ljung (2015), "Time Series Analysis", section 5.2.
"""

from __future__ import annotations

import numpy as np

from arena import InformedBriefing, InformedObservation
from arena_optimization.arrays import BoolArray, FloatArray


class Dependence:
    """How deviates of the coming periods follow from what was seen.

    Attributes:
        is_absent: Whether demands do not depend on each other, so that nothing is to be done.
    """

    def __init__(self, briefing: InformedBriefing) -> None:
        """Take what is told.

        Args:
            briefing: The episode.
        """
        markets = len(briefing.network.market_links)
        told = briefing.autoregressions
        self._coefficients: FloatArray = told if len(told) else np.zeros(markets)
        self.is_absent = briefing.correlation is None and not self._coefficients.any()
        correlation = np.eye(markets) if briefing.correlation is None else briefing.correlation
        values, vectors = np.linalg.eigh(correlation)
        self._root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        self._deviates: FloatArray = np.zeros(markets)
        self._unknown: FloatArray = np.ones(markets)
        self._forecast: tuple[FloatArray, FloatArray] | None = None
        self._sentiment = 1.0

    def observe(self, observation: InformedObservation) -> None:
        """Take note of the last period's demand, and of the forecast that the next one is compared with."""
        if self.is_absent:
            return
        if self._forecast is not None:
            mean, deviation = self._forecast
            if self._sentiment > 0.0:
                mean = mean * (observation.sentiment / self._sentiment)
            moves = deviation > 0
            seen = (observation.last_demand - mean) / np.where(moves, deviation, 1.0)
            is_seen: BoolArray = moves & (observation.in_stock > 0) if observation.sales_shown else moves
            self._deviates = np.where(is_seen, seen, self._coefficients * self._deviates)
            squared = self._coefficients**2
            self._unknown = np.where(is_seen, 0.0, np.sqrt(squared * self._unknown**2 + 1.0 - squared))
        self._forecast = (observation.forecast[:, 0], observation.forecast_deviation[:, 0])
        self._sentiment = observation.sentiment

    def expected(self, horizon: int) -> FloatArray:
        """Mean deviates of the coming periods, (market links, horizon)."""
        powers = self._coefficients[:, None] ** np.arange(1, horizon + 1)
        return np.asarray(powers * self._deviates[:, None])

    def turn(self, normals: FloatArray) -> FloatArray:
        """Turn independent standard normals into deviates, both (paths, market links, periods)."""
        if self.is_absent:
            return normals
        fresh = np.einsum("ij,sjk->sik", self._root, normals)
        squared = self._coefficients**2
        # The first period has the uncertainty of the last deviate besides.
        deviates = np.empty_like(fresh)
        last = self._coefficients * self._deviates
        last = last + np.sqrt(squared * self._unknown**2 + 1.0 - squared) * fresh[:, :, 0]
        deviates[:, :, 0] = last
        for k in range(1, fresh.shape[2]):
            last = self._coefficients * last + np.sqrt(1.0 - squared) * fresh[:, :, k]
            deviates[:, :, k] = last
        return np.asarray(deviates)
