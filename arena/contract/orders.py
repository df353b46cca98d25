"""The rules of orders: what a controller's reply must be, and how it is brought within bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.errors import ContractViolation


@dataclass(frozen=True)
class CheckedOrders:
    """Orders that the simulator may play."""

    orders: np.ndarray
    """Units per supply link, float64, within [0, bound]."""
    clipped: int
    """How many of them lay outside and were clipped."""


def check_orders(values: object, bound: float | np.ndarray, count: int) -> CheckedOrders:
    """Check a controller's reply.

    Args:
        values: what the controller returned: an array or a sequence of integers or floats.
        bound: largest order, units; a number or one per link.
        count: how many links are ordered on.

    Returns:
        The orders as float64, those below 0 or above the bound clipped and counted (-0.0 is 0).

    Raises:
        ContractViolation: ``bad_dtype`` for booleans, complex numbers, text, objects and None; ``bad_shape`` for
            another shape than (count,); ``non_finite`` for NaN and infinities.
    """
    try:
        array = np.asarray(values)
    except Exception:  # hostile __array__ or ragged sequences: whatever they raise, it is no array of numbers
        raise ContractViolation("bad_dtype", f"orders are an array of numbers, got {type(values).__name__}") from None
    if array.dtype.kind not in "fiu":
        raise ContractViolation(
            "bad_dtype", f"orders are integers or floats, got {array.dtype.name}; return a float array"
        )
    if array.shape != (count,):
        raise ContractViolation(
            "bad_shape", f"orders have shape ({count},), one per link that is ordered on, got {array.shape}"
        )
    orders = array.astype(np.float64)
    if not np.isfinite(orders).all():
        raise ContractViolation("non_finite", "orders are finite; order 0 where nothing is wanted")
    within = np.clip(orders, 0.0, bound) + 0.0
    return CheckedOrders(within, int(np.count_nonzero(within != orders)))
