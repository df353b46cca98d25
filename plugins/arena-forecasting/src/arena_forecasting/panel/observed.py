"""Demand of a panel as far as it was seen: history, flags, and what the episode adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Panel(NamedTuple):
    """Demand of several items over the same periods, oldest first.

    Attributes:
        demand: Units, (periods, items); 0 where it is not known.
        known: Whether demand is known, (periods, items). A period in which an item was out of stock is not: its sales
            say neither that nobody came nor how many did.
    """

    demand: FloatArray
    known: BoolArray

    @property
    def periods(self) -> int:
        """Number of periods."""
        return int(self.demand.shape[0])

    @property
    def items(self) -> int:
        """Number of items."""
        return int(self.demand.shape[1])

    def followed_by(self, demand: FloatArray, known: BoolArray) -> Panel:
        """Append a period.

        Args:
            demand: Units, (items,).
            known: Whether it is known, (items,).
        """
        return panel_of(np.vstack([self.demand, demand[None]]), np.vstack([self.known, known[None]]))


def panel_of(demand: FloatArray, known: BoolArray) -> Panel:
    """Make a panel; unknown demand is set to 0.

    Args:
        demand: Units, (periods, items), finite and not negative where it is known.
        known: Whether it is known, (periods, items).

    Raises:
        ValueError: If the shapes differ, or known demand is negative or not finite.

    >>> panel_of(np.array([[3.0], [0.0]]), np.array([[True], [False]])).demand.tolist()
    [[3.0], [0.0]]
    """
    demand, known = np.asarray(demand, dtype=np.float64), np.asarray(known, dtype=bool)
    if demand.ndim != 2 or demand.shape != known.shape:
        rule = "demand and flags must have the same shape (periods, items)"
        raise ValueError(f"{rule}, got {demand.shape} and {known.shape}")
    wrong = known & ~(np.isfinite(demand) & (demand >= 0))
    if wrong.any():
        period, item = np.argwhere(wrong)[0].tolist()
        rule = "known demand must be finite and 0 or more"
        raise ValueError(f"{rule}, got {demand[period, item]} in period {period} of item {item}")
    return Panel(np.where(known, demand, 0.0), known)


def mean_beyond(sold: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Mean of normal demand that is at least what was sold, units, (items,).

    With a = (sold − μ) / σ it is μ + σ φ(a) / (1 − Φ(a)) (Nahmias 1994, Naval Research Logistics 41, 739-757).

    Args:
        sold: Units sold before the shelf was empty, (items,).
        mean: Forecast of the period, units, (items,).
        deviation: Standard deviation of the forecast, units, above 0, (items,).

    >>> mean_beyond(np.array([20.0]), np.array([20.0]), np.array([5.0])).round(3).tolist()
    [23.989]
    """
    a = np.minimum((sold - mean) / deviation, 30.0)
    hazard = np.exp(-a * a / 2.0 - 0.5 * np.log(2.0 * np.pi) - log_ndtr(-a))
    return np.asarray(np.maximum(sold, mean + deviation * hazard), dtype=np.float64)
