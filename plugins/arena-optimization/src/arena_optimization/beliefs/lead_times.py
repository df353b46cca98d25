"""Lead times of one supply link as a track tells them, or as they are learnt from arrivals.

**Told** (informed track): the distribution, and whether orders may cross. **Learnt** (blind track, and where lead times
come from a series that nobody is told): for every age, how many of the orders that were still under way arrived at it.
Each age has a beta belief about that share, and the lead time follows from the shares; an order that is still under way
after the longest lead time is lost. The prior expects the promised lead time, nearly always.

Source: beta beliefs about the hazard of each age: the discrete beta process, N. L. Hjort (1990), Annals of Statistics
18, 1259-1294.
"""

from __future__ import annotations

import numpy as np

from arena import SupplyLink
from arena_optimization.arrays import FloatArray, IntArray

LOST = -1
"""Lead time of an order that never arrives."""
_PROMISE_KEPT = 0.9
"""Prior probability that an order arrives when promised."""
_PRIOR_ORDERS = 2.0
"""Orders that the prior counts as."""
_CANDIDATES = 4_000
"""Draws from which those that agree with what was seen are taken, where orders do not cross."""


class LeadTimes:
    """The law of a supply link.

    Attributes:
        slots: Longest lead time, periods.
        may_cross: Whether a later order may arrive before an earlier one; True where that is not told.
        probabilities: Of every lead time from 0 on, and last of a lost order, (slots + 2,).
    """

    def __init__(self, link: SupplyLink) -> None:
        """Take the law that is told, or begin to learn.

        Args:
            link: As the briefing tells it.
        """
        self.slots = link.slots
        law = link.lead_time_distribution
        self.may_cross = True if law is None else law.may_cross
        self._is_told = law is not None
        if law is not None:
            told = np.zeros(self.slots + 2)
            for value, probability in zip(law.values, law.probabilities, strict=True):
                told[-1 if value == "lost" else value] += probability
            self.probabilities: FloatArray = told / told.sum()
            return
        prior = np.full(self.slots + 2, (1.0 - _PROMISE_KEPT) / (self.slots + 2))
        prior[min(link.lead_time, self.slots)] += _PROMISE_KEPT
        under_way = np.cumsum(prior[::-1])[::-1][:-1]
        self._arrived = _PRIOR_ORDERS * prior[:-1]
        self._seen = _PRIOR_ORDERS * under_way
        self.probabilities = prior

    def learn(self, age: int, *, arrived: bool) -> None:
        """Take note of an order that was under way at an age, and whether it arrived then."""
        if self._is_told:
            return
        self._seen[age] += 1.0
        self._arrived[age] += float(arrived)
        hazard = self._arrived / self._seen
        under_way = np.concatenate([[1.0], np.cumprod(1.0 - hazard)])
        self.probabilities = np.append(under_way[:-1] * hazard, under_way[-1])

    def quantiles(self, uniforms: FloatArray, least: IntArray | int = 0) -> IntArray:
        """Lead times that are at least so long, `LOST` for lost orders.

        Args:
            uniforms: Numbers from 0 to below 1.
            least: Periods, of a shape that is broadcast with it. An order that cannot have been under way so long by
                the law counts as lost.
        """
        cumulative = np.concatenate([[0.0], np.cumsum(self.probabilities)])
        before = cumulative[np.minimum(least, self.slots + 1)]
        places = np.searchsorted(cumulative[1:], before + uniforms * (1.0 - before), side="right")
        places = np.minimum(np.maximum(places, least), self.slots + 1)
        return np.where(places > self.slots, LOST, places)

    def hazard(self, age: int) -> float:
        """Probability that an order that is under way at an age arrives then."""
        left = float(self.probabilities[age:].sum())
        return float(self.probabilities[age]) / left if left > 0 else 0.0

    def draw(
        self, is_open: IntArray, arrived: IntArray, horizon: int, count: int, generator: np.random.Generator
    ) -> IntArray:
        """Lead times of the latest orders and of those to come, path by path.

        Args:
            is_open: Of the orders that were placed 1, 2, … ``slots`` periods ago: 1 if it is under way, 0 if there was
                none or it is not known, (slots,).
            arrived: Likewise 1 if it is known to have arrived, (slots,).
            horizon: Number of coming orders.
            count: Number of paths.
            generator: Of the draws.

        Returns:
            Periods, (count, slots + horizon): orders before by age from the oldest one, then those of the coming
            periods. Where orders may not cross, waiting for earlier orders is part of it.
        """
        slots = self.slots
        ages = np.arange(slots, 0, -1)
        least = np.where(is_open[ages - 1] > 0, ages, 0)
        to_come = self.quantiles(_spread(count, horizon, generator))
        if self.may_cross:
            before = self.quantiles(_spread(count, slots, generator), least[None])
            return np.concatenate([before, to_come], axis=1)
        drawn = self.quantiles(generator.random((_CANDIDATES, slots)))
        final = _without_crossing(drawn)
        agrees = ((final >= least) | (final == LOST) | (least == 0)).all(axis=1)
        is_known = arrived[ages - 1] > 0
        agrees &= ((final != LOST) & (final < ages) | ~is_known).all(axis=1)
        found = drawn[agrees] if agrees.any() else self.quantiles(generator.random((count, slots)), least[None])
        before = found[generator.integers(len(found), size=count)]
        return _without_crossing(np.concatenate([before, to_come], axis=1))

    @property
    def survival(self) -> FloatArray:
        """Probability that an order is under way at the end of so many periods, from its own on, (slots,).

        A lost order is under way until no order of its age can arrive. That an order may wait for earlier ones is left
        out.
        """
        return np.asarray(1.0 - np.cumsum(self.probabilities[:-1])[: self.slots])


def _spread(count: int, dimensions: int, generator: np.random.Generator) -> FloatArray:
    """Uniforms of which each dimension has one in every part of 1/count: a Latin hypercube, (count, dimensions)."""
    places = generator.permuted(np.tile(np.arange(count)[:, None], (1, dimensions)), axis=0)
    return np.asarray((places + generator.random((count, dimensions))) / count)


def _without_crossing(lead_times: IntArray) -> IntArray:
    """Lead times where no order arrives before an earlier one, by order on the last axis."""
    order = np.arange(lead_times.shape[1])
    is_lost = lead_times == LOST
    arrival = np.maximum.accumulate(np.where(is_lost, -1, order + lead_times), axis=1)
    return np.where(is_lost, LOST, arrival - order)
