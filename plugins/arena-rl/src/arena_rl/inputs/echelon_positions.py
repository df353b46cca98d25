"""Time-phased echelon positions as one linear map of the state: what reaches the market in time, less what it asks.

An order placed now on a link arrives after its lead time, and reaches a market after the quickest way from there. What
decides about it is the *echelon position* of the buyer at that time: all stock at and downstream of it, and all that
is under way there, as far as it can be sold by then, less backlog and the demand forecast until then. Positions at some
periods before and after tell how urgent the order is. Source: echelon inventory position, Clark and Scarf (1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arena import CompiledScenario

FloatArray = np.ndarray


@dataclass(frozen=True)
class Reach:
    """Who supplies whom, in units and periods; stock points are those of the compiled.

    Attributes:
        compiled: the network compiled.
    """

    compiled: CompiledScenario

    @cached_property
    def buyer_points(self) -> tuple[int, ...]:
        """Stock point that every supply link delivers to."""
        point_of = {link: point for point, each in enumerate(self.compiled.stock_points) for link in each.arrivals}
        return tuple(point_of[link] for link in range(self.compiled.links))

    @cached_property
    def downstream_links(self) -> tuple[tuple[tuple[int, float], ...], ...]:
        """Per stock point, (supply link that draws on it, units drawn per unit shipped)."""
        found: list[list[tuple[int, float]]] = [[] for _ in self.compiled.stock_points]
        for source in self.compiled.sources:
            for point, units in source.stocks:
                found[point].append((source.link, units))
        return tuple(tuple(each) for each in found)

    @cached_property
    def order_upstream(self) -> tuple[int, ...]:
        """Stock points such that everything downstream of one stands before it."""
        done: list[int] = []
        waiting = set(range(len(self.compiled.stock_points)))
        while waiting:
            ready = [
                point
                for point in sorted(waiting)
                if not any(self.buyer_points[link] in waiting for link, _ in self.downstream_links[point])
            ]
            done += ready
            waiting -= set(ready)
        return tuple(done)

    @cached_property
    def units(self) -> FloatArray:
        """Units of a stock point (row) in one unit of another downstream of it (column); 1 on the diagonal, else 0."""
        count = len(self.compiled.stock_points)
        units = np.eye(count)
        for point in self.order_upstream:
            for link, consumed in self.downstream_links[point]:
                units[point] = np.maximum(units[point], consumed * units[self.buyer_points[link]])
        return units

    @cached_property
    def needs(self) -> FloatArray:
        """Units of a stock point in one unit sold on a market link, (stock points, market links)."""
        return self.units[:, list(self.compiled.sellers)]

    @cached_property
    def time_to_market(self) -> tuple[int, ...]:
        """Periods from arrival at a stock point to the earliest sale.

        What arrives at a retailer is sold in the same period; elsewhere it can be shipped on in the next.
        """
        times = [0] * len(self.compiled.stock_points)
        for point in self.order_upstream:
            if point in self.compiled.sellers or not self.downstream_links[point]:
                continue
            times[point] = min(
                1 + self.compiled.network.lead_times[link] + times[self.buyer_points[link]]
                for link, _ in self.downstream_links[point]
            )
        return tuple(times)

    @cached_property
    def supply(self) -> FloatArray:
        """Units of a stock point (row) that one unit of another (column) stands for at the customers of both.

        Downstream as in `units`; but what is upstream counts too, and what lies elsewhere on the way to the same
        customers, as at a rival supplier. A stock point that also reaches others counts by its share of market links in
        common; two components of one product never stand for each other, and each for its part of the product.
        """
        reached = self.needs > 0
        supply = np.zeros(self.units.shape)
        for point, other in np.ndindex(supply.shape):
            common = reached[point] & reached[other]
            if common.any() and not self._complements(point, other):
                rate = (self.needs[point, common] / self.needs[other, common]).mean() / self._components(point, other)
                supply[point, other] = rate * common.sum() / reached[other].sum()
        return supply

    def _components(self, point: int, other: int) -> int:
        """Of how many components one is what comes from another stock point, seen from where they are one product."""
        counts = [
            len(source.stocks)
            for source in self.compiled.sources
            if any(self.units[other, stock] > 0 for stock, _ in source.stocks)
            and not any(self.units[point, stock] > 0 for stock, _ in source.stocks)
        ]
        return max(counts, default=1)

    def _complements(self, one: int, other: int) -> bool:
        """Whether a link draws on both at once, directly or through what is made of them."""
        for source in self.compiled.sources:
            for first, _ in source.stocks:
                for second, _ in source.stocks:
                    apart = self.units[one, second] == 0 and self.units[other, first] == 0
                    if first != second and self.units[one, first] > 0 and self.units[other, second] > 0 and apart:
                        return True
        return False


@dataclass(frozen=True)
class Positions:
    """Echelon positions at chosen times, as a linear map.

    Attributes:
        weights: shape (stock points + pipeline slots + market links + market links × periods, positions): what a unit
            on hand, under way, in backlog and forecast contributes.
        periods: number of periods of forecast that the map takes.
    """

    weights: FloatArray
    periods: int


def positions(reach: Reach, wanted: Sequence[tuple[int, int]], everywhere: Sequence[tuple[int, int]] = ()) -> Positions:
    """Compile the map.

    Args:
        reach: of the network.
        wanted: (stock point, periods from the coming one): the position of the point counts what can be sold up to and
            including that period; 0 is the coming one.
        everywhere: the same for positions that count not only what is at and downstream of the point, but all that can
            be sold to the customers whom it reaches, wherever it is (`Reach.supply`).

    Returns:
        The map; its columns are in the order of ``wanted``, then of ``everywhere``.
    """
    compiled = reach.compiled
    points, markets = len(compiled.stock_points), compiled.markets
    offsets = compiled.network.pipeline_offsets
    columns = [(reach.units, *each) for each in wanted] + [(reach.supply, *each) for each in everywhere]
    periods = max(time for _, _, time in columns) + 1
    weights = np.zeros((points + offsets[-1] + markets + markets * periods, len(columns)))
    for column, (counted, point, time) in enumerate(columns):
        for other in np.flatnonzero(counted[point]):
            way = reach.time_to_market[other]
            # What is on hand came a period ago at the latest.
            if way - 1 <= time:
                weights[other, column] = counted[point, other]
            for link in compiled.stock_points[other].arrivals:
                # Pipelines of links into the point itself compete with the order; they count like all others.
                in_time = max(0, min(offsets[link + 1] - offsets[link], time - way + 1))
                first = points + offsets[link]
                weights[first : first + in_time, column] = counted[point, other]
        for market in range(markets):
            need = reach.needs[point, market]
            weights[points + offsets[-1] + market, column] = -need
            first = points + offsets[-1] + markets + market * periods
            weights[first : first + time + 1, column] = -need
    return Positions(weights, periods)
