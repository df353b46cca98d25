"""Hypothesis strategies of scenarios with parts that the first schema did not have.

Lead times that vary, order delays, beginnings and ends, allocation, priority and fulfilment by market::

    from later_strategies import later_scenarios
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from strategies import EXTENSIONS, changed, decimals, networks, scenarios

from arena.world.lead_times import LeadTimeDistribution, LeadTimeSeries
from arena.world.network import Network
from arena.world.nodes_and_links import MarketLink, Node, SupplyLink
from arena.world.scenario import Scenario

_LONGEST = 5


@st.composite
def later_scenarios(draw: st.DrawFn, scenario: st.SearchStrategy[Scenario] | None = None) -> Scenario:
    """Scenarios with any of the later parts.

    Args:
        draw: of Hypothesis.
        scenario: what they are added to; by default scenarios of every kind.
    """
    plain = draw(scenarios(networks(extensions=EXTENSIONS)) if scenario is None else scenario)
    owed = plain.upstream_shortage == "owed"
    network = draw(_later_network(plain.network, owed, plain.horizon))
    return changed(
        plain,
        network=network,
        warm_up=draw(st.integers(0, plain.horizon - 1)),
        visible_arrivals=draw(st.sampled_from(["by_order", "total"])),
    )


@st.composite
def lead_time_distributions(draw: st.DrawFn, shortest: int = 0, longest: int = _LONGEST) -> LeadTimeDistribution:
    """Distributions of lead times, with and without lost orders and crossing."""
    numbers = draw(st.lists(st.integers(shortest, longest), min_size=1, max_size=4, unique=True))
    values: list[Any] = [*numbers, *(["lost"] if draw(st.booleans()) else [])]
    weights = draw(st.lists(st.integers(1, 5), min_size=len(values), max_size=len(values)))
    probabilities = tuple(weight / sum(weights) for weight in weights)
    return LeadTimeDistribution(values=tuple(values), probabilities=probabilities, may_cross=draw(st.booleans()))


@st.composite
def _later_network(draw: st.DrawFn, network: Network, owed: bool, horizon: int) -> Network:
    nodes = tuple(draw(_later_node(network, node)) for node in network.nodes)
    with_priority = {node.id for node in nodes if node.priority is not None}
    changes = {
        "nodes": nodes,
        "supply_links": tuple(
            draw(_later_link(network, link, owed, int(link.supplier in with_priority), horizon))
            for link in network.supply_links
        ),
        "market_links": tuple(draw(_later_market_link(link)) for link in network.market_links),
    }
    return changed(network, **changes)


@st.composite
def _later_node(draw: st.DrawFn, network: Network, node: Node) -> Node:
    role, buyers = network.role(node.id), network.outbound(node.id)
    changes: dict[str, Any] = {"name": draw(st.none() | st.just(f"node {node.id}"))}
    if len(buyers) > 1:
        changes["allocation"] = draw(st.sampled_from(["first_come", "proportional"]))
    if role == "raw_material":
        changes["capacity"] = draw(st.none() | decimals(0, 60))
    elif role != "market":
        changes["terminal_value"] = draw(st.none() | decimals(-2, 3))
        if buyers and network.markets_of(node.id):
            changes["priority"] = draw(st.sampled_from([None, "links", "markets"]))
        if node.bill_of_materials:
            first, *rest = node.bill_of_materials
            first = changed(first, holding_cost=draw(decimals(0, 1)), terminal_value=draw(decimals(-1, 1)))
            changes["bill_of_materials"] = (first, *rest)
    return changed(node, **changes)


@st.composite
def _later_link(
    draw: st.DrawFn, network: Network, link: SupplyLink, owed: bool, shortest: int, horizon: int
) -> SupplyLink:
    changes: dict[str, Any] = {"lead_time": max(shortest, link.lead_time), "order_delay": draw(st.integers(0, 2))}
    kind = draw(st.sampled_from(["fixed", "random", "series"]))
    if kind == "random":
        changes["lead_time_distribution"] = draw(lead_time_distributions(shortest))
    elif kind == "series":
        possible = st.one_of(st.integers(shortest, _LONGEST), st.just("lost"))
        values = (*draw(st.lists(possible, max_size=horizon)), shortest)
        changes["lead_time_series"] = LeadTimeSeries(
            values=values, may_cross=draw(st.booleans()), past_end="repeat" if len(values) < horizon else "error"
        )
    if owed and network.role(link.supplier) != "raw_material":
        changes["shortage_penalty"] = draw(decimals(0, 1))
    later = changed(link, **changes)
    units = st.lists(decimals(0, 20), max_size=later.slots).map(tuple)
    orders = st.lists(decimals(0, 20), max_size=later.order_delay).map(tuple)
    return changed(later, initial_pipeline=draw(units), initial_orders=draw(orders))


@st.composite
def _later_market_link(draw: st.DrawFn, link: MarketLink) -> MarketLink:
    kind = draw(st.sampled_from(["as the scenario", "fulfilment", "share"]))
    changes: dict[str, Any] = {"initial_backlog": draw(st.just(0.0) | decimals(0, 20))}
    if kind == "fulfilment":
        changes["fulfilment"] = draw(st.sampled_from(["backlog", "lost_sales"]))
    elif kind == "share":
        changes["waiting_share"] = draw(decimals(0, 1))
    return changed(link, **changes)
