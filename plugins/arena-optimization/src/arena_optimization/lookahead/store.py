"""Parts of a network that are one stock point with one market and suppliers that never run short."""

from __future__ import annotations

import math
from dataclasses import dataclass

from arena import Briefing
from arena_optimization.programs.independent_parts import Part
from arena_optimization.programs.path_rules import waiting_shares
from arena_optimization.programs.short_supply import is_endless


@dataclass(frozen=True)
class Source:
    """A supply link of a store; money per unit, quantities in units.

    Attributes:
        link: Position of the link in the network.
        delay: Periods until the supplier sees an order.
        lead_time: Periods from there to the delivery.
        price: Purchase price.
        pipeline_cost: Cost of a unit on its way, per period.
        fixed_cost: Money per order.
        minimum: Least order.
        lot: Lot size; 0 for none.
        most: Largest order.
    """

    link: int
    delay: int
    lead_time: int
    price: float
    pipeline_cost: float
    fixed_cost: float
    minimum: float
    lot: float
    most: float

    @property
    def reach(self) -> int:
        """Periods from the order to the delivery."""
        return self.delay + self.lead_time

    @property
    def unit_cost(self) -> float:
        """Price of a unit and cost of its way, money."""
        return self.price + self.pipeline_cost * self.lead_time


@dataclass(frozen=True)
class Store:
    """One stock point, its market and its sources.

    Attributes:
        point: Position of the stock point in the network.
        market: Position of the market link.
        sources: The fastest first.
        holding_cost: Money per unit left at the end of a period.
        margin: Money per unit sold, purchases apart.
        penalty: Money per unfilled unit and period.
        waiting_share: Share of the unfilled units that waits for the next period; 0: all are lost.
        terminal_value: Money per unit on hand or under way after the last period.
    """

    point: int
    market: int
    sources: tuple[Source, ...]
    holding_cost: float
    margin: float
    penalty: float
    waiting_share: float
    terminal_value: float

    @property
    def unit_cost(self) -> float:
        """Least cost of a unit, money."""
        return min(source.unit_cost for source in self.sources)

    @property
    def longest(self) -> int:
        """Longest time from an order to its delivery, periods."""
        return max(source.reach for source in self.sources)

    @property
    def shortage_cost(self) -> float:
        """Cost of a unit short: of waiting for a period, and of the sale that is lost in part, money."""
        lost = (1.0 - self.waiting_share) * max(0.0, self.margin - self.unit_cost)
        return self.penalty + lost

    @property
    def cover(self) -> float:
        """Square of the periods that an order of the economic lot covers, times mean demand (Harris 1913)."""
        fixed = max(source.fixed_cost for source in self.sources)
        return 2.0 * fixed / self.holding_cost if self.holding_cost > 0 else 0.0


def store_of(briefing: Briefing, part: Part) -> Store | None:
    """The store that an independent part of a network is; None if it is more than that.

    Left out are several stock points or markets, capacities, storage capacities, bills of materials, random lead
    times, and goods that are owed by suppliers.
    """
    whole = briefing.network
    if len(part.points) != 1 or len(part.markets) != 1:
        return None
    point, market = whole.stock_points[part.points[0]], whole.market_links[part.markets[0]]
    node = whole.node(point.node_id)
    if node.capacity is not None or node.storage_capacity is not None or node.bill_of_materials:
        return None
    if market.retailer != node.id or part.drawn:
        return None
    sources = []
    for position in part.links:
        link = whole.supply_links[position]
        if not is_endless(whole, link.supplier) or link.shortage_penalty:
            return None
        sources.append(
            Source(
                link=position,
                delay=link.order_delay,
                lead_time=link.slots,
                price=link.price,
                pipeline_cost=link.pipeline_holding_cost,
                fixed_cost=link.fixed_ordering_cost,
                minimum=link.minimum_order,
                lot=link.lot_size,
                most=float(briefing.order_bound[position]),
            )
        )
    sources.sort(key=lambda source: (source.reach, source.price))
    return Store(
        point=part.points[0],
        market=part.markets[0],
        sources=tuple(sources),
        holding_cost=node.holding_cost or 0.0,
        margin=market.price - (node.operating_cost or 0.0) / node.yield_,
        penalty=market.shortage_penalty,
        waiting_share=waiting_shares(briefing)[part.markets[0]],
        terminal_value=node.terminal_value or 0.0,
    )


def planned_periods(store: Store, mean: float) -> int:
    """Periods after which today's order no longer matters: three protection intervals, and six economic lots.

    Args:
        store: The store.
        mean: Mean demand of a period, units.
    """
    lots = math.sqrt(store.cover / mean) if mean > 0 else 0.0
    return min(3 * (store.longest + 1) + 10 + math.ceil(6.0 * lots), MOST_PERIODS)


MOST_PERIODS = 120
"""Longest look-ahead, periods."""
