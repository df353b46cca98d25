"""Time-phased echelon positions as one linear map of the state: supply that reaches the market in time, less demand.

An order placed now on a link arrives after its lead time, and reaches a market after the quickest way from there. The
quantity that decides about the order is the *echelon position* of the buyer at that time: all stock on hand and in
transit at and downstream of the buyer that can be sold by then, less backlog and the demand forecast until then.
Positions some periods earlier and later show how urgent the order is. Source: echelon inventory position, A. Clark and
H. Scarf (1960), Management Science 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena import CompiledScenario

FloatArray = NDArray[np.float64]


class Draw(NamedTuple):
    """A supply link that draws on a stock point.

    Attributes:
        link: index of the supply link.
        units: units drawn per unit shipped.
    """

    link: int
    units: float


class PositionTime(NamedTuple):
    """A stock point, and the period at which its position is read.

    Attributes:
        point: index of the stock point.
        period: periods from the coming one, which is 0; supply that can be sold up to and including it counts.
    """

    point: int
    period: int


@dataclass(frozen=True)
class SupplyStructure:
    """Relations between the stock points of a network, in units and periods.

    Attributes:
        compiled: the compiled network; stock points are numbered as there.
    """

    compiled: CompiledScenario

    @cached_property
    def draws(self) -> tuple[tuple[Draw, ...], ...]:
        """Supply links that draw on every stock point, by stock point."""
        found: list[list[Draw]] = [[] for _ in self.compiled.stock_points]
        for source in self.compiled.sources:
            for point, units in source.stocks:
                found[point].append(Draw(source.link, units))
        return tuple(tuple(each) for each in found)

    @cached_property
    def downstream_first(self) -> tuple[int, ...]:
        """Stock points in an order in which all that is downstream of one stands before it."""
        network = self.compiled.network
        return tuple(point for node in reversed(network.upstream_first) for point in network.points_of(node))

    @cached_property
    def content(self) -> FloatArray:
        """Units of a stock point (row) in one unit of another downstream of it (column); 1 on the diagonal, else 0."""
        content = np.eye(len(self.compiled.stock_points))
        for point in self.downstream_first:
            for link, units in self.draws[point]:
                content[point] = np.maximum(
                    content[point], units * content[self.compiled.network.receiving_points[link]]
                )
        return content

    @cached_property
    def units_per_sale(self) -> FloatArray:
        """Units of a stock point in one unit sold on a market link, (stock points, market links)."""
        return self.content[:, list(self.compiled.sellers)]

    @cached_property
    def time_to_market(self) -> tuple[int, ...]:
        """Periods from arrival at a stock point to the earliest sale, by stock point.

        A unit that arrives at a retailer is sold in the same period; elsewhere it can be shipped on in the next.
        """
        network, times = self.compiled.network, [0] * len(self.compiled.stock_points)
        for point in self.downstream_first:
            if point in self.compiled.sellers or not self.draws[point]:
                continue
            times[point] = min(
                1 + network.lead_times[draw.link] + times[network.receiving_points[draw.link]]
                for draw in self.draws[point]
            )
        return tuple(times)

    @cached_property
    def substitution(self) -> FloatArray:
        """Units of a stock point (row) that one unit of another (column) replaces at the customers of both.

        Stock downstream counts as in `content`, and so does stock upstream or elsewhere on the way to the same
        customers, as at a rival supplier. A stock point that also reaches other customers counts by its share of market
        links in common. Two components of one product do not replace each other, and each counts for its part of the
        product.
        """
        reached = self.units_per_sale > 0
        found = np.zeros(self.content.shape)
        for point, other in np.ndindex(found.shape):
            common = reached[point] & reached[other]
            if common.any() and not self._are_complements(point, other):
                ratio = (self.units_per_sale[point, common] / self.units_per_sale[other, common]).mean()
                rate = ratio / self._component_count(point, other)
                found[point, other] = rate * common.sum() / reached[other].sum()
        return found

    def _component_count(self, point: int, other: int) -> int:
        """Number of components of a product at or downstream of ``point`` of which ``other`` supplies one."""
        counts = [
            len(source.stocks)
            for source in self.compiled.sources
            if any(self.content[other, stock] > 0 for stock, _ in source.stocks)
            and not any(self.content[point, stock] > 0 for stock, _ in source.stocks)
        ]
        return max(counts, default=1)

    def _are_complements(self, one: int, other: int) -> bool:
        """Say whether one link draws on both stock points, directly or through products made of them."""
        for source in self.compiled.sources:
            for first, _ in source.stocks:
                for second, _ in source.stocks:
                    apart = self.content[one, second] == 0 and self.content[other, first] == 0
                    if first != second and self.content[one, first] > 0 and self.content[other, second] > 0 and apart:
                        return True
        return False


@dataclass(frozen=True)
class PositionMap:
    """Linear map from a state to echelon positions.

    Attributes:
        weights: contribution of a unit on hand, in transit, in backlog and in the forecast to every position, (stock
            points + pipeline slots + market links + market links × periods, positions).
        periods: number of periods of forecast that the map reads.
    """

    weights: FloatArray
    periods: int


def position_map(
    structure: SupplyStructure, echelons: Sequence[PositionTime], substitutes: Sequence[PositionTime] = ()
) -> PositionMap:
    """Compile the map of some echelon positions.

    Args:
        structure: of the network.
        echelons: positions that count stock at and downstream of the point.
        substitutes: positions that count all stock that can be sold to the customers of the point, wherever it is, see
            `SupplyStructure.substitution`.

    Returns:
        The map; its columns are in the order of ``echelons``, then of ``substitutes``.
    """
    compiled = structure.compiled
    points, markets = len(compiled.stock_points), compiled.markets
    offsets = compiled.network.pipeline_offsets
    columns = [(structure.content, *each) for each in echelons] + [
        (structure.substitution, *each) for each in substitutes
    ]
    periods = max(period for _, _, period in columns) + 1
    weights = np.zeros((points + offsets[-1] + markets + markets * periods, len(columns)))
    for column, (counted, point, period) in enumerate(columns):
        for other in np.flatnonzero(counted[point]):
            delay = structure.time_to_market[other]
            # Stock on hand arrived a period ago at the latest.
            if delay - 1 <= period:
                weights[other, column] = counted[point, other]
            for link in compiled.stock_points[other].arrivals:
                # Pipelines of links into the point itself count like all others, although they compete with the order.
                in_time = max(0, min(offsets[link + 1] - offsets[link], period - delay + 1))
                first = points + offsets[link]
                weights[first : first + in_time, column] = counted[point, other]
        for market in range(markets):
            units = structure.units_per_sale[point, market]
            weights[points + offsets[-1] + market, column] = -units
            first = points + offsets[-1] + markets + market * periods
            weights[first : first + period + 1, column] = -units
    return PositionMap(weights, periods)
