"""Stock points that need nothing but unlimited supply: on which link each orders, and which customers it serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Observation, SupplyLink

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class StockPoints:
    """The managed nodes of a network, in their order, each with the supply link on which it orders.

    Attributes:
        links: position of the link of each, shape (managed nodes,).
        supplies: those links.
        of_link: node that each supply link delivers to, shape (supply links,).
        of_market: node that serves each market link, shape (market links,).
    """

    links: NDArray[np.int64]
    supplies: tuple[SupplyLink, ...]
    of_link: NDArray[np.int64]
    of_market: NDArray[np.int64]

    def of_markets(self, values: FloatArray) -> FloatArray:
        """Add up values of market links by node: from shape (…, market links) to (…, managed nodes)."""
        return self._added(values, self.of_market)

    def of_links(self, values: FloatArray) -> FloatArray:
        """Add up values of supply links by node: from shape (…, supply links) to (…, managed nodes)."""
        return self._added(values, self.of_link)

    def position(self, observation: Observation) -> FloatArray:
        """Units on hand and in transit of each node, shape (managed nodes,)."""
        return observation.on_hand + self.of_links(observation.in_transit)

    def orders(self, by_node: FloatArray) -> FloatArray:
        """Return the orders of the nodes by supply link, shape (supply links,)."""
        orders = np.zeros(len(self.of_link))
        orders[self.links] = by_node
        return orders

    def _added(self, values: FloatArray, groups: NDArray[np.int64]) -> FloatArray:
        total = np.zeros((len(self.links), *values.shape[:-1]))
        np.add.at(total, groups, np.moveaxis(values, -1, 0))
        return np.moveaxis(total, 0, -1)


def find_stock_points(briefing: Briefing) -> StockPoints:
    """Find the stock points of an episode. A node with several suppliers orders from the cheapest, then the fastest.

    Raises:
        ValueError: a node supplies another one.
    """
    network = briefing.network
    place_of = {node: place for place, node in enumerate(network.managed)}
    if any(link.supplier in place_of for link in network.supply_links):
        raise ValueError("this rule plays stock points that are supplied with raw material alone")
    links = [_preferred(network.inbound(node), network.supply_links) for node in network.managed]
    return StockPoints(
        links=np.array(links, dtype=np.int64),
        supplies=tuple(network.supply_links[link] for link in links),
        of_link=np.array([place_of[link.buyer] for link in network.supply_links], dtype=np.int64),
        of_market=np.array([place_of[link.retailer] for link in network.market_links], dtype=np.int64),
    )


def _preferred(inbound: Sequence[int], links: Sequence[SupplyLink]) -> int:
    return min(inbound, key=lambda place: (links[place].price, links[place].lead_time, place))
