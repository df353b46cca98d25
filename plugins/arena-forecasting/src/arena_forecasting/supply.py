"""Supply of all stock points during an episode: what was ordered, what arrived, and the beliefs that follow."""

from __future__ import annotations

import numpy as np

from arena import Briefing, Observation
from arena_forecasting.arrays import FloatArray
from arena_forecasting.lead_times import LeadTimeBelief


class SupplyLedger:
    """Beliefs about all supply links of a world, and orders on their way.

    Args:
        briefing: of the episode.

    Attributes:
        beliefs: one per supply link.
        hides_orders: whether the arrivals of a link do not show which order came, by link.
    """

    def __init__(self, briefing: Briefing) -> None:
        network = briefing.network
        self._network = network
        shows = briefing.visible_arrivals == "by_order"
        self.beliefs = [
            LeadTimeBelief(
                link.lead_time,
                link.slots if link.varies else link.lead_time,
                varies=link.varies,
                delay=link.order_delay,
                shows_orders=shows or not link.varies,
            )
            for link in network.supply_links
        ]
        self.hides_orders = [link.varies and not shows for link in network.supply_links]
        self._initial = [np.array(link.initial_pipeline, dtype=np.float64) for link in network.supply_links]
        for link, described in enumerate(network.supply_links):
            for period, units in enumerate(described.initial_orders):
                self.beliefs[link].ship(period, units)

    def place(self, period: int, orders: FloatArray) -> None:
        """Note the orders of a period, units, (supply links,)."""
        for link in np.flatnonzero(orders):
            belief = self.beliefs[link]
            belief.ship(period + belief.delay, float(orders[link]))

    def observe(self, observation: Observation) -> None:
        """Learn what arrived in the last period."""
        period = observation.period - 1
        if period < 0:
            return
        for link, belief in enumerate(self.beliefs):
            initial = self._initial[link]
            known = float(initial[period]) if period < len(initial) else 0.0
            by_age = None
            if belief.varies and not self.hides_orders[link]:
                first, stop = self._network.arrival_offsets[link : link + 2]
                by_age = dict(enumerate(observation.arrived[first:stop][::-1].tolist()))
            belief.receive(period, max(0.0, float(observation.received[link]) - known), by_age)

    def initial_arrivals(self, link: int, period: int, periods: int) -> FloatArray:
        """Units on the way since before the episode that arrive in the next periods, (periods,)."""
        arriving = np.zeros(periods)
        left = self._initial[link][period : period + periods]
        arriving[: len(left)] = left
        return arriving
