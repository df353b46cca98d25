"""Classical inventory rules as controllers of arena.

Rules that need no training and a fraction of a millisecond per decision. Four of them play on the blind and on the
informed track: ``newsvendor``, ``ss``, ``exp-smoothing`` and ``echelon``. With their default settings they are the
rules of the gym-invmgmt benchmark (arXiv 2605.11355) on every network with a single market link; what they do beyond it
(several markets, bills of materials, lot sizes, owed shortages) is stated in `arena_heuristics.ordering`.

``clark-scarf`` is ours: exact echelon levels where the network is serial, on the informed track
(`arena_heuristics.clark_scarf`, `arena_heuristics.echelon_levels`).

``local-base-stock`` is ours too: one controller per node on the decentralised track, and the same rule with the full
view on the blind one (`arena_heuristics.local_base_stock`).
"""

from collections.abc import Iterable
from typing import Any, Final

from arena import Controller, ControllerSpec, Track, hookimpl
from arena_heuristics.config import (
    ClarkScarfConfig,
    EchelonBaseStockConfig,
    ExponentialSmoothingConfig,
    LocalBaseStockConfig,
    NewsvendorConfig,
    ReorderPointConfig,
)

__all__ = ["arena_controllers"]

_TRACKS: tuple[Track, ...] = ("blind", "informed")


# The rules import numpy; a listing of the controllers does not have to.
def _newsvendor(config: NewsvendorConfig) -> Controller:
    from arena_heuristics.newsvendor import Newsvendor

    return Newsvendor(config)


def _reorder_point(config: ReorderPointConfig) -> Controller:
    from arena_heuristics.reorder_point import ReorderPoint

    return ReorderPoint(config)


def _exponential_smoothing(config: ExponentialSmoothingConfig) -> Controller:
    from arena_heuristics.exponential_smoothing import ExponentialSmoothing

    return ExponentialSmoothing(config)


def _echelon(config: EchelonBaseStockConfig) -> Controller:
    from arena_heuristics.newsvendor import EchelonBaseStock

    return EchelonBaseStock(config)


def _clark_scarf(config: ClarkScarfConfig) -> Controller:
    from arena_heuristics.echelon_levels import ClarkScarf

    return ClarkScarf(config)


def _local_base_stock(config: LocalBaseStockConfig) -> Controller:
    from arena_heuristics.local_base_stock import LocalBaseStock

    return LocalBaseStock(config)


_SUPPLY_AND_MARKETS: Final = (
    "market_demand",
    "distributions",
    "visible_sales",
    "varying_lead_times",
    "hidden_arrivals",
    "order_delays",
    "parallel_links",
    "raw_capacities",
    "allocation",
    "initial_pipeline",
    "initial_backlog",
    "market_fulfilment",
    "terminal_values",
    "warm_up",
)
"""Parts of worlds beyond the first schema (`arena.world.parts`) that all of them play."""
_DEPENDENCE: Final = ("autoregression", "correlation")
_COSTS: Final = ("owed_penalties", "component_holding_costs")


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the rules.

    Returns:
        One declaration per rule: the published ones in the order of increasing length of the rule's text, then ours.
    """
    return (
        ControllerSpec(
            name="newsvendor",
            config=NewsvendorConfig,
            tracks=_TRACKS,
            factory=_newsvendor,
            summary="order up to the critical-ratio quantile of the demand over the lead time",
            plays=(*_SUPPLY_AND_MARKETS, *_DEPENDENCE, *_COSTS, "priority"),
        ),
        ControllerSpec(
            name="ss",
            config=ReorderPointConfig,
            tracks=_TRACKS,
            factory=_reorder_point,
            summary="(s, S): below the reorder point s, order up to S = s + economic order quantity",
            plays=(*_SUPPLY_AND_MARKETS, *_DEPENDENCE, "component_holding_costs", "priority"),
        ),
        ControllerSpec(
            name="exp-smoothing",
            config=ExponentialSmoothingConfig,
            tracks=_TRACKS,
            factory=_exponential_smoothing,
            summary="newsvendor targets over Holt's forecast of level and trend",
            plays=(*_SUPPLY_AND_MARKETS, *_COSTS, "priority"),
        ),
        ControllerSpec(
            name="echelon",
            config=EchelonBaseStockConfig,
            tracks=_TRACKS,
            factory=_echelon,
            summary="order up to the quantile of demand until a unit can be sold, counting all stock downstream",
            plays=(*_SUPPLY_AND_MARKETS, *_DEPENDENCE, *_COSTS, "priority"),
        ),
        ControllerSpec(
            name="clark-scarf",
            config=ClarkScarfConfig,
            tracks=("informed",),
            factory=_clark_scarf,
            summary="echelon base stock at Clark and Scarf's optimal levels; on networks that are not serial, echelon",
            plays=(*_SUPPLY_AND_MARKETS, *_DEPENDENCE, *_COSTS, "priority"),
        ),
        ControllerSpec(
            name="local-base-stock",
            config=LocalBaseStockConfig,
            tracks=("decentralised", "blind"),
            factory=_local_base_stock,
            summary="each node orders up to the smoothed demand that it sees itself; with the full view, its echelon",
            plays=(*_SUPPLY_AND_MARKETS, *_DEPENDENCE, *_COSTS),
        ),
    )
