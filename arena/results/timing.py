"""How long decisions took: a histogram that is small enough to keep with every episode and can be added up.

The buckets are logarithmic and the same everywhere, so that episodes of one submission add up bucket by bucket, and
what is known of a decision is its bucket alone: no period, no scenario, no seed. A quantile read from the counts is off
by less than the width of a bucket, a quarter of its value.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Self

from pydantic import Field

from arena.schemas import FrozenSchema, NonNegative

if TYPE_CHECKING:
    from arena.jail.limits import Limits

_PREFERRED_NUMBERS: Final = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8")
"""Ten steps to a decade in round numbers, 1, 2 and 5 among them: Renard's series R10 (ISO 3)."""

EDGES: Final = (*(float(f"{step}e{power}") for power in range(-6, 2) for step in _PREFERRED_NUMBERS), 100.0)
"""Edges of the buckets, seconds, from a microsecond to 100 s. Bucket 0 holds what took less than the first edge, bucket
k what took `EDGES[k - 1]` or more and less than `EDGES[k]`, the last bucket the rest."""

_Number = Annotated[int, Field(strict=True, ge=0, le=2**53)]
_Deadline = Annotated[float, Field(gt=0, allow_inf_nan=False)]


_COARSE: Final = tuple(position for position in range(len(EDGES)) if position % 10 in (0, 3, 7))
"""Positions of the edges whose digit is 1, 2 or 5."""


class Row(NamedTuple):
    """A line of a coarse histogram: the number of decisions that took `low` seconds or more and less than `high`."""

    low: float
    high: float
    number: int


class DecisionTimes(FrozenSchema):
    """How long the decisions of one episode took, or of many, on the host's side of the wire.

    Every seat of a decentralised episode has the deadlines to itself, so each of its decisions counts alone. A decision
    that failed counts with the time it took to fail.
    """

    counts: Annotated[tuple[_Number, ...], Field(max_length=len(EDGES) + 1)]
    """Decisions by bucket, see `EDGES`, up to the last bucket that has any."""
    slowest_first: NonNegative
    """The slowest first decision of a seat, seconds; 0 without one."""
    slowest_later: NonNegative
    """The slowest decision after a seat's first, seconds; 0 without one."""
    first_deadline: _Deadline
    """What a first decision was allowed, seconds; among several episodes the least."""
    deadline: _Deadline
    """What every later decision was allowed, seconds; among several episodes the least."""

    @classmethod
    def measured(cls, first: Sequence[float], later: Sequence[float], limits: Limits) -> Self:
        """Count times.

        Args:
            first: Seconds of every seat's first decision.
            later: Seconds of all decisions after it.
            limits: The deadlines they were held to.
        """
        return cls(
            counts=_count([*first, *later]),
            slowest_first=max(first, default=0.0),
            slowest_later=max(later, default=0.0),
            first_deadline=limits.first_decision,
            deadline=limits.decision,
        )

    @classmethod
    def total(cls, parts: Iterable[DecisionTimes]) -> DecisionTimes | None:
        """Add up the times of several episodes; None without one."""
        found = list(parts)
        if not found:
            return None
        longest = max(len(one.counts) for one in found)
        padded = [one.counts + (0,) * (longest - len(one.counts)) for one in found]
        return cls(
            counts=tuple(map(sum, zip(*padded, strict=True))),
            slowest_first=max(one.slowest_first for one in found),
            slowest_later=max(one.slowest_later for one in found),
            first_deadline=min(one.first_deadline for one in found),
            deadline=min(one.deadline for one in found),
        )

    @property
    def number(self) -> int:
        """Number of decisions."""
        return sum(self.counts)

    @property
    def slowest(self) -> float:
        """The slowest decision, seconds; 0 without one."""
        return max(self.slowest_first, self.slowest_later)

    def quantile(self, share: float) -> float:
        """Return the time that a share of the decisions stayed within, seconds; 0 without a decision.

        Args:
            share: From 0 to 1; 0.5 for the median.

        Returns:
            A value from the bucket that holds the decision in question, interpolated in the logarithm; never more than
            the slowest decision.
        """
        wanted = share * self.number
        passed = 0
        for bucket, count in enumerate(self.counts):
            if count and passed + count >= wanted:
                low, high = _bounds(bucket)
                within = max(0.0, wanted - passed) / count
                return min(self.slowest, low * math.pow(high / low, within))
            passed += count
        return self.slowest

    def rows(self) -> list[Row]:
        """Return the histogram with the edges 1, 2 and 5 of every decade, from the fastest decision to the slowest."""
        ends = (*(position + 1 for position in _COARSE), len(EDGES) + 1)
        lines = [
            Row(low, high, sum(self.counts[start:end]))
            for low, high, start, end in zip(
                (0.0, *(EDGES[position] for position in _COARSE)),
                (*(EDGES[position] for position in _COARSE), math.inf),
                (0, *ends),
                ends,
                strict=False,
            )
        ]
        filled = [place for place, line in enumerate(lines) if line.number]
        return lines[filled[0] : filled[-1] + 1] if filled else []


def duration(seconds: float) -> str:
    """Return a time in words, with three digits.

    >>> [duration(seconds) for seconds in (0, 0.0000125, 0.25, 1, 600)]
    ['0 s', '12.5 µs', '250 ms', '1 s', '600 s']
    """
    for least, factor, unit in ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "µs")):
        # What would be rounded up to the next unit belongs there.
        if seconds >= least * (1 - 5e-4):
            return f"{float(f'{seconds * factor:.3g}'):g} {unit if seconds else 's'}"
    raise ValueError(f"a time of {seconds} s")


def _count(seconds: Sequence[float]) -> tuple[int, ...]:
    buckets = [bisect_right(EDGES, one) for one in seconds]
    counts = [0] * (max(buckets, default=-1) + 1)
    for bucket in buckets:
        counts[bucket] += 1
    return tuple(counts)


def _bounds(bucket: int) -> tuple[float, float]:
    """Ends of a bucket; the two that are open end where the next one would."""
    low = EDGES[bucket - 1] if bucket else EDGES[0] / 2
    return low, EDGES[bucket] if bucket < len(EDGES) else math.inf
