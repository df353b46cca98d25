"""Recorded demand: the units of every market in every period, and whether its shelf was full."""

from __future__ import annotations

import datetime
from functools import cached_property
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena.errors import ABSENT, Fault, FaultList, FieldFault, InvalidInput, unknown_name
from arena.schemas import FrozenSchema, NonNegative

MOST_MARKETS: Final = 50_000
"""Most markets of recorded demand."""
MOST_PERIODS: Final = 100_000
"""Most periods of recorded demand."""
MOST_VALUES: Final = 5_000_000
"""Most values of recorded demand, markets times periods."""

LONGEST_NAME: Final = 200
"""Most characters of a market's name."""

LONGEST_NOTE: Final = 1_000
"""Most characters of a note."""

PastEnd = Literal["error", "repeat"]
"""How periods after the last recorded one are played: refused, or as the last one."""

_DAYS: Final = {"day": 1, "week": 7}


class DemandData(FrozenSchema):
    """Recorded demand of one or more markets, a value per market and period, without gaps.

    Made by `read_data` from a table, or by hand. But for a note that takes part in no digest, it holds no path and no
    option of the reader, so that equal numbers give an equal digest wherever they were read.
    """

    markets: tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)], ...] = Field(
        min_length=1, max_length=MOST_MARKETS, description="names of the markets, each once"
    )
    start: str = Field(
        description="first period: an ISO date (2024-01-31), an ISO month (2024-01) for months, or a whole number"
    )
    frequency: str = Field(
        pattern=r"^(day|week|month|period|[1-9][0-9]{0,3} days)$",
        description='length of a period: "day", "week", "month", "14 days", or "period" where periods are numbered',
    )
    values: tuple[tuple[NonNegative, ...], ...] = Field(
        description="units per market and period: one row per market, oldest period first"
    )
    in_stock: tuple[tuple[bool, ...], ...] | None = Field(
        default=None,
        description="whether the shelf was full, of the shape of values; false: demand may have been higher than "
        "recorded; absent: not known",
    )
    past_end: PastEnd = Field(default="error", description="periods after the last one: refused, or as the last one")
    note: str = Field(default="", max_length=LONGEST_NOTE, description="what was read of which table, for people")

    @model_validator(mode="after")
    def _fits_together(self) -> DemandData:
        faults = []
        if len(set(self.markets)) < len(self.markets):
            doubled = next(name for position, name in enumerate(self.markets) if name in self.markets[:position])
            faults.append(FieldFault("markets", doubled, "is used twice", "give every market its own name"))
        if len(self.values) != len(self.markets):
            rule = f"has a row per market, {len(self.markets)} here"
            faults.append(FieldFault("values", f"{len(self.values)} rows", rule, "add or remove rows"))
        periods = len(self.values[0]) if self.values else 0
        if not 1 <= periods <= MOST_PERIODS or any(len(row) != periods for row in self.values):
            rule = f"every market has equally many periods, 1 to {MOST_PERIODS:,}"
            faults.append(FieldFault("values", ABSENT, rule, "give one value per market and period"))
        elif periods * len(self.values) > MOST_VALUES:
            rule = f"markets times periods is at most {MOST_VALUES:,}"
            faults.append(FieldFault("values", periods * len(self.values), rule, "select markets, or play fewer"))
        if self.in_stock is not None and [*map(len, self.in_stock)] != [*map(len, self.values)]:
            rule = "has a flag per market and period, as many as there are values"
            faults.append(FieldFault("in_stock", ABSENT, rule, "give flags of the shape of values"))
        if not _is_start(self.start, self.frequency):
            wanted = {"month": "an ISO month such as 2024-01", "period": "a whole number"}
            rule = f"with frequency {self.frequency} the first period is " + wanted.get(
                self.frequency, "an ISO date such as 2024-01-31"
            )
            faults.append(FieldFault("start", self.start, rule, "write it so"))
        if faults:
            raise FaultList(faults)
        return self

    @property
    def periods(self) -> int:
        """Number of recorded periods."""
        return len(self.values[0])

    @cached_property
    def array(self) -> NDArray[np.float64]:
        """Units, shape (periods, markets), read-only."""
        array = np.array(self.values, dtype=np.float64).T
        array.flags.writeable = False
        return array

    @cached_property
    def in_stock_array(self) -> NDArray[np.bool_] | None:
        """Whether the shelf was full, shape (periods, markets), read-only; None if it is not known."""
        if self.in_stock is None:
            return None
        array = np.array(self.in_stock, dtype=np.bool_).T
        array.flags.writeable = False
        return array

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.markets)}

    def index_of(self, market: str) -> int:
        """Return the position of a market.

        Raises:
            UnknownName: there is no data for a market of this name.
        """
        found = self._positions.get(market)
        if found is None:
            raise unknown_name("market in the recorded demand", market, self.markets)
        return found

    def labels(self, first: int = 0, length: int | None = None) -> tuple[str, ...]:
        """Return the names of periods, in the form of `start`.

        Args:
            first: first period, counted from 0.
            length: number of periods, which may reach past the recorded ones; None: to the last recorded one.
        """
        count = self.periods - first if length is None else length
        return tuple(label_of(self.start, self.frequency, period) for period in range(first, first + count))

    def cut(self, first: int, length: int) -> DemandData:
        """Return the demand of a window as data of its own, which begins with the window's first period.

        Past the last period the last values repeat if `past_end` is `repeat`; repeated periods count as in stock.

        Args:
            first: first period of the window, counted from 0.
            length: number of periods, at least 1.

        Raises:
            InvalidInput: the window begins before the first period or after the last one, or reaches past it where
                `past_end` is `error`.
        """
        missing = max(0, first + length - self.periods)
        if length < 1 or not 0 <= first < self.periods or (missing and self.past_end == "error"):
            asked = f"periods {first} to {first + length - 1}"
            span = f"{self.start} to {label_of(self.start, self.frequency, self.periods - 1)}"
            rule = f"lie in the {self.periods} recorded periods, 0 to {self.periods - 1} ({span})"
            fix = "play fewer periods"
            if missing and 0 <= first < self.periods and length >= 1:
                fix += ", or write past_end: repeat, by which the last value repeats"
            raise InvalidInput([Fault("", "demand.data", ABSENT, f"{asked} are asked for, which must {rule}", fix)])
        flags = self.in_stock
        stop = first + length
        return DemandData(
            markets=self.markets,
            start=label_of(self.start, self.frequency, first),
            frequency=self.frequency,
            values=tuple(row[first:stop] + (row[-1],) * missing for row in self.values),
            in_stock=None if flags is None else tuple(row[first:stop] + (True,) * missing for row in flags),
            past_end=self.past_end,
        )


def label_of(start: str, frequency: str, period: int) -> str:
    """Return the name of a period.

    Args:
        start: name of period 0.
        frequency: as `DemandData.frequency`.
        period: number of the period, counted from 0.

    >>> label_of("2024-01-29", "week", 1), label_of("2023-12", "month", 1), label_of("7", "period", 1)
    ('2024-02-05', '2024-01', '8')
    """
    if frequency == "period":
        return str(int(start) + period)
    if frequency == "month":
        year, month = map(int, start.split("-"))
        years, month = divmod(month - 1 + period, 12)
        return f"{year + years:04d}-{month + 1:02d}"
    days = _DAYS[frequency] if frequency in _DAYS else int(frequency.split()[0])
    return (datetime.date.fromisoformat(start) + datetime.timedelta(days=days * period)).isoformat()


def _is_start(start: str, frequency: str) -> bool:
    try:
        return label_of(start, frequency, 0) == start
    except ValueError:
        return False
