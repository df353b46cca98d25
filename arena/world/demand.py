"""Customers' demand: a mean path made of composable effects, and how a period's demand is drawn around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, overload

import numpy as np
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Finite, FrozenSchema, NonNegative, Positive
from arena.world.data.demand_data import DemandData
from arena.world.demand_rules import demand_faults
from arena.world.distributions import FURTHER, Empirical, Gamma, NegativeBinomial, Shape
from arena.world.effects import LONGEST_SERIES, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.quantiles import LARGEST_UNIFORM, SMALLEST_UNIFORM, poisson_quantile, poisson_quantiles

__all__ = [
    "LONGEST_SERIES",
    "SMALLEST_MEAN",
    "Demand",
    "Distribution",
    "Goodwill",
    "Sampling",
    "Seasonal",
    "Series",
    "Shock",
    "Trend",
]

Distribution = Literal["poisson", "normal", "uniform", "negative_binomial", "gamma", "empirical"]
Sampling = Literal["direct", "inverse_cdf"]

#: Smallest mean of a published synthetic demand path, in units per period: where effects and sentiment ask for less,
#: this is played. What is written below it is played as it is written, see `Demand.smallest_mean`.
SMALLEST_MEAN = 0.1


class Demand(FrozenSchema):
    """How much customers want.

    Mean of period t = base (a constant, a series, or recorded data) x trend x season x shock x sentiment, never below
    :attr:`smallest_mean`. Demand = ``max(0, mean + noise_scale * (raw - mean))`` with ``raw`` drawn from the
    distribution at that mean; ``noise_scale`` 0 makes demand equal its mean. Recorded data are played exactly.

    Besides the published distributions there are ``negative_binomial`` (counts of variance mean + dispersion x mean²),
    ``gamma`` (standard deviation mean / √shape) and ``empirical`` (values with weights, scaled to the mean of the
    period; where nothing gives a mean they are units as they stand). With an ``autoregression`` φ the normal deviate
    behind a period's demand is φ times that of the period before plus √(1 - φ²) times a new one, so that the
    distribution of every single period stays what it is (Cario and Nelson 1996, Autoregressive to anything).

    Sampling says how ``raw`` is drawn. ``direct``, the published way, asks the episode's generator for the distribution
    itself. How many of its random bits that takes depends on the mean, so that under goodwill two controllers meet
    unrelated noise as soon as their sentiments differ. ``inverse_cdf`` takes one uniform number per market link and
    period, in the order of the links, and ``raw`` is its quantile at the mean. The uniforms do not depend on what is
    played: every controller of an episode meets the same ones, and demand is a function of period and sentiment. That
    keeps comparisons paired under goodwill, and lets a clairvoyant reckon with all sentiments at once. What is not
    published (the distributions above, autoregression, data) is always sampled so.

    Source: gym-invmgmt (arXiv 2605.11355); the season's phase, the spread of normal and uniform demand and inverse-CDF
    sampling are ours.
    """

    base_mean: NonNegative | None = Field(
        default=None,
        description="units per period on every market link; absent: each link's own mean_demand",
    )
    series: Series | None = Field(default=None, description="an external series in place of a constant base")
    trend: Trend | None = Field(default=None, description="linear trend; {} for the defaults")
    seasonal: Seasonal | None = Field(default=None, description="season; {} for the defaults")
    shock: Shock | None = Field(default=None, description="lasting shock; {} for the defaults")
    distribution: Distribution = Field(default="poisson", description="what a period's demand is drawn from")
    standard_deviation: NonNegative | None = Field(
        default=None, description="of normal demand, units; absent: square root of the mean"
    )
    half_width: NonNegative | None = Field(
        default=None, description="of uniform demand around its mean, units; absent: the mean itself"
    )
    noise_scale: Annotated[NonNegative, Field(le=1_000)] = Field(
        default=1.0, description="factor on the deviation; with data: 0"
    )
    sampling: Sampling = Field(
        default="direct",
        description="direct: drawn from the distribution, as published; inverse_cdf: its quantile of one uniform per "
        "market link and period, the same whatever is played (the default of all that is not published)",
    )
    dispersion: Positive | None = Field(
        default=None, description="of negative binomial demand: its variance is mean + dispersion x mean squared"
    )
    shape: Positive | None = Field(
        default=None, description="of gamma demand: its standard deviation is mean / root of the shape"
    )
    values: tuple[NonNegative, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_SERIES,
        description="of empirical demand: scaled to the mean of the period, or units where nothing gives a mean",
    )
    weights: tuple[NonNegative, ...] | None = Field(
        default=None, description="of the values of empirical demand; absent: equal"
    )
    autoregression: Annotated[Finite, Field(gt=-1, lt=1)] = Field(
        default=0.0, description="correlation of the normal deviates of successive periods"
    )
    data: DemandData | None = Field(default=None, description="recorded demand by market, played exactly")
    by: Literal["name", "order"] = Field(
        default="name",
        description="how recorded markets are matched to market links: name (of the link, or name or id of its market) "
        "or order",
    )

    @model_validator(mode="before")
    @classmethod
    def _unwritten(cls, given: Any) -> Any:
        """Fill in what follows from other fields: recorded data have no noise, and what is new has one sampling."""
        if not isinstance(given, Mapping):
            return given
        filled = dict(given)
        if given.get("data") is not None:
            filled.setdefault("noise_scale", 0.0)
        if given.get("data") is not None or given.get("autoregression") or given.get("distribution") in FURTHER:
            filled.setdefault("sampling", "inverse_cdf")
        return filled

    @model_validator(mode="after")
    def _parts_agree(self) -> Demand:
        told = {name: info.description or "" for name, info in type(self).model_fields.items()}
        faults = demand_faults(dict(self), told)
        if self.base_mean is not None and self.series is not None:
            rule = "demand has a constant base or a series, not both"
            faults.append(
                FieldFault("base_mean", self.base_mean, rule, "remove one; series.scale_to_mean sets a level")
            )
        if faults:
            raise FaultList(faults)
        return self

    @cached_property
    def law(self) -> Shape | None:
        """The distribution where it is none of the published ones."""
        if self.distribution == "negative_binomial":
            assert self.dispersion is not None
            return NegativeBinomial(self.dispersion)
        if self.distribution == "gamma":
            assert self.shape is not None
            return Gamma(self.shape)
        if self.distribution == "empirical":
            assert self.values is not None
            return Empirical(self.values, self.weights)
        return None

    @property
    def own_mean(self) -> float | None:
        """Mean that the demand has of itself, units per period: of empirical values without another level."""
        if self.base_mean is not None or self.series is not None or self.data is not None:
            return self.base_mean
        return self.law.mean if isinstance(self.law, Empirical) else None

    @property
    def smallest_mean(self) -> float:
        """Lower bound of the mean, units per period: :data:`SMALLEST_MEAN` where the published rules ask for it.

        They ask for it where effects and sentiment change a level of at least as much, of a published distribution.
        Elsewhere it is 0: a series, data, a level that is written below it, a shock to nothing and the other
        distributions play as they are written.
        """
        if self.series is not None or self.data is not None or self.distribution in FURTHER:
            return 0.0
        if self.base_mean is not None and self.base_mean < SMALLEST_MEAN:
            return 0.0
        if self.shock is not None and self.shock.magnitude == 0:
            return 0.0
        return SMALLEST_MEAN

    def mean_path(self, link_means: np.ndarray, periods: int, *, first: int = 0) -> np.ndarray:
        """Mean demand at sentiment 1 and before the lower bound.

        Args:
            link_means: base mean per market link, shape (market links,), units per period; used when neither
                :attr:`base_mean` nor :attr:`series` is given.
            periods: period before which the path ends (it may reach past the horizon).
            first: period with which it begins; below 0 effects go on backwards, and a series has its first value.

        Returns:
            Array of shape (market links, periods - first). Multiply by the sentiment, then apply :attr:`smallest_mean`.
        """
        period = np.arange(first, periods)
        path = np.empty((len(link_means), len(period)))
        if self.series is not None:
            path[:] = self.series.levels(periods, first)
        elif self.base_mean is not None:
            path[:] = self.base_mean
        else:
            path[:] = np.asarray(link_means, dtype=np.float64)[:, None]
        # One factor after the other, in the published order, so that rounding is the published one too.
        if self.trend is not None:
            path *= 1 + self.trend.slope * period
        if self.seasonal is not None:
            path *= 1 + self.seasonal.amplitude * np.sin(self.seasonal.frequency * period + self.seasonal.phase)
        if self.shock is not None:
            path[:, max(0, self.shock.time - first) :] *= self.shock.magnitude
        return path

    def total_ceiling(self, means: np.ndarray, *, independent: bool = True) -> float:
        """Units that the sum of demands exceeds with a probability below 1e-15.

        Demands of the further distributions and dependent ones are sampled by inverse CDF, and no uniform exceeds
        ``1 - 2**-53``: the sum of their quantiles there is never exceeded, however they depend on each other. Of the
        others, Poisson demands of total mean M exceed ``M + 9 √M + 50`` with that probability by Bernstein's inequality
        (Boucheron, Lugosi and Massart 2013, Concentration Inequalities, section 2.8), normal ones 9 deviations each,
        and uniform ones have a largest value. A noise scale above 1 stretches the excess.

        Args:
            means: of every demand, sentiment and :attr:`smallest_mean` included, units, any shape.
            independent: whether demands of different market links are.
        """
        if self.law is not None or self.autoregression or not independent:
            return float(self.quantile(1.0, means).sum())
        total = float(means.sum())
        if self.distribution == "poisson":
            return max(1.0, self.noise_scale) * (total + 9.0 * math.sqrt(total) + 50.0)
        if self.distribution == "normal":
            spread = np.sqrt(means) if self.standard_deviation is None else self.standard_deviation
            excess = np.broadcast_to(9.0 * spread, means.shape)
        else:
            excess = np.broadcast_to(means if self.half_width is None else self.half_width, means.shape)
        return total + self.noise_scale * float(excess.sum())

    def deviation(self, means: np.ndarray) -> np.ndarray:
        """Standard deviation of demand around its mean, noise scale included.

        Exact but for the lower bound of demand, which is left out: where the distribution reaches below 0, demand
        itself deviates less.

        Args:
            means: sentiment and :attr:`smallest_mean` included, units, any shape.

        Returns:
            Units, of that shape: the noise scale times √mean (Poisson), the standard deviation (normal), the half
            width / √3 (uniform), √(mean + dispersion mean²) (negative binomial), mean / √shape (gamma), or the mean
            times the relative deviation of the values (empirical).
        """
        if self.law is not None:
            return np.asarray(self.noise_scale * self.law.deviation(means))
        if self.distribution == "uniform":
            width = means if self.half_width is None else np.full_like(means, self.half_width)
            return np.asarray(self.noise_scale * (width / math.sqrt(3.0)))
        spread = np.sqrt(means) if self.standard_deviation is None else np.full_like(means, self.standard_deviation)
        return np.asarray(self.noise_scale * spread)

    def draw(self, generator: np.random.Generator, mean: float) -> float:
        """One period's demand of one market link.

        Args:
            generator: the episode's random stream; one draw is taken from it (with inverse-CDF sampling one uniform,
                ``generator.random()``).
            mean: mean of the period, sentiment included, units.

        Returns:
            Units, not negative (and not rounded: a fractional noise scale gives fractional demand).
        """
        if self.sampling == "inverse_cdf":
            return self._quantile(generator.random(), mean)
        raw: float = self._raw(generator, mean, None)
        return max(0.0, mean + self.noise_scale * (raw - mean))

    def draw_batch(
        self, generator: np.random.Generator, mean: np.ndarray | float, count: int | None = None
    ) -> np.ndarray:
        """Demand of many episodes at once from one stream.

        Args:
            generator: the random stream.
            mean: mean of the period, units: one per episode, or one for all.
            count: number of episodes; needed with one mean for all, which is drawn from faster.

        Returns:
            Units, one per episode.
        """
        shape = np.shape(mean) if count is None else (count,)
        if self.sampling == "inverse_cdf":
            return self.quantile(generator.random(shape), mean)
        raw = self._raw(generator, mean, shape)
        if self.noise_scale == 1.0 and self.distribution == "poisson":
            return np.asarray(raw, dtype=np.float64)
        return np.asarray(np.maximum(0.0, mean + self.noise_scale * (raw - mean)))

    @overload
    def quantile(self, uniform: float, mean: float) -> float: ...

    @overload
    def quantile(self, uniform: np.ndarray, mean: np.ndarray | float) -> np.ndarray: ...

    @overload
    def quantile(self, uniform: float, mean: np.ndarray) -> np.ndarray: ...

    def quantile(self, uniform: np.ndarray | float, mean: np.ndarray | float) -> np.ndarray | float:
        """Demand for given uniforms and means: ``max(0, mean + noise_scale * (quantile at the mean - mean))``.

        With inverse-CDF sampling this is the demand that :meth:`draw` gives for the uniform that it takes, bit for bit.
        Poisson's quantile is the smallest count whose cumulative probability reaches the uniform. With a noise scale
        of at most 1, demand never falls as the mean grows.

        Args:
            uniform: from 0 to 1. The normal quantile takes 0 as ``2**-54`` (half the step of a generator's uniforms),
                and 1 counts as the largest number below it, so that demand is always finite.
            mean: means of the period, sentiment and :attr:`smallest_mean` included, units; uniforms and means are
                broadcast against each other.

        Returns:
            Units, not negative, an array of the common shape; a float for two floats.

        Raises:
            ValueError: If a uniform lies outside 0 to 1, or a mean is negative.
        """
        if isinstance(uniform, float) and isinstance(mean, float) and 0.0 <= uniform <= 1.0 and mean >= 0.0:
            return self._quantile(uniform, mean)
        uniforms, means = np.broadcast_arrays(np.asarray(uniform, dtype=np.float64), np.asarray(mean, dtype=np.float64))
        if not ((uniforms >= 0) & (uniforms <= 1)).all():
            raise ValueError("uniforms lie between 0 and 1; draw them with generator.random()")
        if not (means >= 0).all():
            raise ValueError("means of demand are 0 or more; apply smallest_mean first")
        if not uniforms.ndim:
            return self._quantile(float(uniforms), float(means))
        raw: np.ndarray
        if self.law is not None:
            raw = self.law.quantiles(uniforms, means)
        elif self.distribution == "poisson":
            raw = poisson_quantiles(uniforms, means)
        elif self.distribution == "normal":
            from scipy.special import ndtri

            spread = np.sqrt(means) if self.standard_deviation is None else self.standard_deviation
            raw = means + spread * ndtri(np.clip(uniforms, SMALLEST_UNIFORM, LARGEST_UNIFORM))
        else:
            width = means if self.half_width is None else self.half_width
            raw = (means - width) + 2 * width * uniforms
        return np.asarray(np.maximum(0.0, raw if self.noise_scale == 1.0 else means + self.noise_scale * (raw - means)))

    def _quantile(self, uniform: float, mean: float) -> float:
        # One number without numpy's arrays: several times faster, and equal to the last bit.
        if self.law is not None:
            raw = float(self.law.quantiles(np.array([uniform]), np.array([mean]))[0])
        elif self.distribution == "poisson":
            raw = poisson_quantile(uniform, mean)
        elif self.distribution == "normal":
            from scipy.special import ndtri

            spread = math.sqrt(mean) if self.standard_deviation is None else self.standard_deviation
            raw = mean + spread * float(ndtri(min(max(uniform, SMALLEST_UNIFORM), LARGEST_UNIFORM)))
        else:
            width = mean if self.half_width is None else self.half_width
            raw = (mean - width) + 2 * width * uniform
        return max(0.0, raw if self.noise_scale == 1.0 else mean + self.noise_scale * (raw - mean))

    def _raw(self, generator: np.random.Generator, mean: Any, shape: tuple[int, ...] | None) -> Any:
        if self.distribution == "poisson":
            return generator.poisson(mean, shape)
        if self.distribution == "normal":
            spread = np.sqrt(mean) if self.standard_deviation is None else self.standard_deviation
            return generator.normal(mean, spread, shape)
        width = mean if self.half_width is None else self.half_width
        return generator.uniform(mean - width, mean + width, shape)
