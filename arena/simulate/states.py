"""States of a batch of episodes and what moves in a period: columns for the dynamics, arrays for their users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from arena.simulate.columns import Column
from arena.simulate.compiled import CompiledScenario


@dataclass(slots=True)
class Columns:
    """State of a batch of episodes before a period, as columns. Treated as immutable: steps make new ones."""

    period: int
    on_hand: list[Column]  # per stock point
    pipeline: list[tuple[Column, ...]]  # per supply link, a column per period of its longest lead time, oldest first
    in_transit: list[Column]  # per supply link
    unseen: list[tuple[Column, ...]]  # per supply link: orders that its supplier has not seen, oldest first
    owed: list[Column]  # per supply link: what the supplier still owes (zero unless upstream shortage is owed)
    unfilled: list[Column]  # per market link, at the end of the last period
    shortfall: list[Column] | None  # per market link: owed - stock when customers came last; None before
    sentiment: Column  # the one of the last period


@dataclass(slots=True)
class Movements:
    """What moved in a period, as columns."""

    seen: Sequence[Column]  # per supply link: the order that its supplier sees, in whole lots
    filled: list[Column]  # per supply link
    received: list[Column]  # per supply link
    arrived: list[list[Column]]  # per supply link whose lead time varies: what arrived by age, oldest order first
    lost: list[Column]  # per supply link whose lead time varies: what can no longer arrive
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
    pipeline: Any  # (batch, slots): see Network.pipeline_offsets
    in_transit: Any  # (batch, supply links)
    unseen: Any  # (batch, sum of order delays): orders that suppliers have not seen, see Network.delay_offsets
    owed: Any  # (batch, supply links)
    unfilled: Any  # (batch, market links): at the end of the last period
    shortfall: Any  # (batch, market links): owed - stock when customers came last
    sentiment: Any  # (batch,)


@dataclass(frozen=True)
class Flows:
    """What moved in a period, as arrays; the first axis is the batch."""

    filled: Any  # (batch, supply links), units shipped to each link
    received: Any  # (batch, supply links), units delivered
    lost: Any  # (batch, supply links), units on the way that can no longer arrive
    scrapped: Any  # (batch, stock points), units above the storage capacity
    demand: Any  # (batch, market links), units
    sold: Any  # (batch, market links), units
    node_profit: Any  # (batch, managed nodes), money, discounted
    reward: Any  # (batch,), money, discounted


def initial_columns(compiled: CompiledScenario, column: Callable[[float], Column] = float) -> Columns:
    """The state before the first period, as columns.

    Args:
        compiled: the compiled scenario.
        column: makes a column of a constant; by default a float for a single episode.
    """
    # Columns are never changed in place, so equal ones are made once: most of a pipeline is empty.
    made = cache(column)
    return Columns(
        period=0,
        on_hand=[made(stock) for stock in compiled.initial_stock],
        pipeline=[tuple(map(made, slots)) for slots in compiled.initial_pipeline],
        in_transit=[made(sum(slots, 0.0)) for slots in compiled.initial_pipeline],
        unseen=[tuple(map(made, orders)) for orders in compiled.initial_orders],
        owed=[made(units) for units in compiled.initial_owed],
        unfilled=[made(backlog) for backlog in compiled.initial_backlog],
        shortfall=None,
        sentiment=made(1.0),
    )


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

    def spread(values: Sequence[float]) -> Any:
        zeros = xp.zeros((batch, len(values)), **kind)
        return zeros + xp.asarray(list(values), **kind)[None, :] if values else zeros

    return BatchState(
        period=0,
        on_hand=spread(compiled.initial_stock),
        pipeline=spread([units for slots in compiled.initial_pipeline for units in slots]),
        in_transit=spread([sum(slots, 0.0) for slots in compiled.initial_pipeline]),
        unseen=spread([units for orders in compiled.initial_orders for units in orders]),
        owed=spread(compiled.initial_owed),
        unfilled=spread(compiled.initial_backlog),
        shortfall=spread([0.0] * compiled.markets),
        sentiment=xp.ones((batch,), **kind),
    )


def columns_of(compiled: CompiledScenario, state: BatchState) -> Columns:
    """A state given as arrays, as columns."""
    network = compiled.network
    return Columns(
        period=state.period,
        on_hand=split(state.on_hand),
        pipeline=_by_link(state.pipeline, network.pipeline_offsets),
        in_transit=split(state.in_transit),
        unseen=_by_link(state.unseen, network.delay_offsets),
        owed=split(state.owed),
        unfilled=split(state.unfilled),
        shortfall=split(state.shortfall),
        sentiment=state.sentiment,
    )


def split(array: Any) -> list[Column]:
    """Columns of an array (batch, n)."""
    return list(array.T)


def _by_link(array: Any, offsets: Sequence[int]) -> list[tuple[Column, ...]]:
    slots = split(array)
    return [tuple(slots[offsets[i] : offsets[i + 1]]) for i in range(len(offsets) - 1)]
