"""Lead times that vary: how they are drawn, and how orders that may not cross are kept in their order."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Count, FrozenSchema, NonNegative

LONGEST_LEAD_TIME: Final = 1_000
"""Largest lead time of a supply link, periods."""

LeadTime = Annotated[Count, Field(le=LONGEST_LEAD_TIME)]
"""A number of periods: whole, 0 or more, at most `LONGEST_LEAD_TIME`."""

LOST: Final = -1
"""Lead time of an order that never arrives, in arrays."""

PossibleLeadTime = LeadTime | Literal["lost"]
"""A lead time in periods, or `lost` for an order that never arrives."""

LONGEST_SERIES: Final = 100_000
_TOLERANCE: Final = 1e-9


class LeadTimeDistribution(FrozenSchema):
    """A random lead time of a supply link, drawn for every order period on its own.

    Unless orders may cross, an order arrives no earlier than the one before it: its period of arrival is the larger
    one of its own and that of the last order before it that is not lost, whatever their quantities.
    """

    values: tuple[PossibleLeadTime, ...] = Field(
        min_length=1, max_length=LONGEST_LEAD_TIME + 2, description="possible lead times in periods, and `lost`"
    )
    probabilities: tuple[NonNegative, ...] = Field(min_length=1, description="their probabilities, summing to 1")
    may_cross: bool = Field(default=False, description="whether a later order may arrive before an earlier one")

    @model_validator(mode="after")
    def _is_a_distribution(self) -> LeadTimeDistribution:
        faults = []
        if len(self.values) != len(self.probabilities):
            rule = f"there is one probability for each of the {len(self.values)} values"
            faults.append(FieldFault("probabilities", len(self.probabilities), rule, "add or remove some"))
        elif abs(math.fsum(self.probabilities) - 1.0) > _TOLERANCE:
            rule = "probabilities sum to 1"
            faults.append(
                FieldFault("probabilities", f"{math.fsum(self.probabilities):g}", rule, "divide them by that")
            )
        if len(set(self.values)) < len(self.values):
            faults.append(
                FieldFault("values", list(self.values), "values differ", "add up the probabilities of equals")
            )
        faults += _all_lost(self.values)
        if faults:
            raise FaultList(faults)
        return self

    @property
    def longest(self) -> int:
        """Largest lead time, periods."""
        return max(value for value in self.values if value != "lost")

    def lead_times(self, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Lead times of orders, each for itself: before the rule that orders do not cross.

        Args:
            uniforms: a number from 0 to below 1 for each order.

        Returns:
            Periods, of that shape; `LOST` for lost orders.
        """
        bounds = np.cumsum(self.probabilities)
        places = np.searchsorted(bounds / bounds[-1], uniforms, side="right")
        return _as_numbers(self.values)[np.minimum(places, len(self.values) - 1)]


class LeadTimeSeries(FrozenSchema):
    """Lead times by the period of the order, such as those of a record; an order may be `lost`."""

    values: tuple[PossibleLeadTime, ...] = Field(
        min_length=1, max_length=LONGEST_SERIES, description="lead time of what is shipped in period 0, 1, …, or `lost`"
    )
    may_cross: bool = Field(default=True, description="whether a later order may arrive before an earlier one")
    past_end: Literal["error", "repeat"] = Field(
        default="error", description="what is played past the end of the values: refused, or the values anew"
    )

    @model_validator(mode="after")
    def _something_arrives(self) -> LeadTimeSeries:
        faults = _all_lost(self.values)
        if faults:
            raise FaultList(faults)
        return self

    @property
    def longest(self) -> int:
        """Largest lead time, periods."""
        return max(value for value in self.values if value != "lost")

    def lead_times(self, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Lead times of the orders of the first periods, `LOST` for lost ones.

        Args:
            uniforms: any numbers, by period on the first axis; they are not looked at.

        Returns:
            Periods, of that shape.
        """
        by_period = np.resize(_as_numbers(self.values), (len(uniforms),) + (1,) * (uniforms.ndim - 1))
        return np.broadcast_to(by_period, uniforms.shape)


def without_crossing(lead_times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lead times under the rule that no order arrives before an earlier one.

    Args:
        lead_times: by period of the order on the first axis, periods; `LOST` for lost orders.

    Returns:
        Lead times of that shape: period of arrival is the largest one so far. Lost orders stay lost.
    """
    period = np.arange(len(lead_times)).reshape((-1,) + (1,) * (lead_times.ndim - 1))
    is_lost = lead_times == LOST
    arrival = np.maximum.accumulate(np.where(is_lost, -1, period + lead_times), axis=0)
    return np.where(is_lost, LOST, arrival - period)


def _as_numbers(values: tuple[int | str, ...]) -> NDArray[np.int64]:
    return np.array([LOST if value == "lost" else value for value in values], dtype=np.int64)


def _all_lost(values: tuple[int | str, ...]) -> list[FieldFault]:
    if any(value != "lost" for value in values):
        return []
    return [FieldFault("values", list(values), "some order arrives", "add a lead time")]
