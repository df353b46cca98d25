"""The content of a scenario: everything that influences an episode, as plain data of which a digest is taken.

A field that was added later takes part only where it is used. So a scenario that does not use it keeps its digest, and
with it its hidden seeds and its earlier results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from arena.world.nodes_and_links import Component, MarketLink, Node, SupplyLink

_ADDED: Final[Mapping[type[BaseModel], tuple[str, ...]]] = {
    Node: ("allocation", "priority", "terminal_value"),
    Component: ("holding_cost", "terminal_value"),
    SupplyLink: (
        "lead_time_series",
        "longest_lead_time",
        "order_delay",
        "initial_pipeline",
        "initial_orders",
        "shortage_penalty",
    ),
    MarketLink: ("fulfilment", "waiting_share", "initial_backlog"),
}
"""Fields that were added to the first schema, left out where they have their default."""

_ADDED_TO_SCENARIO: Final[Mapping[str, object]] = {"warm_up": 0, "visible_arrivals": "by_order"}
"""Likewise of the scenario itself, each with its default."""
_NAMED: Final = ("nodes", "supply_links", "market_links")


def content_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return everything that influences an episode of a scenario: names, notes and aliases do not.

    Demand's sampling takes part only where it is not the published one, and the order bound without a factory only
    where it is not 1e6: results from before there was a choice are of the same world, and keep its digest.

    Args:
        data: a validated scenario, dumped as JSON by alias; it is changed.
    """
    for key in ("name", "published_id", "note"):
        del data[key]
    network = data["network"]
    for key in ("name", "description"):
        del network[key]
    for kind in _NAMED:
        for each in network[kind]:
            del each["name"]
    _leave_out_unused(network["nodes"], Node)
    for node in network["nodes"]:
        _leave_out_unused(node["bill_of_materials"], Component)
    _leave_out_unused(network["supply_links"], SupplyLink)
    _leave_out_unused(network["market_links"], MarketLink)
    for name, default in _ADDED_TO_SCENARIO.items():
        if data[name] == default:
            del data[name]
    if data["demand"]["series"] is not None:
        del data["demand"]["series"]["name"]
    if data["demand"]["sampling"] == "direct":
        del data["demand"]["sampling"]
    return data


def _leave_out_unused(entries: list[dict[str, Any]], schema: type[BaseModel]) -> None:
    for name in _ADDED[schema]:
        default = schema.model_fields[name].default
        unused = list(default) if isinstance(default, tuple) else default
        for entry in entries:
            if entry[name] == unused:
                del entry[name]
