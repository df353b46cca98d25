"""Whether the stock points of a world can be planned one after another."""

from __future__ import annotations

from collections import Counter

from arena.world.scenario import Scenario


def find_dependence(scenario: Scenario) -> str:
    """Return why the stock points of a scenario depend on one another; empty if they do not.

    They are independent if whatever is ordered for one of them changes nothing for another one: every stock is bought
    from raw materials that have enough for everybody. Demands may be correlated, since no order changes them.

    Args:
        scenario: a validated scenario.

    >>> from arena.world.suite import load_scenario
    >>> find_dependence(load_scenario("serial-stationary-backlog"))
    'node 1 buys from node 2, which keeps a stock, too'
    """
    network = scenario.network
    if len(network.stock_points) == 1:
        return ""
    for link in network.supply_links:
        if link.supplier in network.managed:
            buyer, supplier = (network.node(each).label for each in (link.buyer, link.supplier))
            return f"node {buyer} buys from node {supplier}, which keeps a stock, too"
    for node_id, number in Counter(point.node_id for point in network.stock_points).items():
        if number > 1:
            return f"node {network.node(node_id).label} needs several components together"
    buyers: dict[int, set[int]] = {}
    for link in network.supply_links:
        if network.node(link.supplier).capacity is not None:
            buyers.setdefault(link.supplier, set()).add(link.buyer)
    for raw_material, nodes in buyers.items():
        if len(nodes) > 1:
            return f"{len(nodes)} nodes share the capacity of node {network.node(raw_material).label}"
    return "customers' sentiment is one for all nodes" if scenario.goodwill is not None else ""
