"""A world read as stock points that do not depend on each other, and worlds that cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena import Briefing, Network
from arena_forecasting.arrays import FloatArray
from arena_forecasting.fulfilment import waiting_shares
from arena_forecasting.planning.costs import StockCosts


@dataclass(frozen=True)
class StockPoint:
    """A managed node that sells to its own customers and orders on its own supply links.

    Attributes:
        node: its position among the managed nodes.
        links: positions of its supply links, the fastest first.
        markets: positions of its market links.
    """

    node: int
    links: tuple[int, ...]
    markets: tuple[int, ...]


def read_stock_points(briefing: Briefing) -> tuple[StockPoint, ...]:
    """Return the stock points of a world.

    Raises:
        ValueError: naming what makes them depend on each other, or what is not planned, and what to do.
    """
    network = briefing.network
    if briefing.node is not None:
        raise ValueError(f"node {briefing.node} sees only itself; play demand-scenarios on the blind track")
    points = []
    shared: dict[int, int] = {}
    for position, node_id in enumerate(network.managed):
        node = network.node(node_id)
        if network.outbound(node_id):
            _refuse(node_id, "supplies other nodes")
        if node.bill_of_materials:
            _refuse(node_id, "assembles components")
        for link in network.inbound(node_id):
            supplier = network.supply_links[link].supplier
            if network.node(supplier).capacity is not None and shared.setdefault(supplier, node_id) != node_id:
                _refuse(supplier, "has a capacity that several nodes share")
        links = sorted(network.inbound(node_id), key=lambda link: (_total_lead_time(network, link), link))
        markets = network.markets_of(node_id)
        if markets and links:
            points.append(StockPoint(position, tuple(links), tuple(markets)))
    return tuple(points)


def _refuse(node_id: int, what: str) -> None:
    raise ValueError(
        f"node {node_id} {what}: demand-scenarios plans stock points that are independent of one another; play another "
        "controller, such as stochastic-program"
    )


def _total_lead_time(network: Network, link: int) -> int:
    described = network.supply_links[link]
    return int(described.lead_time + described.order_delay)


def costs_of(briefing: Briefing, points: tuple[StockPoint, ...], shares: FloatArray) -> StockCosts:
    """Money and limits of stock points that have equally many links.

    Several markets of a stock point count as one, whose price is the mean by their shares of demand.

    Args:
        briefing: of the episode.
        points: the stock points.
        shares: share of each market link in the demand of its stock point, (market links,).
    """
    network = briefing.network
    nodes = [network.node(network.managed[point.node]) for point in points]
    markets = [[network.market_links[market] for market in point.markets] for point in points]
    weights = [shares[list(point.markets)] for point in points]
    links = [[network.supply_links[link] for link in point.links] for point in points]
    operating = [(node.operating_cost or 0.0) / node.yield_ for node in nodes]

    def of_markets(values: list[list[float]]) -> FloatArray:
        return np.array([float(np.dot(weight, value)) for weight, value in zip(weights, values, strict=True)])

    waiting = waiting_shares(briefing)
    most = [
        [min(float(briefing.order_bound[link]), _capacity(network, link)) for link in point.links] for point in points
    ]
    return StockCosts(
        price=of_markets([[market.price for market in each] for each in markets]) - np.array(operating),
        holding=np.array([node.holding_cost or 0.0 for node in nodes]),
        penalty=of_markets([[market.shortage_penalty for market in each] for each in markets]),
        waiting_share=of_markets([waiting[list(point.markets)].tolist() for point in points]),
        storage=np.array([np.inf if node.storage_capacity is None else node.storage_capacity for node in nodes]),
        terminal=np.array([node.terminal_value or 0.0 for node in nodes]),
        unit_cost=np.array(
            [
                [link.price + link.pipeline_holding_cost * (link.lead_time + link.order_delay) for link in each]
                for each in links
            ]
        ),
        fixed=np.array([[link.fixed_ordering_cost for link in each] for each in links]),
        minimum=np.array([[link.minimum_order for link in each] for each in links]),
        lot=np.array([[link.lot_size for link in each] for each in links]),
        most=np.array(most),
        discount=briefing.discount,
    )


def _capacity(network: Network, link: int) -> float:
    capacity = network.node(network.supply_links[link].supplier).capacity
    return np.inf if capacity is None else float(capacity)


def within_capacities(network: Network, orders: FloatArray) -> FloatArray:
    """Orders of which no supplier is asked for more than it can ship in a period; links come first in their order.

    Args:
        network: what is played.
        orders: units, (supply links,).
    """
    left = {node.id: float(node.capacity) for node in network.nodes if node.capacity is not None}
    bounded = orders.copy()
    for link, described in enumerate(network.supply_links):
        if described.supplier in left and described.supplier in network.raw_materials:
            bounded[link] = min(bounded[link], left[described.supplier])
            left[described.supplier] -= bounded[link]
    return bounded
