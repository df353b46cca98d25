"""Makes the futures of some stock points from forecast paths and the beliefs about their supply links."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena_forecasting.arrays import FloatArray
from arena_forecasting.lead_times import LeadTimeBelief
from arena_forecasting.planning.futures import Futures, draw_lead_times, draw_open_orders, follow_paths


def protection_intervals(beliefs: Sequence[Sequence[LeadTimeBelief]]) -> FloatArray:
    """Mean lead time of what arrives, and one period more, (items, links)."""
    return np.array([[_mean_lead_time(belief) + 1.0 for belief in of_item] for of_item in beliefs])


def _mean_lead_time(belief: LeadTimeBelief) -> float:
    law = belief.law[:-1]
    return float(law @ np.arange(len(law)) / max(law.sum(), 1e-9)) + belief.delay


def draw_futures(
    demand: FloatArray,
    initial: FloatArray,
    beliefs: Sequence[Sequence[LeadTimeBelief]],
    period: int,
    periods: int,
    generator: np.random.Generator,
    *,
    ends: bool,
) -> Futures:
    """Draw what happens to some stock points.

    Args:
        demand: units, (items, paths, periods and the longest protection interval); 0 after the end of the episode.
        initial: units on the way since before the episode, by future period, (items, links, periods).
        beliefs: about every item's supply links.
        period: that begins now.
        periods: that are planned.
        generator: of the draws.
        ends: whether the episode ends with them.
    """
    items, paths = demand.shape[:2]
    links = len(beliefs[0])
    longest = max(belief.longest + belief.delay for of_item in beliefs for belief in of_item)
    incoming = np.repeat(initial.sum(axis=1)[:, None, :], paths, axis=1)
    expected = np.zeros((links, items, paths, periods))
    # What is on the way for certain counts until it arrives.
    for link in range(links):
        later = np.cumsum(initial[:, :, ::-1], axis=2)[:, :, ::-1].sum(axis=1)
        expected[link] += later[:, None, :]
    lead_times = np.empty((links, items, paths, periods), dtype=np.int64)
    weights = np.zeros((links, links, items, longest + 2))
    chances = np.empty((links, items))
    for item, of_item in enumerate(beliefs):
        for link, belief in enumerate(of_item):
            law = belief.law
            chances[link, item] = max(1.0 - law[-1], 0.05)
            for target, other in enumerate(of_item):
                weights[target, link, item] = _weights(belief, law, other, longest, alone=links == 1)
            laws, lead_times[link, item] = draw_lead_times(belief, paths, periods, generator)
            arriving, open_orders = draw_open_orders(belief, laws, period, periods, generator)
            incoming[item] += arriving
            for age, units, arrival in open_orders:
                _count_open(expected[:, item], weights[:, link, item], age + belief.delay, units, arrival, periods)
    windows = protection_intervals(beliefs)
    needs, rates = np.empty((links, items, paths, periods)), np.empty((links, items, paths, periods))
    for link in range(links):
        needs[link], rates[link] = follow_paths(demand, windows[:, link], periods)
    arrives: list[list[FloatArray | None]] = []
    counts: list[list[list[FloatArray | None]]] = []
    for link in range(links):
        arrives.append([_or_none(lead_times[link] == age) for age in range(longest + 1)])
    for target in range(links):
        counts.append([])
        for link in range(links):
            tables: list[FloatArray | None] = [None]
            for age in range(1, longest + 1):
                weight = weights[target, link, :, age, None, None]
                tables.append(_or_none((lead_times[link] >= age) * weight))
            counts[target].append(tables)
    return Futures(
        demand=demand[:, :, :periods],
        incoming=incoming,
        expected=expected,
        needs=needs,
        rates=rates,
        arrives=arrives,
        counts=counts,
        chances=chances,
        ends=ends,
    )


def _weights(
    belief: LeadTimeBelief, law: FloatArray, target: LeadTimeBelief, longest: int, *, alone: bool
) -> FloatArray:
    """Probability that an order that is open at an age arrives in time for the target's position, by age.

    In time is any time where there is one link, and else within the longest lead time of the target.
    """
    weights = np.zeros(longest + 2)
    within = 10**6 if alone else target.longest + target.delay
    for age in range(belief.longest + belief.delay + 1):
        shipped_for = max(age - belief.delay, 0)
        left = law[shipped_for:]
        last = min(age + within - belief.delay, belief.longest)
        weights[age] = law[shipped_for : max(last + 1, shipped_for)].sum() / max(left.sum(), 1e-12)
    return weights


def _count_open(
    expected: FloatArray, weights: FloatArray, age: int, units: float, arrival: np.ndarray, periods: int
) -> None:
    """Add an open order to the positions of an item's links, (links, paths, periods)."""
    steps = np.arange(periods)
    by_period = np.zeros((len(weights), periods))
    ages = age + steps
    inside = ages < weights.shape[1]
    by_period[:, inside] = weights[:, ages[inside]]
    expected += units * by_period[:, None, :] * (arrival[:, None] >= steps)


def _or_none(table: np.ndarray) -> FloatArray | None:
    return table.astype(np.float64) if table.any() else None
