"""Stock points: the stocks that a program keeps apart, and what every supply link delivers to and draws on.

A managed node has one stock point, a factory with a bill of materials one per component. They are ordered by managed
node, then by line of the bill, as in the arena's own arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Network, Observation

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class StockPoint:
    """One stock.

    Attributes:
        node: Id of the managed node that holds it.
        component: Position in the arena's array of component stocks; None for a node's only stock.
        arrivals: Positions of the supply links that deliver to it.
        consumption: Units taken from it per unit that the node ships.
    """

    node: int
    component: int | None
    arrivals: tuple[int, ...]
    consumption: float


@dataclass(frozen=True)
class Stocks:
    """The stock points of a network.

    Attributes:
        network: The network.
        points: Its stock points.
    """

    network: Network
    points: tuple[StockPoint, ...]

    @cached_property
    def of_node(self) -> dict[int, tuple[int, ...]]:
        """Positions of the stock points of every managed node."""
        found: dict[int, tuple[int, ...]] = {}
        for position, point in enumerate(self.points):
            found[point.node] = (*found.get(point.node, ()), position)
        return found

    @cached_property
    def of_link(self) -> tuple[int, ...]:
        """Stock point that every supply link delivers to."""
        by_link = {link: position for position, point in enumerate(self.points) for link in point.arrivals}
        return tuple(by_link[link] for link in range(len(self.network.supply_links)))

    @cached_property
    def sellers(self) -> tuple[int, ...]:
        """Stock point that serves every market link."""
        return tuple(self.of_node[link.retailer][0] for link in self.network.market_links)

    def on_hand(self, observation: Observation) -> FloatArray:
        """Units on hand, (stock points,), before the decision of the observation."""
        nodes, components = observation.on_hand, observation.component_stock
        return np.array(
            [
                nodes[self.network.managed_index(point.node)]
                if point.component is None
                else components[point.component]
                for point in self.points
            ]
        )

    def due(self, pipeline: FloatArray, horizon: int) -> FloatArray:
        """What is under way already, by arrival.

        Args:
            pipeline: Flat pipeline of an observation.
            horizon: Number of periods.

        Returns:
            Units that reach every stock point in the coming periods, (stock points, horizon).
        """
        arrivals = np.zeros((len(self.points), horizon))
        offsets = self.network.pipeline_offsets
        for link, point in enumerate(self.of_link):
            slots = pipeline[offsets[link] : offsets[link + 1]][:horizon]
            arrivals[point, : len(slots)] += slots
        return arrivals


def stocks_of(network: Network) -> Stocks:
    """Find the stock points of a network."""
    components = {key: position for position, key in enumerate(network.components)}
    points = []
    for node_id in network.managed:
        node, inbound = network.node(node_id), network.inbound(node_id)
        per_unit = 1.0 / node.yield_
        if not node.bill_of_materials:
            points.append(StockPoint(node_id, None, inbound, per_unit))
        for line, part in enumerate(node.bill_of_materials):
            arrivals = tuple(link for link in inbound if network.supply_links[link].supplier in part.suppliers)
            points.append(StockPoint(node_id, components[node_id, line], arrivals, per_unit * part.units))
    return Stocks(network, tuple(points))


def refuse_unplannable(briefing: Briefing) -> None:
    """Refuse an episode that the programs cannot state.

    Raises:
        ValueError: Naming what is wrong, why, and what to do.
    """
    if briefing.node is not None:
        raise ValueError(
            f"node {briefing.node} is told only of itself: these programs plan the whole network; play them on the "
            "blind, informed or oracle track"
        )
    for node in briefing.network.nodes:
        if node.storage_capacity is not None and node.bill_of_materials:
            raise ValueError(
                f"node {node.id} has a storage capacity and a bill of materials: what it scraps of its components is "
                "proportional to their stocks, which no linear program states; remove one of the two"
            )
