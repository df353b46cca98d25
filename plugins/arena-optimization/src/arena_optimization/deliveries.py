"""What is drawn of deliveries where lead times vary: a table that beliefs make and programs take."""

from __future__ import annotations

from typing import NamedTuple

from arena_optimization.arrays import FloatArray


class Deliveries(NamedTuple):
    """Deliveries on the supply links whose lead time varies, path by path."""

    coming: FloatArray
    """Units under way already, by period of arrival, (paths, varying links, horizon)."""
    kernel: FloatArray
    """Share of the units shipped in a period that arrives in another, (paths, varying links, horizon, horizon)."""
    survival: FloatArray
    """Probability that a shipment is under way so many ends of periods after it was made, (varying links, ages)."""

    def mean(self) -> Deliveries:
        """A single path of means."""
        return Deliveries(
            self.coming.mean(axis=0, keepdims=True), self.kernel.mean(axis=0, keepdims=True), self.survival
        )
