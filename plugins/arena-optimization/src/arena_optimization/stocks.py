"""What a program starts from, by stock point, and which episodes no program states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena import Briefing, Network, Observation

FloatArray = NDArray[np.float64]


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


def refuse_unplannable(briefing: Briefing) -> None:
    """Refuse an episode that the programs cannot state.

    Raises:
        ValueError: Naming what is wrong, why, and what to do.
    """
    if briefing.node is not None:
        raise ValueError(
            f"node {briefing.node} is told only of itself: these programs plan the whole network; play them on the "
            "blind, informed or oracle track"
        )
    for node in briefing.network.nodes:
        if node.storage_capacity is not None and node.bill_of_materials:
            raise ValueError(
                f"node {node.id} has a storage capacity and a bill of materials: what it scraps of its components is "
                "proportional to their stocks, which no linear program states; remove one of the two"
            )
