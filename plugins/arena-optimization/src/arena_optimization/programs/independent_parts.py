"""Parts of a network that share nothing but raw materials without capacity: each is a program of its own.

No stock, capacity or customer of one part answers to what is decided in another, and the expected profit is the sum of
theirs, whatever their demands have in common. So the parts are planned one by one, and planning takes time in
proportion to their number.
"""

from __future__ import annotations

from typing import NamedTuple

from arena import Network
from arena_optimization.programs.short_supply import is_endless


class Part(NamedTuple):
    """An independent part of a network, and where its entries stand in arrays of the whole."""

    network: Network
    links: list[int]
    """Positions of its supply links."""
    markets: list[int]
    """Positions of its market links."""
    points: list[int]
    """Positions of its stock points."""
    drawn: list[int]
    """Positions of its links among those whose lead time varies."""


def independent_parts(network: Network) -> list[Part]:
    """The independent parts of a network, in the order of their first nodes; the network itself if it is one part."""
    group = {node.id: node.id for node in network.nodes}

    def first(node: int) -> int:
        while group[node] != node:
            group[node] = group[group[node]]
            node = group[node]
        return node

    def join(one: int, other: int) -> None:
        low, high = sorted((first(one), first(other)))
        group[high] = low

    for link in network.supply_links:
        if not is_endless(network, link.supplier):
            join(link.supplier, link.buyer)
    links: dict[int, list[int]] = {}
    markets: dict[int, list[int]] = {}
    points: dict[int, list[int]] = {}
    for position, link in enumerate(network.supply_links):
        links.setdefault(first(link.buyer), []).append(position)
    if len(links) == 1:
        return [whole(network)]
    for position, sale in enumerate(network.market_links):
        markets.setdefault(first(sale.retailer), []).append(position)
    for position, point in enumerate(network.stock_points):
        points.setdefault(first(point.node_id), []).append(position)
    varying = {link: place for place, link in enumerate(network.varying_links)}
    return [
        Part(
            _part(network, links[root], markets[root]),
            links[root],
            markets[root],
            points[root],
            [varying[link] for link in links[root] if link in varying],
        )
        for root in sorted(links)
    ]


def whole(network: Network) -> Part:
    """The network as one part."""
    return Part(
        network,
        links=list(range(len(network.supply_links))),
        markets=list(range(len(network.market_links))),
        points=list(range(len(network.stock_points))),
        drawn=list(range(len(network.varying_links))),
    )


def _part(network: Network, links: list[int], markets: list[int]) -> Network:
    """The network of some links. It was validated with the whole."""
    supply = tuple(network.supply_links[link] for link in links)
    sales = tuple(network.market_links[market] for market in markets)
    used = {node for link in supply for node in (link.supplier, link.buyer)}
    used |= {node for sale in sales for node in (sale.retailer, sale.market)}
    nodes = tuple(network.node(node) for node in sorted(used))
    return Network.model_construct(name="", description="", nodes=nodes, supply_links=supply, market_links=sales)
