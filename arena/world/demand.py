"""Customers' demand: a mean path made of composable effects, and how a period's demand is drawn around it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, overload

import numpy as np
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Count, Finite, FrozenSchema, NonNegative, Positive
from arena.world.quantiles import LARGEST_UNIFORM, SMALLEST_UNIFORM, poisson_quantile, poisson_quantiles

Distribution = Literal["poisson", "normal", "uniform"]
Sampling = Literal["direct", "inverse_cdf"]

#: Smallest mean of a synthetic demand path (an external series may fall to zero), in units per period. Effects and
#: sentiment may ask for less, and play as this; a level that is written below it is refused.
SMALLEST_MEAN = 0.1

LONGEST_SERIES = 100_000
"""Most values of a series."""


def level_fault(field: str, level: float | None, *, fix: str = "") -> list[FieldFault]:
    """The fault of a level of demand that would not be played as it is written, if it has one.

    Args:
        field: where the level is written.
        level: mean demand before effects, units per period; None where none is written.
        fix: advice in place of that to write a series.
    """
    if level is None or level >= SMALLEST_MEAN:
        return []
    rule = f"without a series mean demand is at least {SMALLEST_MEAN:g}, and this level would be played as that"
    advice = fix or f"write {SMALLEST_MEAN:g} or more, or demand: {{series: [{level:g}]}}, which is played as written"
    return [FieldFault(field, level, rule, advice)]


class Trend(FrozenSchema):
    """A linear trend: the mean is multiplied by ``1 + slope * period``."""

    slope: Annotated[Finite, Field(ge=-10, le=10)] = Field(default=0.05, description="relative growth per period")


class Seasonal(FrozenSchema):
    """A season: the mean is multiplied by ``1 + amplitude * sin(frequency * period + phase)``."""

    amplitude: Annotated[NonNegative, Field(le=10)] = Field(default=0.5, description="relative height of the wave")
    frequency: Annotated[NonNegative, Field(le=1_000)] = Field(
        default=2 * math.pi / 30, description="radians per period"
    )
    phase: Annotated[Finite, Field(ge=-1_000, le=1_000)] = Field(default=0.0, description="radians at period 0")


class Shock(FrozenSchema):
    """A lasting shock: from period ``time`` on, the mean is multiplied by ``magnitude``."""

    time: Count = Field(default=15, description="first period of the shock")
    magnitude: Annotated[NonNegative, Field(le=1_000)] = Field(default=2.0, description="factor on the mean")


class Goodwill(FrozenSchema):
    """Customers' sentiment: it multiplies the mean, grows while everything is served and falls after a shortage.

    Its step from one period to the next is :func:`arena.next_sentiment`.
    """

    growth: Annotated[Positive, Field(ge=1, le=10)] = Field(default=1.01, description="factor after a full service")
    decay: Annotated[Positive, Field(le=1)] = Field(
        default=0.90, description="factor after a period with unfilled units"
    )
    cap: Annotated[Positive, Field(le=1_000)] = Field(default=2.0, description="largest sentiment")
    floor: Positive = Field(default=0.2, description="smallest sentiment")

    @model_validator(mode="after")
    def _floor_below_cap(self) -> Goodwill:
        if self.floor > self.cap:
            raise FaultList([FieldFault("floor", self.floor, f"0 < floor <= cap ({self.cap:g})", "swap floor and cap")])
        return self

    @property
    def shortage_loss(self) -> float:
        """Share of all later demand that a short period costs against a fully served one, within cap and floor.

        Equal to ``1 - decay / growth``, since sentiment is a product of the factors of the periods.
        """
        return 1.0 - self.decay / self.growth


class Series(FrozenSchema):
    """An external series of mean demand, such as unit sales of a real item; its last value repeats past its end."""

    values: tuple[NonNegative, ...] = Field(min_length=1, max_length=LONGEST_SERIES, description="units per period")
    scale_to_mean: Positive | None = Field(default=None, description="rescale the values to this mean")
    name: str = Field(default="", max_length=100, description="where the values come from, for people")

    @model_validator(mode="after")
    def _can_be_scaled(self) -> Series:
        if self.scale_to_mean is not None and not any(self.values):
            rule = "a series of zeros cannot be scaled to a mean"
            raise FaultList([FieldFault("scale_to_mean", self.scale_to_mean, rule, "remove scale_to_mean")])
        return self

    def levels(self, periods: int) -> np.ndarray:
        """The (scaled) level of the first ``periods`` periods, shape (periods,), units."""
        values = np.asarray(self.values, dtype=np.float64)
        if self.scale_to_mean is not None:
            values = values * (self.scale_to_mean / values.mean())
        return values[np.minimum(np.arange(periods), len(values) - 1)]


class Demand(FrozenSchema):
    """How much customers want.

    Mean of period t = base (a constant or a series) x trend x season x shock x sentiment, never below
    :data:`SMALLEST_MEAN` (0 with a series). A constant base below it is refused, as is a shock to nothing: neither
    would be played as it is written. Demand = ``max(0, mean + noise_scale * (raw - mean))`` with ``raw`` drawn
    from the distribution at that mean; ``noise_scale`` 0 makes demand equal its mean.

    Sampling says how ``raw`` is drawn. ``direct``, the published way, asks the episode's generator for the distribution
    itself. How many of its random bits that takes depends on the mean, so that under goodwill two controllers meet
    unrelated noise as soon as their sentiments differ. ``inverse_cdf`` takes one uniform number per market link and
    period, in the order of the links, and ``raw`` is its quantile at the mean. The uniforms do not depend on what is
    played: every controller of an episode meets the same ones, and demand is a function of period and sentiment. That
    keeps comparisons paired under goodwill, and lets a clairvoyant reckon with all sentiments at once.

    Source: gym-invmgmt (arXiv 2605.11355); the season's phase, the spread of normal and uniform demand and inverse-CDF
    sampling are ours.
    """

    base_mean: NonNegative | None = Field(
        default=None,
        description="units per period on every market link, at least 0.1; absent: each link's own mean_demand",
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
    noise_scale: Annotated[NonNegative, Field(le=1_000)] = Field(default=1.0, description="factor on the deviation")
    sampling: Sampling = Field(
        default="direct",
        description="direct: drawn from the distribution, as published; inverse_cdf: its quantile of one uniform per "
        "market link and period, the same whatever is played",
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> Demand:
        faults = []
        if self.base_mean is not None and self.series is not None:
            rule = "demand has a constant base or a series, not both"
            faults.append(
                FieldFault("base_mean", self.base_mean, rule, "remove one; series.scale_to_mean sets a level")
            )
        for name, needed in (("standard_deviation", "normal"), ("half_width", "uniform")):
            value = getattr(self, name)
            if value is not None and self.distribution != needed:
                rule = f"only {needed} demand has this field, and this demand is {self.distribution}"
                faults.append(FieldFault(name, value, rule, f"remove it or set distribution: {needed}"))
        if self.series is None:
            faults += level_fault("base_mean", self.base_mean)
            if self.shock is not None and self.shock.magnitude == 0:
                fix = "write the demand as a series that ends with 0, or a magnitude above 0"
                faults += level_fault("shock.magnitude", self.shock.magnitude, fix=fix)
        if faults:
            raise FaultList(faults)
        return self

    @property
    def smallest_mean(self) -> float:
        """Lower bound of the mean, units per period."""
        return 0.0 if self.series is not None else SMALLEST_MEAN

    def mean_path(self, link_means: np.ndarray, periods: int) -> np.ndarray:
        """Mean demand at sentiment 1 and before the lower bound.

        Args:
            link_means: base mean per market link, shape (market links,), units per period; used when neither
                :attr:`base_mean` nor :attr:`series` is given.
            periods: number of periods from 0 on (it may reach past the horizon).

        Returns:
            Array of shape (market links, periods). Multiply by the sentiment, then apply :attr:`smallest_mean`.
        """
        period = np.arange(periods)
        path = np.empty((len(link_means), periods))
        if self.series is not None:
            path[:] = self.series.levels(periods)
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
            path[:, self.shock.time :] *= self.shock.magnitude
        return path

    def total_ceiling(self, means: np.ndarray) -> float:
        """Units that the sum of independent demands exceeds with a probability below 1e-15.

        Poisson demands of total mean M exceed ``M + 9 √M + 50`` with that probability by Bernstein's inequality
        (Boucheron, Lugosi and Massart 2013, Concentration Inequalities, section 2.8), normal ones 9 deviations each,
        and uniform ones have a largest value. A noise scale above 1 stretches the excess.

        Args:
            means: of every demand, sentiment and :attr:`smallest_mean` included, units, any shape.
        """
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
            Units, of that shape: the noise scale times √mean (Poisson), the standard deviation (normal) or the half
            width / √3 (uniform).
        """
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
        uniforms, means = np.broadcast_arrays(np.asarray(uniform, dtype=np.float64), np.asarray(mean, dtype=np.float64))
        if not ((uniforms >= 0) & (uniforms <= 1)).all():
            raise ValueError("uniforms lie between 0 and 1; draw them with generator.random()")
        if not (means >= 0).all():
            raise ValueError("means of demand are 0 or more; apply smallest_mean first")
        if not uniforms.ndim:
            return self._quantile(float(uniforms), float(means))
        raw: np.ndarray
        if self.distribution == "poisson":
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
        if self.distribution == "poisson":
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
