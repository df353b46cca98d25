"""Rules of the program of one path that go beyond the first schema: what an episode is known to do with shipments.

`first_rules` are those that the rolling programs plan with: fixed lead times, customers who all wait or all leave.
`known_rules` are those of an episode that a clairvoyant is told, whatever parts its world has.

Why the rules of suppliers who run short do not bind a clairvoyant: it orders what the plan ships, so that no supplier
is asked for more than it has, and everybody gets all of it, first come or in proportion; nothing is forgotten or owed,
and no penalty for it is paid. Whoever orders more gets shipments that are within stock and capacity too, which is all
that the program asks of its own: so its optimum is an upper bound of his profit. Three things are no choice of the
plan, and are stated: orders from before the first period, which its supplier fills as far as it can; minimum orders
and lots; and with shortage owed the bound of an order, which the program lets owed units exceed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from arena import Briefing, Network, OracleBriefing
from arena_optimization.arrays import FloatArray, IntArray

NEVER = -1
"""Period of arrival of a shipment that is lost or arrives after the horizon."""


@dataclass(frozen=True)
class PathRules:
    """What a path's shipments and customers do.

    Attributes:
        shares: Share of the unfilled units that wait for the next period, (market links,).
        arrivals: Period in which a shipment arrives, by period of the shipment, (supply links, periods); `NEVER`.
        under_way: Ends of periods at which a shipment is under way, counted from its own, (supply links, periods).
        orders_before: Units ordered before the first period, by the period in which the supplier sees them,
            (supply links, periods).
        delays: Periods until a supplier sees an order, (supply links,).
        owes: Whether upstream shortage is owed.
        warm_up: First periods that do not count.
        serves_at_once: Whether customers are served at once, in the order of the links, also where another sale would
            pay more; see `arena_optimization.programs.forced_sales`.
        owing: Links on which a plan may order more than is shipped at once, since the rest is owed; see
            `arena_optimization.programs.short_supply`.
        order_bound: The most that can be ordered on a link in a period, before it is raised, units.
        asks: In a rolling program the links on which orders and shipments are told apart, see
            `arena_optimization.programs.asked_orders`; None in the program of a known episode.
        draws: Links whose shipments arrive as every path draws it.
        own_points: Stock points whose stock differs by path although nothing is sold there.
    """

    shares: tuple[float, ...]
    arrivals: IntArray
    under_way: IntArray
    orders_before: FloatArray
    delays: tuple[int, ...]
    owes: bool = False
    warm_up: int = 0
    serves_at_once: bool = False
    owing: tuple[int, ...] = ()
    order_bound: float = math.inf
    asks: frozenset[int] | None = None
    draws: tuple[int, ...] = ()
    own_points: frozenset[int] = frozenset()

    @property
    def backlog(self) -> bool:
        """Whether some unfilled customers wait."""
        return any(self.shares)

    def arriving(self, link: int, k: int) -> list[int]:
        """Periods whose shipments arrive in period k."""
        return [int(j) for j in np.flatnonzero(self.arrivals[link, : k + 1] == k)]

    def on_the_way(self, link: int, k: int) -> list[int]:
        """Periods whose shipments are under way at the end of period k."""
        return [j for j in range(k + 1) if k - j < self.under_way[link, j]]

    def largest_order(self, network: Network, link: int) -> float:
        """The most that can be asked for on a link in a period: the bound, raised to minimum order and whole lots."""
        return raised(network, link, self.order_bound)

    def is_asked(self, link: int) -> bool:
        """Whether orders and shipments of a link are told apart."""
        return self.asks is not None and link in self.asks

    def is_chosen(self, link: int, k: int) -> bool:
        """Whether the order that a supplier sees in period k is one of the plan."""
        return k >= self.delays[link]


def first_rules(network: Network, horizon: int, *, backlog: bool) -> PathRules:
    """Fixed lead times; customers who all wait, or all leave."""
    links = len(network.supply_links)
    lead_times = np.repeat(np.array(network.lead_times, dtype=np.int64).reshape(links, 1), horizon, axis=1)
    return PathRules(
        shares=(float(backlog),) * len(network.market_links),
        arrivals=_arrivals(lead_times),
        under_way=lead_times,
        orders_before=np.zeros((links, horizon)),
        delays=(0,) * links,
    )


def known_rules(briefing: OracleBriefing, *, in_order: bool = False) -> PathRules:
    """The rules of an episode.

    Args:
        briefing: The episode; where lead times vary, with those that it has.
        in_order: Whether customers are served at once and in the order of the links also where an episode has no parts
            beyond the first schema, on exogenous demand.
    """
    network, horizon = briefing.network, briefing.horizon
    supply = network.supply_links
    lead_times = np.array([[link.lead_time] * horizon for link in supply], dtype=np.int64).reshape(len(supply), horizon)
    under_way = lead_times.copy()
    realised = briefing.realised_lead_times
    if realised is not None:
        for place, varying in enumerate(network.varying_links):
            lead_times[varying] = realised[:horizon, place]
            # A lost order leaves when no order of its age can arrive any more.
            under_way[varying] = np.where(lead_times[varying] < 0, supply[varying].slots, lead_times[varying])
    before = np.zeros((len(supply), horizon))
    for position, link in enumerate(supply):
        units = link.initial_orders[:horizon]
        before[position, : len(units)] = units
    return PathRules(
        shares=waiting_shares(briefing),
        arrivals=_arrivals(lead_times),
        under_way=under_way,
        orders_before=before,
        delays=network.order_delays,
        owes=briefing.upstream_shortage == "owed",
        warm_up=briefing.warm_up,
        serves_at_once=briefing.goodwill is None and (in_order or uses_later_parts(briefing)),
        order_bound=float(briefing.order_bound.max()),
    )


def waiting_shares(briefing: Briefing) -> tuple[float, ...]:
    """Share of the unfilled units that waits for the next period, (market links,)."""
    shares = {"backlog": 1.0, "lost_sales": 0.0}
    return tuple(
        shares[link.fulfilment or briefing.fulfilment] if link.waiting_share is None else link.waiting_share
        for link in briefing.network.market_links
    )


def uses_later_parts(briefing: Briefing) -> bool:
    """Whether the supply side of an episode has parts that the first schema did not have.

    Episodes without any keep the very programs that they had.
    """
    network = briefing.network
    return bool(
        briefing.warm_up
        or network.varying_links
        or any(network.order_delays)
        or any(link.shortage_penalty or any(link.initial_pipeline) for link in network.supply_links)
        or any(
            link.initial_backlog or link.fulfilment or link.waiting_share is not None for link in network.market_links
        )
        or any(node.values_stock or node.allocation != "first_come" or node.priority for node in network.nodes)
        or any(network.node(raw).capacity is not None for raw in network.raw_materials)
        or any(part.holding_cost is not None for node in network.nodes for part in node.bill_of_materials)
        or len({(link.supplier, link.buyer) for link in network.supply_links}) < len(network.supply_links)
    )


def raised(network: Network, link: int, request: float) -> float:
    """The order that is placed for a positive request: raised to the minimum order and to whole lots, units."""
    supply = network.supply_links[link]
    least = max(request, supply.minimum_order)
    return math.ceil(least / supply.lot_size - 1e-9) * supply.lot_size if supply.lot_size else least


def due_before(network: Network, horizon: int) -> FloatArray:
    """Units on the way before the first period, by arrival, (stock points, horizon)."""
    due = np.zeros((len(network.stock_points), horizon))
    for link, point in enumerate(network.receiving_points):
        units = network.supply_links[link].initial_pipeline[:horizon]
        due[point, : len(units)] += units
    return due


def worth_before(network: Network, weights: FloatArray, end: float) -> float:
    """Profit that what is on the way before the first period brings, whatever is played: holding, and its end value.

    Args:
        network: The network.
        weights: Factors on the periods' profits, (periods,).
        end: Factor on the value of stock after the last period.
    """
    worth, horizon = 0.0, len(weights)
    for link, point in enumerate(network.receiving_points):
        supply = network.supply_links[link]
        for arrival, units in enumerate(supply.initial_pipeline):
            worth -= supply.pipeline_holding_cost * units * float(weights[:arrival].sum())
            if arrival >= horizon:
                worth += end * terminal_value(network, point) * units
    return worth


def terminal_value(network: Network, point: int) -> float:
    """Money per unit of a stock point after the last period."""
    own = network.stock_points[point]
    node, component = network.node(own.node_id), network.component_of(own)
    value = node.terminal_value if component is None or component.terminal_value is None else component.terminal_value
    return value or 0.0


def end_worth(network: Network, rules: PathRules, program: Any, at_end: Callable[[int, int], Any], last: int) -> Any:
    """The value of stock after the last period, on hand and on its way, as an expression.

    Args:
        network: The network.
        rules: Those of the episode.
        program: The program of its path.
        at_end: Stock of a stock point at the end of a period.
        last: The last period.
    """
    worth = 0.0
    for point, own in enumerate(network.stock_points):
        coming = sum(program.flow[link, j] for link in own.arrivals for j in rules.on_the_way(link, last))
        worth += terminal_value(network, point) * (at_end(point, last) + coming)
    return worth


def holding_cost(network: Network, point: int) -> float:
    """Money per unit of a stock point at the end of a period."""
    own = network.stock_points[point]
    node, component = network.node(own.node_id), network.component_of(own)
    cost = node.holding_cost if component is None or component.holding_cost is None else component.holding_cost
    return cost or 0.0


def _arrivals(lead_times: IntArray) -> IntArray:
    horizon = lead_times.shape[1]
    arrivals = np.arange(horizon) + lead_times
    return np.where((lead_times < 0) | (arrivals >= horizon), NEVER, arrivals)
