"""Stock points: the stocks of a network that are drawn on as one, and the supply links that deliver to them.

A managed node has one stock point, a factory with a bill of materials one per component. Stock points are ordered by
managed node, then by line of the bill. Simulator, mathematical programs and policies keep their stocks in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena.world.network import Network


@dataclass(frozen=True, slots=True)
class StockPoint:
    """One stock and what moves it.

    Attributes:
        node: position of its node in `Network.managed`.
        node_id: id of that node.
        component: position of its component in `Network.components`; None for a node's only stock.
        arrivals: positions of the supply links that deliver to it.
        units: units of it in one unit that the node ships, yield losses aside; 1 for a node's only stock.
        consumption: units taken from it per unit that the node ships, yield losses included.
        ships: whether the node has outgoing supply links.
        exact: whether stock less shipments cannot fall below zero by rounding.
    """

    node: int
    node_id: int
    component: int | None
    arrivals: tuple[int, ...]
    units: float
    consumption: float
    ships: bool
    exact: bool


def stock_points_of(network: Network) -> tuple[StockPoint, ...]:
    """Find the stock points of a network; read them from `Network.stock_points`, which keeps them.

    Args:
        network: a network.

    Returns:
        Its stock points, by managed node, then by line of the bill of materials.
    """
    position_of = {component: position for position, component in enumerate(network.components)}
    points = []
    for node, node_id in enumerate(network.managed):
        description, inbound = network.node(node_id), network.inbound(node_id)
        lines: list[tuple[int | None, tuple[int, ...], float]] = [
            (
                position_of[node_id, line],
                tuple(link for link in inbound if network.supply_links[link].supplier in component.suppliers),
                component.units,
            )
            for line, component in enumerate(description.bill_of_materials)
        ]
        per_unit, buyers = 1.0 / description.yield_, len(network.outbound(node_id))
        for component_position, arrivals, units in lines or [(None, inbound, 1.0)]:
            consumption = per_unit * units
            points.append(
                StockPoint(
                    node=node,
                    node_id=node_id,
                    component=component_position,
                    arrivals=arrivals,
                    units=units,
                    consumption=consumption,
                    ships=buyers > 0,
                    exact=buyers < 2 and consumption == 1.0,
                )
            )
    return tuple(points)
