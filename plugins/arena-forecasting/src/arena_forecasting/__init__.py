"""Forecast distributions and simulated orders as controllers of arena.

``demand-scenarios`` plans stock points that are independent of one another, on the blind track and without anything
trained: a mixture of models gives joint futures of demand, a lead-time law is learnt from what arrives, and orders are
chosen by their simulated value.

``demand-global`` plays worlds of many independent items with one forecast for all of them, on the blind track: a shared
season, levels and dispersions that learn from one another, and on request a boosted model of LightGBM (extra
``global``).
"""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, Final

from arena import Controller, ControllerSpec, hookimpl
from arena_forecasting.config import DemandGlobalConfig, DemandScenariosConfig

__all__ = ["arena_controllers"]


# The controllers import numpy and scipy; a listing of them does not have to.
def _demand_scenarios(config: DemandScenariosConfig) -> Controller:
    from arena_forecasting.controllers.demand_scenarios import DemandScenarios

    return DemandScenarios(config)


def _demand_global(config: DemandGlobalConfig) -> Controller:
    from arena_forecasting.controllers.demand_global import DemandGlobal

    if config.boosting is not None and find_spec("lightgbm") is None:
        hint = "pip install 'arena-forecasting[global]', or leave boosting out of its config"
        raise ModuleNotFoundError(f"demand-global needs lightgbm, which is not installed: {hint}", name="lightgbm")
    return DemandGlobal(config)


_PLAYED: Final = (
    "market_demand",
    "distributions",
    "autoregression",
    "correlation",
    "visible_sales",
    "varying_lead_times",
    "hidden_arrivals",
    "order_delays",
    "parallel_links",
    "raw_capacities",
    "initial_pipeline",
    "initial_backlog",
    "market_fulfilment",
    "terminal_values",
    "warm_up",
)
"""Parts of worlds beyond the first schema that ``demand-scenarios`` plays."""


_PANEL_PLAYS: Final = (
    "market_demand",
    "distributions",
    "autoregression",
    "correlation",
    "visible_sales",
    "initial_pipeline",
    "initial_backlog",
    "market_fulfilment",
    "terminal_values",
    "warm_up",
)
"""Parts of worlds beyond the first schema (`arena.world.parts`) that ``demand-global`` plays."""


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the controllers."""
    return (
        ControllerSpec(
            name="demand-scenarios",
            config=DemandScenariosConfig,
            tracks=("blind",),
            factory=_demand_scenarios,
            summary="orders by simulated value on futures from a mixture of forecasts, one stock point after another",
            preload=("numpy", "scipy.special"),
            plays=_PLAYED,
            independent_only=True,
        ),
        ControllerSpec(
            name="demand-global",
            config=DemandGlobalConfig,
            tracks=("blind",),
            factory=_demand_global,
            summary="quantiles of joint futures from one forecast of all items: shared season, own levels, boosting",
            preload=("numpy", "scipy.special"),
            plays=_PANEL_PLAYS,
            independent_only=True,
        ),
    )
