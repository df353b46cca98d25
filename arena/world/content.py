"""The content of a scenario: everything that influences an episode, as plain data of which a digest is taken.

A field that was added later takes part only where it is used. So a scenario that does not use it keeps its digest, and
with it its hidden seeds and its earlier results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from arena.world.nodes_and_links import Component, MarketLink, Node, SupplyLink

if TYPE_CHECKING:
    from arena.world.scenario import Scenario

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

_ADDED_TO_SCENARIO: Final = ("warm_up", "visible_arrivals")
_NAMED: Final = ("nodes", "supply_links", "market_links")


def content_of(scenario: Scenario) -> dict[str, Any]:
    """Return everything that influences an episode of a scenario: names, notes and aliases do not.

    Demand's sampling takes part only where it is not the published one, and the order bound without a factory only
    where it is not 1e6: results from before there was a choice are of the same world, and keep its digest.

    Args:
        scenario: a validated scenario.
    """
    data = scenario.model_dump(mode="json", by_alias=True, exclude={"name", "published_id", "note"})
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
    _leave_out_defaults(data, type(scenario), _ADDED_TO_SCENARIO)
    if data["demand"]["series"] is not None:
        del data["demand"]["series"]["name"]
    if data["demand"]["sampling"] == "direct":
        del data["demand"]["sampling"]
    return data


def _leave_out_unused(entries: list[dict[str, Any]], schema: type[BaseModel]) -> None:
    for entry in entries:
        _leave_out_defaults(entry, schema, _ADDED[schema])


def _leave_out_defaults(entry: dict[str, Any], schema: type[BaseModel], names: tuple[str, ...]) -> None:
    for name in names:
        default = schema.model_fields[name].default
        if entry[name] == (list(default) if isinstance(default, tuple) else default):
            del entry[name]
