"""The plan of a period: a rule for what comes later, then the first order, both by simulated value."""

from __future__ import annotations

from itertools import product

import numpy as np

from arena_forecasting.arrays import FloatArray
from arena_forecasting.planning.costs import StockCosts
from arena_forecasting.planning.futures import Futures
from arena_forecasting.planning.simulation import Rules, Start, rounded, simulate

_COVERS = (0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.1, 2.6)
_CAPS = (1.3, 2.0, 1e9)
_BATCHES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
_FEW_COVERS = (0.6, 0.85, 1.0, 1.2, 1.5)
_FACTORS = np.array([0.0, 0.35, 0.55, 0.7, 0.8, 0.88, 0.95, 1.0, 1.05, 1.12, 1.2, 1.3, 1.45, 1.7, 2.1])
_THINNED = 3
"""One of so many paths is used to compare rules."""
_MEMORY = 0.5
"""Weight of the periods before when rules are compared."""
_REFINED = 9
"""First orders between the neighbours of the best one that are tried next."""


def rule_table(links: int, *, has_fixed: bool) -> FloatArray:
    """Rules that are tried: cover, cap and batch of every link, (rules, links, 3).

    Every link alone, and pairs of a faster link with a low cover and a slower one.
    """
    unused = (-1.0, 1e9, 0.0)
    batches = _BATCHES if has_fixed else (0.0,)
    caps = _CAPS if links == 1 and not has_fixed else (1e9,)
    rows = []
    for link in range(links):
        for alone in product(_COVERS, caps, batches):
            row = [unused] * links
            row[link] = alone
            rows.append(row)
    for fast in range(links):
        for slow in range(fast + 1, links):
            for low, high, batch in product(_FEW_COVERS, _FEW_COVERS, batches[::2]):
                row = [unused] * links
                row[fast], row[slow] = (low, 1e9, 0.0), (high, 1e9, batch)
                rows.append(row)
    return np.array(rows)


def choose_orders(
    futures: Futures,
    costs: StockCosts,
    start: Start,
    table: FloatArray,
    *,
    is_whole: bool,
    before: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Choose the orders of the coming period.

    Rules are compared on a part of the paths, and by what was found in the periods before; first orders on all paths.

    Args:
        futures: common draws for all that is compared.
        costs: money and limits.
        start: stock at the beginning.
        table: rules that are tried, (rules, links, 3).
        is_whole: whether orders are whole units.
        before: smoothed disadvantages of the rules, as of the last period, (items, rules); None in the first one.

    Returns:
        Units, (items, links), and the smoothed disadvantages of the rules.
    """
    items = len(start.on_hand)
    links = table.shape[1]
    spread = np.broadcast_to(table, (items, *table.shape))
    rules = Rules(spread[..., 0], spread[..., 1], spread[..., 2])
    values, orders = simulate(futures.thinned(_THINNED), costs, start, rules, is_whole=is_whole)
    disadvantages = values.max(axis=1, keepdims=True) - values
    disadvantages /= np.maximum(disadvantages.mean(axis=1, keepdims=True), 1e-300)
    if before is not None:
        disadvantages = _MEMORY * before + (1.0 - _MEMORY) * disadvantages
    best = disadvantages.argmin(axis=1)
    rows = np.arange(items)
    chosen = spread[rows, best][:, None]
    current = rounded(orders[rows, best], costs, 0, is_whole=is_whole) if links == 1 else orders[rows, best]
    current_value = np.full(items, -np.inf)
    for link in range(links):
        scale = _scale_of(futures, start, link, chosen[:, 0, link, 0])
        grid = np.maximum(_FACTORS * scale[0][:, None] - scale[1][:, None], 0.0) / futures.chances[link][:, None]
        for _ in range(2):
            grid = rounded(np.concatenate([grid, current[:, link, None]], axis=1), costs, link, is_whole=is_whole)
            grid = np.sort(grid, axis=1)
            tried = np.repeat(current[:, None, :], grid.shape[1], axis=1)
            tried[:, :, link] = grid
            wide = np.broadcast_to(chosen, (items, grid.shape[1], links, 3))
            again = Rules(wide[..., 0], wide[..., 1], wide[..., 2])
            values, _orders = simulate(futures, costs, start, again, first=tried, is_whole=is_whole)
            place = values.argmax(axis=1)
            better = values[rows, place] > current_value
            current[:, link] = np.where(better, grid[rows, place], current[:, link])
            current_value = np.where(better, values[rows, place], current_value)
            lower, upper = grid[rows, np.maximum(place - 1, 0)], grid[rows, np.minimum(place + 1, grid.shape[1] - 1)]
            grid = lower[:, None] + (upper - lower)[:, None] * np.linspace(0.0, 1.0, _REFINED + 2)[1:-1]
    return current, disadvantages


def _scale_of(futures: Futures, start: Start, link: int, cover: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Level that the rule orders up to, and the position before, units, (items,) each."""
    needs = futures.needs[link][:, :, 0].mean(axis=1)
    level = np.where(cover > 0, cover, 1.0) * needs
    position = start.on_hand - start.waiting + futures.expected[link][:, :, 0].mean(axis=1)
    return level, position
