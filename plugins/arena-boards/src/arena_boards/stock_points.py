"""Stock points that depend on nothing but unlimited supply: who orders on which link, and which customers it serves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Observation

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class StockPoints:
    """The stock points of a network, one per supply link and in their order.

    Attributes:
        places: position of each in `on_hand`, shape (supply links,).
        of_market: stock point that serves each market link, shape (market links,).
    """

    places: NDArray[np.int64]
    of_market: NDArray[np.int64]

    def per_point(self, by_market: FloatArray) -> FloatArray:
        """Add up values of market links by stock point.

        Args:
            by_market: shape (…, market links).

        Returns:
            Shape (…, supply links).
        """
        total = np.zeros((len(self.places), *by_market.shape[:-1]))
        np.add.at(total, self.of_market, np.moveaxis(by_market, -1, 0))
        return np.moveaxis(total, 0, -1)

    def on_hand(self, observation: Observation) -> FloatArray:
        """Units on hand of each, shape (supply links,)."""
        stock: FloatArray = observation.on_hand[self.places]
        return stock


def find_stock_points(briefing: Briefing) -> StockPoints:
    """Find the stock points of an episode.

    Raises:
        ValueError: a node has several suppliers, makes something, or supplies another one.
    """
    network = briefing.network
    buyers = [link.buyer for link in network.supply_links]
    doubled = [node for node, times in Counter(buyers).items() if times > 1]
    shipping = [link.supplier for link in network.supply_links if link.supplier not in network.raw_materials]
    if doubled or shipping or set(buyers) != {link.retailer for link in network.market_links}:
        raise ValueError("this rule plays stock points with one supplier each, of raw material, that sell to customers")
    point_of = {node: point for point, node in enumerate(buyers)}
    place_of = {node: place for place, node in enumerate(network.managed)}
    return StockPoints(
        places=np.array([place_of[node] for node in buyers], dtype=np.int64),
        of_market=np.array([point_of[link.retailer] for link in network.market_links], dtype=np.int64),
    )
