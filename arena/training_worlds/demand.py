"""Families of demand: ranges from which the demand of a training episode is drawn.

An *effects* family draws the parts that a scenario's demand has in the benchmark: level, trend, season, shock. A
*series* family draws a whole series of means, intermittent and with changes of regime, as real sales have. What is
drawn is a :class:`~arena.world.demand.Demand`, valid in any scenario.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Count, Finite, FrozenSchema, NonNegative, Positive
from arena.world.demand import Demand, Seasonal, Series, Shock, Trend

Range = tuple[Finite, Finite]
"""[low, high], all values alike."""
PositiveRange = tuple[Positive, Positive]
Probability = Annotated[NonNegative, Field(le=1)]

_BENCHMARK_LEVEL = 20.0
_BENCHMARK_CYCLE = 30.0  # periods in one season


class _Family(FrozenSchema):
    noise_scale: tuple[NonNegative, NonNegative] = Field(
        default=(0.5, 2.0), description="range of the factor on demand's deviation from its mean"
    )
    certain: Probability = Field(default=0.0, description="probability that demand equals its mean (noise scale 0)")

    def _draw_noise_scale(self, generator: np.random.Generator) -> float:
        noise_scale = generator.uniform(*self.noise_scale)
        return 0.0 if generator.random() < self.certain else float(noise_scale)

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        faults = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) == 2 and value[0] > value[1]:
                faults.append(FieldFault(name, list(value), "a range is [low, high]", "swap the two"))
        if faults:
            raise FaultList(faults)
        return self


class EffectsFamily(_Family):
    """Level, trend, season and shock, each of the last three present with a probability."""

    kind: Literal["effects"] = "effects"
    base_mean: tuple[NonNegative, NonNegative] | None = Field(
        default=None, description="range of the level on every market link, units per period; absent: each link's own"
    )
    trend: Probability = Field(default=0.5, description="probability of a trend")
    slope: Range = Field(default=(0.05, 0.05), description="range of its growth per period, relative")
    seasonal: Probability = Field(default=0.5, description="probability of a season")
    amplitude: tuple[NonNegative, NonNegative] = Field(default=(0.5, 0.5), description="range of its relative height")
    cycle: PositiveRange = Field(
        default=(_BENCHMARK_CYCLE, _BENCHMARK_CYCLE), description="range of its length in periods"
    )
    phase: Range = Field(default=(0.0, 0.0), description="range of its phase at period 0, radians")
    shock: Probability = Field(default=0.5, description="probability of a lasting shock")
    shock_time: tuple[Count, Count] = Field(default=(15, 15), description="range of its first period")
    magnitude: PositiveRange = Field(default=(2.0, 2.0), description="range of the factor on the mean; ratios alike")

    def draw(self, generator: np.random.Generator, periods: int, *, horizon: int | None = None) -> Demand:
        """One demand of the family.

        Args:
            generator: what it is drawn with; a draw takes the same numbers from it whatever effects are present.
            periods: not needed here, see `SeriesFamily.draw`.
            horizon: not needed here either.
        """
        level = None if self.base_mean is None else float(generator.uniform(*self.base_mean))
        trend, seasonal, shock = generator.random(3) < (self.trend, self.seasonal, self.shock)
        slope = float(generator.uniform(*self.slope))
        amplitude = float(generator.uniform(*self.amplitude))
        frequency = 2 * math.pi / float(generator.uniform(*self.cycle))
        phase = float(generator.uniform(*self.phase))
        time = int(generator.integers(self.shock_time[0], self.shock_time[1], endpoint=True))
        magnitude = _draw_ratio(generator, self.magnitude)
        return Demand(
            base_mean=level,
            trend=Trend(slope=slope) if trend else None,
            seasonal=Seasonal(amplitude=amplitude, frequency=frequency, phase=phase) if seasonal else None,
            shock=Shock(time=time, magnitude=magnitude) if shock else None,
            noise_scale=self._draw_noise_scale(generator),
        )


class SeriesFamily(_Family):
    """A series of means: level × week × wandering × changes of regime × bursts, thinned by periods without demand."""

    kind: Literal["series"] = "series"
    level: PositiveRange = Field(default=(2.0, 40.0), description="range of the level, units per period; ratios alike")
    growth: Range = Field(default=(0.0, 0.0), description="range of the growth per period, relative to the level")
    wandering: tuple[NonNegative, NonNegative] = Field(
        default=(0.0, 0.3), description="range of the deviation of the logarithm's steps"
    )
    week: tuple[NonNegative, NonNegative] = Field(
        default=(0.0, 0.4), description="range of the relative height of a wave of seven periods"
    )
    regime_changes: tuple[Count, Count] = Field(default=(0, 2), description="range of the number of lasting changes")
    regime: PositiveRange = Field(default=(0.1, 12.0), description="range of the factor of a change; ratios alike")
    no_demand: tuple[Probability, Probability] = Field(
        default=(0.0, 0.4), description="range of the share of periods without demand"
    )
    burst: Probability = Field(default=0.05, description="share of periods with a burst")
    burst_size: Positive = Field(default=3.0, description="factor of a burst on its period")
    counts: bool = Field(default=True, description="means are Poisson counts of the level, as sales are")
    scale_to_mean: Positive | None = Field(
        default=None,
        description="mean over the horizon that the series is scaled to; a blind controller that learns it knows the "
        "remaining volume",
    )

    def draw(self, generator: np.random.Generator, periods: int, *, horizon: int | None = None) -> Demand:
        """One demand of the family.

        Args:
            generator: what it is drawn with.
            periods: number of periods from 0 on; the last value holds after them.
            horizon: number of periods that are played, by default all; a series that is scaled ends with them, so that
                its mean is that of what customers ask.
        """
        time = np.arange(periods)
        level = _draw_ratio(generator, self.level) * np.maximum(0.0, 1 + generator.uniform(*self.growth) * time)
        level = level * (1 + generator.uniform(*self.week) * np.sin(2 * math.pi * time / 7))
        steps = generator.normal(0.0, generator.uniform(*self.wandering), periods)
        level = np.maximum(0.0, level) * np.exp(np.cumsum(steps))
        for _ in range(int(generator.integers(self.regime_changes[0], self.regime_changes[1], endpoint=True))):
            level[int(generator.integers(periods)) :] *= _draw_ratio(generator, self.regime)
        level = np.where(generator.random(periods) < generator.uniform(*self.no_demand), 0.0, level)
        level = np.minimum(level, _LARGEST_LEVEL)
        if self.counts:
            level = generator.poisson(level).astype(float)
        level = np.where(generator.random(periods) < self.burst, self.burst_size * level, level)
        if self.scale_to_mean is not None:
            level = level[:horizon]
        if not level.any():
            level[0] = 1.0  # a series without any demand cannot be scaled, and nothing can be learnt from it
        series = Series(values=tuple(level.tolist()), scale_to_mean=self.scale_to_mean)
        return Demand(series=series, noise_scale=self._draw_noise_scale(generator))


_LARGEST_LEVEL = 10_000.0

DemandFamily = Annotated[EffectsFamily | SeriesFamily, Field(discriminator="kind")]


def published_effects() -> EffectsFamily:
    """The family of the published benchmark's own training: its level, trend, season and shock, present or not."""
    return EffectsFamily(base_mean=(_BENCHMARK_LEVEL, _BENCHMARK_LEVEL))


def published_series() -> SeriesFamily:
    """The external series of the published training: (20 + .02 t U(0, 2))(1 + .3 sin(2πt/7)), 5 % of days tripled.

    The published growth of .02 t U(0, 2) units is drawn once a series here.
    """
    return SeriesFamily(
        level=(_BENCHMARK_LEVEL, _BENCHMARK_LEVEL),
        growth=(0.0, 0.04 / _BENCHMARK_LEVEL),
        wandering=(0.0, 0.0),
        week=(0.3, 0.3),
        regime_changes=(0, 0),
        no_demand=(0.0, 0.0),
    )


def broad_effects(*, own_level: bool = False) -> EffectsFamily:
    """A broad family: no constant of the benchmark is more likely in it than any other number.

    Args:
        own_level: leave each market link its own mean demand, as networks of different sizes need.
    """
    return EffectsFamily(
        base_mean=None if own_level else (10.0, 35.0),
        slope=(-0.02, 0.1),
        amplitude=(0.0, 0.8),
        cycle=(7.0, 45.0),
        phase=(0.0, 2 * math.pi),
        shock_time=(3, 27),
        magnitude=(0.3, 3.0),
    )


def broad_series(*, certain: float = 0.5, scale_to_mean: float | None = None) -> SeriesFamily:
    """A broad family of intermittent series with changes of regime, as real sales show them.

    Args:
        certain: share of the series that are the demand itself (noise scale 0).
        scale_to_mean: see `SeriesFamily`.
    """
    return SeriesFamily(certain=certain, scale_to_mean=scale_to_mean)


def launches(*, certain: float = 0.5, scale_to_mean: float | None = None) -> SeriesFamily:
    """Series that begin with little demand and rise once, by two to thirty times, as new products do.

    A controller that cannot see ahead learns from them to keep stock near the customers while demand is small.

    Args:
        certain: share of the series that are the demand itself (noise scale 0).
        scale_to_mean: see `SeriesFamily`.
    """
    return SeriesFamily(
        certain=certain, level=(1.0, 10.0), regime_changes=(1, 1), regime=(2.0, 30.0), scale_to_mean=scale_to_mean
    )


def _draw_ratio(generator: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(bounds[0] * (bounds[1] / bounds[0]) ** generator.random())
