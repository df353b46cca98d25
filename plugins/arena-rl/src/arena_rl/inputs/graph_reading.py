"""One network as a graph policy reads it: constants of its links and stock points, and its state in a period.

Money is divided by the market price that a stock point reaches, and quantities by the demand that it reaches, so that
the features are alike in networks of any size and currency. Internal prices cancel in the sum of all nodes' profits and
are left out; the lowest cost from raw material to the market takes their place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arena_rl.inputs.echelon_positions import FloatArray, PositionMap, PositionTime, SupplyStructure, position_map
from arena_rl.inputs.observations import BatchBriefing, BatchObservation, as_float

LINK_OFFSETS = tuple(range(-3, 12))
"""Periods, relative to a link's lead time + the buyer's time to market, at which positions are read."""
POINT_OFFSETS = (0, 1, 2, 4, 8, 16)
"""Periods, relative to a stock point's own time to market, at which positions are read."""
SKIP_OFFSET = 2
"""Periods of demand, after the time to market, that an untrained policy orders up to."""

LINK_CONSTANTS, POINT_CONSTANTS = 14, 9
"""Number of constants of a link and of a stock point."""
NETWORK_FEATURES = 12
"""Number of features that all tokens of a network share."""
NOISE = 4
"""Index of the noise scale among them."""
MARKET_HINTS = 3
"""Number of hints about a market link's demand, see `market_hints`."""

_UNLIMITED = 1e9  # capacity of a supplier without a limit, units per period
_SMALLEST_PRICE = 1e-6
_SMALLEST_DEMAND = 0.5  # units per period


@dataclass(frozen=True)
class GraphLayout:
    """Constants of one network.

    Attributes:
        structure: supply structure of the network.
        link_constants: constants per supply link, (links, LINK_CONSTANTS).
        point_constants: constants per stock point, (stock points, POINT_CONSTANTS).
        buyer: stock point that each supply link delivers to, (links,).
        source_link: supply link of every pair (link, stock point that it draws on), (pairs,).
        source_point: stock point of every such pair, (pairs,).
        from_raw: 1 where a link ships raw material, else 0, (links,).
        share: share of a buyer's need that one of its links takes if all take the same, (links,).
        lead_time: of each link, periods, (links,).
        holding_rates: cost of a unit per period at the supplier, in transit and at the buyer, in twentieths of the
            market price, (links, 3).
        capacity: capacity of each link's supplier, units per period, (links,); 1e9 without a limit.
        time_to_sale: periods from an order to the earliest sale, (links,).
        fixed_cost: fixed cost of an order over the market price, units, (links,).
        lot: larger of minimum order and lot size, units, (links,).
        positions: echelon positions of links (all offsets of the first, then of the second, …), then of stock points;
            then positions of links that also count substitutes, see `SupplyStructure.substitution`.
    """

    structure: SupplyStructure
    link_constants: FloatArray
    point_constants: FloatArray
    buyer: NDArray[np.intp]
    source_link: NDArray[np.intp]
    source_point: NDArray[np.intp]
    from_raw: FloatArray
    share: FloatArray
    lead_time: FloatArray
    holding_rates: FloatArray
    capacity: FloatArray
    time_to_sale: FloatArray
    fixed_cost: FloatArray
    lot: FloatArray
    positions: PositionMap


def lay_out(structure: SupplyStructure) -> GraphLayout:
    """Compute the constants of a network, in milliseconds.

    Args:
        structure: of the network.
    """
    compiled, network = structure.compiled, structure.compiled.network
    points = compiled.stock_points
    nodes = [network.node(point.node_id) for point in points]
    buyer = np.array(network.receiving_points)
    lead_time = np.array(network.lead_times, dtype=float)
    time_to_market = np.array(structure.time_to_market, dtype=float)

    price, penalty = _market_price_and_penalty(structure)
    cost_at_point, cost_over_link = _lowest_supply_costs(structure)
    cost_onward = _lowest_onward_costs(structure)
    margin = price - cost_onward - cost_at_point * structure.units_per_sale.max(1)
    value = [price[point] / structure.units_per_sale[point].max() for point in range(len(points))]

    link_rows, holding_rates = [], []
    for i, link in enumerate(network.supply_links):
        point = buyer[i]
        arrivals = points[point].arrivals
        source = compiled.sources[i]
        holding_at_supplier = sum((nodes[p].holding_cost or 0.0) * units for p, units in source.stocks)
        holding_at_buyer = nodes[point].holding_cost or 0.0
        in_transit, here, there = (
            20 * each / value[point] for each in (link.pipeline_holding_cost, holding_at_buyer, holding_at_supplier)
        )
        holding_rates.append([there, in_transit, here])
        siblings = [s.link for s in compiled.sources if s.node >= 0 and s.node == source.node and s.link != i]
        link_rows.append(
            [
                lead_time[i] / 10,
                time_to_market[point] / 10,
                (lead_time[i] - min(lead_time[j] for j in arrivals)) / 5,
                cost_over_link[i] / value[point],
                4 * (cost_over_link[i] - min(cost_over_link[j] for j in arrivals)) / value[point],
                (price[point] - cost_onward[point]) / price[point] - cost_over_link[i] / value[point],
                in_transit,
                here,
                there - in_transit,
                1.0 if source.node < 0 else 0.0,
                (len(arrivals) - 1) / 2,
                len(siblings) / 2,
                5 * penalty[point] / price[point],
                1.0 if point in compiled.sellers else 0.0,
            ]
        )
    point_rows = [
        [
            20 * (node.holding_cost or 0.0) / value[p],
            time_to_market[p] / 10,
            1.0 if p in compiled.sellers else 0.0,
            1.0 if node.capacity is not None else 0.0,
            cost_at_point[p] / value[p],
            margin[p] / price[p],
            5 * penalty[p] / price[p],
            len(structure.draws[p]) / 2,
            node.yield_,
        ]
        for p, node in enumerate(nodes)
    ]
    pairs = [(i, p) for i, source in enumerate(compiled.sources) for p, _ in source.stocks]
    suppliers = np.array([len(points[p].arrivals) for p in buyer], dtype=float)
    of_links = [
        PositionTime(int(p), max(0, int(lead_time[i] + time_to_market[p]) + offset))
        for i, p in enumerate(buyer)
        for offset in LINK_OFFSETS
    ]
    of_points = [
        PositionTime(p, int(time_to_market[p]) + offset) for p in range(len(points)) for offset in POINT_OFFSETS
    ]
    return GraphLayout(
        structure=structure,
        link_constants=np.array(link_rows),
        point_constants=np.array(point_rows),
        buyer=buyer,
        source_link=np.array([i for i, _ in pairs], dtype=np.intp),
        source_point=np.array([p for _, p in pairs], dtype=np.intp),
        from_raw=np.array([1.0 if source.node < 0 else 0.0 for source in compiled.sources]),
        share=1 / suppliers,
        lead_time=lead_time,
        holding_rates=np.array(holding_rates),
        capacity=np.array([_UNLIMITED if source.capacity is None else source.capacity for source in compiled.sources]),
        time_to_sale=lead_time + time_to_market[buyer],
        fixed_cost=np.array(
            [link.fixed_ordering_cost / price[p] for link, p in zip(network.supply_links, buyer, strict=True)]
        ),
        lot=np.array([max(link.minimum_order, link.lot_size) for link in network.supply_links]),
        positions=position_map(structure, of_links + of_points, substitutes=of_links),
    )


def _market_price_and_penalty(structure: SupplyStructure) -> tuple[FloatArray, FloatArray]:
    """Mean market price and mean shortage penalty that each stock point reaches, money per unit sold."""
    links = structure.compiled.network.market_links
    reached = structure.units_per_sale > 0
    count = np.maximum(reached.sum(1), 1)
    prices, penalties = np.array([link.price for link in links]), np.array([link.shortage_penalty for link in links])
    return np.maximum(reached @ prices / count, _SMALLEST_PRICE), reached @ penalties / count


def _lowest_supply_costs(structure: SupplyStructure) -> tuple[FloatArray, FloatArray]:
    """Lowest cost of a unit at each stock point, and over each link, from raw material, without internal prices."""
    compiled, network = structure.compiled, structure.compiled.network
    at_point = np.zeros(len(compiled.stock_points))
    over_link = np.zeros(compiled.links)
    for point in reversed(structure.downstream_first):
        for i in compiled.stock_points[point].arrivals:
            link, source = network.supply_links[i], compiled.sources[i]
            if source.node < 0:
                made = link.price
            else:
                node = network.node(link.supplier)
                made = (node.operating_cost or 0.0) / node.yield_ + sum(u * at_point[p] for p, u in source.stocks)
            over_link[i] = made + link.pipeline_holding_cost * link.lead_time
        at_point[point] = min(over_link[i] for i in compiled.stock_points[point].arrivals)
    return at_point, over_link


def _lowest_onward_costs(structure: SupplyStructure) -> FloatArray:
    """Lowest cost from a stock point to a market, money per unit sold: operations and pipelines on the way."""
    compiled, network = structure.compiled, structure.compiled.network
    onward = np.zeros(len(compiled.stock_points))
    for point in structure.downstream_first:
        costs = []
        for i, _ in structure.draws[point]:
            link, node = network.supply_links[i], network.node(network.supply_links[i].supplier)
            per_unit = (node.operating_cost or 0.0) / node.yield_ + link.pipeline_holding_cost * link.lead_time
            buyer = network.receiving_points[i]
            costs.append(per_unit * structure.units_per_sale[buyer].max() + onward[buyer])
        onward[point] = 0.0 if point in compiled.sellers or not costs else min(costs)
    return onward


@dataclass(frozen=True)
class NetworkReading:
    """State of one network in a period, as its tokens read it.

    Attributes:
        demand: mean demand per period left that a stock point reaches, in units of its material, (stock points,
            episodes).
        link_positions: echelon positions of the buyers, units, (links, episodes, offsets).
        substitute_positions: the same with all substitutes counted, units, (links, episodes, offsets).
        point_positions: echelon positions, units, (stock points, episodes, offsets).
        variance: variance of Poisson demand until an order could be sold, squared units, (links, episodes).
        network_features: features that all tokens share, (episodes, NETWORK_FEATURES).
        backlog: units, (market links, episodes).
    """

    demand: Tensor
    link_positions: Tensor
    substitute_positions: Tensor
    point_positions: Tensor
    variance: Tensor
    network_features: Tensor
    backlog: Tensor


class NetworkReader:
    """Reads the state of one network.

    Args:
        briefing: of the network's batch.
        layout: of the network.
    """

    def __init__(self, briefing: BatchBriefing, layout: GraphLayout) -> None:
        self.briefing = briefing
        compiled, goodwill = briefing.compiled, briefing.goodwill
        self._units_per_sale = as_float(layout.structure.units_per_sale)
        self._position_weights = as_float(layout.positions.weights)
        self._periods = layout.positions.periods
        self._time_to_sale = torch.as_tensor(layout.time_to_sale).long().clamp(max=self._periods - 1)
        self._squared_units = self._units_per_sale[torch.as_tensor(layout.buyer)].T ** 2  # (market links, links)
        self._links, self._points = compiled.links, len(compiled.stock_points)
        dynamics = (
            [1.0, (goodwill.growth - 1) * 50, (1 - goodwill.decay) * 5, goodwill.cap / 2, goodwill.floor]
            if goodwill is not None
            else [0.0] * 5
        )
        self._rules = as_float([float(compiled.backlog), *dynamics])

    def read(self, observation: BatchObservation) -> NetworkReading:
        """Read an observation that comes with a forecast."""
        forecast = observation.forecast
        assert forecast is not None
        count = len(observation.sentiment)
        periods_left = self.briefing.horizon - observation.period
        backlog = self.briefing.backlog(observation)
        level = forecast.sum(2).T / periods_left  # (market links, episodes)
        demand = (self._units_per_sale @ level).clamp(min=_SMALLEST_DEMAND)
        ahead = forecast[:, :, : self._periods]
        if ahead.shape[2] < self._periods:
            ahead = nn.functional.pad(ahead, (0, self._periods - ahead.shape[2]))
        state = torch.cat((observation.on_hand, observation.pipeline, backlog, ahead.flatten(1)), dim=1)
        positions = state @ self._position_weights
        of_links = self._links * len(LINK_OFFSETS)
        of_points = of_links + self._points * len(POINT_OFFSETS)
        until_sale = ahead.cumsum(2).index_select(2, self._time_to_sale)  # (episodes, market links, links)
        soon = forecast[:, :, : max(1, min(5, periods_left))].mean((1, 2)) / level.mean(0).clamp(min=_SMALLEST_DEMAND)
        noise_scale = self.briefing.noise_scale
        changing = torch.stack(
            (
                observation.sentiment,
                torch.full((count,), min(periods_left, 6) / 6),
                torch.full((count,), periods_left / 30),
                squeeze(soon),
                torch.ones(count) if noise_scale is None else noise_scale,
                1 / demand.mean(0).sqrt(),
            ),
            dim=1,
        )
        network_features = torch.cat((changing, self._rules.expand(count, -1)), dim=1)
        return NetworkReading(
            demand=demand,
            link_positions=positions[:, :of_links].reshape(count, self._links, -1).transpose(0, 1),
            substitute_positions=positions[:, of_points:].reshape(count, self._links, -1).transpose(0, 1),
            point_positions=positions[:, of_links:of_points].reshape(count, self._points, -1).transpose(0, 1),
            variance=(until_sale * self._squared_units).sum(1).T,
            network_features=network_features,
            backlog=backlog.T,
        )


def market_hints(briefing: BatchBriefing) -> Tensor:
    """Hints about the demand that a network was built for, known before any demand, (market links, MARKET_HINTS)."""
    network = briefing.compiled.network
    capacity = sum(network.node(node).capacity or 0.0 for node in network.factories)
    rows = []
    for link in network.market_links:
        stock = (network.node(link.retailer).initial_stock or 0.0) / len(network.markets_of(link.retailer))
        per_market = capacity / len(network.market_links)
        rows.append([math.asinh(stock / 100), math.asinh(per_market / 100), len(network.market_links) / 3])
    return as_float(rows)


def squeeze(value: Tensor) -> Tensor:
    """Bring values of any size and sign near 1, monotonically: asinh."""
    return torch.asinh(value)
