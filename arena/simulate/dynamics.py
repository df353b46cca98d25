"""How the world moves: one pure function, :func:`step`, over arrays with a leading batch axis.

The order within a period is the contract's: orders are filled, deliveries arrive, sentiment moves, demand is met,
profit is counted. The same code plays a scored episode (a batch of one, on floats), a vector environment (numpy) and
differentiable training (torch tensors): see :mod:`arena.simulate.columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from arena.simulate.columns import LOT_SLACK, Column, Operations, operations_for
from arena.simulate.compiled import CompiledScenario, Source
from arena.simulate.sentiment import next_sentiment

# Keeps 0 / 0 from happening; representable in single precision too.
_SMALLEST_TOTAL = 1e-30

#: From the shortfall of each market link (owed - stock, units; positive: stock-out), an indicator in [0, 1].
StockOut = Callable[[Sequence[Column]], Column]

#: Demand columns of a period, given its sentiment.
DemandSource = Callable[[Column], Sequence[Column]]


@dataclass(slots=True)
class Columns:
    """State of a batch of episodes before a period, as columns. Treated as immutable: steps make new ones."""

    period: int
    on_hand: list[Column]  # per stock point
    pipeline: list[tuple[Column, ...]]  # per supply link, a column per period until arrival
    in_transit: list[Column]  # per supply link
    owed: list[Column]  # per supply link: what the supplier still owes (zero unless upstream shortage is owed)
    unfilled: list[Column]  # per market link, at the end of the last period
    shortfall: list[Column] | None  # per market link: owed - stock when customers came last; None before
    sentiment: Column  # the one of the last period


@dataclass(slots=True)
class Movements:
    """What moved in a period, as columns."""

    filled: list[Column]  # per supply link
    received: list[Column]  # per supply link
    scrapped: list[Column] | None  # per stock point; None where no node has a storage capacity
    demand: Sequence[Column]  # per market link
    sold: list[Column]  # per market link
    rows: Any  # flow rows, see CompiledScenario.money_terms
    reward: Column  # sum of profits of the managed nodes, discounted


@dataclass(frozen=True)
class BatchState:
    """State of a batch of episodes before a period, as arrays; the first axis is the batch, units throughout."""

    period: int
    on_hand: Any  # (batch, stock points)
    pipeline: Any  # (batch, sum of lead times): slots of each link, the first arriving in this period
    in_transit: Any  # (batch, supply links)
    owed: Any  # (batch, supply links)
    unfilled: Any  # (batch, market links): at the end of the last period
    shortfall: Any  # (batch, market links): owed - stock when customers came last
    sentiment: Any  # (batch,)


@dataclass(frozen=True)
class Flows:
    """What moved in a period, as arrays; the first axis is the batch."""

    filled: Any  # (batch, supply links), units shipped to each link
    received: Any  # (batch, supply links), units delivered
    scrapped: Any  # (batch, stock points), units above the storage capacity
    demand: Any  # (batch, market links), units
    sold: Any  # (batch, market links), units
    node_profit: Any  # (batch, managed nodes), money, discounted
    reward: Any  # (batch,), money, discounted


def initial_state(compiled: CompiledScenario, batch: int, like: Any) -> BatchState:
    """The state before the first period.

    Args:
        compiled: the compiled scenario.
        batch: number of episodes.
        like: an array whose namespace, floating dtype and device the state takes (numpy or torch).

    Returns:
        A state with ``batch`` identical episodes.
    """
    from array_api_compat import array_namespace, device

    xp = array_namespace(like)
    kind = {"dtype": like.dtype, "device": device(like)}

    def zeros(width: int) -> Any:
        return xp.zeros((batch, width), **kind)

    stock = xp.asarray(list(compiled.initial_stock), **kind)
    return BatchState(
        period=0,
        on_hand=stock[None, :] + zeros(len(compiled.initial_stock)),
        pipeline=zeros(compiled.network.pipeline_offsets[-1]),
        in_transit=zeros(compiled.links),
        owed=zeros(compiled.links),
        unfilled=zeros(compiled.markets),
        shortfall=zeros(compiled.markets),
        sentiment=xp.ones((batch,), **kind),
    )


def step(
    compiled: CompiledScenario,
    state: BatchState,
    orders: Any,
    demand: Any | Callable[[Any], Any],
    *,
    stock_out: StockOut | None = None,
) -> tuple[BatchState, Flows]:
    """Play one period of a batch of episodes. Pure: nothing is changed in place.

    Args:
        compiled: the compiled scenario.
        state: the state before the period.
        orders: requested units per supply link, shape (batch, supply links); negative requests count as zero.
        demand: customers' demand of the period, shape (batch, market links), units; or a function that gives it from
            the period's sentiment, shape (batch,), when demand depends on sentiment.
        stock_out: surrogate of the goodwill indicator for differentiable training, see
            :func:`smooth_stock_out`. Its value decides between growth (0) and decay (1) of sentiment. By default the
            exact indicator, whose gradient is zero.

    Returns:
        The state after the period and what moved in it. With torch tensors both are differentiable in orders, demand
        and state.

    Raises:
        TypeError: If orders are no array of a known namespace.

    Source: gym-invmgmt (arXiv 2605.11355), extended by bills of materials, lots, minimum orders, storage capacities
    and owed upstream shortage.
    """
    operations = operations_for(orders)
    requests = _split(operations.at_least(orders, 0.0))
    source: DemandSource = (
        (lambda sentiment: _split(demand(sentiment))) if callable(demand) else (lambda _sentiment: _split(demand))
    )
    after, moved = advance(compiled, _to_columns(compiled, state), requests, source, operations, stock_out)

    def together(columns: Sequence[Column]) -> Any:
        return operations.rows(columns).T

    zeros = [column * 0.0 for column in after.on_hand]
    assert after.shortfall is not None
    scale = compiled.discount**state.period
    new_state = BatchState(
        period=after.period,
        on_hand=together(after.on_hand),
        pipeline=(
            together([slot for slots in after.pipeline for slot in slots])
            if compiled.network.pipeline_offsets[-1]
            else state.pipeline
        ),
        in_transit=together(after.in_transit),
        owed=together(after.owed),
        unfilled=together(after.unfilled),
        shortfall=together(after.shortfall),
        sentiment=after.sentiment,
    )
    flows = Flows(
        filled=together(moved.filled),
        received=together(moved.received),
        scrapped=together(moved.scrapped if moved.scrapped is not None else zeros),
        demand=together(moved.demand),
        sold=together(moved.sold),
        node_profit=operations.weigh(compiled.profit_map, moved.rows).T * scale,
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
) -> tuple[Columns, Movements]:
    """The transition itself, over columns; :func:`step` says what it does.

    Args:
        compiled: the compiled scenario.
        state: columns before the period.
        requests: per supply link, not negative.
        demand: gives the demand columns from the sentiment column; called once, after sentiment has moved.
        operations: those of the columns' kind.
        stock_out: surrogate of the goodwill indicator.
    """
    minimum, at_least = operations.minimum, operations.at_least
    filled, owed, shipped = _fill(compiled, state, requests, operations)

    received: list[Column] = []
    pipeline: list[tuple[Column, ...]] = []
    in_transit: list[Column] = []
    for given, slots, before in zip(filled, state.pipeline, state.in_transit, strict=True):
        if slots:
            arriving = slots[0]
            pipeline.append((*slots[1:], given))
            in_transit.append(before - arriving + given)
        else:
            arriving = given
            pipeline.append(slots)
            in_transit.append(before)
        received.append(arriving)

    on_hand: list[Column] = []
    for point, stock in zip(compiled.stock_points, state.on_hand, strict=True):
        incoming = received[point.arrivals[0]]
        for i in point.arrivals[1:]:
            incoming = incoming + received[i]
        stock = stock + incoming
        if point.ships:
            out = shipped[point.node]
            stock = stock - (out if point.consumption == 1.0 else point.consumption * out)
            if not point.exact:  # rounding may leave -1e-14 where everything was shipped
                stock = at_least(stock, 0.0)
        on_hand.append(stock)
    scrapped = _scrap(compiled, on_hand, operations) if compiled.storage else None

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
    for seller, quantity, backlog in zip(compiled.sellers, wanted, state.unfilled, strict=True):
        due = quantity + backlog if compiled.backlog else quantity
        stock = on_hand[seller]
        sale = minimum(due, stock)
        sold.append(sale)
        unfilled.append(due - sale)
        if compiled.goodwill is not None:
            shortfall.append(due - stock)
        else:
            shortfall.append(unfilled[-1])
        on_hand[seller] = stock - sale

    columns = [*filled, *in_transit, *on_hand, *sold, *unfilled]
    if compiled.has_fixed_costs:
        columns += [operations.where(given > 0, given * 0.0 + 1.0, given * 0.0) for given in filled]
    rows = operations.rows(columns)
    reward = operations.weigh(compiled.reward_map, rows)
    if compiled.discount != 1.0:
        reward = reward * compiled.discount**state.period
    after = Columns(state.period + 1, on_hand, pipeline, in_transit, owed, unfilled, shortfall, sentiment)
    return after, Movements(filled, received, scrapped, wanted, sold, rows, reward)


def _fill(
    compiled: CompiledScenario, state: Columns, requests: Sequence[Column], operations: Operations
) -> tuple[list[Column], list[Column], list[Column]]:
    """What every supply link gets: first come, first served in link order. Also what is owed, and shipped by node."""
    minimum, at_most, at_least = operations.minimum, operations.at_most, operations.at_least
    filled: list[Column] = []
    owed = state.owed
    if compiled.owes_upstream:
        owed = list(owed)
    shipped: list[Column] = [None] * len(compiled.network.managed)
    for source, claim in zip(compiled.sources, requests, strict=True):
        if source.minimum_order or source.lot_size:
            claim = _order_in_lots(claim, source, operations)
        if source.node < 0:
            filled.append(claim)
            continue
        if compiled.owes_upstream:
            claim = claim + owed[source.link]
        given = claim
        gone = shipped[source.node]
        for position, consumption in source.stocks:
            stock = state.on_hand[position]
            if gone is not None:
                stock = at_least(stock - (gone if consumption == 1.0 else consumption * gone), 0.0)
            given = minimum(given, stock if consumption == 1.0 else stock / consumption)
        if source.capacity is not None:
            if gone is None:
                given = at_most(given, source.capacity)
            else:
                given = minimum(given, at_least(source.capacity - gone, 0.0))
        if source.lot_size:
            lots = operations.floor(given / source.lot_size + LOT_SLACK)
            given = minimum(given, lots * source.lot_size)
        shipped[source.node] = given if gone is None else gone + given
        if compiled.owes_upstream:
            owed[source.link] = claim - given
        filled.append(given)
    return filled, owed, shipped


def _order_in_lots(request: Column, source: Source, operations: Operations) -> Column:
    """The order that is placed: a positive request is raised to the minimum order and to whole lots."""
    placed = request
    if source.minimum_order:
        placed = operations.at_least(placed, source.minimum_order)
    if source.lot_size:
        placed = operations.ceil(placed / source.lot_size - LOT_SLACK) * source.lot_size
    return operations.where(request > 0, placed, request)


def _scrap(compiled: CompiledScenario, on_hand: list[Column], operations: Operations) -> list[Column]:
    """Cut stocks down to the storage capacities, in place in the new list; what was cut, per stock point."""
    scrapped = [stock * 0.0 for stock in on_hand]
    for points, capacity in compiled.storage:
        total = on_hand[points[0]]
        for position in points[1:]:
            total = total + on_hand[position]
        # Components of one node are cut in proportion: no component is preferred.
        excess = operations.at_least(total - capacity, 0.0)
        share = excess / operations.at_least(total, _SMALLEST_TOTAL)
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


def _split(array: Any) -> list[Column]:
    """Columns of an array (batch, n)."""
    return list(array.T)


def _to_columns(compiled: CompiledScenario, state: BatchState) -> Columns:
    slots = _split(state.pipeline)
    offsets = compiled.network.pipeline_offsets
    return Columns(
        period=state.period,
        on_hand=_split(state.on_hand),
        pipeline=[tuple(slots[offsets[i] : offsets[i + 1]]) for i in range(compiled.links)],
        in_transit=_split(state.in_transit),
        owed=_split(state.owed),
        unfilled=_split(state.unfilled),
        shortfall=_split(state.shortfall),
        sentiment=state.sentiment,
    )
