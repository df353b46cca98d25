"""The rules of orders: what a controller's reply must be, and how it is brought within bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.errors import ContractViolation
from arena.simulate.orders import order_array, refuse_non_finite


@dataclass(frozen=True)
class CheckedOrders:
    """Orders that the simulator may play."""

    orders: NDArray[np.float64]
    """Units per supply link, float64, within [0, bound]."""
    clipped: int
    """How many of them lay outside and were clipped."""


def check_orders(values: object, bound: float | NDArray[np.float64], count: int) -> CheckedOrders:
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
        orders = order_array(values, (count,), entries="one per link that is ordered on")
    except ContractViolation:
        raise
    except Exception:  # a hostile __array__: whatever it raises, there is no array of numbers
        raise ContractViolation("bad_dtype", f"orders are real numbers, got {type(values).__name__}") from None
    refuse_non_finite(orders)
    within = np.minimum(np.maximum(orders, 0.0), bound) + 0.0  # what np.clip gives, in half the time
    return CheckedOrders(within, int(np.count_nonzero(within != orders)))
