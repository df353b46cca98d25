"""Open boards of inventory control as suites of arena, and the rules that their organisers compare with.

Suites: ``inventorybench`` and ``vn2`` with their own scores, and ``favorita``, ``m5``, ``rossmann`` and ``bayesm``,
which play folders of public data. The data are not part of the package; every suite reads a folder, and checks it
against the counts that its source states. `docs/boards.md` has the commands.

Controllers: ``vn2-benchmark`` and ``inventorybench-baseline``.
"""

from collections.abc import Iterable
from typing import Any

from arena import Controller, ControllerSpec, hookimpl
from arena_boards.capped_base_stock import CappedBaseStockConfig
from arena_boards.seasonal_order_up_to import SeasonalOrderUpToConfig

__all__ = ["arena_controllers"]


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
        ),
        ControllerSpec(
            name="inventorybench-baseline",
            config=CappedBaseStockConfig,
            tracks=("blind",),
            factory=_capped_base_stock,
            summary="InventoryBench's baseline: capped base stock on the moments of all demand seen",
            plays=("varying_lead_times", "hidden_arrivals", "initial_pipeline"),
        ),
    )
