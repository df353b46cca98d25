"""Worth of stock that will not be sold: its terminal value where it lies, or where it can still be shipped to.

The worth of a unit in stock at the beginning of period t, in money of that period, with the discount d, the holding
cost h and the terminal value v after the last period T − 1:

    W(T) = v,  W(t) = max(d W(t + 1) − h, its worth if it is shipped on in t)

A unit that arrives in period t is worth d W(t + 1) − h, because it lies there at the end of the period. One that is on
its way after the last period has the terminal value of the node that it goes to. Transit and operating costs are taken
off. Customers, prices between managed nodes and capacities have no part in this. Stock of a component stays where it
is, because its use takes other components too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arena import Network
from arena_heuristics.costs import material_holding_cost
from arena_heuristics.ordering import FloatArray, IntArray, Material
from arena_heuristics.supply import SupplyPlan


class Ways(NamedTuple):
    """Links that deliver, one entry each."""

    materials: IntArray
    """What they deliver, by position."""
    lead_times: IntArray
    """Whole periods from shipping to arrival."""
    chances: FloatArray
    """Probability of arrival."""
    transit: FloatArray
    """Money per unit on its way at the end of a period."""


class TerminalWorth:
    """Worth of goods that are shipped and never sold.

    Args:
        network: the network.
        materials: what is stocked in it.
        plan: what is planned with on its links.
        horizon: periods of the episode.
        discount: factor on money per period.
        ships_on: whether stock may be shipped on to other nodes; else all stays where it is.
    """

    def __init__(
        self,
        network: Network,
        materials: Sequence[Material],
        plan: SupplyPlan,
        horizon: int,
        discount: float,
        *,
        ships_on: bool,
    ) -> None:
        self.values = np.array([terminal_value(network, one) for one in materials])
        self._horizon, self._discount = horizon, discount
        self._arriving = np.zeros((horizon, len(materials)))
        holding = np.array([material_holding_cost(network, one) for one in materials])
        place_of = {link: place for place, one in enumerate(materials) for link in one.links if plan.is_used[link]}
        pooled = {one.node: place for place, one in enumerate(materials) if one.component is None}
        onward = [link for link in place_of if ships_on and network.supply_links[link].supplier in pooled]
        ways = ways_of(network, plan, onward, [place_of[link] for link in onward])
        suppliers = [network.node(network.supply_links[link].supplier) for link in onward]
        origins = np.array([pooled[node.id] for node in suppliers], dtype=np.int64)
        yields = np.array([node.yield_ for node in suppliers])
        operating = np.array([node.operating_cost or 0.0 for node in suppliers])
        worth = self.values
        for period in reversed(range(horizon)):
            self._arriving[period] = discount * worth - holding
            worth = self._arriving[period].copy()
            if onward:
                received = self.received(ways, np.full(len(onward), period))
                # The operating cost is that of a unit that goes in.
                np.maximum.at(worth, origins, yields * received - operating)

    def received(self, ways: Ways, shipped: IntArray) -> FloatArray:
        """Worth of a unit that is shipped in a period and never sold, less transit, in money of that period.

        Args:
            ways: the links that it is shipped on.
            shipped: the period, by link, before the end of the episode.
        """
        left, arrival = self._horizon - shipped, shipped + ways.lead_times
        in_time = arrival < self._horizon
        stays = self._arriving[np.where(in_time, arrival, 0), ways.materials]
        worth = np.where(
            in_time,
            self._discount**ways.lead_times * stays,
            self._discount ** np.maximum(left, 0) * self.values[ways.materials],
        )
        periods = np.clip(np.minimum(ways.lead_times, left), 0, None)
        if self._discount < 1.0:
            periods = (1.0 - self._discount**periods) / (1.0 - self._discount)
        return np.asarray(ways.chances * worth - periods * ways.transit, dtype=np.float64)


def ways_of(network: Network, plan: SupplyPlan, links: Sequence[int], materials: Sequence[int]) -> Ways:
    """The ways of some supply links.

    Args:
        network: the network.
        plan: what is planned with on its links.
        links: their positions.
        materials: what each of them delivers, by position.
    """
    described = [network.supply_links[link] for link in links]
    lead_times = [plan.periods[link] - one.order_delay for link, one in zip(links, described, strict=True)]
    return Ways(
        np.array(materials, dtype=np.int64),
        np.array(lead_times, dtype=np.int64),
        np.array([plan.deliveries[link].chance for link in links]),
        np.array([one.pipeline_holding_cost for one in described]),
    )


def terminal_value(network: Network, material: Material) -> float:
    """Money per unit of a material on hand, or on its way to its node, after the last period."""
    node = network.node(material.node)
    if material.component is not None:
        factory, line = network.components[material.component]
        own = network.node(factory).bill_of_materials[line].terminal_value
        if own is not None:
            return own
    return node.terminal_value or 0.0
