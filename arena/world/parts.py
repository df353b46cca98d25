"""Parts of a world beyond the first schema, by name: what a scenario uses, and what a controller plays.

A controller of a plugin declares the parts that it plays (`arena.ControllerSpec.plays`). One that does not play a part
of a scenario is refused by name before anything is played, because it would silently play another world. What only adds
to what controllers are told, as a history does, is not a part: who does not read it plays the same world.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from arena.world.network import Network
    from arena.world.scenario import Scenario

Part = Literal[
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
]

_FIRST_DISTRIBUTIONS: Final = ("poisson", "normal", "uniform")

PARTS: Final[tuple[Part, ...]] = get_args(Part)
"""All parts, in the order in which they are listed."""

MEANINGS: Final[Mapping[Part, str]] = {
    "market_demand": "market links with demand of different kinds",
    "distributions": "negative binomial, gamma and empirical demand",
    "autoregression": "demand whose deviations follow one another",
    "correlation": "demand that is correlated between market links",
    "visible_sales": "sales that are seen in place of demand",
    "varying_lead_times": "lead times that vary from order to order, and orders that are lost",
    "hidden_arrivals": "arrivals that do not show which order came",
    "order_delays": "orders that their supplier sees later",
    "parallel_links": "several supply links between the same two nodes",
    "raw_capacities": "raw materials with a capacity",
    "allocation": "suppliers that share short stock in proportion to the orders",
    "priority": "nodes that serve buyers or customers first, after their deliveries",
    "owed_penalties": "penalties for what a supplier owes",
    "initial_pipeline": "goods and orders on their way before the first period",
    "initial_backlog": "customers who wait before the first period",
    "market_fulfilment": "market links with a fulfilment of their own, or with a share of customers who wait",
    "component_holding_costs": "components with a holding cost of their own",
    "terminal_values": "stock that is worth or costs money after the last period",
    "warm_up": "first periods that do not count",
}
"""Each part in words, for messages and pages."""


def describe_part(part: Part) -> str:
    """Return a part in words, with its name.

    >>> describe_part("warm_up")
    'first periods that do not count (warm_up)'
    """
    return f"{MEANINGS[part]} ({part})"


def unplayed_parts(plays: Collection[Part] | None) -> tuple[Part, ...]:
    """Return the parts that a controller does not play.

    Args:
        plays: that it declares; None: all.
    """
    return () if plays is None else tuple(part for part in PARTS if part not in plays)


def parts_of(scenario: Scenario) -> tuple[Part, ...]:
    """Return the parts that a scenario uses.

    Args:
        scenario: a validated scenario.
    """
    network = scenario.network
    used: dict[Part, bool] = {part: uses(network) for part, uses in _OF_NETWORK.items()}
    demands = scenario.demands
    used["market_demand"] = any(link.demand is not None for link in network.market_links)
    used["distributions"] = any(each.distribution not in _FIRST_DISTRIBUTIONS for each in demands)
    used["autoregression"] = any(each.autoregression for each in demands)
    used["correlation"] = scenario.correlation is not None
    used["visible_sales"] = scenario.visible_demand == "sales"
    used["hidden_arrivals"] = bool(network.varying_links) and scenario.visible_arrivals == "total"
    used["warm_up"] = scenario.warm_up > 0
    return tuple(part for part in PARTS if used[part])


def _has_parallel_links(network: Network) -> bool:
    return len({(link.supplier, link.buyer) for link in network.supply_links}) < len(network.supply_links)


def _has_component_costs(network: Network) -> bool:
    return any(part.holding_cost is not None for node in network.nodes for part in node.bill_of_materials)


def _has_terminal_values(network: Network) -> bool:
    return any(node.values_stock for node in network.nodes)


_OF_NETWORK: Final[Mapping[Part, Callable[[Network], bool]]] = {
    "varying_lead_times": lambda network: bool(network.varying_links),
    "order_delays": lambda network: any(network.order_delays),
    "parallel_links": _has_parallel_links,
    "raw_capacities": lambda network: any(network.node(raw).capacity is not None for raw in network.raw_materials),
    "allocation": lambda network: any(node.allocation != "first_come" for node in network.nodes),
    "priority": lambda network: any(node.priority is not None for node in network.nodes),
    "owed_penalties": lambda network: any(link.shortage_penalty for link in network.supply_links),
    "initial_pipeline": lambda network: any(
        any((*link.initial_pipeline, *link.initial_orders)) for link in network.supply_links
    ),
    "initial_backlog": lambda network: any(link.initial_backlog for link in network.market_links),
    "market_fulfilment": lambda network: any(
        link.fulfilment is not None or link.waiting_share is not None for link in network.market_links
    ),
    "component_holding_costs": _has_component_costs,
    "terminal_values": _has_terminal_values,
}
