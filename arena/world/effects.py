"""Effects on the mean of customers' demand: trend, season, shock, an external series, and customers' sentiment."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Count, Finite, FrozenSchema, NonNegative, Positive

LONGEST_SERIES = 100_000
"""Most values of a series."""


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

    def levels(self, periods: int, first: int = 0) -> np.ndarray:
        """The (scaled) level of periods ``first`` to ``periods - 1``, units.

        Before the first value and past the last one, that value repeats.
        """
        values = np.asarray(self.values, dtype=np.float64)
        if self.scale_to_mean is not None:
            values = values * (self.scale_to_mean / values.mean())
        return values[np.clip(np.arange(first, periods), 0, len(values) - 1)]
