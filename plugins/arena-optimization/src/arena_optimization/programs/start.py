"""What a program starts from, by stock point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena import Network, Observation
from arena_optimization.arrays import FloatArray


@dataclass(frozen=True)
class Start:
    """What a program starts from.

    Attributes:
        on_hand: Units, (stock points,).
        due: Units that arrive without an order of the plan, (stock points, horizon).
        backlog: Units owed to customers, (market links,); zero in lost-sales mode.
    """

    on_hand: FloatArray
    due: FloatArray
    backlog: FloatArray


def on_hand_of(network: Network, observation: Observation) -> FloatArray:
    """Units on hand before the decision of an observation, (stock points,)."""
    units = np.concatenate([observation.on_hand, observation.component_stock])
    return units[list(network.stock_places)]


def due_of(network: Network, pipeline: FloatArray, horizon: int) -> FloatArray:
    """Units under way already, by arrival.

    Args:
        network: The network.
        pipeline: Flat pipeline of an observation.
        horizon: Number of periods.

    Returns:
        Units that reach every stock point in the coming periods, (stock points, horizon).
    """
    arrivals = np.zeros((len(network.stock_points), horizon))
    offsets = network.pipeline_offsets
    for link, point in enumerate(network.receiving_points):
        slots = pipeline[offsets[link] : offsets[link + 1]][:horizon]
        arrivals[point, : len(slots)] += slots
    return arrivals
