"""Lead-time law of a supply link, learnt from what arrives.

The law is a Dirichlet belief over the whole periods up to the longest possible lead time, and over being lost, with
most of its prior weight on the promise. Where arrivals do not show which order came, every set of open orders that
explains the units received is a hypothesis, weighted by the law.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from arena_forecasting.arrays import FloatArray

PROMISE_WEIGHT = 1.5
OTHER_WEIGHT = 0.12
LOST_WEIGHT = 0.15
"""Prior counts of the Dirichlet belief: the promised lead time, every other one, and being lost."""
_MOST_HYPOTHESES = 32
_LEAST_WEIGHT = 1e-4
_MOST_OPEN = 10
"""Most open orders of which every subset is tried."""
_TOLERANCE = 1e-6


@dataclass
class _Hypothesis:
    """One explanation of what was received.

    Attributes:
        log_weight: log probability, not normalised.
        open_orders: units by the period of shipping, of orders that may still arrive.
        counts: orders by their lead time, the last one lost.
    """

    log_weight: float
    open_orders: dict[int, float]
    counts: FloatArray = field(repr=False)


class LeadTimeBelief:
    """Belief about one supply link: its law, and what is on the way.

    Args:
        promised: promised lead time, periods.
        longest: longest possible lead time, periods.
        varies: whether it can be another than the promised one; if not, nothing is learnt.
        delay: periods until the supplier ships.
        shows_orders: whether arrivals show which order came.
    """

    def __init__(self, promised: int, longest: int, *, varies: bool, delay: int = 0, shows_orders: bool = True) -> None:
        self.promised, self.longest, self.varies, self.delay = promised, max(longest, promised), varies, delay
        self._shows_orders = shows_orders
        self.prior = np.full(self.longest + 2, OTHER_WEIGHT)
        self.prior[promised] = PROMISE_WEIGHT
        self.prior[-1] = LOST_WEIGHT
        if not varies:
            self.prior[:] = 0.0
            self.prior[promised] = 1.0
        self._hypotheses = [_Hypothesis(0.0, {}, np.zeros(self.longest + 2))]

    @property
    def law(self) -> FloatArray:
        """Expected probabilities of lead times 0 to the longest, and of being lost; open orders count softly."""
        total = self.prior + self._soft_counts()
        return np.asarray(total / total.sum())

    @property
    def open_orders(self) -> dict[int, float]:
        """Units by the period of shipping, of orders that may still arrive, in the likeliest explanation."""
        return dict(max(self._hypotheses, key=lambda each: each.log_weight).open_orders)

    def ship(self, period: int, units: float) -> None:
        """Note an order that the supplier ships in a period, which may be a later one; nothing for none."""
        if units > 0:
            for hypothesis in self._hypotheses:
                hypothesis.open_orders[period] = units

    def receive(self, period: int, units: float, by_age: Mapping[int, float] | None = None) -> None:
        """Learn what arrived in a period.

        Args:
            period: the period.
            units: received in it, without what was on the way before the first period.
            by_age: where arrivals show their orders: units by periods since shipping.
        """
        if self._shows_orders and by_age is not None:
            arrived = {period - age for age, received in by_age.items() if received > _TOLERANCE}
            for hypothesis in self._hypotheses:
                self._settle(hypothesis, period, arrived)
        elif self.varies:
            self._explain(period, units)
        else:
            for hypothesis in self._hypotheses:
                self._settle(hypothesis, period, {period - self.promised})

    def sample_laws(self, count: int, generator: np.random.Generator) -> FloatArray:
        """Draw laws from the belief, (count, longest + 2)."""
        if not self.varies:
            return np.tile(self.prior, (count, 1))
        shapes = self.prior + self._soft_counts()
        draws = generator.standard_gamma(shapes, size=(count, len(shapes))) + 1e-300
        return np.asarray(draws / draws.sum(axis=1, keepdims=True))

    def sums_of_open_orders(self, period: int) -> FloatArray:
        """Sums of all subsets of the orders that may still be open in a period, units, the empty one included."""
        open_units = [units for shipped, units in self.open_orders.items() if period - shipped <= self.longest]
        if len(open_units) > _MOST_OPEN:
            return np.zeros(1)
        return np.asarray(_subsets(len(open_units)) @ np.array(open_units), dtype=np.float64)

    def _soft_counts(self) -> FloatArray:
        """Orders by lead time, expected over the hypotheses; an open one is shared by what it still can be."""
        if not self.varies:
            return np.zeros(self.longest + 2)
        weights = self._weights()
        counts = np.sum([weight * one.counts for weight, one in zip(weights, self._hypotheses, strict=True)], axis=0)
        law = self.prior + counts
        law = law / law.sum()
        soft = np.zeros_like(counts)
        for weight, hypothesis in zip(weights, self._hypotheses, strict=True):
            for shipped in hypothesis.open_orders:
                age = max(0, self._now - shipped)
                if age > 0:
                    left = law.copy()
                    left[: min(age, self.longest + 1)] = 0.0
                    soft += weight * left / left.sum()
        return np.asarray(counts + soft)

    _now = 0

    def _weights(self) -> FloatArray:
        logs = np.array([each.log_weight for each in self._hypotheses])
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())

    def _settle(self, hypothesis: _Hypothesis, period: int, arrived: set[int]) -> None:
        """Take what arrived in a period off the open orders, and what can no longer arrive."""
        self._now = period + 1
        for shipped in list(hypothesis.open_orders):
            age = period - shipped
            if shipped in arrived and 0 <= age <= self.longest:
                hypothesis.counts[age] += 1.0
                del hypothesis.open_orders[shipped]
            elif age >= self.longest:
                hypothesis.counts[-1] += 1.0
                del hypothesis.open_orders[shipped]

    def _explain(self, period: int, units: float) -> None:
        """Replace every hypothesis by its explanations of the units that arrived in a period."""
        law = self.law
        alive = np.concatenate([np.cumsum(law[::-1])[::-1], [0.0]])
        found: list[_Hypothesis] = []
        for hypothesis in self._hypotheses:
            found.extend(self._explanations(hypothesis, period, units, law, alive))
        if not found:
            # Another quantity than was ordered: the closest explanation of the likeliest hypothesis.
            likeliest = max(self._hypotheses, key=lambda each: each.log_weight)
            found = list(self._explanations(likeliest, period, units, law, alive, closest=True))
        found.sort(key=lambda each: -each.log_weight)
        best = found[0].log_weight
        merged: dict[tuple[int, ...], _Hypothesis] = {}
        for each in found:
            if each.log_weight < best + np.log(_LEAST_WEIGHT):
                break
            key = (*sorted(each.open_orders),)
            if key in merged:
                kept = merged[key]
                share = 1.0 / (1.0 + np.exp(each.log_weight - kept.log_weight))
                kept.counts = share * kept.counts + (1.0 - share) * each.counts
                kept.log_weight = float(np.logaddexp(kept.log_weight, each.log_weight))
            else:
                merged[key] = each
        self._hypotheses = list(merged.values())[:_MOST_HYPOTHESES]
        for each in self._hypotheses:
            each.log_weight -= best

    def _explanations(
        self,
        hypothesis: _Hypothesis,
        period: int,
        units: float,
        law: FloatArray,
        alive: FloatArray,
        *,
        closest: bool = False,
    ) -> Iterator[_Hypothesis]:
        shipped = sorted(each for each in hypothesis.open_orders if each <= period)[-_MOST_OPEN:]
        ages = np.array([period - each for each in shipped], dtype=np.int64)
        quantities = np.array([hypothesis.open_orders[each] for each in shipped])
        subsets = _subsets(len(shipped))
        gaps = np.abs(subsets @ quantities - units)
        bound = gaps.min() + _TOLERANCE if closest else _TOLERANCE * max(1.0, units)
        chance = law[ages] / np.maximum(alive[ages], 1e-300)
        for row in subsets[gaps <= bound]:
            probability = np.where(row > 0, chance, 1.0 - chance)
            log_weight = hypothesis.log_weight + float(np.log(np.maximum(probability, 1e-12)).sum())
            explained = _Hypothesis(log_weight, dict(hypothesis.open_orders), hypothesis.counts.copy())
            arrived = {each for each, came in zip(shipped, row, strict=True) if came}
            self._settle(explained, period, arrived)
            yield explained


def _subsets(count: int) -> FloatArray:
    """All subsets of so many things as rows of 0 and 1."""
    return ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float64)


def told_apart(quantity: float, sums: FloatArray, most: float) -> float:
    """Move an order by a unit or two, so that no two subsets of open orders and it have one sum.

    Args:
        quantity: wanted, units.
        sums: of all subsets of the other open orders, units.
        most: largest change, units.

    Returns:
        The nearest such quantity, or the wanted one where none is near.
    """
    differences = np.unique(np.abs(sums[:, None] - sums[None, :]))
    for change in (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0):
        moved = quantity + change
        if abs(change) <= most and moved > 0 and not (np.abs(differences - moved) < 0.5).any():
            return moved
    return quantity
