"""Time and memory that a controller used."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final, NamedTuple


class TimeUse(NamedTuple):
    """Seconds of CPU time, and seconds on the clock."""

    cpu: float
    wall: float

    def plus(self, other: TimeUse) -> TimeUse:
        """Return the sum of both."""
        return TimeUse(self.cpu + other.cpu, self.wall + other.wall)

    def less(self, other: TimeUse) -> TimeUse:
        """Return both without those of another."""
        return TimeUse(self.cpu - other.cpu, self.wall - other.wall)

    def least(self, other: TimeUse) -> TimeUse:
        """Return the smaller one of each."""
        return TimeUse(min(self.cpu, other.cpu), min(self.wall, other.wall))

    def most(self, other: TimeUse) -> TimeUse:
        """Return the larger one of each."""
        return TimeUse(max(self.cpu, other.cpu), max(self.wall, other.wall))


NO_TIME: Final = TimeUse(0.0, 0.0)


@dataclass(frozen=True)
class Peaks:
    """The most that a controller, or several, used of each limit. All zero where nothing is measured, as in process.

    Attributes:
        setup: Import, construction and `begin` together.
        first_decision: The first decision.
        decision: Any later decision.
        close: `report` and `close` together.
        bank: All of these but the last.
        memory: Address space beyond that of the bare process, bytes.
    """

    setup: TimeUse = NO_TIME
    first_decision: TimeUse = NO_TIME
    decision: TimeUse = NO_TIME
    close: TimeUse = NO_TIME
    bank: TimeUse = NO_TIME
    memory: int = 0

    def most(self, other: Peaks) -> Peaks:
        """Return the larger one of each."""
        times = {
            field.name: getattr(self, field.name).most(getattr(other, field.name))
            for field in dataclasses.fields(self)
            if field.name != "memory"
        }
        return Peaks(**times, memory=max(self.memory, other.memory))
