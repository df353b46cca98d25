"""Controllers that forecast from history.

``demand-global`` plays worlds of many independent items with one forecast for all of them, on the blind track: a shared
season, levels and dispersions that learn from one another, and a boosted model where LightGBM is installed (extra
``global``).
"""

from collections.abc import Iterable
from typing import Any, Final

from arena import Controller, ControllerSpec, hookimpl
from arena_forecasting.config import DemandGlobalConfig

__all__ = ["arena_controllers"]


# The controllers import scipy and more; a listing of them does not have to.
def _demand_global(config: DemandGlobalConfig) -> Controller:
    from arena_forecasting.controllers.demand_global import DemandGlobal

    return DemandGlobal(config)


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
    """Declare the controllers.

    Returns:
        One declaration per controller.
    """
    return (
        ControllerSpec(
            name="demand-global",
            config=DemandGlobalConfig,
            tracks=("blind",),
            factory=_demand_global,
            summary="quantiles of joint futures from one forecast of all items: shared season, own levels, boosting",
            preload=("numpy", "scipy.special"),
            plays=_PANEL_PLAYS,
        ),
    )
