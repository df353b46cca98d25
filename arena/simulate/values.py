"""Frozen values that are made in every period, without the price of a frozen dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def frozen_value(kind: type[T], fields: Mapping[str, Any]) -> T:
    """Make a frozen dataclass without slots from all its fields.

    Its own ``__init__`` calls ``object.__setattr__`` for every field, which takes several times as long.

    Args:
        kind: the dataclass; it has no ``__post_init__``.
        fields: a value for every field, unchecked.
    """
    value = object.__new__(kind)
    value.__dict__.update(fields)
    return value
