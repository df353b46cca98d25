"""Demand that depends on the period before and on other market links, as the informed track tells.

With the coefficient φ of a market link, the normal deviates behind demand follow z' = φ z + √(1 − φ²) e, and the e of a
period have the told correlation. The last z is read off the demand of the last period and its told distribution (see
`arena_optimization.beliefs.told_deviates`); where demand was not seen, what is known of z fades.

Source: G. Box, G. Jenkins, G. Reinsel, G. Ljung (2015), "Time Series Analysis", section 5.2.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from arena import InformedBriefing, InformedObservation
from arena_optimization.arrays import BoolArray, FloatArray
from arena_optimization.beliefs.told_deviates import deviates
from arena_optimization.beliefs.told_paths import powers, quantiles

_LEVELS = ndtri((np.arange(64) + 0.5) / 64.0)
"""Standard normals of equal weight, over which a mean is taken."""


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
        self._distributions, self._noise_scales = briefing.distributions, briefing.noise_scales
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
            moves = deviation > 0
            if self._sentiment > 0.0:
                ratio = observation.sentiment / self._sentiment
                power = powers(self._distributions, mean[:, None], deviation[:, None], self._noise_scales)
                mean, deviation = mean * ratio, deviation * ratio**power
            seen, left = self._read(observation.last_demand, mean, np.where(moves, deviation, 1.0))
            is_seen: BoolArray = moves & (observation.in_stock > 0) if observation.sales_shown else moves
            self._deviates = np.where(is_seen, seen, self._coefficients * self._deviates)
            squared = self._coefficients**2
            self._unknown = np.where(is_seen, left, np.sqrt(squared * self._unknown**2 + 1.0 - squared))
        self._forecast = (observation.forecast[:, 0], observation.forecast_deviation[:, 0])
        self._sentiment = observation.sentiment

    def _read(self, demand: FloatArray, mean: FloatArray, deviation: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What the demand of a period says of its deviates, all (market links,): their means and deviations."""
        found = [
            deviates(name, demand[[link]], mean[[link]], deviation[[link]])
            for link, name in enumerate(self._distributions)
        ]
        means, left = (np.concatenate(each) if each else np.zeros(0) for each in zip(*found, strict=True))
        return means, left

    def moved(self, forecast: FloatArray, deviation: FloatArray) -> FloatArray:
        """Mean demand of the coming periods, given the last one.

        Args:
            forecast: Mean demand of every period by itself, (market links, horizon), units.
            deviation: Its standard deviation, of that shape, units.

        Returns:
            Units, of that shape.
        """
        powers = self._coefficients[:, None] ** np.arange(1, forecast.shape[1] + 1)
        means, spreads = (
            powers * self._deviates[:, None],
            np.sqrt(1.0 - powers**2 * (1.0 - self._unknown[:, None] ** 2)),
        )
        moved = np.maximum(forecast + deviation * means, 0.0)
        for link, name in enumerate(self._distributions):
            if name not in ("poisson", "normal") and self._coefficients[link]:
                normals = means[link] + spreads[link] * _LEVELS[:, None]
                told = (np.broadcast_to(each[link], normals.shape) for each in (forecast, deviation))
                moved[link] = quantiles(name, normals, *told).mean(axis=0)
        return moved

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
