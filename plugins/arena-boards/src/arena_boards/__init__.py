"""Open boards of inventory control as suites of arena, and the rules that their organisers compare with.

Suites: ``inventorybench`` and ``vn2`` with their own scores, and ``favorita``, ``m5``, ``rossmann`` and ``bayesm``,
which play folders of public data. The data are not part of the package; every suite reads a folder, and checks it
against the counts that its source states. `docs/boards.md` has the commands.

Controllers: ``vn2-benchmark`` and ``inventorybench-baseline``.
"""

from collections.abc import Iterable
from typing import Any

from arena import Controller, ControllerSpec, SuiteSpec, hookimpl
from arena_boards import suites
from arena_boards.config import CappedBaseStockConfig, SeasonalOrderUpToConfig
from arena_boards.options import DailyOptions, FavoritaOptions, InventoryBenchOptions, PanelOptions, Vn2Options

__all__ = ["arena_controllers", "arena_suites"]


def _capped_base_stock(config: CappedBaseStockConfig) -> Controller:
    from arena_boards.capped_base_stock import CappedBaseStock

    return CappedBaseStock(config)


def _seasonal_order_up_to(config: SeasonalOrderUpToConfig) -> Controller:
    from arena_boards.seasonal_order_up_to import SeasonalOrderUpTo

    return SeasonalOrderUpTo(config)


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the rules that boards compare with."""
    return (
        ControllerSpec(
            name="vn2-benchmark",
            config=SeasonalOrderUpToConfig,
            tracks=("blind",),
            factory=_seasonal_order_up_to,
            summary="VN2's official benchmark: order up to the seasonal 13-week mean of the next four weeks",
            plays=("visible_sales", "initial_pipeline", "varying_lead_times"),
            independent_only=True,
        ),
        ControllerSpec(
            name="inventorybench-baseline",
            config=CappedBaseStockConfig,
            tracks=("blind",),
            factory=_capped_base_stock,
            summary="InventoryBench's baseline: capped base stock on the moments of all demand seen",
            plays=("varying_lead_times", "hidden_arrivals", "initial_pipeline"),
            independent_only=True,
        ),
    )


@hookimpl
def arena_suites() -> Iterable[SuiteSpec[Any]]:
    """Declare the boards, and the suites of recorded sales."""
    return (
        SuiteSpec(
            name="inventorybench",
            summary="InventoryBench: one article, lost sales, lead times that are not told (arXiv 2602.12631)",
            options=InventoryBenchOptions,
            build=suites.inventorybench,
        ),
        SuiteSpec(
            name="vn2",
            summary="VN2 Inventory Planning Challenge: 599 pairs of store and product, eight weeks, cost in euros",
            options=Vn2Options,
            build=suites.vn2,
        ),
        SuiteSpec(
            name="favorita",
            summary="windows of Corporación Favorita's grocery sales (Kaggle)",
            options=FavoritaOptions,
            build=suites.favorita,
        ),
        SuiteSpec(
            name="m5",
            summary="windows of the M5 competition's unit sales (Kaggle)",
            options=DailyOptions,
            build=suites.m5,
        ),
        SuiteSpec(
            name="rossmann",
            summary="windows of Rossmann's turnover by store (Kaggle)",
            options=DailyOptions,
            build=suites.rossmann,
        ),
        SuiteSpec(
            name="bayesm",
            summary="windows of weekly orange juice by store and brand (R package bayesm)",
            options=PanelOptions,
            build=suites.bayesm,
        ),
    )
