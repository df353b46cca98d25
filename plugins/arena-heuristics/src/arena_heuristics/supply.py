"""What the rules plan with on every supply link: when an order arrives, whether it does, and which link is used.

**Time** from an order to its arrival: the order delay and the lead time. Where lead times vary and their distribution
is told (informed track), its mean and variance are planned with; elsewhere the promised lead time is. Where orders may
not cross, an order waits for those before it, so that lead times are longer than those that are drawn: an order is no
later than k periods if its own draw is at most k and that of the order j periods before at most k + j, or lost.

**Lost orders**: of what is on its way, the share counts that arrives on average, and orders are divided by it, as for
random yield (Bollapragada and Morton 1999, Operations Research 47, 713-722).

**Parallel links** between the same two nodes: only the best one is used, by the score of the split between suppliers
(`arena_heuristics.ordering.split_shares`): the least price + weight × periods until arrival, the first one of equals.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arena import Network, SupplyLink

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Delivery(NamedTuple):
    """Time from an order to its arrival on one link, and the probability that it arrives.

    Attributes:
        mean: periods; the mean of those that arrive.
        variance: squared periods.
        chance: that an order arrives, above 0.
    """

    mean: float
    variance: float
    chance: float


def delivery_of(link: SupplyLink) -> Delivery:
    """What a rule plans with on a supply link, as the link tells it.

    >>> delivery_of(SupplyLink(supplier=1, buyer=2, lead_time=3, price=0, pipeline_holding_cost=0, order_delay=2))
    Delivery(mean=5.0, variance=0.0, chance=1.0)
    """
    probabilities = arrival_probabilities(link)
    if probabilities is None:
        # What was promised may be more than can happen.
        return Delivery(float(link.order_delay + min(link.lead_time, link.slots)), 0.0, 1.0)
    periods = np.arange(len(probabilities))
    mean = float(probabilities @ periods)
    return Delivery(link.order_delay + mean, float(probabilities @ (periods - mean) ** 2), 1.0 - _lost(link))


def arrival_probabilities(link: SupplyLink) -> FloatArray | None:
    """Probability of every lead time of an order that arrives, from 0 on, after many periods.

    Args:
        link: as it is told.

    Returns:
        (longest lead time + 1,), summing to 1; None if no distribution is told. Where orders may not cross,
        waiting for earlier orders is part of it.
    """
    law = link.lead_time_distribution
    if law is None:
        return None
    lost = _lost(link)
    drawn = np.zeros(law.longest + 1)
    for value, probability in zip(law.values, law.probabilities, strict=True):
        if value != "lost":
            drawn[value] += probability
    until = np.cumsum(drawn)
    if not law.may_cross:
        # The product over j of the probability that the order j periods before is no obstacle.
        no_obstacle = np.minimum(lost + until, 1.0)
        later = np.append(np.cumprod(no_obstacle[::-1])[::-1][1:], 1.0)
        until = until * later
    found = np.diff(until, prepend=0.0)
    return np.asarray(found / found.sum(), dtype=np.float64)


def _lost(link: SupplyLink) -> float:
    law = link.lead_time_distribution
    if law is None:
        return 0.0
    return sum(chance for value, chance in zip(law.values, law.probabilities, strict=True) if value == "lost")


@dataclass(frozen=True)
class SupplyPlan:
    """What is planned with on all supply links of a network.

    Attributes:
        deliveries: of every link.
        is_used: whether orders are placed on it, by link.
    """

    deliveries: tuple[Delivery, ...]
    is_used: tuple[bool, ...]

    @cached_property
    def periods(self) -> tuple[int, ...]:
        """Periods from order to arrival in whole numbers, by link."""
        return tuple(math.floor(delivery.mean + 0.5) for delivery in self.deliveries)

    @cached_property
    def chances(self) -> FloatArray:
        """Probability that an order arrives, (supply links,)."""
        return np.array([delivery.chance for delivery in self.deliveries])


def plan_supply(network: Network, lead_time_weight: float) -> SupplyPlan:
    """Plan the supply of a network as a briefing tells it.

    Args:
        network: the network.
        lead_time_weight: price units per period until arrival.
    """
    deliveries = tuple(delivery_of(link) for link in network.supply_links)
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for position, (link, delivery) in enumerate(zip(network.supply_links, deliveries, strict=True)):
        score = (landed_cost(link, delivery, lead_time_weight), position)
        pair = (link.supplier, link.buyer)
        best[pair] = min(best.get(pair, score), score)
    used = {position for _, position in best.values()}
    return SupplyPlan(deliveries, tuple(position in used for position in range(len(deliveries))))


def landed_cost(link: SupplyLink, delivery: Delivery, lead_time_weight: float) -> float:
    """Price of a unit that arrives + weight × periods until it does."""
    return link.price / delivery.chance + lead_time_weight * delivery.mean


class Moments(NamedTuple):
    """Mean and standard deviation of a demand, in units; one array entry per material."""

    mean: FloatArray
    deviation: FloatArray


class Protection:
    """Lead times over which demand is covered, per material, certain or not.

    Demand over a random lead time has the mean of demand over the mean one, and the variance E[n] σ² + Var(L) μ² with
    the demand μ and its variance σ² of a period (Silver, Pyke and Thomas 2017, Inventory and Production Management in
    Supply Chains, section 6.10). Where orders are lost with probability p, n p / (1 − p) μ² is added: that of what
    arrives of n orders for μ units.

    Args:
        means: lead times, periods, (materials,).
        variances: squared periods, (materials,).
        losses: p / (1 − p) of every material.
    """

    def __init__(self, means: FloatArray, variances: FloatArray, losses: FloatArray) -> None:
        self.means = means
        self.variances = variances
        self.losses = losses
        self.whole: IntArray = np.floor(means + 0.5).astype(np.int64)
        self._is_certain = not (variances.any() or losses.any() or (means != self.whole).any())

    def longer(self, periods: FloatArray | IntArray, variances: FloatArray | None = None) -> "Protection":
        """The same with so many periods more, (materials,), and what they vary by."""
        more = self.variances if variances is None else self.variances + variances
        return Protection(self.means + periods, more, self.losses)

    def demand(self, over: Callable[[IntArray], Moments], left: int | IntArray | None = None) -> Moments:
        """Demand over the lead time and the coming period.

        Args:
            over: that over whole lead times + 1, (materials,).
            left: longest lead time that matters, because the episode ends, one for all or (materials,); None: any.
        """
        if self._is_certain:
            return over(self.whole if left is None else np.minimum(self.whole, left))
        means = self.means if left is None else np.minimum(self.means, left)
        below = np.floor(means).astype(np.int64)
        part = means - below
        lower, upper = over(below), over(np.ceil(means).astype(np.int64))
        mean = lower.mean + part * (upper.mean - lower.mean)
        variance = lower.deviation**2 + part * (upper.deviation**2 - lower.deviation**2)
        periods = means + 1
        variance = variance + (self.variances + periods * self.losses) * (mean / periods) ** 2
        return Moments(mean, np.sqrt(np.maximum(variance, 0.0)))
