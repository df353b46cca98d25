"""Shipping: what every supply link gets of what is asked for, within stock, capacity and lots."""

from __future__ import annotations

from collections.abc import Sequence

from arena.simulate.columns import LOT_SLACK, Column, Operations
from arena.simulate.compiled import CompiledScenario, Source, Turn
from arena.simulate.states import Columns

# Keeps 0 / 0 from happening; representable in single precision too.
SMALLEST_TOTAL = 1e-30


def see_orders(
    compiled: CompiledScenario, state: Columns, requests: Sequence[Column], operations: Operations
) -> tuple[list[Column], list[tuple[Column, ...]]]:
    """Place the orders of a period, and let suppliers see those whose delay is over.

    Args:
        compiled: the compiled scenario.
        state: columns before the period.
        requests: per supply link, not negative.
        operations: those of the columns' kind.

    Returns:
        Per supply link the order that its supplier sees, in whole lots, and those that it has not seen yet.
    """
    placed = [
        _in_lots(request, source, operations) if source.minimum_order or source.lot_size else request
        for source, request in zip(compiled.sources, requests, strict=True)
    ]
    if not compiled.has_order_delays:
        return placed, state.unseen
    seen: list[Column] = []
    unseen: list[tuple[Column, ...]] = []
    for order, waiting in zip(placed, state.unseen, strict=True):
        seen.append(waiting[0] if waiting else order)
        unseen.append((*waiting[1:], order) if waiting else waiting)
    return seen, unseen


class Shipping:
    """What suppliers ship in one period.

    Args:
        compiled: the compiled scenario.
        orders: per supply link: what its supplier is asked for in this period, what it owed before included.
        operations: those of the columns' kind.

    Attributes:
        filled: Per supply link; None where it has not been its turn.
        shipped: Per shipper; None where it has shipped nothing.
    """

    def __init__(self, compiled: CompiledScenario, orders: Sequence[Column], operations: Operations) -> None:
        self._orders = orders
        self._operations = operations
        self.filled: list[Column] = [None] * compiled.links
        self.shipped: list[Column] = [None] * compiled.shippers

    def serve(self, turn: Turn, stocks: Sequence[Column]) -> None:
        """Ship what is asked for, as far as it is there.

        Args:
            turn: who is served.
            stocks: per stock point, what there is at this moment.
        """
        self._first_come(turn.first_come, stocks)
        for sources in turn.shared:
            self._share(sources, stocks)

    def _first_come(self, sources: Sequence[Source], stocks: Sequence[Column]) -> None:
        minimum, at_most, at_least = self._operations.minimum, self._operations.at_most, self._operations.at_least
        orders, filled, shipped = self._orders, self.filled, self.shipped
        for source in sources:
            given = orders[source.link]
            if source.shipper < 0:
                filled[source.link] = given
                continue
            gone = shipped[source.shipper]
            for position, consumption in source.stocks:
                stock = stocks[position]
                if gone is not None:
                    stock = at_least(stock - (gone if consumption == 1.0 else consumption * gone), 0.0)
                given = minimum(given, stock if consumption == 1.0 else stock / consumption)
            if source.capacity is not None:
                if gone is None:
                    given = at_most(given, source.capacity)
                else:
                    given = minimum(given, at_least(source.capacity - gone, 0.0))
            if source.lot_size:
                given = self._whole_lots(given, source)
            shipped[source.shipper] = given if gone is None else gone + given
            filled[source.link] = given

    def _share(self, sources: Sequence[Source], stocks: Sequence[Column]) -> None:
        minimum, at_most, at_least = self._operations.minimum, self._operations.at_most, self._operations.at_least
        total = self._orders[sources[0].link]
        for source in sources[1:]:
            total = total + self._orders[source.link]
        available = total
        for position, consumption in sources[0].stocks:
            stock = stocks[position]
            available = minimum(available, stock if consumption == 1.0 else stock / consumption)
        if sources[0].capacity is not None:
            available = at_most(available, sources[0].capacity)
        share = available / at_least(total, SMALLEST_TOTAL)
        gone: Column = None
        for source in sources:
            given = self._orders[source.link] * share
            if source.lot_size:
                given = self._whole_lots(given, source)
            # Rounding may ask for a little more than there is.
            given = minimum(given, available if gone is None else at_least(available - gone, 0.0))
            gone = given if gone is None else gone + given
            self.filled[source.link] = given
        self.shipped[sources[0].shipper] = gone

    def _whole_lots(self, given: Column, source: Source) -> Column:
        lots = self._operations.floor(given / source.lot_size + LOT_SLACK)
        return self._operations.minimum(given, lots * source.lot_size)


def _in_lots(request: Column, source: Source, operations: Operations) -> Column:
    """The order that is placed: a positive request is raised to the minimum order and to whole lots."""
    placed = request
    if source.minimum_order:
        placed = operations.at_least(placed, source.minimum_order)
    if source.lot_size:
        placed = operations.ceil(placed / source.lot_size - LOT_SLACK) * source.lot_size
    return operations.where(request > 0, placed, request)
