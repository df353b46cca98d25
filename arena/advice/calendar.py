"""Periods by their dates: which one today is, and in which one an order arrives."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from arena.world.data.dates import DateFault, read_dates
from arena.world.data.demand_data import label_of
from arena.world.data.source import NUMBERED

_LENGTHS = {"day": 1, "week": 7}


@dataclass(frozen=True)
class Calendar:
    """Periods from today on.

    Attributes:
        today: name of the first period of the advice, as `DemandData.start`; empty where periods have no dates.
        frequency: length of a period, as `DemandData.frequency`; `period` where they have no dates.
    """

    today: str = ""
    frequency: str = "period"

    @property
    def has_dates(self) -> bool:
        """Whether periods are dated."""
        return self.frequency != "period"

    def label(self, period: int) -> str:
        """Return the name of a period, from 0 for today.

        >>> Calendar("2024-03-11", "day").label(2), Calendar().label(2)
        ('2024-03-13', 'period 2')
        """
        if self.has_dates:
            return label_of(self.today, self.frequency, period)
        return f"period {int(self.today or 0) + period}"

    def when(self, period: int) -> str:
        """Return when something arrives in a period, for sentences.

        >>> Calendar("2024-03-11", "day").when(2), Calendar("2024-03", "month").when(1), Calendar().when(2)
        ('on 2024-03-13', 'in 2024-04', 'in period 2')
        """
        label = self.label(period)
        return f"{'on' if self.has_dates and self.frequency != 'month' else 'in'} {label}"

    def period_of(self, text: str, date_format: str | None) -> int | tuple[str, str]:
        """Return the period of a date, below 0 for one in the past; or the rule that it breaks, and the fix.

        Args:
            text: the date, as it is written.
            date_format: as `StateTable.date_format`.
        """
        if date_format != NUMBERED and not self.has_dates:
            rule = "is not a number of periods from today, and the periods of this world have no dates"
            return rule, "write date_format: number and 0, 1, 2, …, or today: and frequency: in the state file"
        if date_format == NUMBERED and text.startswith("-") and text[1:].isdecimal():
            return -int(text[1:9])
        read = read_dates([text], date_format)
        if isinstance(read, DateFault):
            return read.rule, read.fix
        (number,) = read.numbers
        if date_format == NUMBERED:
            return number
        if self.frequency == "month":
            year, month = map(int, self.today.split("-"))
            date = datetime.date.fromordinal(number)
            return (date.year - year) * 12 + date.month - month
        first = datetime.date.fromisoformat(self.today).toordinal()
        days = _LENGTHS.get(self.frequency) or int(self.frequency.split()[0])
        # A day within a longer period belongs to it.
        return (number - first) // days
