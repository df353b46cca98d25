"""Mathematical programs as controllers of arena.

References on the oracle track: ``oracle``, ``oracle-published`` and ``bound``. Rolling programs on the blind and on the
informed track: ``dlp`` and ``mssp``, the published ones (gym-invmgmt, arXiv 2605.11355), and ``stochastic-program``.
All are stated in Pyomo and solved by HiGHS within the process.
"""

from collections.abc import Iterable
from typing import Any, Final

from arena import Controller, ControllerSpec, Track, hookimpl
from arena_optimization.config import (
    BoundConfig,
    DeterministicProgramConfig,
    MultiStageProgramConfig,
    OracleConfig,
    PublishedOracleConfig,
    StochasticProgramConfig,
)

__all__ = ["arena_controllers"]

_ROLLING: tuple[Track, ...] = ("blind", "informed")
_CLAIRVOYANT: tuple[Track, ...] = ("oracle",)
_PRELOAD = ("pyomo.environ", "pyomo.repn.plugins.standard_form", "highspy", "scipy.sparse", "scipy.special")


# The programs import Pyomo and HiGHS; a listing of the controllers does not have to.
def _oracle(config: OracleConfig) -> Controller:
    from arena_optimization.controllers.oracle import Oracle

    return Oracle(config)


def _published_oracle(config: PublishedOracleConfig) -> Controller:
    from arena_optimization.controllers.oracle import PublishedOracle

    return PublishedOracle(config)


def _bound(config: BoundConfig) -> Controller:
    from arena_optimization.controllers.bound import Bound

    return Bound(config)


def _deterministic_program(config: DeterministicProgramConfig) -> Controller:
    from arena_optimization.controllers.published import DeterministicProgram

    return DeterministicProgram(config)


def _multi_stage_program(config: MultiStageProgramConfig) -> Controller:
    from arena_optimization.controllers.published import MultiStageProgram

    return MultiStageProgram(config)


def _stochastic_program(config: StochasticProgramConfig) -> Controller:
    from arena_optimization.controllers.stochastic_program import StochasticProgram

    return StochasticProgram(config)


_PLAYS: Final = (
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
    "allocation",
    "priority",
    "owed_penalties",
    "initial_pipeline",
    "initial_backlog",
    "market_fulfilment",
    "component_holding_costs",
    "terminal_values",
    "warm_up",
)
"""Parts of worlds beyond the first schema (`arena.world.parts`) that all of them play: all that there are."""


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the references, then the rolling programs.

    Returns:
        One declaration per controller.
    """
    return (
        ControllerSpec(
            name="oracle",
            config=OracleConfig,
            tracks=_CLAIRVOYANT,
            factory=_oracle,
            summary="the best plan found with all demand known; optimal and certified where demand is exogenous",
            preload=_PRELOAD,
            plays=_PLAYS,
        ),
        ControllerSpec(
            name="oracle-published",
            config=PublishedOracleConfig,
            tracks=_CLAIRVOYANT,
            factory=_published_oracle,
            summary="the published oracle: the optimum of the trace; under goodwill a fixed point of trace and plan",
            preload=_PRELOAD,
            plays=_PLAYS,
        ),
        ControllerSpec(
            name="bound",
            config=BoundConfig,
            tracks=_CLAIRVOYANT,
            factory=_bound,
            summary="the oracle with a certified upper bound, also under goodwill if demand is sampled by inverse CDF",
            preload=_PRELOAD,
            plays=_PLAYS,
        ),
        ControllerSpec(
            name="dlp",
            config=DeterministicProgramConfig,
            tracks=_ROLLING,
            factory=_deterministic_program,
            summary="rolling linear program for mean demand, as published",
            preload=_PRELOAD,
            plays=_PLAYS,
        ),
        ControllerSpec(
            name="mssp",
            config=MultiStageProgramConfig,
            tracks=_ROLLING,
            factory=_multi_stage_program,
            summary="rolling multi-stage stochastic program over ten sampled paths, as published",
            preload=_PRELOAD,
            plays=_PLAYS,
        ),
        ControllerSpec(
            name="stochastic-program",
            config=StochasticProgramConfig,
            tracks=_ROLLING,
            factory=_stochastic_program,
            summary="open-loop feedback over sampled paths to the end of the episode, aware of goodwill",
            preload=(*_PRELOAD, "scipy.stats.qmc"),
            plays=_PLAYS,
        ),
    )
