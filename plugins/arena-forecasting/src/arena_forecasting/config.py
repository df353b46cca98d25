"""Settings of the controllers of this package."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from arena_forecasting.panel.settings import PanelSettings


class DemandGlobalConfig(BaseModel):
    """Settings of ``demand-global``.

    Attributes:
        panel: Settings of the classical forecast.
        boosting: Whether a boosted model over all items corrects it, where the history suffices.
        paths: Futures per decision.
        surplus_weight: Periods for which a unit too much is held on average. An order's critical ratio is
            shortage / (shortage + holding × weight), but for the last order's, where the weight is 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    panel: PanelSettings = Field(default_factory=PanelSettings)
    boosting: bool = True
    paths: int = Field(default=2_000, ge=10, le=20_000)
    surplus_weight: float = Field(default=1.33, gt=0)
