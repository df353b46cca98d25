"""Orders from futures: stock rolled forward to the arrival of an order, and the quantile of what it has to cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Observation
from arena_forecasting.panel.observed import FloatArray
from arena_forecasting.panel.stock import StockPoints


class Position(NamedTuple):
    """Stock before a decision.

    Attributes:
        on_hand: Units, negative where customers wait, (items,).
        arrivals: Units on their way by the periods until they arrive, 0 being the coming period, (longest lead time,
            items).
    """

    on_hand: FloatArray
    arrivals: FloatArray


def position_of(observation: Observation, points: StockPoints, briefing: Briefing) -> Position:
    """Read the stock of every item from an observation."""
    network = briefing.network
    arrivals = np.zeros((int(points.lead_times.max(initial=0)), len(points.nodes)))
    offsets = network.pipeline_offsets
    for item, link in enumerate(points.links.tolist()):
        slots = observation.pipeline[offsets[link] : offsets[link + 1]]
        arrivals[: len(slots), item] = slots
    waiting = np.where(points.waits, observation.last_unfilled[points.markets], 0.0)
    return Position(observation.on_hand[points.nodes] - waiting, arrivals)


def needs(
    futures: FloatArray, position: Position, lead_times: NDArray[np.int64], waits: NDArray[np.bool_]
) -> FloatArray:
    """Units that an order placed now has to bring for the period in which it arrives, by path, (paths, items).

    Stock is rolled forward path by path. Where sales are lost, a shortage before the arrival asks for nothing later; a
    negative need is stock that is left over anyway.

    Args:
        futures: Demand, units, (paths, periods, items); an item whose order would arrive after them needs nothing.
        position: Stock before the decision.
        lead_times: Periods until an order arrives, (items,).
        waits: Whether unfilled customers wait, (items,).
    """
    stock = np.broadcast_to(position.on_hand, (futures.shape[0], futures.shape[2]))
    result = np.zeros(stock.shape)
    for ahead in range(min(int(lead_times.max(initial=0)) + 1, futures.shape[1])):
        if ahead < len(position.arrivals):
            stock = stock + position.arrivals[ahead]
        stock = stock - futures[:, ahead]
        result = np.where(lead_times == ahead, -stock, result)
        stock = np.where(waits, stock, np.maximum(stock, 0.0))
    return result


def quantile_by_item(values: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Quantile of each column at a probability of its own, linear between order statistics, (items,).

    Args:
        values: (paths, items).
        probabilities: From 0 to 1, (items,).

    >>> quantile_by_item(np.array([[0.0, 0.0], [1.0, 10.0]]), np.array([0.5, 0.25])).tolist()
    [0.5, 2.5]
    """
    ordered = np.sort(values, axis=0)
    place = probabilities * (len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    return np.asarray(low + (place - below) * (high - low), dtype=np.float64)


def remaining_needs(
    futures: FloatArray, position: Position, waits: NDArray[np.bool_], lead_times: NDArray[np.int64]
) -> FloatArray:
    """Units that can still be sold in all periods of the futures beyond what is there, by path, (paths, items).

    An order beyond it is left at the end. Demand that is lost before an order placed now arrives is left out.
    """
    stock = np.broadcast_to(position.on_hand, (futures.shape[0], futures.shape[2]))
    for ahead in range(futures.shape[1]):
        if ahead < len(position.arrivals):
            stock = stock + position.arrivals[ahead]
        stock = stock - futures[:, ahead]
        stock = np.where(waits | (ahead >= lead_times), stock, np.maximum(stock, 0.0))
    return -stock
