"""A network as a graph policy reads it: what is constant in an episode, per supply link and per stock point.

Money is divided by the market price that a stock point reaches and quantities (later) by the demand that it reaches, so
that a policy sees the same numbers in networks of any size and currency. Internal prices cancel in the sum of all
nodes' profits and are left out; what counts is the cheapest cost from raw material to the market.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena_rl.inputs.echelon_positions import FloatArray, Positions, Reach, positions

LINK_OFFSETS = tuple(range(-3, 12))
"""Periods, relative to a link's lead time + the buyer's time to market, at which positions are read."""
POINT_OFFSETS = (0, 1, 2, 4, 8, 16)
"""The same relative to a stock point's own time to market."""
SKIP_OFFSET = 2
"""Periods of demand, after the time to market, that an untrained policy orders up to."""

LINK_CONSTANTS, POINT_CONSTANTS = 14, 9
"""Number of constants of a link and of a stock point."""

_FAR = 1e9


@dataclass(frozen=True)
class GraphLayout:
    """Constants of one network.

    Attributes:
        reach: who supplies whom.
        links: constants per supply link, (links, features).
        points: constants per stock point, (stock points, features).
        buyer: stock point that each supply link delivers to, (links,).
        source_link: supply link of every (link, stock point it draws on) pair, (pairs,).
        source_point: stock point of the pair, (pairs,).
        from_raw: 1 where a link ships raw material, else 0, (links,).
        share: share of a buyer's need that one of its links takes if all take the same, (links,).
        lead_time: of each link, periods, (links,).
        rates: what a unit costs per period at the supplier, under way and at the buyer, a twentieth of the market
            price each, (links, 3).
        capacity: of each link's supplier, units per period, (links,); infinite where there is none.
        deadline: periods from an order to the earliest sale, (links,).
        fixed_cost: per period in which a link is filled, over the market price, units, (links,).
        lot: larger of minimum order and lot, units, (links,).
        positions: echelon positions of links (all offsets of the first, then of the second, …), then of points; then
            positions of links again that count all that can be sold to the same customers, wherever it is.
    """

    reach: Reach
    links: FloatArray
    points: FloatArray
    buyer: np.ndarray
    source_link: np.ndarray
    source_point: np.ndarray
    from_raw: FloatArray
    share: FloatArray
    lead_time: FloatArray
    rates: FloatArray
    capacity: FloatArray
    deadline: FloatArray
    fixed_cost: FloatArray
    lot: FloatArray
    positions: Positions


def lay_out(reach: Reach) -> GraphLayout:
    """Compile a network; it takes milliseconds.

    Args:
        reach: of the network.
    """
    compiled, network = reach.compiled, reach.compiled.network
    points = compiled.stock_points
    node_of = [network.node(network.managed[point.node]) for point in points]
    buyer = np.array(reach.buyer_points)
    lead = np.array(network.lead_times, dtype=float)
    way = np.array(reach.time_to_market, dtype=float)

    price, penalty = _market_money(reach)
    upstream, by_link = _cheapest(reach)
    onward = _cheapest_onward(reach)
    margin = price - onward - upstream * reach.needs.max(1)

    link_rows, rates = [], []
    for i, link in enumerate(network.supply_links):
        point = buyer[i]
        value = price[point] / reach.needs[point].max()  # market money per unit of this material
        rivals = [j for j in points[point].arrivals if j != i]
        cheapest = min((by_link[j] for j in points[point].arrivals), default=by_link[i])
        quickest = min((lead[j] for j in points[point].arrivals), default=lead[i])
        source = compiled.sources[i]
        holding_there = sum((node_of[p].holding_cost or 0.0) * units for p, units in source.stocks)
        holding_here = node_of[point].holding_cost or 0.0
        moving, here, there = (20 * each / value for each in (link.pipeline_holding_cost, holding_here, holding_there))
        rates.append([there, moving, here])
        others = [s.link for s in compiled.sources if s.node >= 0 and s.node == source.node and s.link != i]
        link_rows.append(
            [
                lead[i] / 10,
                way[point] / 10,
                (lead[i] - quickest) / 5,
                by_link[i] / value,
                4 * (by_link[i] - cheapest) / value,
                (price[point] - onward[point]) / price[point] - by_link[i] / value,
                moving,
                here,
                there - moving,
                1.0 if source.node < 0 else 0.0,
                len(rivals) / 2,
                len(others) / 2,
                5 * penalty[point] / price[point],
                1.0 if point in compiled.sellers else 0.0,
            ]
        )
    point_rows = []
    for p, node in enumerate(node_of):
        value = price[p] / reach.needs[p].max()
        point_rows.append(
            [
                20 * (node.holding_cost or 0.0) / value,
                way[p] / 10,
                1.0 if p in compiled.sellers else 0.0,
                1.0 if node.capacity is not None else 0.0,
                upstream[p] / value,
                margin[p] / price[p],
                5 * penalty[p] / price[p],
                len(reach.downstream_links[p]) / 2,
                node.yield_,
            ]
        )
    pairs = [(i, p) for i, source in enumerate(compiled.sources) for p, _ in source.stocks]
    arrivals = np.array([len(points[p].arrivals) for p in buyer], dtype=float)
    of_links = [(int(p), max(0, int(lead[i] + way[p]) + k)) for i, p in enumerate(buyer) for k in LINK_OFFSETS]
    of_points = [(p, int(way[p]) + k) for p in range(len(points)) for k in POINT_OFFSETS]
    return GraphLayout(
        reach=reach,
        links=np.array(link_rows),
        points=np.array(point_rows),
        buyer=buyer,
        source_link=np.array([i for i, _ in pairs], dtype=np.intp),
        source_point=np.array([p for _, p in pairs], dtype=np.intp),
        from_raw=np.array([1.0 if source.node < 0 else 0.0 for source in compiled.sources]),
        share=1 / arrivals,
        lead_time=lead,
        rates=np.array(rates),
        capacity=np.array([_FAR if source.capacity is None else source.capacity for source in compiled.sources]),
        deadline=lead + way[buyer],
        fixed_cost=np.array(
            [link.fixed_ordering_cost / price[p] for link, p in zip(network.supply_links, buyer, strict=True)]
        ),
        lot=np.array([max(link.minimum_order, link.lot_size) for link in network.supply_links]),
        positions=positions(reach, of_links + of_points, everywhere=of_links),
    )


def _market_money(reach: Reach) -> tuple[FloatArray, FloatArray]:
    """Mean market price and shortage penalty that each stock point reaches, money per unit sold."""
    links = reach.compiled.network.market_links
    reached = reach.needs > 0
    count = np.maximum(reached.sum(1), 1)
    prices, penalties = np.array([link.price for link in links]), np.array([link.shortage_penalty for link in links])
    return np.maximum(reached @ prices / count, 1e-6), reached @ penalties / count


def _cheapest(reach: Reach) -> tuple[FloatArray, FloatArray]:
    """Lowest cost of a unit at each stock point, and over each link, from raw material, without internal prices."""
    compiled, network = reach.compiled, reach.compiled.network
    at_point = np.zeros(len(compiled.stock_points))
    by_link = np.zeros(compiled.links)
    for point in reversed(reach.order_upstream):
        for i in compiled.stock_points[point].arrivals:
            link, source = network.supply_links[i], compiled.sources[i]
            if source.node < 0:
                made = link.price
            else:
                node = network.node(link.supplier)
                made = (node.operating_cost or 0.0) / node.yield_ + sum(u * at_point[p] for p, u in source.stocks)
            by_link[i] = made + link.pipeline_holding_cost * link.lead_time
        at_point[point] = min(by_link[i] for i in compiled.stock_points[point].arrivals)
    return at_point, by_link


def _cheapest_onward(reach: Reach) -> FloatArray:
    """Lowest cost from a stock point to a market, money per unit sold: operations and pipelines on the way."""
    compiled, network = reach.compiled, reach.compiled.network
    onward = np.zeros(len(compiled.stock_points))
    for point in reach.order_upstream:
        ways = []
        for i, _ in reach.downstream_links[point]:
            link, node = network.supply_links[i], network.node(network.supply_links[i].supplier)
            per_unit = (node.operating_cost or 0.0) / node.yield_ + link.pipeline_holding_cost * link.lead_time
            there = reach.buyer_points[i]
            ways.append(per_unit * reach.needs[there].max() + onward[there])
        onward[point] = 0.0 if point in compiled.sellers or not ways else min(ways)
    return onward
