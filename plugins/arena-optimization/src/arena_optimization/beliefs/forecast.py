"""The outlook of the informed track: paths of demand around the forecast."""

from __future__ import annotations

import numpy as np

from arena import Goodwill, InformedBriefing, InformedObservation, Observation
from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.demand_paths import DemandPaths, by_importance, centred_normals
from arena_optimization.beliefs.dependence import Dependence
from arena_optimization.beliefs.seen_shares import SeenShares
from arena_optimization.beliefs.told_paths import ToldPaths, powers

_SMALLEST_MEAN = 0.1
"""Lower bound of mean demand in the contract, units; a forecast at or below it does not tell the mean behind it."""


class ForecastOutlook:
    """The informed track: noise of the told distribution around the forecast."""

    def __init__(self, briefing: InformedBriefing) -> None:
        """Take distributions, noise scale, goodwill and seed from the briefing."""
        self.goodwill: Goodwill | None = briefing.goodwill
        self.possible_loss = 0.0
        self._distributions = briefing.distributions
        scales = briefing.noise_scales
        is_one = bool((scales == briefing.noise_scale).all())
        self._noise_scale: float | FloatArray = briefing.noise_scale if is_one else scales
        self._dependence = Dependence(briefing)
        self._generator = np.random.default_rng(briefing.seed)
        self._sentiment = 1.0
        named = enumerate(briefing.distributions)
        self._seen = {link: SeenShares() for link, distribution in named if distribution == "empirical"}
        self._forecast: FloatArray = np.zeros((len(briefing.network.market_links), 1))
        self._deviation: FloatArray = np.zeros_like(self._forecast)

    def observe(self, observation: Observation) -> None:
        """Take the forecast, its deviation, and the sentiment that they were made at.

        Raises:
            TypeError: If the observation carries no forecast.
        """
        if not isinstance(observation, InformedObservation):
            raise TypeError(
                f"an informed briefing is followed by informed observations, not {type(observation).__name__}"
            )
        self._dependence.observe(observation)
        if observation.period > 0:
            means = self._forecast[:, 0] / self._sentiment * observation.sentiment
            for link, shares in self._seen.items():
                if not observation.sales_shown or observation.in_stock[link]:
                    shares.learn(float(observation.last_demand[link]), float(means[link]))
        self._forecast, self._deviation = observation.forecast, observation.forecast_deviation
        self._sentiment = observation.sentiment

    def draw(self, horizon: int, count: int) -> DemandPaths:
        """Paths around the forecast.

        Args:
            horizon: Number of periods, at least 1.
            count: Number of paths, at least 1.
        """
        markets = len(self._forecast)
        normals = centred_normals(horizon * markets, count, self._generator).reshape(count, horizon, markets)
        forecast, deviation = self._forecast[:, :horizon], self._deviation[:, :horizon]
        base = forecast / self._sentiment
        poisson = DemandPaths(
            base=base[None],
            normals=self._dependence.turn(by_importance(normals)),
            dispersion=np.ones(1),
            noise_scale=self._noise_scale,
            smallest_mean=min(_SMALLEST_MEAN, float(base.min())),
        )
        if all(distribution == "poisson" for distribution in self._distributions):
            return poisson
        power = powers(self._distributions, forecast, deviation, self._noise_scale)
        return ToldPaths(
            **vars(poisson),
            distributions=self._distributions,
            deviation=deviation / self._sentiment ** power[:, None],
            power=power,
            seen=self._seen,
        )
