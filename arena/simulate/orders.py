"""Orders as numbers: the one check of what controllers, environments and scripts hand in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.errors import ContractViolation, printable

_PER_LINK = "one per supply link"


def order_numbers(values: object, *, noun: str = "orders") -> NDArray[np.generic]:
    """Return integers or real floating-point numbers as the array that they are, of whatever shape.

    Numpy arrays, sequences and everything else that numpy understands are taken. Runs the code of `values`
    (``__array__``, ``__float__``) and passes on what it raises, but for ValueError.

    Args:
        values: what was handed in.
        noun: what the numbers are, for the message.

    Raises:
        ContractViolation: ``bad_dtype`` for booleans, complex numbers, text, dates, None, other objects and ragged
            sequences.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        # Numpy's way to say that the rows of a sequence differ in length.
        raise ContractViolation("bad_dtype", f"{noun} are no array: {printable(str(error))}") from error
    if array.dtype.kind not in "fiu":
        got = f"{printable(type(values).__name__)} of dtype {printable(str(array.dtype))}"
        raise ContractViolation("bad_dtype", f"{noun} are real numbers, got {got}; give a float64 array, {_PER_LINK}")
    return array


def order_array(
    values: object, shape: tuple[int, ...], *, noun: str = "orders", entries: str = _PER_LINK
) -> NDArray[np.float64]:
    """Return numbers of a known shape as a new float64 array; they may still be infinite, NaN or negative.

    Args:
        values: what was handed in.
        shape: the shape that it must have; numpy would stretch a smaller one.
        noun: what the numbers are, for the message.
        entries: what the shape stands for, for the message.

    Raises:
        ContractViolation: ``bad_dtype`` as `order_numbers`; ``bad_shape`` for another shape.
    """
    array = order_numbers(values, noun=noun)
    if array.shape != shape:
        raise ContractViolation("bad_shape", f"{noun} have shape {shape}, {entries}, got {array.shape}")
    return array.astype(np.float64)


def refuse_non_finite(orders: NDArray[np.float64], *, whose: str = "") -> None:
    """Refuse orders that are NaN or infinite.

    Args:
        orders: units, of any shape.
        whose: said after "those", where there are several.

    Raises:
        ContractViolation: ``non_finite``.
    """
    if not np.isfinite(orders).all():
        which = f", those {whose} are not" if whose else ""
        raise ContractViolation("non_finite", f"orders are finite{which}; order 0 where nothing is wanted")
