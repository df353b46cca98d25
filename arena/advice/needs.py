"""Demand that reaches every stock: of its own customers, and of all that it supplies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.world.network import Network


def needs_by_point(network: Network, demand: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean units that are needed of every stock point in each period.

    Customers' demand goes up the network without delay: a unit that a shop sells is a unit that its warehouse ships,
    and takes as many units of each component of a factory as its bill and its yield say. A stock with several suppliers
    takes equal parts of each.

    Args:
        network: the network.
        demand: mean demand, units, shape (periods, market links).

    Returns:
        Units, shape (periods, stock points).
    """
    points = network.stock_points
    needs = np.zeros((len(demand), len(points)))
    on_link = np.zeros((len(demand), len(network.supply_links)))
    for node in reversed(network.upstream_first):
        shipped = demand[:, list(network.markets_of(node))].sum(axis=1)
        shipped = shipped + on_link[:, list(network.outbound(node))].sum(axis=1)
        for place in network.points_of(node):
            needs[:, place] = shipped * points[place].consumption
            arrivals = list(points[place].arrivals)
            on_link[:, arrivals] = needs[:, [place]] / len(arrivals)
    return needs
