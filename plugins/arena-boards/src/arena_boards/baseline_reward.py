"""The rule that InventoryBench's authors play as their baseline: capped base stock on sample moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from arena import standard_normal_quantile

_CAP_QUANTILE = 0.95


class PlayedInstance(Protocol):
    """What of an instance the baseline's reward follows from."""

    @property
    def promised_lead_time(self) -> int:
        """Periods."""

    @property
    def price(self) -> float:
        """Money per unit sold."""

    @property
    def holding_cost(self) -> float:
        """Money per unit left."""

    @property
    def history(self) -> tuple[int, ...]:
        """Units before the first period."""

    @property
    def demand(self) -> tuple[int, ...]:
        """Units by period."""

    @property
    def lead_times(self) -> tuple[int | None, ...]:
        """Periods by order period; None: lost."""


def capped_order(samples: Sequence[float] | NDArray[np.float64], lead_time: int, ratio: float, position: float) -> int:
    """Return the order of the capped base-stock rule.

    Base stock = (1 + L) mean + z √(1 + L) deviation with z the normal quantile of the critical ratio; the order is what
    the position lacks, rounded up, and at most mean + z(.95) deviation, rounded up. Mean and deviation (of a sample)
    are those of all demand seen so far. Source: InventoryBench, `documentation/strategies.md`, section 1.

    Args:
        samples: all demand seen so far, units per period, at least one.
        lead_time: promised lead time L, periods.
        ratio: critical ratio, price / (price + holding cost).
        position: units on hand and in transit, lost orders included.

    Returns:
        Units.
    """
    mean = float(np.mean(samples))
    deviation = float(np.std(samples, ddof=1)) if len(samples) > 1 else 0.0
    over_lead_time = (1 + lead_time) * mean
    spread = math.sqrt(1 + lead_time) * deviation
    base_stock = over_lead_time + standard_normal_quantile(ratio) * spread
    lacking = max(math.ceil(base_stock - position), 0)
    # Written as its authors write it, so that the last bit and the rounding up are theirs.
    cap = over_lead_time / (1 + lead_time) + standard_normal_quantile(_CAP_QUANTILE) * spread / math.sqrt(1 + lead_time)
    return max(min(lacking, math.ceil(cap)), 0)


def baseline_reward(instance: PlayedInstance) -> float:
    """Return what the baseline earns on an instance under the board's own rules, money.

    In the game of the board a lost order stays in transit for ever, and the rule counts it.

    Args:
        instance: the instance.
    """
    ratio = instance.price / (instance.price + instance.holding_cost)
    seen = [float(units) for units in instance.history]
    arriving: dict[int, int] = {}
    on_hand = in_transit = 0
    reward = 0.0
    for period, (demand, lead_time) in enumerate(zip(instance.demand, instance.lead_times, strict=True)):
        order = capped_order(seen, instance.promised_lead_time, ratio, on_hand + in_transit)
        in_transit += order
        if lead_time is not None:
            arriving[period + lead_time] = arriving.get(period + lead_time, 0) + order
        arrived = arriving.pop(period, 0)
        in_transit -= arrived
        on_hand += arrived
        sold = min(demand, on_hand)
        on_hand -= sold
        reward += instance.price * sold - instance.holding_cost * on_hand
        seen.append(float(demand))
    return reward
