"""Ordering rules of a store: for each source a level, a largest order, and how far stock falls before it is used.

A source orders up to its level when the *position* has fallen below it by the reorder gap or more, and never more
than its cap. The position of a source is what is on hand, less backlog, plus all that arrives until an order of it
would. So one source has a base-stock, capped base-stock or (s, S) rule, and two have a capped dual-index rule.

A level is mean + z × deviation of the demand until the next order would arrive, a cap is a multiple of the mean demand
of the period of the arrival, and a gap is what customers want in a number of periods. So rules follow a forecast, and
order nothing that would come after the end; the last order that comes in time has the newsvendor's level.

Sources: capped base stock: L. Xin (2021), "Understanding the performance of capped base-stock policies in lost-sales
inventory models", Operations Research 69; dual index: S. Veeraraghavan, A. Scheller-Wolf (2008), "Now or later: a
simple policy for effective dual sourcing in capacitated systems", Operations Research 56.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.lookahead.store import Source, Store

CAPS = (0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, np.inf)
"""Caps that are tried, in mean demands."""
LEVEL_STEP = 0.125
"""Smallest step of a level, in deviations."""
GAP_STEP = 1.2
"""Factor between gaps that are tried."""
_SMALLEST = 1e-9
_MOST_RATIO = 0.9999


class Knobs(NamedTuple):
    """Whole numbers that say which rules are meant, each of shape (rules, sources)."""

    levels: IntArray
    """z of the level, in `LEVEL_STEP`."""
    caps: IntArray
    """Place in `CAPS`."""
    gaps: IntArray
    """Exponent of `GAP_STEP`; 0 is the economic lot."""


@dataclass(frozen=True)
class Rules:
    """Several ordering rules; arrays are (periods, sources, rules), units.

    Attributes:
        levels: Position up to which is ordered; minus infinity where an order would come too late.
        caps: Largest order.
        gaps: Distance below the level from which on is ordered.
    """

    levels: FloatArray
    caps: FloatArray
    gaps: FloatArray


@dataclass(frozen=True)
class Moments:
    """What paths of demand say to the rules; arrays are (periods, sources), units.

    Attributes:
        means: Mean demand from a period until the one in which its order arrives, both included.
        deviations: Standard deviation of the same.
        arrival_means: Mean demand of the period in which the order arrives.
        last: Period of the last order that arrives in time, (sources,).
        whole: Whether demand and stock are whole numbers, so that orders should be.
    """

    means: FloatArray
    deviations: FloatArray
    arrival_means: FloatArray
    last: IntArray
    whole: bool


def moments_of(store: Store, demand: FloatArray, horizon: int, *, left: int, whole: bool) -> Moments:
    """The moments of paths of demand.

    Args:
        store: The store.
        demand: Units, (paths, periods); to the end of the episode, or at least the longest lead time beyond `horizon`.
        horizon: Periods in which the rules order.
        left: Periods left of the episode.
        whole: See `Moments`.
    """
    periods = demand.shape[1]
    running = np.concatenate([np.zeros((len(demand), 1)), np.cumsum(demand, axis=1)], axis=1)
    shape = (horizon, len(store.sources))
    means, deviations, arrival_means = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    average = demand.mean(axis=0)
    for place, source in enumerate(store.sources):
        until = np.arange(horizon) + source.reach + 1
        in_time = until <= periods
        sums = running[:, np.minimum(until, periods)] - running[:, :horizon]
        means[:, place] = np.where(in_time, sums.mean(axis=0), -np.inf)
        deviations[:, place] = sums.std(axis=0)
        arrival_means[:, place] = average[np.minimum(until, periods) - 1]
    last: IntArray = np.array([left - 1 - source.reach for source in store.sources])
    return Moments(means, deviations, arrival_means, last, whole)


def rules_of(store: Store, knobs: Knobs, moments: Moments) -> Rules:
    """The rules that are meant by knobs."""
    levels = moments.means[..., None] + LEVEL_STEP * knobs.levels.T * moments.deviations[..., None]
    for place, last in enumerate(moments.last.tolist()):
        if 0 <= last < len(levels):
            # What the last order leaves is worth little: the newsvendor's critical ratio, whatever the rule.
            source = store.sources[place]
            gain = store.penalty + store.margin - source.unit_cost
            ratio = gain / max(store.penalty + store.margin + store.holding_cost - store.terminal_value, _SMALLEST)
            level = float(ndtri(min(ratio, _MOST_RATIO))) if ratio > 0 else -np.inf
            levels[last, place] = moments.means[last, place] + level * max(moments.deviations[last, place], _SMALLEST)
    flow = moments.arrival_means[..., None]
    caps = np.array(CAPS)[knobs.caps.T] * np.maximum(flow, _SMALLEST)
    gaps = np.zeros_like(levels)
    for place, source in enumerate(store.sources):
        if source.fixed_cost > 0:
            economic = math.sqrt(2.0 * source.fixed_cost / max(store.holding_cost, _SMALLEST))
            # Where stock is cheap an order lasts to the end at most.
            lots = np.minimum(economic * np.sqrt(flow[:, place]), flow[:, place] * len(levels))
            gaps[:, place] = lots * GAP_STEP ** knobs.gaps.T[place]
    if moments.whole:
        finite = np.isfinite(levels)
        levels = np.where(finite, np.rint(np.where(finite, levels, 0.0)), levels)
        caps, gaps = np.maximum(1.0, np.rint(caps)), np.rint(gaps)
    return Rules(levels, caps, gaps)


def raised(source: Source, orders: FloatArray) -> FloatArray:
    """The orders that are placed for requests: at least the minimum, in whole lots, at most the largest; units."""
    if source.minimum > 0:
        orders = np.where(orders > 0, np.maximum(orders, source.minimum), orders)
    if source.lot > 0:
        orders = np.ceil(orders / source.lot - 1e-9) * source.lot
    return orders
