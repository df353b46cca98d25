"""Settings of the rules; the defaults are those of the boards."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SeasonalOrderUpToConfig(BaseModel):
    """Settings of the rule; the defaults are those of the competition.

    Attributes:
        season: periods of a season; weeks of a year.
        average: latest periods whose demand, without the season, is averaged.
        cover: periods whose forecast is ordered up to, the coming one being the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    season: int = Field(default=52, ge=1, le=1_000)
    average: int = Field(default=13, ge=1, le=1_000)
    cover: int = Field(default=4, ge=1, le=1_000)


class CappedBaseStockConfig(BaseModel):
    """The rule has no settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")
