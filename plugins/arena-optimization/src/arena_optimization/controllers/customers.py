"""What customers do with a plan: demand as a function of sentiment, served from planned deliveries, path by path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena import Briefing, Goodwill, Observation, next_sentiment
from arena_optimization.arrays import FloatArray
from arena_optimization.beliefs.demand_paths import DemandPaths
from arena_optimization.beliefs.goodwill import was_short
from arena_optimization.programs.path_rules import holding_cost, terminal_value, waiting_shares
from arena_optimization.programs.start import Start

_SERVED = 1e-9
"""Units up to which a customer counts as served: sums of planned shipments round."""


@dataclass(frozen=True)
class Outcome:
    """What a plan leads to on every path.

    Attributes:
        demand: Units, (paths, market links, periods).
        sentiments: (paths, periods).
        profit: Mean over paths of what is earned from customers less shortage penalties and the holding cost of the
            stocks they are served from, discounted.
    """

    demand: FloatArray
    sentiments: FloatArray
    profit: float


class Customers:
    """The customers' end of a network."""

    def __init__(self, briefing: Briefing) -> None:
        """Compile the market links."""
        network = self._network = briefing.network
        self._shares = np.array(waiting_shares(briefing))
        self._warm_up, self._last = briefing.warm_up, briefing.horizon
        self._discount = briefing.discount
        self._prices, self._penalties = np.array(
            [
                (
                    link.price
                    - (network.node(link.retailer).operating_cost or 0.0) / network.node(link.retailer).yield_,
                    link.shortage_penalty,
                )
                for link in network.market_links
            ]
        ).T
        self._points = sorted(set(network.selling_points))
        self._markets_of = [[m for m, s in enumerate(network.selling_points) if s == point] for point in self._points]
        self._holding = np.array([holding_cost(network, p) for p in self._points])
        self._end_values = np.array([terminal_value(network, p) for p in self._points])

    def first_sentiments(self, goodwill: Goodwill, observation: Observation, paths: int, horizon: int) -> FloatArray:
        """Sentiments of the coming periods if from now on everybody is served, (paths, periods)."""
        served = np.zeros(paths, dtype=np.bool_)
        short = np.full(paths, observation.period > 0 and was_short(observation))
        sentiments = np.empty((paths, horizon))
        last = np.full(paths, observation.sentiment)
        for k in range(horizon):
            if observation.period + k > 0:
                last = next_sentiment(goodwill, last, short)
            sentiments[:, k], short = last, served
        return sentiments

    def play(
        self, flows: FloatArray, start: Start, paths: DemandPaths, goodwill: Goodwill, observation: Observation
    ) -> Outcome:
        """Serve every path from the same planned shipments.

        Args:
            flows: Units shipped, (supply links, periods).
            start: Stocks, deliveries and backlog to begin with.
            paths: Demand.
            goodwill: Dynamics of the sentiment.
            observation: What was seen last.
        """
        count, markets, horizon = paths.normals.shape
        deliveries = self._deliveries(flows, start)
        stock = np.repeat(start.on_hand[self._points][None], count, axis=0)
        backlog = np.repeat(start.backlog[None], count, axis=0)
        sentiment = np.full(count, observation.sentiment)
        short = np.full(count, observation.period > 0 and was_short(observation))
        demand, sentiments = np.empty((count, markets, horizon)), np.empty((count, horizon))
        profit, weight = np.zeros(count), 1.0
        for k in range(horizon):
            if observation.period + k > 0:
                sentiment = next_sentiment(goodwill, sentiment, short)
            sentiments[:, k] = sentiment
            demand[:, :, k] = paths.at(sentiment, k)
            due = demand[:, :, k] + backlog
            stock = np.maximum(stock + deliveries[..., k], 0.0)
            sold = np.empty_like(due)
            for point, served in enumerate(self._markets_of):
                for market in served:
                    sold[:, market] = np.minimum(due[:, market], stock[:, point])
                    stock[:, point] -= sold[:, market]
            unfilled = due - sold
            counts = observation.period + k >= self._warm_up
            profit += counts * weight * (sold @ self._prices - unfilled @ self._penalties - stock @ self._holding)
            short = np.asarray((unfilled > _SERVED).any(axis=1))
            backlog = self._shares * unfilled
            weight *= self._discount
        if observation.period + horizon == self._last:
            profit += weight * (stock @ self._end_values)
        return Outcome(demand, sentiments, float(profit.mean()))

    def _deliveries(self, flows: FloatArray, start: Start) -> FloatArray:
        """Net planned deliveries to the selling stock points, shipments onward taken off, (points, periods).

        Where lead times are drawn they differ by path: (paths, points, periods).
        """
        horizon = flows.shape[1]
        net = start.due[..., self._points, :horizon].copy()
        varying = self._network.varying_links
        for row, position in enumerate(self._points):
            point = self._network.stock_points[position]
            for link in point.arrivals:
                if start.kernel is not None and link in varying:
                    kernel = start.kernel[:, varying.index(link), :horizon, :horizon]
                    net[:, row] += np.einsum("j,sjk->sk", flows[link], kernel)
                    continue
                lead_time = self._network.supply_links[link].lead_time
                if lead_time < horizon:
                    net[..., row, lead_time:] += flows[link, : horizon - lead_time]
            for link in self._network.outbound(point.node_id):
                net[..., row, :] -= point.consumption * flows[link]
        return net
