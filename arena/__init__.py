"""Arena: a competition for inventory controllers on multi-echelon supply networks.

Everything that the author of a controller, a plugin or an analysis needs is importable from here::

    from arena import Briefing, Controller, ControllerSpec, Observation, hookimpl

The names are loaded on first use, so that ``import arena`` itself costs next to nothing and imports no numerical
library: the command line, plugin discovery and the locked-down child processes of a contest all start with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena.contract.controller import Controller, ControllerReport, ControllerSpec
    from arena.contract.kpi import Kpis, measure
    from arena.contract.language_model import (
        Llm,
        LlmAnswer,
        LlmClient,
        LlmClientSpec,
        LlmEndpoint,
        LlmFailure,
        LlmLimits,
        LlmMessage,
        LlmQuestion,
        LlmUnavailable,
    )
    from arena.contract.tracks import (
        Briefing,
        InformedBriefing,
        InformedObservation,
        LocalObservation,
        Observation,
        OracleBriefing,
        Track,
        TrackView,
    )
    from arena.contract.training import TrainingPoint, TrainingRequest, TrainingSpec
    from arena.documents import load_document
    from arena.errors import (
        ArenaError,
        ContractViolation,
        EpisodeEnded,
        Fault,
        InvalidInput,
        PluginError,
        StoreError,
        UnknownName,
        unknown_name,
    )
    from arena.hookspecs import hookimpl, hookspec
    from arena.inventory_theory import (
        contribution_margins,
        critical_ratio,
        holding_cost,
        lost_goodwill_price,
        newsvendor_quantile,
        order_up_to_level,
        presumed_demand,
        shortage_cost,
        standard_normal_quantile,
    )
    from arena.schemas import FrozenSchema, parse_as
    from arena.simulate.compiled import CompiledScenario, compile_scenario
    from arena.simulate.dynamics import BatchState, Flows, initial_state, smooth_stock_out, step
    from arena.simulate.ledger import Ledger
    from arena.simulate.sentiment import next_sentiment
    from arena.simulate.simulator import Simulator, State
    from arena.world.demand import Demand, Goodwill, Seasonal, Shock, Trend
    from arena.world.library import load_network
    from arena.world.network import Component, MarketLink, Network, Node, SupplyLink
    from arena.world.quantiles import poisson_quantiles
    from arena.world.scenario import Scenario
    from arena.world.stock_points import StockPoint
    from arena.world.suite import Suite, load_scenario, load_suite

    __version__: str

__all__ = [
    "ArenaError",
    "BatchState",
    "Briefing",
    "CompiledScenario",
    "Component",
    "ContractViolation",
    "Controller",
    "ControllerReport",
    "ControllerSpec",
    "Demand",
    "EpisodeEnded",
    "Fault",
    "Flows",
    "FrozenSchema",
    "Goodwill",
    "InformedBriefing",
    "InformedObservation",
    "InvalidInput",
    "Kpis",
    "Ledger",
    "Llm",
    "LlmAnswer",
    "LlmClient",
    "LlmClientSpec",
    "LlmEndpoint",
    "LlmFailure",
    "LlmLimits",
    "LlmMessage",
    "LlmQuestion",
    "LlmUnavailable",
    "LocalObservation",
    "MarketLink",
    "Network",
    "Node",
    "Observation",
    "OracleBriefing",
    "PluginError",
    "Scenario",
    "Seasonal",
    "Shock",
    "Simulator",
    "State",
    "StockPoint",
    "StoreError",
    "Suite",
    "SupplyLink",
    "Track",
    "TrackView",
    "TrainingPoint",
    "TrainingRequest",
    "TrainingSpec",
    "Trend",
    "UnknownName",
    "__version__",
    "compile_scenario",
    "contribution_margins",
    "critical_ratio",
    "holding_cost",
    "hookimpl",
    "hookspec",
    "initial_state",
    "load_document",
    "load_network",
    "load_scenario",
    "load_suite",
    "lost_goodwill_price",
    "measure",
    "newsvendor_quantile",
    "next_sentiment",
    "order_up_to_level",
    "parse_as",
    "poisson_quantiles",
    "presumed_demand",
    "shortage_cost",
    "smooth_stock_out",
    "standard_normal_quantile",
    "step",
    "unknown_name",
]

_HOME_OF_NAME = {
    name: module
    for module, names in {
        "arena.contract.controller": ("Controller", "ControllerReport", "ControllerSpec"),
        "arena.contract.kpi": ("Kpis", "measure"),
        "arena.contract.language_model": (
            "Llm",
            "LlmAnswer",
            "LlmClient",
            "LlmClientSpec",
            "LlmEndpoint",
            "LlmFailure",
            "LlmLimits",
            "LlmMessage",
            "LlmQuestion",
            "LlmUnavailable",
        ),
        "arena.contract.tracks": (
            "Briefing",
            "InformedBriefing",
            "InformedObservation",
            "LocalObservation",
            "Observation",
            "OracleBriefing",
            "Track",
            "TrackView",
        ),
        "arena.contract.training": ("TrainingPoint", "TrainingRequest", "TrainingSpec"),
        "arena.documents": ("load_document",),
        "arena.errors": (
            "ArenaError",
            "ContractViolation",
            "EpisodeEnded",
            "Fault",
            "InvalidInput",
            "PluginError",
            "StoreError",
            "UnknownName",
            "unknown_name",
        ),
        "arena.hookspecs": ("hookimpl", "hookspec"),
        "arena.inventory_theory": (
            "contribution_margins",
            "critical_ratio",
            "holding_cost",
            "lost_goodwill_price",
            "newsvendor_quantile",
            "order_up_to_level",
            "presumed_demand",
            "shortage_cost",
            "standard_normal_quantile",
        ),
        "arena.schemas": ("FrozenSchema", "parse_as"),
        "arena.simulate.dynamics": ("BatchState", "Flows", "initial_state", "smooth_stock_out", "step"),
        "arena.simulate.ledger": ("Ledger",),
        "arena.simulate.compiled": ("CompiledScenario", "compile_scenario"),
        "arena.simulate.sentiment": ("next_sentiment",),
        "arena.simulate.simulator": ("Simulator", "State"),
        "arena.world.demand": ("Demand", "Goodwill", "Seasonal", "Shock", "Trend"),
        "arena.world.library": ("load_network",),
        "arena.world.network": ("Component", "MarketLink", "Network", "Node", "SupplyLink"),
        "arena.world.quantiles": ("poisson_quantiles",),
        "arena.world.scenario": ("Scenario",),
        "arena.world.stock_points": ("StockPoint",),
        "arena.world.suite": ("Suite", "load_scenario", "load_suite"),
    }.items()
    for name in names
}


if not TYPE_CHECKING:  # hidden from type checkers, so that they still report a name that does not exist

    def __getattr__(name: str) -> object:
        """Load a public name from the module where it lives, and keep it."""
        if name == "__version__":
            from importlib.metadata import version

            value: object = version("inventory-arena")
        elif name in _HOME_OF_NAME:
            value = getattr(import_module(_HOME_OF_NAME[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """List the public names, loaded or not."""
        return sorted({*globals(), *__all__})
