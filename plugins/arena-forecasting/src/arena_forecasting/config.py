"""Settings of the controllers."""

from pydantic import BaseModel, ConfigDict, Field

from arena_forecasting.panel.settings import BoostingSettings, PanelSettings


class DemandScenariosConfig(BaseModel):
    """Settings of ``demand-scenarios``.

    Attributes:
        paths: joint futures of demand and lead times, on all of which first orders are compared, and on a third of
            them rules; fewer where many items share the time of a decision.
        horizon: periods that are simulated besides the promised lead time.
        forgetting: factor on the log likelihood of past demand, per period, when models are weighed.
        prior_mean: demand per market link and period that is expected where there is no history; None derives it from
            the initial stock.
        fallback_mean: the same where there is no initial stock either.
        names_orders: whether quantities are moved by up to three units, so that hidden arrivals tell which order came.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    paths: int = Field(default=240, ge=8, le=5000)
    horizon: int = Field(default=12, ge=1, le=100)
    forgetting: float = Field(default=0.97, gt=0, le=1)
    prior_mean: float | None = Field(default=None, gt=0)
    fallback_mean: float = Field(default=20.0, gt=0)
    names_orders: bool = True


class DemandGlobalConfig(BaseModel):
    """Settings of ``demand-global``.

    Attributes:
        panel: Settings of the classical forecast.
        boosting: Size of the boosted model that corrects it, where the history suffices; None: none. Needs the extra
            ``global``.
        paths: Futures per decision.
        surplus_weight: Periods for which a unit too much is held on average. An order's critical ratio is
            shortage / (shortage + holding × weight), but for the last order's, where the weight is 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    panel: PanelSettings = Field(default_factory=PanelSettings)
    boosting: BoostingSettings | None = None
    paths: int = Field(default=2_000, ge=10, le=20_000)
    surplus_weight: float = Field(default=1.25, gt=0)
