"""Settings of forecasts for a panel."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Memory = Annotated[float, Field(gt=0, lt=1)]


class PanelSettings(BaseModel):
    """Settings of forecasts for many series together.

    The defaults were chosen by cost on windows of VN2 that begin before its week 86, none of which is scored; see
    docs/forecasting.md.

    Attributes:
        season_period: Periods of a season; None: found in the history, 1: no season.
        memories: Weight of a period in relation to the next one, one per level; their forecasts are averaged.
        long_memory: Periods over which the long mean forgets.
        long_weight: Weight of the long mean in a level, periods.
        slow_weight: Further weight of it where demand is one unit per period, periods × units; it falls with demand.
        slow_sales: Demand added before that weight is divided by it, units per period.
        common_weight: Weight of the mean of all items in the long mean of each, periods.
        common_share: Share of the mean of all items to which long means are shrunk.
        dispersion_weight: Factor on the dispersion that the likelihood gives.
        lasting_share: Share of an item's dispersion that lasts over a path; the rest is new in every period.
        season_dispersion: Dispersion by which periods of high season weigh less in levels; 0: by their factor alone.
        common_deviation: Standard deviation of the log error that all items of a path have in common.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    season_period: int | None = Field(default=None, ge=1, le=1_000)
    memories: tuple[Memory, ...] = Field(default=(0.8, 0.9), min_length=1)
    long_memory: float = Field(default=52.0, gt=1)
    long_weight: float = Field(default=3.0, gt=0)
    slow_weight: float = Field(default=10.0, ge=0)
    slow_sales: float = Field(default=0.1, gt=0)
    common_weight: float = Field(default=0.5, gt=0)
    common_share: float = Field(default=0.2, gt=0)
    dispersion_weight: float = Field(default=0.5, gt=0)
    lasting_share: float = Field(default=0.3, ge=0, lt=1)
    season_dispersion: float = Field(default=1.0, ge=0)
    common_deviation: float = Field(default=0.07, ge=0)


class BoostingSettings(BaseModel):
    """Size of the boosted model over all items.

    Attributes:
        rounds: Trees per model.
        learning_rate: Share of a tree that is taken.
        leaves: Leaves of a tree.
        rows_per_leaf: Fewest rows of a leaf.
        ridge: Weight of the squared leaf values.
        models: Models with seeds of their own that are averaged.
        share: Share of the correction that is taken, on the log scale; the rest is the classical forecast.
        size_weight: By how much rows weigh less per unit that is expected, 1 / (1 + weight × units).
        largest_change: Largest correction, on the log scale.
        longest_ahead: Most periods ahead that are learnt; further ones have the last correction.
        shortest_history: Periods of history below which nothing is learnt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rounds: int = Field(default=40, ge=1, le=2_000)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    leaves: int = Field(default=12, ge=2, le=1_000)
    rows_per_leaf: int = Field(default=300, ge=1)
    ridge: float = Field(default=20.0, ge=0)
    models: int = Field(default=2, ge=1, le=20)
    share: float = Field(default=0.8, gt=0, le=1)
    size_weight: float = Field(default=0.2, ge=0)
    largest_change: float = Field(default=1.0, gt=0)
    longest_ahead: int = Field(default=6, ge=1, le=52)
    shortest_history: int = Field(default=52, ge=40)
