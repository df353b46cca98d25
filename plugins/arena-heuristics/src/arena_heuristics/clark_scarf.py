"""Echelon base-stock levels of a serial system, exactly: the recursion of Clark and Scarf.

Stage 1 serves the customers, stage j + 1 supplies stage j, and the last stage buys from a source that never runs out.
The order of stage j is placed before the demand of its period, is shipped at once if stage j + 1 has the stock, and
can be used or shipped on ``cover`` periods later, so that the level of the echelon has to cover the demand of that many
periods. In the arena that is the link's lead time + 1: with a lead time of 0 a unit serves the demand of the period in
which it was ordered, but is shipped on one period later. Textbooks that order after they saw the demand of the period
call ``cover`` the lead time.

With the holding cost h of stage j (money per unit and period on hand there or on its way to stage j − 1), its echelon
holding cost e = h of stage j − h of stage j + 1, and the backlog cost b, the slope of the expected cost of echelon j in
its position y is

    slope 0 (x) = −(b + h of stage 1) where x < 0, else 0
    slope j (y) = e of stage j + E[min(slope j − 1 (y − D), 0)]        D: demand over the cover of stage j

and the level of echelon j is the smallest y whose slope is not negative. The level is optimal where customers wait,
demands of different periods are independent, and means do not fall so much that a position starts above its level.

Sources: Clark and Scarf (1960), Management Science 6, 475-490; in the form of Chen and Zheng (1994), Management Science
40, 1426-1443; Snyder and Shen (2019), Fundamentals of Supply Chain Theory, section 6.2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from arena_heuristics.ordering import FloatArray

_STEPS_PER_DEVIATION = 20.0
_REACH = 8.0  # deviations; beyond lies a probability below 1e-15
_LARGEST_COUNT = 10_000.0  # mean of Poisson demand from which on the normal distribution takes its place
_REMEMBERED = 2_048  # slopes; a scenario with goodwill makes new ones in every period
_ROUNDING = 1e-12  # part of the penalty; equal probabilities that were summed in another order move no level

Distribution = Literal["poisson", "normal", "uniform"]


class LatticeDemand(NamedTuple):
    """A demand with the values ``offset + step × (first + k)``, k from 0 on, and their probabilities.

    Demands that are added up or subtracted from each other have the same step.
    """

    offset: float
    step: float
    first: int
    probabilities: FloatArray


def poisson_lattice(mean: float, noise_scale: float) -> LatticeDemand:
    """Poisson demand whose deviation from its mean is stretched: ``mean + noise_scale × (count − mean)``.

    Args:
        mean: units, not negative; sums of independent demands have the sum of their means.
        noise_scale: above 0. Beyond 1 the arena cuts what would be negative, which is left out here.
    """
    spread = _REACH * math.sqrt(mean) + _REACH**2 / 2.0
    first = max(0, math.floor(mean - spread))
    counts = np.arange(first, math.ceil(mean + spread) + 1, dtype=np.float64)
    logarithms = counts * math.log(mean) if mean > 0 else np.where(counts > 0, -np.inf, 0.0)
    logarithms = logarithms - np.array([math.lgamma(count + 1.0) for count in counts.tolist()])
    weights = np.exp(logarithms - logarithms.max())
    return LatticeDemand((1.0 - noise_scale) * mean, noise_scale, first, weights / weights.sum())


def normal_lattice(mean: float, deviation: float, step: float) -> LatticeDemand:
    """Normal demand, by the probability of each step of a lattice.

    Args:
        mean: units.
        deviation: units, above 0.
        step: of the lattice, units; small against the deviation.
    """
    cells = math.ceil(_REACH * deviation / step)
    edges = (np.arange(-cells, cells + 2, dtype=np.float64) - 0.5) * (step / (deviation * math.sqrt(2.0)))
    distribution = np.array([0.5 * math.erfc(-edge) for edge in edges.tolist()])
    weights = np.diff(distribution)
    return LatticeDemand(mean, step, -cells, weights / weights.sum())


def uniform_lattice(means: Sequence[float], half_width: Sequence[float], step: float) -> LatticeDemand:
    """The sum of independent uniform demands around their means, by the probability of each step of a lattice.

    Args:
        means: of the demands, units.
        half_width: of each, units.
        step: of the lattice, units; small against the half widths.
    """
    first, weights = 0, np.ones(1)
    for width in half_width:
        cells = math.ceil(width / step)
        edges = (np.arange(-cells, cells + 2, dtype=np.float64) - 0.5) * step
        one = np.diff(np.clip(edges / width if width > 0 else np.sign(edges), -1.0, 1.0)) / 2.0
        first, weights = first - cells, np.convolve(weights, one)
    return LatticeDemand(float(sum(means)), step, first, weights)


class Lattice(NamedTuple):
    """The values on which demands are told, so that they can be added up."""

    step: float
    """Units."""
    is_exact: bool
    """Whether demand itself takes no other values, so that levels lie on it too."""


@dataclass(frozen=True)
class DemandLaw:
    """How a period's demand moves around its mean, as a scenario's demand has it (`arena.Demand`).

    Demand that would be negative is 0 in the arena and counts as it is here.

    Attributes:
        distribution: of demand.
        noise_scale: factor on the deviation from the mean, not negative.
        spread: standard deviation of normal or half width of uniform demand before the noise scale, units; None: √mean
            and the mean itself.
    """

    distribution: Distribution
    noise_scale: float
    spread: float | None = None

    def deviations(self, means: FloatArray) -> FloatArray:
        """Standard deviation of each period's demand, units."""
        widest = means if self.distribution == "uniform" else np.sqrt(means)
        spreads = widest if self.spread is None else np.full_like(means, self.spread)
        narrower = 1.0 / math.sqrt(3.0) if self.distribution == "uniform" else 1.0
        return np.asarray(self.noise_scale * narrower * spreads, dtype=np.float64)

    def lattice(self, means: FloatArray, deviations: FloatArray) -> Lattice | None:
        """The lattice for the demand of these periods and of parts of them; None if demand is certain.

        Args:
            means: of the periods, units.
            deviations: standard deviations of the periods, units; not those of Poisson demand if they are told.
        """
        largest = float(deviations.max(initial=0.0))
        if largest <= 0:
            return None
        if self.distribution == "poisson" and float(means.sum()) <= _LARGEST_COUNT:
            return Lattice(self.noise_scale, is_exact=True)
        # A power of two, so that it stays the same while means move a little.
        return Lattice(2.0 ** math.floor(math.log2(largest / _STEPS_PER_DEVIATION)), is_exact=False)

    def over(self, means: FloatArray, deviations: FloatArray, lattice: Lattice) -> LatticeDemand:
        """The demand of several periods together.

        Args:
            means: of the periods, units.
            deviations: standard deviations of the periods, units.
            lattice: of these and more periods.
        """
        if lattice.is_exact:
            return poisson_lattice(float(means.sum()), self.noise_scale)
        if self.distribution == "uniform":
            return uniform_lattice(means.tolist(), (math.sqrt(3.0) * deviations).tolist(), lattice.step)
        return normal_lattice(float(means.sum()), float(np.sqrt((deviations**2).sum())), lattice.step)


class Slope(NamedTuple):
    """Slope of the expected cost of an echelon in its position, at ``offset + step × (first + k)``, k from 0 on.

    Below the first position it is the first value. The last position is the first one whose slope is not negative, or
    the first position if none is.
    """

    offset: float
    first: int
    values: FloatArray


class SerialSystem:
    """Levels of the echelons of a serial system; stage 1, who serves the customers, stands first everywhere.

    Args:
        covers: periods whose demand each echelon covers by an order, beyond what the echelon below covers.
        holding_costs: of every stage, money per unit and period.
        backlog_cost: of a customer who waits, money per unit and period.
        law: how demand moves around its mean.
        least_holding_cost: least echelon holding cost, above 0: where holding upstream costs as much as downstream,
            everything would be pushed down at once.
    """

    def __init__(
        self,
        covers: Sequence[int],
        holding_costs: Sequence[float],
        backlog_cost: float,
        law: DemandLaw,
        *,
        least_holding_cost: float,
    ) -> None:
        upstream = [*holding_costs[1:], 0.0]
        self.covers = tuple(covers)
        self.law = law
        self._costs = [max(h - above, least_holding_cost) for h, above in zip(holding_costs, upstream, strict=True)]
        self._penalty = backlog_cost + holding_costs[0]
        self._slopes: dict[tuple[int, Lattice, bytes], Slope] = {}

    def levels(self, means: FloatArray, deviations: FloatArray | None = None) -> FloatArray:
        """Order-up-to levels of the echelon positions for the orders of the coming period.

        With means that change from period to period they are myopic: each order is best for the periods that it
        covers, as if stock above a later, lower level could be given back.

        Args:
            means: mean demand of the coming periods, units. Echelons that cover more periods than these get no level.
            deviations: standard deviation of demand in these periods, units; ``None``: as the law has it.

        Returns:
            Units, one per echelon that fits, from stage 1 on; −∞ where holding nothing is best.
        """
        reach = np.cumsum(self.covers)
        count = int(np.searchsorted(reach, len(means), side="right"))
        if not count:
            return np.zeros(0)
        means = means[: reach[count - 1]]
        deviations = self.law.deviations(means) if deviations is None else deviations[: len(means)]
        lattice = self.law.lattice(means, deviations)
        if lattice is None:
            return np.asarray(np.cumsum(means)[reach[:count] - 1], dtype=np.float64)
        moments = np.stack((means, deviations))
        return np.array([self._level(stage, moments[:, : reach[stage]], lattice) for stage in range(count)])

    def _level(self, stage: int, moments: FloatArray, lattice: Lattice) -> float:
        slope = self._slope(stage, moments, lattice)
        if len(slope.values) == 1:
            return -math.inf
        below, above = slope.values[-2:].tolist()
        part = 0.0 if lattice.is_exact else min(1.0, max(0.0, above / (above - below)))
        return float(slope.offset + lattice.step * (slope.first + len(slope.values) - 1 - part))

    def _slope(self, stage: int, moments: FloatArray, lattice: Lattice) -> Slope:
        """The slope of an echelon over means and deviations of all periods that it and those below it cover."""
        key = (stage, lattice, moments.tobytes())
        found = self._slopes.get(key)
        if found is None:
            cover = self.covers[stage]
            demand = self.law.over(moments[0, :cover], moments[1, :cover], lattice)
            inner = self._below(stage, moments[:, cover:], lattice)
            margin = len(demand.probabilities) - 1
            padded = np.pad(np.minimum(inner.values, 0.0), margin, mode="edge")
            values = self._costs[stage] + np.convolve(padded, demand.probabilities, mode="valid")
            # Constant on the left, and of no use to the right of the level: most of it need not be kept.
            rounding = _ROUNDING * self._penalty
            last = int(np.argmax(values >= -rounding))
            start = max(0, min(last, int(np.argmax(values > values[0] + rounding)) - 1))
            found = Slope(inner.offset + demand.offset, inner.first + demand.first + start, values[start : last + 1])
            if len(self._slopes) >= _REMEMBERED:
                self._slopes.clear()
            self._slopes[key] = found
        return found

    def _below(self, stage: int, moments: FloatArray, lattice: Lattice) -> Slope:
        if stage:
            return self._slope(stage - 1, moments, lattice)
        # At 0 the slope jumps. Cells of a continuous demand reach half a step to both sides of their value.
        at_zero = [] if lattice.is_exact else [-0.5 * self._penalty]
        return Slope(0.0, -1, np.array([-self._penalty, *at_zero, 0.0]))
