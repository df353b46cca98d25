"""End of an episode after which stock has a terminal value: the orders that still pay, and the risk of the last one.

Without terminal values nothing here changes an order, so that published and textbook formulas stay as they are. With
them, all rules end alike:

- An order that cannot be sold in time is placed only if the terminal value pays for it: the value, discounted, less
  price, cost of transit and holding cost until the end. Goods in transit after the last period have the value too, and
  goods may be shipped on to where they are worth more (`arena_heuristics.terminal_worth`).
- The last order that can be sold in time is a newsvendor's: a unit left costs price + holding − terminal value, a unit
  short costs price and penalty at the customers − price. Earlier orders keep their critical ratio, because later orders
  make good for what they leave.
- Levels cover no demand after the end, except where the terminal value pays. There a rule orders up to its level as in
  the middle of the episode, and no more: it keeps stock, and does not trade for the terminal value.

Goods of a managed supplier cost what they are worth if they stay there, because internal prices cancel. A node that
goes by its own books takes its own prices, and knows of no terminal value but its own.

Source: Arrow, Harris and Marschak (1951), Econometrica 19, 250-272, for the newsvendor with salvage value.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arena import Briefing, Network, newsvendor_quantile
from arena_heuristics.ordering import FloatArray, IntArray, Material
from arena_heuristics.supply import SupplyPlan
from arena_heuristics.terminal_worth import TerminalWorth, ways_of

BoolArray = npt.NDArray[np.bool_]

_NEVER = -np.inf
_ANY_LEAD_TIME = 2**31  # periods


class Ending:
    """The end of one episode, for everything that is ordered in it.

    Args:
        briefing: of the episode.
        materials: all that is ordered.
        plan: what is planned with on the supply links.
        last_useful: last period in which an order on a link can still be sold, (supply links,).
        own_books: whether nodes go by their own prices, and by no terminal value but their own.

    Attributes:
        is_weighed: whether any stock of these materials has a terminal value.
    """

    def __init__(
        self,
        briefing: Briefing,
        materials: Sequence[Material],
        plan: SupplyPlan,
        last_useful: IntArray,
        *,
        own_books: bool = False,
    ) -> None:
        network = briefing.network
        if own_books:
            self._weighed = np.array([network.node(one.node).values_stock for one in materials])
        else:
            self._weighed = np.full(len(materials), any(node.values_stock for node in network.nodes))
        self.is_weighed = bool(self._weighed.any())
        if not self.is_weighed:
            return
        self._discount, self._horizon, self._last_useful = briefing.discount, briefing.horizon, last_useful
        self._told_beyond = network.longest_lead_time
        links = network.supply_links
        bought = [(link, place) for place, one in enumerate(materials) for link in one.links if plan.is_used[link]]
        used, places = [link for link, _ in bought], [place for _, place in bought]
        self._links, self._places = np.array(used), np.array(places)
        self._ways = ways_of(network, plan, used, places)
        self._worth = TerminalWorth(
            network, materials, plan, briefing.horizon, briefing.discount, ships_on=not own_books
        )
        self._delays = np.array([links[link].order_delay for link in used])
        self._costs = np.array([_cost(network, link, own_books=own_books) for link in used])
        sold_for = input_values(network, own_books=own_books)
        self._sold_for = np.array([sold_for[one.node, one.component] for one in materials])
        self._last = np.full(len(materials), -1)
        np.maximum.at(self._last, self._places, last_useful[self._links])

    def gains(self, period: int) -> FloatArray:
        """Money that a unit ordered in a period brings if it is never sold, (used links,); negative: it costs that.

        In money of the period in which the supplier ships; −∞ where that comes after the end.
        """
        shipped = period + self._delays
        return np.where(shipped < self._horizon, self._worth.received(self._ways, shipped) - self._costs, _NEVER)

    def may_order(self, period: int, links: int) -> BoolArray:
        """Whether an order of a period can be sold in time, or the terminal value pays for it, (supply links,)."""
        found = np.ones(links, dtype=np.bool_)
        in_time = period <= self._last_useful[self._links]
        found[self._links] = in_time | (self.gains(period) > 0) | ~self._weighed[self._places]
        return found

    def pays(self, period: int) -> BoolArray:
        """Whether the terminal value pays for a unit that is ordered in a period and never sold, (materials,)."""
        return self._best(period) > 0

    def longest_cover(self, period: int, otherwise: int | None) -> IntArray:
        """Longest lead time that levels cover, (materials,): until the end, and further where the terminal value pays.

        Further is as far as the forecast of the informed track reaches past the end.

        Args:
            period: about to be played.
            otherwise: for materials whose end is not weighed; None: any.
        """
        left = self._horizon - 1 - period
        covered = np.where(self.pays(period), left + self._told_beyond, left)
        return np.where(self._weighed, covered, _ANY_LEAD_TIME if otherwise is None else otherwise)

    def quantiles(self, period: int, before: FloatArray) -> FloatArray:
        """Quantile z of every material's critical ratio in a period, (materials,).

        Args:
            period: about to be played.
            before: the quantiles of all orders but the last useful one.
        """
        last = self._weighed & (self._last == period)
        if not last.any():
            return before
        overage = -self._best(period)
        costs = self._least(self._costs)
        return np.array(
            [
                newsvendor_quantile(max(sold - cost, 0.0), max(over, 0.0)) if is_last else usual
                for is_last, sold, cost, over, usual in zip(
                    last.tolist(),
                    self._sold_for.tolist(),
                    costs.tolist(),
                    overage.tolist(),
                    before.tolist(),
                    strict=True,
                )
            ]
        )

    def _best(self, period: int) -> FloatArray:
        found = np.full(len(self._weighed), _NEVER)
        np.maximum.at(found, self._places, self.gains(period))
        return found

    def _least(self, by_link: FloatArray) -> FloatArray:
        found = np.full(len(self._weighed), np.inf)
        np.minimum.at(found, self._places, by_link)
        return found


def _cost(network: Network, link: int, *, own_books: bool) -> float:
    """Cost of a unit that is ordered on a link: its price, or what it is worth at a managed supplier after the end."""
    supplier = network.supply_links[link].supplier
    points = network.points_of(supplier)
    if own_books or not points:
        return network.supply_links[link].price
    node, cost = network.node(supplier), 0.0
    for point in (network.stock_points[place] for place in points):
        component = network.component_of(point)
        own = None if component is None else component.terminal_value
        cost += point.consumption * ((node.terminal_value or 0.0) if own is None else own)
    return cost + (node.operating_cost or 0.0) / node.yield_


def input_values(network: Network, *, own_books: bool) -> dict[tuple[int, int | None], float]:
    """Money that a unit in stock earns if it is sold, by node and component (None: pooled stock).

    A unit sold to customers earns the price and saves the penalty, at the dearest market link. One shipped to a buyer
    earns what it earns there, or by the node's own books its price. Operating cost, and the other components of a unit
    of output at their lowest prices, are taken off.
    """
    earned: dict[tuple[int, int | None], float] = {}
    for node_id in reversed(network.upstream_first):
        node = network.node(node_id)
        customers = [network.market_links[link] for link in network.markets_of(node_id)]
        output = [link.price + link.shortage_penalty for link in customers]
        for link in network.outbound(node_id):
            if own_books:  # What the buyer keeps is not told on the decentralised track.
                output.append(network.supply_links[link].price)
                continue
            point = network.stock_points[network.receiving_points[link]]
            output.append(earned[point.node_id, point.component])
        points = [network.stock_points[place] for place in network.points_of(node_id)]
        net = max(output) - (node.operating_cost or 0.0) / node.yield_
        cheapest = [min(network.supply_links[link].price for link in point.arrivals) for point in points]
        bought = sum(point.consumption * price for point, price in zip(points, cheapest, strict=True))
        for point, price in zip(points, cheapest, strict=True):
            others = bought - point.consumption * price
            earned[node_id, point.component] = max(net - others, 0.0) / point.consumption
    return earned
