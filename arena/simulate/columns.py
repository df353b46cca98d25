"""Columns: one quantity of one node or link over the batch, and the few operations that the dynamics need on them.

The transition is written once, over columns. A column is a 1-D array of any namespace of the array API standard (numpy,
torch, …), or a plain float when the batch is a single episode: Python's own arithmetic is then several times faster
than arrays of length one, and gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: A 1-D array over the batch, or a float.
Column = Any

#: A sparse map: (row, position in the result, factor), an array each.
Terms = tuple[np.ndarray, np.ndarray, np.ndarray]

#: Relative slack in counting lots, so that 3 lots of 0.1 are three lots.
LOT_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Operations:
    """What the dynamics need of one kind of column."""

    minimum: Callable[[Column, Column], Column]  # of two columns
    at_most: Callable[[Column, float], Column]  # column, constant
    at_least: Callable[[Column, float], Column]  # column, constant
    where: Callable[[Column, Column, Column], Column]
    ceil: Callable[[Column], Column]
    floor: Callable[[Column], Column]
    rows: Callable[[Sequence[Column]], Any]  # stacked: (columns, batch), or (columns,) for floats
    weigh: Callable[[np.ndarray, Any], Any]  # constant map @ rows
    add_up: Callable[[Terms, Any, int], Any]  # the same for a sparse map with that many rows


def _where_scalar(condition: bool, chosen: float, otherwise: float) -> float:
    return chosen if condition else otherwise


def _add_up(terms: Terms, rows: np.ndarray, length: int) -> np.ndarray:
    row, position, factor = terms
    sums = np.zeros((length, *rows.shape[1:]))
    np.add.at(sums, position, rows[row] * factor.reshape(-1, *(1,) * (rows.ndim - 1)))
    return sums


SCALAR = Operations(
    minimum=min,
    at_most=min,
    at_least=max,
    where=_where_scalar,
    ceil=lambda value: float(math.ceil(value)),
    floor=lambda value: float(math.floor(value)),
    rows=np.array,
    weigh=np.dot,
    add_up=_add_up,
)


def _numpy_rows(columns: Sequence[Column]) -> np.ndarray:
    # concatenate is several times faster than stack for many short columns
    return np.concatenate(columns).reshape(len(columns), -1)


NUMPY = Operations(
    minimum=np.minimum,
    at_most=np.minimum,
    at_least=np.maximum,
    where=np.where,
    ceil=np.ceil,
    floor=np.floor,
    rows=_numpy_rows,
    weigh=np.dot,
    add_up=_add_up,
)


def operations_for(array: Any) -> Operations:
    """The operations for columns of the array's kind.

    Args:
        array: any array of a namespace that array-api-compat knows.

    Raises:
        TypeError: If it is no array of a known namespace.
    """
    if isinstance(array, np.ndarray):
        return NUMPY
    from array_api_compat import array_namespace, device

    xp = array_namespace(array)
    maps: dict[int, Any] = {}

    def weigh(constant: np.ndarray, rows: Any) -> Any:
        found = maps.get(id(constant))
        if found is None:
            found = maps[id(constant)] = xp.asarray(constant.tolist(), dtype=rows.dtype, device=device(rows))
        return found @ rows

    def add_up(terms: Terms, rows: Any, length: int) -> Any:
        row, position, factor = terms
        sums: list[Any] = [xp.zeros_like(rows[0])] * length
        for i, place, money in zip(row.tolist(), position.tolist(), factor.tolist(), strict=True):
            sums[place] = sums[place] + rows[i] * money
        return xp.stack(sums, axis=0)

    return Operations(
        minimum=xp.minimum,
        at_most=lambda column, constant: xp.clip(column, max=constant),
        at_least=lambda column, constant: xp.clip(column, min=constant),
        where=xp.where,
        ceil=xp.ceil,
        floor=xp.floor,
        rows=lambda columns: xp.stack(list(columns), axis=0),
        weigh=weigh,
        add_up=add_up,
    )


def operations_of(column: Column) -> Operations:
    """The operations for a column, which may be a plain number.

    Raises:
        TypeError: If it is neither a number nor an array of a known namespace.
    """
    return SCALAR if isinstance(column, int | float | np.floating) else operations_for(column)
