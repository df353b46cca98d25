"""The baseline of InventoryBench's authors as a controller: capped base stock on sample moments."""

from __future__ import annotations

import numpy as np

from arena import Briefing, Observation, contribution_margins, critical_ratio
from arena_boards.baseline_reward import capped_order
from arena_boards.config import CappedBaseStockConfig
from arena_boards.stock_points import FloatArray, find_stock_points


class CappedBaseStock:
    """Order up to mean + z deviations of the demand over the promised lead time, with a cap; see `capped_order`.

    As in the game of the board, an order that is lost counts as in transit for ever: the position is the stock on hand,
    and all that was ordered less all that was received.
    """

    def __init__(self, config: CappedBaseStockConfig) -> None:
        """Take the settings, of which there are none."""
        self.config = config

    def begin(self, briefing: Briefing) -> None:
        """Read costs and history."""
        network = briefing.network
        self._points = find_stock_points(briefing)
        self._lead_times = [link.lead_time for link in self._points.supplies]
        on_the_way = np.array([sum(link.initial_pipeline) for link in network.supply_links], dtype=np.float64)
        self._in_transit = self._points.of_links(on_the_way)
        margins = contribution_margins(network)
        ratios = {}
        for link, margin in zip(network.market_links, margins.tolist(), strict=True):
            holding = network.node(link.retailer).holding_cost or 0.0
            ratios[link.retailer] = critical_ratio(margin + link.shortage_penalty, holding)
        self._ratios = [ratios.get(node, 0.5) for node in network.managed]
        self._seen: list[FloatArray] = list(self._points.of_markets(briefing.history))
        self._last = np.zeros(len(self._lead_times))

    def order(self, observation: Observation) -> FloatArray:
        """Order what the position lacks."""
        if observation.period > 0:
            self._in_transit += self._last - self._points.of_links(observation.received)
            self._seen.append(self._points.of_markets(observation.last_demand))
        position = observation.on_hand + self._in_transit
        if self._seen:
            samples = np.array(self._seen)
            orders = [
                capped_order(samples[:, point], self._lead_times[point], self._ratios[point], float(position[point]))
                for point in range(len(position))
            ]
        else:
            orders = [0] * len(position)
        self._last = np.array(orders, dtype=np.float64)
        return self._points.orders(self._last)
