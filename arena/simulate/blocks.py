"""The transition of a batch in whole blocks: a numpy array of all links or stocks at once, where the network is plain.

The numbers are those of `arena.simulate.dynamics.advance`, bit for bit. That one works column by column, which plays
every part of every world, on floats and tensors too. With many links most of its time goes to calls of numpy on short
columns, and to putting columns together. Here the quantities that are put together anyway are computed where they stand
in the end, for all links with one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arena.simulate.columns import NUMPY
from arena.simulate.compiled import CompiledScenario, GoodwillColumns
from arena.simulate.sentiment import next_sentiment

Block = NDArray[np.float64]

#: Demand of a period, shape (market links, batch), given its sentiment, shape (batch,).
BlockDemand = Callable[[Block], Block]

#: Positions along the first axis of a block; a slice where they follow each other, which copies nothing.
_Index = slice | NDArray[np.intp]


# Measured with trees of 6 to 612 links, and batches of 64 to 4096.
_FEWEST_LINKS: Final = 20
_LARGEST_BATCH: Final = 2_048
_LINKS_PER_RUN: Final = 4


@dataclass(frozen=True, slots=True)
class BlockState:
    """State of a batch of episodes before a period, units. Treated as immutable: steps make new ones."""

    period: int
    on_hand: Block  # (stock points, batch)
    pipelines: tuple[Block, ...]  # per run of links: (links, periods of lead time, batch), oldest order first
    in_transit: Block  # (supply links, batch)
    unfilled: Block  # (market links, batch): at the end of the last period
    shortfall: Block | None  # (market links, batch): owed - stock when customers came last; None before
    sentiment: Block  # (batch,): the one of the last period


@dataclass(frozen=True, slots=True)
class BlockMovements:
    """What moved in a period; the names are those of `arena.simulate.states.Movements`."""

    demand: Block  # (market links, batch), units
    rows: Block  # flow rows, see CompiledScenario.money_terms
    reward: Block  # (batch,): sum of profits of the managed nodes, discounted


@dataclass(frozen=True, slots=True)
class _Run:
    """Supply links that follow each other and have one lead time."""

    links: slice
    lead_time: int


def are_blocks_faster(compiled: CompiledScenario, batch: int) -> bool:
    """Whether `BlockDynamics` plays a scenario, and faster than `advance`.

    Few links, or lead times that change from link to link, make small blocks; columns of many episodes keep numpy busy
    themselves, and fit the processor's cache where blocks of them do not.

    Args:
        compiled: the compiled scenario.
        batch: number of episodes.
    """
    links = compiled.links
    if links < _FEWEST_LINKS or batch > _LARGEST_BATCH or not is_plain(compiled):
        return False
    return _LINKS_PER_RUN * len(_runs([link.slots for link in compiled.network.supply_links])) <= links


def is_plain(compiled: CompiledScenario) -> bool:
    """Whether a scenario has nothing but what `BlockDynamics` plays.

    That is: goods leave from the stock with which the period begins, lead times are fixed, every node has one stock of
    which it ships a unit per unit, suppliers serve first come first, every market has a retailer of its own, and orders
    have neither lots nor minima nor delays, storages no capacity, suppliers no debts, and links no fixed costs.
    """
    shares = set(compiled.carried_shares)
    return (
        compiled.is_prompt
        and not (compiled.has_lots or compiled.has_order_delays or compiled.storage or compiled.owes_upstream)
        and not (compiled.has_fixed_costs or compiled.has_owed_penalties or compiled.has_terminal_values)
        and not (compiled.component_points or compiled.opening.shared)
        and compiled.shippers == len(compiled.stock_points)
        and all(point.consumption == 1.0 for point in compiled.stock_points if point.ships)
        and len(set(compiled.sellers)) == compiled.markets
        and (shares == {0.0} or shares == {1.0})
        and not isinstance(compiled.goodwill, GoodwillColumns)
    )


class BlockDynamics:
    """The transition of one scenario, for which `is_plain` holds.

    Args:
        compiled: the compiled scenario.
    """

    def __init__(self, compiled: CompiledScenario) -> None:
        self._compiled = compiled
        links, points, markets = compiled.links, compiled.stock_points, compiled.markets
        self._runs = _runs([link.slots for link in compiled.network.supply_links])
        self._raw = _index([source.link for source in compiled.sources if source.shipper < 0])
        bought: dict[int, list[int]] = {}
        for source in compiled.sources:
            if source.shipper >= 0:
                bought.setdefault(source.shipper, []).append(source.link)
        # Suppliers with many links come first, so that those that serve an n-th link are always the first few.
        suppliers = sorted(bought, key=lambda supplier: -len(bought[supplier]))
        self._suppliers = _index(suppliers)
        self._turns = [(len(each), _index(each)) for each in _turns([bought[supplier] for supplier in suppliers])]
        self._inexact = sum(not points[supplier].exact for supplier in suppliers)
        limits = {source.shipper: source.capacity for source in compiled.sources if source.capacity is not None}
        self._capacity = np.array([[limits.get(supplier, np.inf)] for supplier in suppliers]) if limits else None
        # Deliveries of a stock are added up one after the other, as in `advance`: other orders round differently.
        stocks = sorted(range(len(points)), key=lambda place: -len(points[place].arrivals))
        further = _turns([points[place].arrivals for place in stocks])[1:]
        self._first_arrivals = _index([point.arrivals[0] for point in points])
        self._further_arrivals = [(_index(stocks[: len(each)]), _index(each)) for each in further]
        self._sellers = _index(compiled.sellers)
        ends = np.cumsum([0, links, links, len(points), markets, markets]).tolist()
        self._places = [slice(start, end) for start, end in pairwise(ends)]
        self._carries = compiled.backlog

    def initial(self, batch: int) -> BlockState:
        """The state before the first period, the same in all episodes.

        Args:
            batch: number of episodes.
        """
        compiled = self._compiled

        def spread(values: Sequence[Any]) -> Block:
            given = np.array(values, dtype=np.float64)
            return np.ascontiguousarray(np.broadcast_to(given[..., None], (*given.shape, batch)))

        return BlockState(
            period=0,
            on_hand=spread(compiled.initial_stock),
            pipelines=tuple(spread(compiled.initial_pipeline[run.links]) for run in self._runs),
            in_transit=spread([sum(slots, 0.0) for slots in compiled.initial_pipeline]),
            unfilled=spread(compiled.initial_backlog),
            shortfall=None,
            sentiment=np.ones(batch),
        )

    def advance(self, state: BlockState, orders: Block, demand: BlockDemand) -> tuple[BlockState, BlockMovements]:
        """Play one period of a batch of episodes.

        Args:
            state: before the period.
            orders: requested units, not negative, shape (supply links, batch).
            demand: gives demand from the period's sentiment; called once, after sentiment has moved.

        Returns:
            The state after the period, and what moved in it.
        """
        compiled = self._compiled
        rows = np.empty((compiled.flow_rows, orders.shape[1]))
        filled, in_transit, on_hand, sold, unfilled = (rows[place] for place in self._places)
        shipped = self._ship(state.on_hand, orders, filled)
        received, pipelines = self._deliver(state, filled, in_transit)
        incoming = received[self._first_arrivals]
        for points, links in self._further_arrivals:
            incoming[points] += received[links]
        np.add(state.on_hand, incoming, out=on_hand)
        if shipped is not None:
            left = on_hand[self._suppliers] - shipped
            np.maximum(left[: self._inexact], 0.0, out=left[: self._inexact])  # rounding may leave -1e-14
            on_hand[self._suppliers] = left
        sentiment = state.sentiment
        if compiled.goodwill is not None and state.shortfall is not None:
            short = (state.shortfall > 0).any(axis=0)
            sentiment = next_sentiment(compiled.goodwill, sentiment, short, operations=NUMPY)
        wanted = demand(sentiment)
        due = wanted + state.unfilled if self._carries else wanted
        stock = on_hand[self._sellers]
        np.minimum(due, stock, out=sold)
        np.subtract(due, sold, out=unfilled)
        shortfall = unfilled if compiled.goodwill is None else due - stock
        np.subtract(stock, sold, out=stock)
        if not isinstance(self._sellers, slice):  # of a slice, `stock` is no copy
            on_hand[self._sellers] = stock
        reward = np.dot(compiled.reward_map, rows)
        if compiled.is_weighted:
            weight = compiled.period_weight(state.period)
            reward = reward if weight == 1.0 else reward * weight
        after = BlockState(state.period + 1, on_hand, pipelines, in_transit, unfilled, shortfall, sentiment)
        return after, BlockMovements(wanted, rows, reward)

    def _ship(self, stocks: Block, orders: Block, filled: Block) -> Block | None:
        """Fill orders into `filled`, the first link of every supplier, then the second ones; what each has shipped."""
        filled[self._raw] = orders[self._raw]
        if not self._turns:
            return None
        stock, capacity = stocks[self._suppliers], self._capacity
        shipped = np.minimum(orders[self._turns[0][1]], stock)
        if capacity is not None:
            np.minimum(shipped, capacity, out=shipped)
        filled[self._turns[0][1]] = shipped
        for count, links in self._turns[1:]:
            gone = shipped[:count]
            left = stock[:count] - gone
            np.maximum(left, 0.0, out=left)
            given = np.minimum(orders[links], left, out=left)
            if capacity is not None:
                np.minimum(given, np.maximum(capacity[:count] - gone, 0.0), out=given)
            gone += given
            filled[links] = given
        return shipped

    def _deliver(self, state: BlockState, filled: Block, in_transit: Block) -> tuple[Block, tuple[Block, ...]]:
        """Move all pipelines by a period, and write what is on the way; what was received, and the pipelines."""
        received, pipelines = np.empty(filled.shape), []
        for run, before in zip(self._runs, state.pipelines, strict=True):
            if not run.lead_time:
                received[run.links] = filled[run.links]
                in_transit[run.links] = state.in_transit[run.links]
                pipelines.append(before)
                continue
            received[run.links] = before[:, 0]
            under_way = in_transit[run.links]
            np.subtract(state.in_transit[run.links], before[:, 0], out=under_way)
            under_way += filled[run.links]
            after = np.empty(before.shape)
            after[:, :-1] = before[:, 1:]
            after[:, -1] = filled[run.links]
            pipelines.append(after)
        return received, tuple(pipelines)


def _runs(lead_times: Sequence[int]) -> list[_Run]:
    """Links that follow each other and have the same lead time, in their order."""
    runs, start = [], 0
    for lead_time, each in groupby(lead_times):
        stop = start + len(list(each))
        runs.append(_Run(slice(start, stop), lead_time))
        start = stop
    return runs


def _turns(links: Sequence[Sequence[int]]) -> list[list[int]]:
    """The first links of all, then the second ones of those that have one, and so on; the longest sequence is first."""
    return [[each[turn] for each in links if len(each) > turn] for turn in range(len(links[0]) if links else 0)]


def _index(positions: Sequence[int]) -> _Index:
    start = positions[0] if positions else 0
    stop = start + len(positions)
    return slice(start, stop) if list(positions) == list(range(start, stop)) else np.array(positions, dtype=np.intp)
