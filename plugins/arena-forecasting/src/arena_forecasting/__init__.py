"""Forecast distributions and simulated orders as controllers of arena.

``demand-scenarios`` plans stock points that are independent of one another, on the blind track and without anything
trained: a mixture of models gives joint futures of demand, a lead-time law is learnt from what arrives, and orders are
chosen by their simulated value.
"""

from collections.abc import Iterable
from typing import Any, Final

from arena import Controller, ControllerSpec, hookimpl
from arena_forecasting.config import DemandScenariosConfig

__all__ = ["arena_controllers"]


# The controller imports numpy and scipy; a listing of the controllers does not have to.
def _demand_scenarios(config: DemandScenariosConfig) -> Controller:
    from arena_forecasting.controllers.demand_scenarios import DemandScenarios

    return DemandScenarios(config)


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
    )
