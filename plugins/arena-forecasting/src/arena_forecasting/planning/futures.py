"""Futures of some stock points: demand, what is on its way already, and lead times of orders to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena_forecasting.arrays import FloatArray, IntArray
from arena_forecasting.lead_times import LeadTimeBelief

_SPEED = 0.35
"""Speed of the exponential smoothing by which a path's forecast follows its own demand."""
_RIDGE = 0.15
"""Share of a regressor's variance that is added to it, because paths are few."""


@dataclass(frozen=True)
class Futures:
    """Paths of several stock points.

    Attributes:
        demand: units, (items, paths, periods).
        incoming: units that arrive by path and period, of orders placed before, (items, paths, periods).
        expected: units of orders placed before that count for the position of a link, (links, items, paths, periods).
        needs: forecast of the demand over the protection interval of a link, following the path,
            (links, items, paths, periods).
        rates: the same per period, (links, items, paths, periods).
        arrives: by link, whether the order of a period arrives at an age, (ages, items, paths, periods).
        counts: by link whose position it is and link of the order, weight of an order of an age that is still open,
            (ages, items, paths, periods).
        chances: probability that an order arrives, (links, items).
        ends: whether the futures reach the end of the episode.
    """

    demand: FloatArray
    incoming: FloatArray
    expected: FloatArray
    needs: FloatArray
    rates: FloatArray
    arrives: list[list[FloatArray | None]]
    counts: list[list[list[FloatArray | None]]]
    chances: FloatArray
    ends: bool

    def thinned(self, every: int) -> Futures:
        """The same futures with one of so many pairs of neighbouring paths."""
        if every <= 1:
            return self
        paths = np.arange(self.demand.shape[1])
        kept = paths[(paths // 2) % every == 0]

        def of_tables(tables: list[FloatArray | None]) -> list[FloatArray | None]:
            return [None if table is None else table[:, kept] for table in tables]

        return Futures(
            demand=self.demand[:, kept],
            incoming=self.incoming[:, kept],
            expected=self.expected[:, :, kept],
            needs=self.needs[:, :, kept],
            rates=self.rates[:, :, kept],
            arrives=[of_tables(tables) for tables in self.arrives],
            counts=[[of_tables(tables) for tables in of_target] for of_target in self.counts],
            chances=self.chances,
            ends=self.ends,
        )


def draw_lead_times(
    belief: LeadTimeBelief, paths: int, periods: int, generator: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Draw a law per path, and by it the lead times of orders to come.

    Args:
        belief: of the supply link.
        paths: number of paths.
        periods: of the futures.
        generator: of the draws.

    Returns:
        Laws, (paths, longest + 2), and periods from order to arrival, delays included, (paths, periods); lost orders
        arrive after the longest lead time of all and the futures.
    """
    laws = belief.sample_laws(paths, generator)
    if not belief.varies:
        return laws, np.full((paths, periods), belief.promised + belief.delay, dtype=np.int64)
    cumulated = np.cumsum(laws, axis=1)
    uniforms = generator.random((paths, periods))
    drawn = (cumulated[:, None, :-1] < uniforms[:, :, None]).sum(axis=2)
    lost = drawn > belief.longest
    return laws, np.where(lost, 10**6, drawn + belief.delay)


def draw_open_orders(
    belief: LeadTimeBelief, laws: FloatArray, period: int, periods: int, generator: np.random.Generator
) -> tuple[FloatArray, list[tuple[int, float, IntArray]]]:
    """Draw when the open orders of a link arrive.

    Args:
        belief: of the link.
        laws: of every path, (paths, longest + 2).
        period: that begins now.
        periods: of the futures.
        generator: of the draws.

    Returns:
        Units that arrive, (paths, periods), and of every open order its age, its units and the future period of its
        arrival by path.
    """
    paths = len(laws)
    incoming = np.zeros((paths, periods))
    drawn = []
    rows = np.arange(paths)
    for shipped, units in belief.open_orders.items():
        age = period - shipped
        if not belief.varies:
            arrival = np.full(paths, belief.promised - age, dtype=np.int64)
        else:
            left = laws.copy()
            left[:, : max(age, 0)] = 0.0
            cumulated = np.cumsum(left, axis=1)
            uniforms = generator.random((paths, 1)) * cumulated[:, -1:]
            lead_time = (cumulated[:, :-1] <= uniforms).sum(axis=1)
            arrival = np.where(lead_time > belief.longest, 10**6, lead_time - age)
        arrival = np.maximum(arrival, 0)
        comes = arrival < periods
        np.add.at(incoming, (rows[comes], arrival[comes]), units)
        drawn.append((age, units, arrival))
    return incoming, drawn


def follow_paths(demand: FloatArray, windows: FloatArray, periods: int) -> tuple[FloatArray, FloatArray]:
    """Forecasts along the paths: mean demand over a window, corrected by the path's own demand so far.

    The sum over the window is regressed, over the paths, on the path's last demand and on its smoothed demand.

    Args:
        demand: units, (items, paths, periods and more).
        windows: lengths of the windows, periods, not always whole, (items,).
        periods: that are planned.

    Returns:
        Sums, and sums per period, (items, paths, periods).
    """
    items, paths, total = demand.shape
    cumulated = np.concatenate([np.zeros((items, paths, 1)), np.cumsum(demand, axis=2)], axis=2)
    needs = np.empty((items, paths, periods))
    ends = np.minimum(np.arange(periods) + windows[:, None], float(total))
    first = np.floor(ends).astype(np.int64)
    share = (ends - first)[:, None, :]
    next_ = np.minimum(first + 1, total)
    index = np.broadcast_to(first[:, None, :], needs.shape)
    index_next = np.broadcast_to(next_[:, None, :], needs.shape)
    reached = (1.0 - share) * np.take_along_axis(cumulated, index, 2) + share * np.take_along_axis(
        cumulated, index_next, 2
    )
    sums = reached - cumulated[:, :, :periods]
    centre = sums.mean(axis=1, keepdims=True)
    deviations = demand - demand.mean(axis=1, keepdims=True)
    smoothed = np.zeros((items, paths, periods))
    last = np.zeros((items, paths, periods))
    last[:, :, 1:] = deviations[:, :, : periods - 1]
    for period in range(1, periods):
        smoothed[:, :, period] = (1.0 - _SPEED) * smoothed[:, :, period - 1] + _SPEED * deviations[:, :, period - 1]
    target = sums - centre
    a = (last * last).mean(axis=1) * (1.0 + _RIDGE)
    b = (last * smoothed).mean(axis=1)
    c = (smoothed * smoothed).mean(axis=1) * (1.0 + _RIDGE)
    p, q = (last * target).mean(axis=1), (smoothed * target).mean(axis=1)
    determinant = a * c - b * b
    usable = determinant > 1e-12
    determinant = np.where(usable, determinant, 1.0)
    on_last = np.where(usable, (c * p - b * q) / determinant, 0.0)
    on_smoothed = np.where(usable, (a * q - b * p) / determinant, 0.0)
    needs = np.maximum(centre + on_last[:, None, :] * last + on_smoothed[:, None, :] * smoothed, 0.0)
    return needs, needs / np.maximum(windows, 1.0)[:, None, None]
