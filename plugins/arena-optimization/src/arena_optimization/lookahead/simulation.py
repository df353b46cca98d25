"""Simulation of a store on many paths of demand, for many rules or first orders at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena_optimization.arrays import FloatArray
from arena_optimization.lookahead.rules import Rules, raised
from arena_optimization.lookahead.store import Source, Store


@dataclass(frozen=True)
class Situation:
    """A store before a decision, units.

    Attributes:
        on_hand: Stock.
        backlog: Owed to customers.
        due: Arrives in the coming periods, (horizon + longest lead time + 1,).
    """

    on_hand: float
    backlog: float
    due: FloatArray


@dataclass(frozen=True)
class Weights:
    """How the coming periods count.

    Attributes:
        periods: Factors on the profits of the periods, (horizon,).
        ends: Factors on the value of stock, orders under way and backlog after each period, (horizon,).
        is_last: Whether the last of them is the last of the episode, after which stock has its terminal value.
        last: Factor on that value.
    """

    periods: FloatArray
    ends: FloatArray
    is_last: bool
    last: float

    def of(self, source: Source, period: int) -> tuple[float, float]:
        """Factors on price and fixed cost of an order of a period, and on the cost of its way."""
        seen = min(period + source.delay, len(self.periods) - 1)
        paid = float(self.periods[seen])
        if self.is_last:
            return paid, float(self.periods[seen : seen + source.lead_time].sum())
        return paid, paid * source.lead_time


def weights_of(horizon: int, left: int, discount: float) -> Weights:
    """Weights of a look-ahead.

    One that stops before the episode ends is the mean of look-aheads that stop in each period of its last third, so
    that it does not matter how the last one of them begins a new cycle of orders. There, stock is worth the price of
    new stock.

    Args:
        horizon: Its periods.
        left: Periods left of the episode.
        discount: Factor per period.
    """
    discounts: FloatArray = np.array([discount**k for k in range(horizon)])
    if horizon >= left:
        return Weights(discounts, np.zeros(horizon), is_last=True, last=discount**horizon)
    tail = max(1, horizon // 3)
    ends = np.zeros(horizon)
    ends[horizon - tail :] = 1.0 / tail
    counted = np.cumsum(ends[::-1])[::-1]
    return Weights(counted * discounts, ends * discounts * discount, is_last=False, last=0.0)


def simulate(
    store: Store,
    situation: Situation,
    demand: FloatArray,
    rules: Rules,
    weights: Weights,
    first: FloatArray | None = None,
) -> FloatArray:
    """Play a store, and say what it earns on average.

    Args:
        store: The store.
        situation: What it starts from.
        demand: Units, (paths, horizon).
        rules: Those that order, as many as first orders, or one for all of them.
        weights: How periods count.
        first: Orders of the first period, (first orders, sources), units; None if the rules order there as well.

    Returns:
        Mean profit by rule or first order, money. What is under way already costs nothing here.
    """
    count = rules.levels.shape[2] if first is None else len(first)
    paths, horizon = demand.shape
    coming = np.repeat(situation.due[:, None], count, axis=1)[:, :, None].repeat(paths, axis=2)
    stock = np.full((count, paths), situation.on_hand)
    backlog = np.full((count, paths), situation.backlog)
    position = stock + float(situation.due.sum()) - backlog
    profit = np.zeros((count, paths))
    longest = store.longest
    for k in range(horizon):
        weight = weights.periods[k]
        for place, source in enumerate(store.sources):
            if weights.is_last and k + source.delay >= horizon:
                continue  # nobody sees it any more
            if k == 0 and first is not None:
                order = np.broadcast_to(first[:, place, None], (count, paths))
            else:
                if np.isneginf(rules.levels[k, place]).all():
                    continue
                seen = position if source.reach == longest else _position(stock, backlog, coming, k, source.reach)
                order = rules.levels[k, place][:, None] - seen
                if source.fixed_cost > 0:
                    order = np.where(order >= rules.gaps[k, place][:, None], order, 0.0)
                order = np.minimum(np.maximum(order, 0.0), rules.caps[k, place][:, None])
                order = np.minimum(raised(source, order), source.most)
            paid, carried = weights.of(source, k)
            unit = paid * source.price + carried * source.pipeline_cost
            if unit:
                profit -= unit * order
            if source.fixed_cost > 0:
                profit -= (paid * source.fixed_cost) * (order > 0)
            coming[k + source.reach] += order
            position += order
        stock += coming[k]
        wanted = demand[:, k] + backlog
        unfilled = np.maximum(wanted - stock, 0.0)
        sold = wanted - unfilled
        stock -= sold
        position -= sold
        if store.waiting_share:
            position += backlog
            backlog = store.waiting_share * unfilled
            position -= backlog
        profit += (weight * store.margin) * sold
        profit -= (weight * store.penalty) * unfilled
        profit -= (weight * store.holding_cost) * stock
        if weights.ends[k]:
            profit += (weights.ends[k] * store.unit_cost) * position
            if store.waiting_share:
                profit += (weights.ends[k] * store.margin) * backlog
    if weights.is_last and store.terminal_value:
        left = stock + coming[horizon:].sum(axis=0)
        profit += (weights.last * store.terminal_value) * left
    return np.asarray(profit.mean(axis=1))


def _position(stock: FloatArray, backlog: FloatArray, coming: FloatArray, period: int, reach: int) -> FloatArray:
    """What is on hand and arrives until an order of this period would, less backlog, units."""
    return np.asarray(stock - backlog + coming[period : period + reach + 1].sum(axis=0))
