"""Simulated value of order rules on futures, for all rules and paths at once.

The rule of a link orders up to ``cover`` times the forecast demand over its protection interval, plus ``batch`` periods
of demand, divided by the chance that an order arrives, and at most ``cap`` periods of demand. A negative cover never
orders.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from arena_forecasting.arrays import FloatArray
from arena_forecasting.planning.costs import StockCosts
from arena_forecasting.planning.futures import Futures


@dataclass(frozen=True)
class Rules:
    """Rules of all links, each of shape (items, rules, links).

    Attributes:
        cover: multiple of the forecast over the protection interval; negative: the link is not used.
        cap: largest order in periods of demand.
        batch: periods of demand that an order has besides, where ordering has a fixed cost.
    """

    cover: FloatArray
    cap: FloatArray
    batch: FloatArray


@dataclass(frozen=True)
class Start:
    """Stock at the beginning.

    Attributes:
        on_hand: units, (items,).
        waiting: units of customers who wait, (items,).
    """

    on_hand: FloatArray
    waiting: FloatArray


def rounded(orders: FloatArray, costs: StockCosts, link: int, *, is_whole: bool) -> FloatArray:
    """Orders as the supplier takes them: whole lots, at least the minimum, at most the largest.

    Args:
        orders: units, (items, …).
        costs: of the items.
        link: position of the link.
        is_whole: whether demand, and so orders, are whole units.
    """
    shape = (-1, *[1] * (orders.ndim - 1))
    lot = np.reshape(costs.lot[:, link], shape)
    minimum = np.reshape(costs.minimum[:, link], shape)
    most = np.reshape(costs.most[:, link], shape)
    if is_whole:
        orders = np.rint(orders)
    if (lot > 1.0).any() or (not is_whole and (lot > 0.0).any()):
        size = np.where(lot > 0.0, lot, 1.0)
        lots = np.rint(orders / size)
        largest = np.floor(most / size + 1e-9)
        orders = np.where(lot > 0.0, np.minimum(lots, largest) * size, orders)
    if (minimum > 0.0).any():
        orders = np.where(orders >= 0.5 * minimum, np.where(orders > 0.0, np.maximum(orders, minimum), 0.0), 0.0)
    orders = np.minimum(orders, most)
    return np.asarray(np.where(orders < minimum, 0.0, orders))


def simulate(
    futures: Futures,
    costs: StockCosts,
    start: Start,
    rules: Rules,
    *,
    first: FloatArray | None = None,
    is_whole: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Play rules on all paths.

    Args:
        futures: what happens.
        costs: money and limits.
        start: stock at the beginning.
        rules: to play.
        first: orders of the first period in their place, units, (items, rules, links).
        is_whole: whether orders are whole units.

    Returns:
        Mean value over the paths, money, (items, rules), and the orders of the first period, (items, rules, links).
    """
    items, paths, periods = futures.demand.shape
    count, links = rules.cover.shape[1:]
    on_hand = np.broadcast_to(start.on_hand[:, None, None], (items, count, paths)).copy()
    waiting = np.broadcast_to(start.waiting[:, None, None], (items, count, paths))
    has_waiting = bool((costs.waiting_share > 0).any() or (start.waiting > 0).any())
    has_storage = bool(np.isfinite(costs.storage).any())
    has_fixed = [bool((costs.fixed[:, link] > 0).any()) for link in range(links)]
    value = np.zeros((items, count, paths))
    placed: list[list[FloatArray]] = [[] for _ in range(links)]
    first_orders = np.zeros((items, count, links))
    chances = futures.chances[:, :, None, None]
    cover = rules.cover.transpose(2, 0, 1)[..., None]
    cap, batch = rules.cap.transpose(2, 0, 1)[..., None], rules.batch.transpose(2, 0, 1)[..., None]
    has_batch = bool((rules.batch > 0).any())
    never = [bool((cover[link] < 0).any()) for link in range(links)]
    price, holding, penalty = (each[:, None, None] for each in (costs.price, costs.holding, costs.penalty))
    factor = 1.0
    for period in range(periods):
        moved = np.zeros((items, count, paths))
        for link in range(links):
            rates = futures.rates[link][:, None, :, period]
            if period == 0 and first is not None:
                orders = np.broadcast_to(first[:, :, link, None], (items, count, paths))
            else:
                position = on_hand - waiting if has_waiting else on_hand
                position = position + futures.expected[link][:, None, :, period]
                for other in range(links):
                    for age, weights in _open(futures.counts[link][other], period):
                        position = position + placed[other][period - age] * weights
                    if other < link:
                        position = position + chances[other] * placed[other][period]
                gap = cover[link] * futures.needs[link][:, None, :, period] - position
                if has_batch:
                    gap = np.where(gap > 0, gap + batch[link] * rates, 0.0)
                orders = np.minimum(np.maximum(gap, 0.0), cap[link] * rates) / chances[link]
                if never[link]:
                    orders = np.where(cover[link] < 0, 0.0, orders)
                orders = rounded(orders, costs, link, is_whole=is_whole)
            if period == 0:
                first_orders[:, :, link] = orders.mean(axis=2)
            placed[link].append(orders)
            if costs.unit_cost[:, link].any():
                moved = moved - costs.unit_cost[:, link, None, None] * orders
            if has_fixed[link]:
                moved = moved - costs.fixed[:, link, None, None] * (orders > 0)
        on_hand = on_hand + futures.incoming[:, None, :, period]
        for link in range(links):
            for age, share in _open(futures.arrives[link], period):
                on_hand = on_hand + placed[link][period - age] * share
        if has_storage:
            on_hand = np.minimum(on_hand, costs.storage[:, None, None])
        wanted = futures.demand[:, None, :, period]
        if has_waiting:
            wanted = wanted + waiting
        sold = np.minimum(on_hand, wanted)
        on_hand = on_hand - sold
        moved = moved + price * sold - holding * on_hand
        if has_waiting:
            unfilled = wanted - sold
            moved = moved - penalty * unfilled
            waiting = costs.waiting_share[:, None, None] * unfilled
        elif costs.penalty.any():
            moved = moved - penalty * (wanted - sold)
        value += factor * moved
        factor *= costs.discount
    value += factor * _left(futures, costs, on_hand, waiting, placed)
    return value.mean(axis=2), first_orders


def _open(by_age: list[FloatArray | None], period: int) -> Iterable[tuple[int, FloatArray]]:
    """Ages at which something can happen in a period, and what happens to the order of that age, by path."""
    for age, table in enumerate(by_age):
        if table is not None and age <= period:
            yield age, table[:, None, :, period - age]


def _left(
    futures: Futures, costs: StockCosts, on_hand: FloatArray, waiting: FloatArray, placed: list[list[FloatArray]]
) -> FloatArray:
    """Worth of what is left after the last period of the futures, (items, rules, paths).

    At the end of the episode, stock on hand and on its way has its terminal value. Where the episode goes on, it is
    worth what it cost, and a customer who waits what he will pay, less that.
    """
    periods = futures.demand.shape[2]
    cheapest = costs.unit_cost.min(axis=1)
    worth = np.where(futures.ends, costs.terminal, cheapest)[:, None, None]
    if not worth.any() and (futures.ends or not waiting.any()):
        return np.zeros_like(on_hand)
    stock = on_hand + futures.expected[0][:, None, :, -1] * 0.0
    for link, orders in enumerate(placed):
        for age, weights in _open(futures.counts[0][link], periods):
            if age > 0:
                stock = stock + orders[periods - age] * weights
    left = worth * stock
    if not futures.ends:
        left = left + (costs.price[:, None, None] - worth) * waiting
    return np.asarray(left)
