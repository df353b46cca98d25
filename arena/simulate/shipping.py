"""Shipping: what every supply link gets of what is asked for, within stock, capacity and lots."""

from __future__ import annotations

from collections.abc import Sequence

from arena.simulate.columns import LOT_SLACK, Column, Operations
from arena.simulate.compiled import CompiledScenario
from arena.simulate.states import Columns
from arena.simulate.turns import Source, Turn

# Keeps 0 / 0 from happening; representable in single precision too.
SMALLEST_TOTAL = 1e-30


def see_orders(
    compiled: CompiledScenario, state: Columns, requests: Sequence[Column], operations: Operations
) -> tuple[Sequence[Column], list[tuple[Column, ...]]]:
    """Place the orders of a period, and let suppliers see those whose delay is over.

    Args:
        compiled: the compiled scenario.
        state: columns before the period.
        requests: per supply link, not negative.
        operations: those of the columns' kind.

    Returns:
        Per supply link the order that its supplier sees, in whole lots, and those that it has not seen yet.
    """
    placed = place_orders(compiled, requests, operations)
    if not compiled.has_order_delays:
        return placed, state.unseen
    seen: list[Column] = []
    unseen: list[tuple[Column, ...]] = []
    for order, waiting in zip(placed, state.unseen, strict=True):
        seen.append(waiting[0] if waiting else order)
        unseen.append((*waiting[1:], order) if waiting else waiting)
    return seen, unseen


def place_orders(compiled: CompiledScenario, requests: Sequence[Column], operations: Operations) -> Sequence[Column]:
    """Raise the orders of a period to minimum orders and whole lots.

    Args:
        compiled: the compiled scenario.
        requests: per supply link, not negative.
        operations: those of the columns' kind.
    """
    if not compiled.has_lots:
        return requests
    return [
        _in_lots(request, source, operations) if source.minimum_order or source.lot_size else request
        for source, request in zip(compiled.sources, requests, strict=True)
    ]


def ship(
    turn: Turn,
    orders: Sequence[Column],
    stocks: Sequence[Column],
    filled: list[Column],
    shipped: list[Column],
    operations: Operations,
) -> None:
    """Ship what is asked for on the links of a turn, as far as it is there.

    Args:
        turn: who is served.
        orders: per supply link: what its supplier is asked for in this period, what it owed before included.
        stocks: per stock point, what there is at this moment.
        filled: per supply link; None where it has not been its turn. Written in place.
        shipped: per shipper; None where it has shipped nothing. Written in place.
        operations: those of the columns' kind.
    """
    minimum, at_most, at_least = operations.minimum, operations.at_most, operations.at_least
    for source in turn.first_come:
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
            given = _whole_lots(given, source, operations)
        shipped[source.shipper] = given if gone is None else gone + given
        filled[source.link] = given
    for sources in turn.shared:
        _share(sources, orders, stocks, filled, shipped, operations)


def _share(
    sources: Sequence[Source],
    orders: Sequence[Column],
    stocks: Sequence[Column],
    filled: list[Column],
    shipped: list[Column],
    operations: Operations,
) -> None:
    """Ship to all buyers of a supplier in proportion to what they ask for."""
    minimum, at_most, at_least = operations.minimum, operations.at_most, operations.at_least
    total = orders[sources[0].link]
    for source in sources[1:]:
        total = total + orders[source.link]
    available = total
    for position, consumption in sources[0].stocks:
        stock = stocks[position]
        available = minimum(available, stock if consumption == 1.0 else stock / consumption)
    if sources[0].capacity is not None:
        available = at_most(available, sources[0].capacity)
    share = available / at_least(total, SMALLEST_TOTAL)
    gone: Column = None
    for source in sources:
        given = orders[source.link] * share
        if source.lot_size:
            given = _whole_lots(given, source, operations)
        # Rounding may ask for a little more than there is.
        given = minimum(given, available if gone is None else at_least(available - gone, 0.0))
        gone = given if gone is None else gone + given
        filled[source.link] = given
    shipped[sources[0].shipper] = gone


def _whole_lots(given: Column, source: Source, operations: Operations) -> Column:
    lots = operations.floor(given / source.lot_size + LOT_SLACK)
    return operations.minimum(given, lots * source.lot_size)


def _in_lots(request: Column, source: Source, operations: Operations) -> Column:
    """The order that is placed: a positive request is raised to the minimum order and to whole lots."""
    placed = request
    if source.minimum_order:
        placed = operations.at_least(placed, source.minimum_order)
    if source.lot_size:
        placed = operations.ceil(placed / source.lot_size - LOT_SLACK) * source.lot_size
    return operations.where(request > 0, placed, request)
