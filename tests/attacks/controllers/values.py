"""Rows 13, 14 and 15: orders that are none, orders out of bounds, and orders in unusual clothes."""

import collections

import numpy as np
from attempt import Attempt

SIZE = 3


class NotANumber(Attempt):
    """Row 13: NaN."""

    def order(self, observation):
        return np.full(SIZE, np.nan)


class NotANumberWithALoad(Attempt):
    """Row 13: NaN with a message in its unused bits."""

    def order(self, observation):
        return np.full(SIZE, 0x7FF8_6172_656E_6121, dtype=np.uint64).view(np.float64)


class Infinite(Attempt):
    """Row 13: infinity."""

    def order(self, observation):
        return np.array([1.0, np.inf, 1.0])


class MinusInfinite(Attempt):
    """Row 13: minus infinity."""

    def order(self, observation):
        return [1.0, -np.inf, 1.0]


class TooFew(Attempt):
    """Row 13: two orders on three links."""

    def order(self, observation):
        return np.ones(SIZE - 1)


class TooMany(Attempt):
    """Row 13: four orders on three links."""

    def order(self, observation):
        return np.ones(SIZE + 1)


class TwoDimensions(Attempt):
    """Row 13: the right number in the wrong shape."""

    def order(self, observation):
        return np.ones((1, SIZE))


class Scalar(Attempt):
    """Row 13: one number for all."""

    def order(self, observation):
        return 1.0


class ZeroDimensions(Attempt):
    """Row 13: an array that is a number."""

    def order(self, observation):
        return np.array(1.0)


class Empty(Attempt):
    """Row 13: no orders at all."""

    def order(self, observation):
        return []


class Dictionary(Attempt):
    """Row 13: orders by name."""

    def order(self, observation):
        return {"orders": [1.0] * SIZE}


class Nothing(Attempt):
    """Row 13: None."""

    def order(self, observation):
        return None


class Complex(Attempt):
    """Row 13: complex numbers."""

    def order(self, observation):
        return np.ones(SIZE, dtype=complex)


class Truths(Attempt):
    """Row 13: booleans."""

    def order(self, observation):
        return np.ones(SIZE, dtype=bool)


class Objects(Attempt):
    """Row 13: an array of objects."""

    def order(self, observation):
        return np.ones(SIZE, dtype=object)


class Text(Attempt):
    """Row 13: numbers as text."""

    def order(self, observation):
        return ["1.0"] * SIZE


class Bytes(Attempt):
    """Row 13: numbers as bytes."""

    def order(self, observation):
        return np.ones(SIZE).tobytes()


class Dates(Attempt):
    """Row 13: dates, and spans of time."""

    def order(self, observation):
        return np.ones(SIZE, dtype="timedelta64[s]")


class Records(Attempt):
    """Row 13: a structured array."""

    def order(self, observation):
        return np.ones(SIZE, dtype=[("units", float), ("profit", float)])


class Ragged(Attempt):
    """Row 13: rows of different lengths."""

    def order(self, observation):
        return [[1.0], [1.0, 2.0], [1.0]]


class Generator(Attempt):
    """Row 13: a generator that never ends."""

    def order(self, observation):
        return (1.0 for _ in iter(int, 1))


class Enormous(Attempt):
    """Row 13: an integer of four hundred digits."""

    def order(self, observation):
        return [10**400] * SIZE


class ContainsItself(Attempt):
    """Row 13: a list that contains itself."""

    def order(self, observation):
        orders = [1.0, 1.0]
        orders.append(orders)
        return orders


class Negative(Attempt):
    """Row 14: below 0."""

    def order(self, observation):
        return np.full(SIZE, -5.0)


class AboveTheBound(Attempt):
    """Row 14: above the bound."""

    def order(self, observation):
        return np.full(SIZE, 1e12)


class Largest(Attempt):
    """Row 14: the end of floating point."""

    def order(self, observation):
        return np.full(SIZE, 1e308)


class LargestInteger(Attempt):
    """Row 14: the largest integer of its kind."""

    def order(self, observation):
        return np.full(SIZE, 2**64 - 1, dtype=np.uint64)


class SinglePrecision(Attempt):
    """Row 15: float32."""

    def order(self, observation):
        return np.ones(SIZE, dtype=np.float32)


class HalfPrecision(Attempt):
    """Row 15: float16."""

    def order(self, observation):
        return np.ones(SIZE, dtype=np.float16)


class LongPrecision(Attempt):
    """Row 15: the longest float."""

    def order(self, observation):
        return np.ones(SIZE, dtype=np.longdouble)


class Integers(Attempt):
    """Row 15: integers, in a list."""

    def order(self, observation):
        return [1] * SIZE


class SmallIntegers(Attempt):
    """Row 15: unsigned bytes."""

    def order(self, observation):
        return np.ones(SIZE, dtype=np.uint8)


class MinusZero(Attempt):
    """Row 15: a zero with a sign."""

    def order(self, observation):
        return np.full(SIZE, -0.0)


class Subnormal(Attempt):
    """Row 15: the smallest positive number."""

    def order(self, observation):
        return np.full(SIZE, 5e-324)


class ForeignOrder(Attempt):
    """Row 15: bytes in the other order, with gaps between them."""

    def order(self, observation):
        return np.ones(2 * SIZE, dtype=">f8")[::-2]


class Sequence(Attempt):
    """Row 15: a sequence that is neither list nor array."""

    def order(self, observation):
        return collections.UserList([1.0] * SIZE)
