"""How the world moves: one pure function, :func:`step`, over arrays with a leading batch axis.

The order within a period is the contract's: orders are filled, deliveries arrive, sentiment moves, demand is met,
profit is counted. The same code plays a scored episode (a batch of one, on floats), a vector environment (numpy) and
differentiable training (torch tensors): see :mod:`arena.simulate.columns`. Batches of many links are played by
:mod:`arena.simulate.blocks` instead, where that is faster; its tests hold it to this one bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from arena.simulate.arrivals import arrivals_of
from arena.simulate.columns import Column, Operations, operations_for
from arena.simulate.compiled import CompiledScenario
from arena.simulate.sentiment import next_sentiment
from arena.simulate.shipping import SMALLEST_TOTAL, see_orders, ship
from arena.simulate.states import BatchState, Columns, Flows, Movements, columns_of, split
from arena.simulate.turns import Turn
from arena.world.stock_points import StockPoint

#: From the shortfall of each market link (owed - stock, units; positive: stock-out), an indicator in [0, 1].
StockOut = Callable[[Sequence[Column]], Column]

#: Demand columns of a period, given its sentiment.
DemandSource = Callable[[Column], Sequence[Column]]


def step(
    compiled: CompiledScenario,
    state: BatchState,
    orders: Any,
    demand: Any | Callable[[Any], Any],
    *,
    lead_times: Any = None,
    stock_out: StockOut | None = None,
) -> tuple[BatchState, Flows]:
    """Play one period of a batch of episodes. Pure: nothing is changed in place.

    Args:
        compiled: the compiled scenario.
        state: the state before the period.
        orders: requested units per supply link, shape (batch, supply links); negative requests count as zero.
        demand: customers' demand of the period, shape (batch, market links), units; or a function that gives it from
            the period's sentiment, shape (batch,), when demand depends on sentiment.
        lead_times: where lead times vary, those of all orders up to this period: whole periods by period of the order,
            numpy array of shape (batch, periods, links whose lead time varies), -1 for orders that never arrive; see
            `arena.draw_lead_times`. No gradient flows through them.
        stock_out: surrogate of the goodwill indicator for differentiable training, see
            :func:`smooth_stock_out`. Its value decides between growth (0) and decay (1) of sentiment. By default the
            exact indicator, whose gradient is zero.

    Returns:
        The state after the period and what moved in it. With torch tensors both are differentiable in orders, demand
        and state.

    Raises:
        TypeError: If orders are no array of a known namespace.
        ValueError: If lead times vary and are not given, or have another shape.

    Source: gym-invmgmt (arXiv 2605.11355), extended by bills of materials, lots, minimum orders, storage capacities,
    owed upstream shortage, and what `arena.Scenario` and `arena.Network` say.
    """
    operations = operations_for(orders)
    requests = split(operations.at_least(orders, 0.0))
    source: DemandSource = (
        (lambda sentiment: split(demand(sentiment))) if callable(demand) else (lambda _sentiment: split(demand))
    )
    varying = compiled.network.varying_links
    if varying and lead_times is None:
        raise ValueError("lead times vary in this network: give lead_times, such as of arena.draw_lead_times")
    arriving = arrivals_of(compiled.network, lead_times, orders).in_period(state.period) if varying else ()
    after, moved = advance(compiled, columns_of(compiled, state), requests, source, operations, stock_out, arriving)

    def together(columns: Sequence[Column]) -> Any:
        return operations.rows(columns).T

    def flat(slots: Iterable[Sequence[Column]], before: Any) -> Any:
        columns = [column for each in slots for column in each]
        return together(columns) if columns else before

    zero = after.on_hand[0] * 0.0
    lost: list[Column] = [zero] * compiled.links
    for position, units in zip(varying, moved.lost, strict=True):
        lost[position] = units
    assert after.shortfall is not None
    weight = compiled.period_weight(state.period)
    new_state = BatchState(
        period=after.period,
        on_hand=together(after.on_hand),
        pipeline=flat(after.pipeline, state.pipeline),
        in_transit=together(after.in_transit),
        unseen=flat(after.unseen, state.unseen),
        owed=together(after.owed),
        unfilled=together(after.unfilled),
        shortfall=together(after.shortfall),
        sentiment=after.sentiment,
    )
    node_profit = compiled.node_sums(moved.rows, operations).T * weight
    if compiled.has_terminal_values and after.period == compiled.horizon:
        value = compiled.terminal_sums(moved.rows, operations).T
        node_profit = node_profit + value * compiled.discount**compiled.horizon
    flows = Flows(
        filled=together(moved.filled),
        received=together(moved.received),
        lost=together(lost),
        scrapped=together(moved.scrapped if moved.scrapped is not None else [zero] * len(after.on_hand)),
        demand=together(moved.demand),
        sold=together(moved.sold),
        node_profit=node_profit,
        reward=moved.reward,
    )
    return new_state, flows


def smooth_stock_out(width: float = 3.0) -> StockOut:
    """A surrogate of the stock-out indicator: exact in value, smooth in gradient (straight-through).

    Args:
        width: scale of the sigmoid in units of shortfall.

    Returns:
        A function for :func:`step`'s ``stock_out`` on torch tensors: the value is 1 if any market link runs short,
        else 0; the gradient is that of ``sigmoid(largest shortfall / width)``.
    """

    def indicator(shortfall: Sequence[Column]) -> Column:
        largest = shortfall[0]
        for column in shortfall[1:]:
            largest = largest.maximum(column)
        soft = (largest / width).sigmoid()
        hard = (largest > 0).to(largest.dtype)
        return hard + (soft - soft.detach())

    return indicator


def advance(
    compiled: CompiledScenario,
    state: Columns,
    requests: Sequence[Column],
    demand: DemandSource,
    operations: Operations,
    stock_out: StockOut | None = None,
    arriving: Sequence[Sequence[Column]] = (),
) -> tuple[Columns, Movements]:
    """The transition itself, over columns; :func:`step` says what it does.

    Args:
        compiled: the compiled scenario.
        state: columns before the period.
        requests: per supply link, not negative.
        demand: gives the demand columns from the sentiment column; called once, after sentiment has moved.
        operations: those of the columns' kind.
        stock_out: surrogate of the goodwill indicator.
        arriving: per supply link whose lead time varies, which orders arrive: `arena.simulate.arrivals.Arrivals`.
    """
    minimum, at_least = operations.minimum, operations.at_least
    seen, unseen = requests, state.unseen
    if compiled.has_lots or compiled.has_order_delays:
        seen, unseen = see_orders(compiled, state, requests, operations)
    claims = [order + owed for order, owed in zip(seen, state.owed, strict=True)] if compiled.owes_upstream else seen
    filled: list[Column] = [None] * compiled.links
    shipped: list[Column] = [None] * compiled.shippers
    ship(compiled.opening, claims, state.on_hand, filled, shipped, operations)
    received, pipeline, in_transit, arrived = _deliver(compiled, state, filled, arriving)

    on_hand: list[Column] = []
    for point, stock in zip(compiled.stock_points, state.on_hand, strict=True):
        incoming = received[point.arrivals[0]]
        for i in point.arrivals[1:]:
            incoming = incoming + received[i]
        stock = stock + incoming
        if point.ships:
            out = shipped[point.node]
            if out is not None:
                stock = stock - (out if point.consumption == 1.0 else point.consumption * out)
                if not point.exact:  # rounding may leave -1e-14 where everything was shipped
                    stock = at_least(stock, 0.0)
        on_hand.append(stock)
    scrapped = _scrap(compiled, on_hand, operations) if compiled.storage else None
    if not compiled.is_prompt:
        _serve(compiled, compiled.before_customers, claims, on_hand, filled, shipped, operations)

    sentiment = state.sentiment
    if compiled.goodwill is not None and state.shortfall is not None and state.period > 0:
        short = _ran_short(state.shortfall) if stock_out is None else stock_out(state.shortfall)
        sentiment = next_sentiment(
            compiled.goodwill, sentiment, short, is_share=stock_out is not None, operations=operations
        )
    wanted = demand(sentiment)
    sold: list[Column] = []
    unfilled: list[Column] = []
    shortfall: list[Column] = []
    has_goodwill = compiled.goodwill is not None
    carried = state.unfilled
    if not compiled.backlog:
        # Lost sales add nothing at all, so that equal demand stays equal to the last bit.
        carried = [
            None if not share else before if share == 1.0 else share * before
            for before, share in zip(carried, compiled.carried_shares, strict=True)
        ]
    for seller, quantity, waiting in zip(compiled.sellers, wanted, carried, strict=True):
        due = quantity if waiting is None else quantity + waiting
        stock = on_hand[seller]
        sale = minimum(due, stock)
        sold.append(sale)
        unfilled.append(due - sale)
        shortfall.append(due - stock if has_goodwill else unfilled[-1])
        on_hand[seller] = stock - sale
    lost: list[Column] = []
    if not compiled.is_prompt:
        _serve(compiled, compiled.after_customers, claims, on_hand, filled, shipped, operations)
        for i in compiled.late_links:
            pipeline[i] = (*pipeline[i], filled[i])
            in_transit[i] = in_transit[i] + filled[i]
        for place, i in enumerate(compiled.network.varying_links):
            if len(arrived[place]) == len(state.pipeline[i]):  # what is shipped late arrives in a later period
                arrived[place].append(filled[i] * 0.0)
            slots = (*state.pipeline[i], filled[i])
            lost.append(slots[0] - arrived[place][0])
    owed = state.owed
    if compiled.owes_upstream:
        owed = [
            owed[source.link] if source.shipper < 0 else claims[source.link] - filled[source.link]
            for source in compiled.sources
        ]

    columns = [*filled, *in_transit, *on_hand, *sold, *unfilled]
    if compiled.has_fixed_costs:
        columns += [operations.where(given > 0, given * 0.0 + 1.0, given * 0.0) for given in filled]
    if compiled.has_owed_penalties:
        columns += owed
    rows = operations.rows(columns)
    reward = operations.weigh(compiled.reward_map, rows)
    if compiled.is_weighted:
        weight = compiled.period_weight(state.period)
        reward = reward if weight == 1.0 else reward * weight
    if compiled.has_terminal_values and state.period + 1 == compiled.horizon:
        value = operations.weigh(compiled.terminal_reward_map, rows)
        reward = reward + value * compiled.discount**compiled.horizon
    after = Columns(state.period + 1, on_hand, pipeline, in_transit, unseen, owed, unfilled, shortfall, sentiment)
    return after, Movements(seen, filled, received, arrived, lost, scrapped, wanted, sold, rows, reward)


def _deliver(
    compiled: CompiledScenario, state: Columns, filled: Sequence[Column], arriving: Sequence[Sequence[Column]]
) -> tuple[list[Column], list[tuple[Column, ...]], list[Column], list[list[Column]]]:
    """Move all pipelines by a period: what was received, what is on the way (and its sum), what arrived by age.

    What has not been shipped yet is added to the pipelines later.
    """
    received: list[Column] = []
    pipeline: list[tuple[Column, ...]] = []
    in_transit: list[Column] = []
    if compiled.is_prompt:
        for given, slots, before in zip(filled, state.pipeline, state.in_transit, strict=True):
            if slots:
                pipeline.append((*slots[1:], given))
                in_transit.append(before - slots[0] + given)
                received.append(slots[0])
            else:
                pipeline.append(slots)
                in_transit.append(before)
                received.append(given)
        return received, pipeline, in_transit, []
    arrived: list[list[Column]] = []
    shares = iter(arriving)
    for link, given, slots, before in zip(
        compiled.network.supply_links, filled, state.pipeline, state.in_transit, strict=True
    ):
        shipped = () if given is None else (given,)
        if link.varies:
            came, kept = [], []
            for units, share in zip((*slots, *shipped), next(shares), strict=False):
                came.append(units * share)
                kept.append(units - came[-1])
            arrived.append(came)
            received.append(_sum(came))
            pipeline.append(tuple(kept[1:]))
            in_transit.append(_sum(kept[1:]) if len(kept) > 1 else before * 0.0)
        elif slots:
            received.append(slots[0])
            pipeline.append((*slots[1:], *shipped))
            in_transit.append(before - slots[0] if given is None else before - slots[0] + given)
        else:
            received.append(given)
            pipeline.append(slots)
            in_transit.append(before)
    return received, pipeline, in_transit, arrived


def _serve(
    compiled: CompiledScenario,
    turn: Turn,
    orders: Sequence[Column],
    on_hand: list[Column],
    filled: list[Column],
    shipped: list[Column],
    operations: Operations,
) -> None:
    """Ship from the stocks of this moment, in place."""
    ship(turn, orders, on_hand, filled, shipped, operations)
    for position in turn.points:
        point = compiled.stock_points[position]
        on_hand[position] = _without_shipped(on_hand[position], point, shipped, operations)


def _without_shipped(stock: Column, point: StockPoint, shipped: Sequence[Column], operations: Operations) -> Column:
    """A stock less what its node has shipped, if it has."""
    out = shipped[point.node]
    if out is None:
        return stock
    stock = stock - (out if point.consumption == 1.0 else point.consumption * out)
    # Rounding may leave -1e-14 where everything was shipped.
    return stock if point.exact else operations.at_least(stock, 0.0)


def _sum(columns: Sequence[Column]) -> Column:
    total = columns[0]
    for column in columns[1:]:
        total = total + column
    return total


def _scrap(compiled: CompiledScenario, on_hand: list[Column], operations: Operations) -> list[Column]:
    """Cut stocks down to the storage capacities, in place in the new list; what was cut, per stock point."""
    scrapped = [stock * 0.0 for stock in on_hand]
    for points, capacity in compiled.storage:
        total = on_hand[points[0]]
        for position in points[1:]:
            total = total + on_hand[position]
        # Components of one node are cut in proportion: no component is preferred.
        excess = operations.at_least(total - capacity, 0.0)
        share = excess / operations.at_least(total, SMALLEST_TOTAL)
        for position in points:
            scrapped[position] = excess if len(points) == 1 else on_hand[position] * share
            on_hand[position] = on_hand[position] - scrapped[position]
    return scrapped


def _ran_short(shortfall: Sequence[Column]) -> Column:
    """Whether any market link ran short, column by column."""
    short = shortfall[0] > 0
    for column in shortfall[1:]:
        short = short | (column > 0)
    return short
