"""Bounded tuners for arena: six parameters of an ordering rule, set by a language model or fitted offline.

``llm-tuner`` asks a language model once an episode, ``llm-adaptive`` again every few periods; the model sets parameters
and never orders (`arena_llm.tuner`). ``tuned-base-stock`` is the same rule with numbers that were fitted offline over
training scenarios (`arena_llm.tuned`), which shows what a perfect tuner could reach.

The client ``openai`` speaks to any OpenAI-compatible endpoint, from the arena's own process (`arena_llm.client`).
"""

from collections.abc import Iterable
from typing import Any, Final

from arena import (
    Controller,
    ControllerSpec,
    LlmClient,
    LlmClientSpec,
    LlmEndpoint,
    LlmLimits,
    Track,
    TrainingCard,
    hookimpl,
)
from arena_llm.config import AdaptiveConfig, TunedBaseStockConfig, TunerConfig

__all__ = ["arena_controllers", "arena_llm_clients"]

_TRACKS: tuple[Track, ...] = ("blind", "informed")


# Rule and client are imported where they are made: a listing needs no openai, and a controller's process has none.
def _tuner(config: TunerConfig) -> Controller:
    from arena_llm.tuner import Tuner

    return Tuner(config)


def _tuned(config: TunedBaseStockConfig) -> Controller:
    from arena_llm.tuned import TunedBaseStock

    return TunedBaseStock(config)


def _cards(config: TunedBaseStockConfig, track: Track) -> Iterable[TrainingCard]:
    from arena_llm.fitted.card import fitted_card

    return [fitted_card(track)] if config.parameters == "fitted" else []


def _openai(endpoint: LlmEndpoint, key: str | None, limits: LlmLimits) -> LlmClient:
    from arena_llm.client import OpenAIClient

    return OpenAIClient(endpoint, key, limits)


FITTED_PLAYS: Final = (
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
    "initial_pipeline",
    "initial_backlog",
    "market_fulfilment",
    "terminal_values",
    "warm_up",
)
"""Parts of worlds beyond the first schema that the fitted rule plays (`arena.world.parts`).

The others are costs, which nothing in the rule weighs: parameters were fitted without them.
"""
_COSTS: Final = ("owed_penalties", "component_holding_costs")
"""Parts that a language model is told of besides, and can weigh by the parameters that it sets."""


@hookimpl
def arena_controllers() -> Iterable[ControllerSpec[Any]]:
    """Declare the controllers."""
    tuner = ControllerSpec(
        name="llm-tuner",
        config=TunerConfig,
        tracks=_TRACKS,
        factory=_tuner,
        summary="a language model sets six bounded parameters of an ordering rule, once an episode",
        capabilities=("llm",),
        plays=(*FITTED_PLAYS, *_COSTS),
    )
    adaptive = ControllerSpec(
        name="llm-adaptive",
        config=AdaptiveConfig,
        tracks=_TRACKS,
        factory=_tuner,
        summary="a language model sets six bounded parameters of an ordering rule, again every few periods",
        capabilities=("llm",),
        plays=(*FITTED_PLAYS, *_COSTS),
    )
    tuned = ControllerSpec(
        name="tuned-base-stock",
        config=TunedBaseStockConfig,
        tracks=_TRACKS,
        factory=_tuned,
        summary="the tuners' ordering rule with parameters fitted offline: what a perfect tuner could reach",
        plays=FITTED_PLAYS,
        cards=_cards,
    )
    return tuner, adaptive, tuned


@hookimpl
def arena_llm_clients() -> Iterable[LlmClientSpec]:
    """Declare the client of OpenAI-compatible endpoints."""
    return (
        LlmClientSpec(
            name="openai",
            connect=_openai,
            summary="chat completions of any OpenAI-compatible endpoint, by the openai package",
        ),
    )
