"""What of a scenario goes into its digest: what it uses, without names."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from arena.world.customers import WrittenDemand, demand_of, matched_data
from arena.world.demand import Demand
from arena.world.network import Network

_ADDED_TO_DEMAND: Final[dict[str, Any]] = {
    "dispersion": None,
    "shape": None,
    "values": None,
    "weights": None,
    "autoregression": 0.0,
    "data": None,
    "by": "name",
}
"""Fields of demand that versions added, with the value that says nothing."""

_ADDED_TO_SCENARIO: Final[dict[str, Any]] = {
    "warm_up": 0,
    "visible_arrivals": "by_order",
    "history": 0,
    "window": None,
    "visible_demand": "demand",
    "correlation": None,
}
"""The same of a scenario."""

_ADDED_TO_NETWORK: Final[dict[str, dict[str, Any]]] = {
    "nodes": {"name": None, "allocation": "first_come", "priority": None, "terminal_value": None},
    "supply_links": {
        "name": None,
        "lead_time_series": None,
        "longest_lead_time": None,
        "order_delay": 0,
        "initial_pipeline": [],
        "initial_orders": [],
        "shortage_penalty": 0.0,
    },
    "market_links": {"name": None, "fulfilment": None, "waiting_share": None, "initial_backlog": 0.0},
}
"""The same of nodes and links."""

_ADDED_TO_COMPONENTS: Final[dict[str, Any]] = {"holding_cost": None, "terminal_value": None}
"""The same of a line of a bill of materials."""


#: What a dump of a scenario leaves out before it is digested: names, and recorded demand, which is digested apart.
UNDIGESTED: Final[dict[str, Any]] = {
    "name": True,
    "published_id": True,
    "note": True,
    "demand": {"data"},
    "network": {"market_links": {"__all__": {"demand": {"data"}}}},
}


def digested(scenario: WrittenDemand, data: dict[str, Any]) -> dict[str, Any]:
    """The content of a scenario that influences an episode, as JSON has it.

    Args:
        scenario: any.
        data: its dump for JSON without `UNDIGESTED`; it is changed.

    Returns:
        A mapping in which what is left at its default is absent if a version added it.
    """
    for key in ("name", "description"):
        del data["network"][key]
    for kind in _ADDED_TO_NETWORK:
        for each in data["network"][kind]:
            each["name"] = None
    _leave_out_unused(data["network"])
    links = [i for i, link in enumerate(scenario.network.market_links) if link.demand is None]
    data["demand"] = _demand(scenario, scenario.demand, data["demand"], links)
    for i, link in enumerate(data["network"]["market_links"]):
        if link["demand"] is None:
            del link["demand"]
        else:
            link["demand"] = _demand(scenario, demand_of(scenario, i), link["demand"], [i])
    return _without(data, _ADDED_TO_SCENARIO)


def _demand(scenario: WrittenDemand, demand: Demand, written: dict[str, Any], links: list[int]) -> dict[str, Any]:
    if written["series"] is not None:
        del written["series"]["name"]
    if written["sampling"] == "direct":
        del written["sampling"]
    written = _without(written, _ADDED_TO_DEMAND)
    if demand.data is not None:
        # By the order of the links, whatever names brought it about. Hashed apart: there may be millions of numbers.
        written.pop("by", None)
        played = matched_data(demand, scenario.network, links) if links else demand.data
        content = [played.values, played.in_stock, played.past_end]
        written["data"] = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
    return written


def without_unused(data: dict[str, Any]) -> dict[str, Any]:
    """A dump of a scenario for JSON without what versions added and it does not use: what older versions dumped.

    Args:
        data: the dump; it is changed.
    """
    data["demand"] = _without(data["demand"], _ADDED_TO_DEMAND)
    _leave_out_unused(data["network"])
    for link in data["network"]["market_links"]:
        if link["demand"] is None:
            del link["demand"]
        else:
            link["demand"] = _without(link["demand"], _ADDED_TO_DEMAND)
    return _without(data, _ADDED_TO_SCENARIO)


def network_content(network: Network) -> dict[str, Any]:
    """A network as plain data for JSON, without what versions added to nodes and links and it does not use.

    So data that were derived from a network, such as the signature of what a policy was trained for, stay the same when
    the schema grows.

    Args:
        network: any.
    """
    data = network.model_dump(mode="json", by_alias=True)
    _leave_out_unused(data)
    for link in data["market_links"]:
        if link["demand"] is None:
            del link["demand"]
    return data


def _leave_out_unused(network: dict[str, Any]) -> None:
    """Leave out of the dump of a network, in place, what versions added to nodes and links and it does not use."""
    for kind, defaults in _ADDED_TO_NETWORK.items():
        network[kind] = [_without(each, defaults) for each in network[kind]]
    for node in network["nodes"]:
        node["bill_of_materials"] = [_without(line, _ADDED_TO_COMPONENTS) for line in node["bill_of_materials"]]


def _without(content: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in defaults or value != defaults[key]}
