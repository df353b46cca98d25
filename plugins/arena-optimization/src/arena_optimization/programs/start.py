"""What a program starts from, by stock point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from arena import Network, Observation
from arena_optimization.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Start:
    """What a program starts from.

    Attributes:
        on_hand: Units, (stock points,).
        due: Units that arrive without an order of the plan, (stock points, horizon).
        backlog: Units owed to customers, (market links,); zero in lost-sales mode.
        seen: Units ordered before, by the period in which suppliers see them, (supply links, horizon).
        owed: Units that suppliers owe, (supply links,).
        kernel: Where lead times are drawn, the share of the units shipped in a period that arrives in another, (paths,
            drawn links, periods shipped, periods of arrival); ``due`` then is (paths, stock points, horizon).
    """

    on_hand: FloatArray
    due: FloatArray
    backlog: FloatArray
    seen: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    owed: FloatArray = field(default_factory=lambda: np.zeros(0))
    kernel: FloatArray | None = None

    def ordered(self, order: IntArray) -> Start:
        """The same with the paths in another order."""
        if self.kernel is None:
            return self
        return replace(self, due=self.due[order], kernel=self.kernel[order])

    def most(self) -> Start:
        """The same with the most that is due on any path."""
        return replace(self, due=self.due.max(axis=0)) if self.due.ndim > 2 else self

    def mean(self) -> Start:
        """A single path that stands for all of them."""
        if self.kernel is None:
            return self
        return replace(self, due=self.due.mean(axis=0, keepdims=True), kernel=self.kernel.mean(axis=0, keepdims=True))

    def of(self, points: Sequence[int], links: Sequence[int], markets: Sequence[int], drawn: Sequence[int]) -> Start:
        """The part of some stock points, supply links, market links and drawn links."""
        due = self.due[..., points, :]
        return Start(
            self.on_hand[points],
            due if len(drawn) or due.ndim < 3 else due[0],  # without drawn links all paths are due the same
            self.backlog[markets],
            self.seen[links] if len(self.seen) else self.seen,
            self.owed[links] if len(self.owed) else self.owed,
            self.kernel[:, drawn] if self.kernel is not None and len(drawn) else None,
        )


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
        if network.supply_links[link].varies:
            continue  # its slots tell when an order was placed, and not when it arrives
        slots = pipeline[offsets[link] : offsets[link + 1]][:horizon]
        arrivals[point, : len(slots)] += slots
    return arrivals
