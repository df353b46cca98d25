"""What differs between a folder of results and what it should hold, and when two values agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeGuard

TOLERANCE: Final = 1e-9
"""By which two numbers may differ and still agree, relative to the larger of them, to the sums that they come from, and
to 1: another version of numpy may add in another order."""


class Mismatch(NamedTuple):
    """One value that is not what it should be.

    Attributes:
        column: which value, as in `profit`, `demand[3][0]` or `rows[0].score`.
        stored: as it is.
        recomputed: as it should be; a value, or a rule in words.
    """

    column: str
    stored: object
    recomputed: object


class Difference(NamedTuple):
    """A mismatch and where it is.

    Attributes:
        file: name of the file that holds it.
        submission: of its row; empty where the row is of no submission.
        scenario: of its row; empty where the row is of no scenario.
        seed_index: of its row; None where the row is of no episode.
        column: as in `Mismatch`.
        stored: as in `Mismatch`.
        recomputed: as in `Mismatch`.
    """

    file: str
    submission: str
    scenario: str
    seed_index: int | None
    column: str
    stored: object
    recomputed: object


def same(stored: object, recomputed: object, scale: float = 0.0) -> bool:
    """Tell whether two values agree: numbers within `TOLERANCE`, everything else exactly.

    Args:
        stored: one value.
        recomputed: the other.
        scale: a magnitude that rounding is relative to, beside the values themselves and 1.
    """
    if not _is_number(stored) or not _is_number(recomputed):
        return type(stored) is type(recomputed) and stored == recomputed
    if stored == recomputed or (math.isnan(stored) and math.isnan(recomputed)):
        return True
    largest = max(1.0, abs(stored), abs(recomputed), scale)
    return math.isfinite(largest) and abs(stored - recomputed) <= TOLERANCE * largest


def first_mismatch(stored: object, recomputed: object, path: str = "") -> Mismatch | None:
    """Return the first place at which two documents of mappings, lists and scalars do not agree.

    >>> first_mismatch({"rows": [{"score": 1.0}]}, {"rows": [{"score": 0.5}]})
    Mismatch(column='rows[0].score', stored=1.0, recomputed=0.5)
    """
    if isinstance(stored, Mapping) and isinstance(recomputed, Mapping):
        for key in dict.fromkeys([*recomputed, *stored]):
            inner = f"{path}.{key}" if path else str(key)
            if key not in stored or key not in recomputed:
                return Mismatch(inner, stored.get(key, "absent"), recomputed.get(key, "absent"))
            if (found := first_mismatch(stored[key], recomputed[key], inner)) is not None:
                return found
        return None
    if isinstance(stored, list | tuple) and isinstance(recomputed, list | tuple):
        for position, (one, other) in enumerate(zip(stored, recomputed, strict=False)):
            if (found := first_mismatch(one, other, f"{path}[{position}]")) is not None:
                return found
        if len(stored) != len(recomputed):
            return Mismatch(path, f"{len(stored)} entries", f"{len(recomputed)} entries")
        return None
    return None if same(stored, recomputed) else Mismatch(path, stored, recomputed)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
