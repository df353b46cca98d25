"""Statistics of a run that is played until it is decided: valid at every stop, for all pairs of a table together.

A test with a fixed number of seeds errs more often than it says if it is repeated after every batch and the run ends at
the first success. Here, the level of 5 % is that of the whole run: the chance that the table *ever*, after any number
of seeds, tells apart two submissions of equal means or calls two equivalent whose difference is the margin or more.

**Sequence.** On hidden seeds the values with seed index i, over all scenarios, are independent of those with another
index. So a pair has one number per index, its difference in the mean over scenarios, and these are drawn independently
from one law. The number of seeds per scenario is the length of the sequence.

**Boundary.** If its mean is `m`, the t statistic of a sequence has the Bayes factor

    B(n) = √(c / (n + c)) · ((1 + t² / (n − 1)) / (1 + c / (n + c) · t² / (n − 1)))^(n / 2)

of a normal law with another mean, (mean − m) / deviation drawn from N(0, 1 / c) and the deviation unknown, against a
normal law with mean `m`. B is a martingale under the latter, so the chance that it ever reaches 1 / level is at most
the level, whatever the rule of stopping (Ville's inequality). The interval holds all `m` for which B stays below. This
is exact for normal differences, from the second seed on. For all others it holds asymptotically, by the central limit
theorem that is uniform in time, and so it does for scores, which are ratios of means and linear in the limit only.
Therefore nothing is decided below `FEWEST_SEEDS`, and an end of an interval on the side of a long tail is moved
outwards to that of Hall's correction for skewness where this is farther out.

**All pairs.** Of m pairs each has an interval at level 5 % / m. The verdict `equivalent` follows from it and errs on
one side only, which uses half of that level. The rest is available for telling apart equals, and pairs already told
apart leave their share to the r others (step-down): these are tested at 5 % · (1 / r + 1 / m) / 2. As for ranks on a
fixed number of seeds, the wrong order of two unequal submissions is not part of the proof; simulated, it is rarer.

`benchmarks/sequential.py` measures errors and the number of seeds.

Sources: T. L. Lai, On confidence sequences, Annals of Statistics 4 (1976); H. Wang and A. Ramdas, Anytime-valid t-tests
and confidence sequences for Gaussian means with unknown variance, Sequential Analysis 44 (2025); I. Waudby-Smith,
D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, Time-uniform central limit theory and asymptotic confidence sequences,
Annals of Statistics 52 (2024); S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.compared import Interval
from arena.results.ranking import LEVEL
from arena.results.rows import NeighbourOutcome, NeighbourVerdict
from arena.results.statistics import CONFIDENCE, SPREAD_TOLERANCE, Estimate, skew, unskew

FEWEST_SEEDS: Final = 30
"""Seeds per scenario below which nothing is decided: skewness and spread do not show well enough yet."""

PRIOR_SEEDS: Final = 8.0
"""The constant c: for 2 to 42 submissions, intervals are close to the narrowest possible at 50 to 300 seeds. It does
not depend on margin or budget, so that a run may be continued with others."""

SMALLEST_BATCH: Final = 10
"""Seeds per scenario that a batch has at least."""

_GROWTH: Final = 0.5
_MOST_SEEDS: Final = 10**9
_VALUES_AT_ONCE: Final = 2_000_000

Matrix = NDArray[np.float64]
Decisions = NDArray[np.bool_]


class Moments(NamedTuple):
    """Moments of independent sequences of one length, an array with one value per sequence each.

    Attributes:
        mean: of the values.
        deviation: their sample deviation; exactly 0 where all values are equal but for rounding.
        skewness: their third central moment / second one to the power of 1.5; 0 without spread.
        number: length of the sequences.
    """

    mean: Matrix
    deviation: Matrix
    skewness: Matrix
    number: int


def boundary(number: int, level: float) -> float:
    """Return the half width of an interval in standard errors, which |t| exceeds at some time with chance `level`.

    Args:
        number: length n of the sequence.
        level: chance that the interval misses the mean at any length.

    Returns:
        The t statistic at which the Bayes factor is 1 / level; infinite where it stays below for every t.
    """
    share = PRIOR_SEEDS / (number + PRIOR_SEEDS)
    exponent = -2 / number * (math.log(share) / 2 + math.log(level))
    room = 1 - share * math.exp(min(exponent, 700.0))
    return math.sqrt(math.expm1(exponent) / room * (number - 1)) if number > 1 and room > 0 else math.inf


def interval_ends(moments: Moments, level: float) -> tuple[Matrix, Matrix]:
    """Return the lower and upper ends of confidence intervals that hold at every length together.

    Args:
        moments: of the sequences.
        level: chance that the interval of one sequence misses its mean at any length.

    Returns:
        Two arrays with one value per sequence; infinite where nothing is known yet.
    """
    half = boundary(moments.number, level)
    if not math.isfinite(half):
        nothing = np.full(moments.mean.shape, np.inf)
        return -nothing, nothing
    error, skewness = moments.deviation / math.sqrt(moments.number), moments.skewness / math.sqrt(moments.number)
    below = np.maximum(half, unskew(half, skewness))
    above = np.maximum(half, -unskew(-half, skewness))
    return moments.mean - error * below, moments.mean + error * above


def tell_apart(moments: Moments) -> Decisions:
    """Decide which pairs of a table differ, with one error level for all of them and for all lengths.

    Args:
        moments: of the differences of all pairs.

    Returns:
        Whether a pair is told apart, shape (pairs,): the sign of the mean says which one is better. Where all
        differences are equal, any that is not zero is told apart without a test.
    """
    pairs = moments.mean.size
    if moments.number < FEWEST_SEEDS:
        return np.zeros(pairs, dtype=bool)
    error = np.where(moments.deviation > 0, moments.deviation, 1.0) / math.sqrt(moments.number)
    statistic = np.clip(moments.mean / error, -1e6, 1e6)  # which cubed is still a number
    transformed = skew(statistic, moments.skewness / math.sqrt(moments.number))
    size = np.minimum(np.abs(statistic), np.sign(statistic) * transformed)
    apart: Decisions = (moments.deviation == 0) & (moments.mean != 0)
    while not apart.all():
        beyond = ~apart & (moments.deviation > 0)
        beyond &= size > boundary(moments.number, level_of_open(int((~apart).sum()), pairs))
        if not beyond.any():
            break
        apart |= beyond
    return apart


def level_of_open(still_open: int, pairs: int) -> float:
    """Return the level at which a pair is tested while so many of all pairs are not told apart."""
    return LEVEL * (1 / still_open + 1 / pairs) / 2


def better_than_at_any_stop(units: Matrix) -> Decisions:
    """Decide which submissions are better than which, with one error level for all of them and for all stops.

    Args:
        units: finite values of every submission, shape (strata, units, submissions); see `arena.results.statistics`.

    Returns:
        Whether the row's submission is better than the column's, shape (submissions, submissions). Where all units of a
        pair agree, the larger value is better without a test. Below `FEWEST_SEEDS` units nothing is decided.
    """
    submissions = units.shape[2]
    decided = np.zeros((submissions, submissions), dtype=bool)
    if submissions < 2:
        return decided
    first, second = np.triu_indices(submissions, 1)
    moments = _moments_of_pairs(units, first, second)
    apart = tell_apart(moments)
    decided[first, second] = apart & (moments.mean > 0)
    decided[second, first] = apart & (moments.mean < 0)
    return decided


def estimate_at_any_stop(units: Matrix) -> Estimate | None:
    """Estimate a mean from independent units, with an interval that holds whenever the run is stopped.

    Args:
        units: values, shape (strata, units); the estimate is the sum of the strata's means.

    Returns:
        The estimate, or None if there is no unit or a value is not a finite number. The level of the interval is that
        of this one alone. It is None below `FEWEST_SEEDS` units and where all units are equal.
    """
    if not units.size or not np.isfinite(units).all():
        return None
    scale = float(np.abs(units).sum(axis=0).max())
    moments = moments_of(units.sum(axis=0)[:, None], SPREAD_TOLERANCE * scale)
    value = float(moments.mean[0])
    if moments.number < 2:
        return Estimate(value, None, None)
    error = float(moments.deviation[0]) / math.sqrt(moments.number)
    return Estimate(value, error, _interval(moments, 1 - CONFIDENCE))


def decide_neighbours(units: Matrix, order: Sequence[str], margin: float) -> tuple[NeighbourVerdict, ...]:
    """Decide of all neighbours in a table whether the upper one is better or both are equivalent.

    Args:
        units: finite values of every submission, shape (strata, units, submissions), in the order of the table; see
            `arena.results.statistics`.
        order: names of the submissions, best first.
        margin: difference that does not matter, in the unit of the values; 0 where every difference does.

    Returns:
        A verdict per pair of neighbours, from the top of the table. The error level is that of all pairs of the table,
        so that it covers neighbours who were chosen by the outcome.

    Raises:
        ValueError: `order` has another length than `units`, or a lower submission is better than its upper neighbour.
    """
    _, number, submissions = units.shape
    if len(order) != submissions:
        raise ValueError(f"{len(order)} names for {submissions} submissions")
    if submissions < 2:
        return ()
    first, second = np.triu_indices(submissions, 1)
    moments = _moments_of_pairs(units, first, second)
    apart = tell_apart(moments)
    simultaneous = LEVEL / first.size
    tested = level_of_open(max(1, int((~apart).sum())), first.size)
    verdicts = []
    for pair in np.flatnonzero(second == first + 1):
        mean, deviation, skewness = (array[[pair]] for array in moments[:3])
        one = Moments(mean, deviation, skewness, number)
        difference = float(one.mean[0])
        exact = number >= FEWEST_SEEDS and not one.deviation[0]
        interval = _interval(one, simultaneous)
        if apart[pair] and difference < 0:
            raise ValueError(f"{order[second[pair]]} is better than {order[first[pair]]}, which is placed above it")
        within = exact and abs(difference) < margin
        within |= interval is not None and -margin < interval.low and interval.high < margin
        same = exact and difference == 0
        verdict: NeighbourOutcome = "better" if apart[pair] else "equivalent" if within or same else "not decided"
        needed = _seeds_needed(one, tested, simultaneous, margin) if verdict == "not decided" and number > 1 else None
        verdicts.append(
            NeighbourVerdict(
                upper=order[first[pair]],
                lower=order[second[pair]],
                difference=difference,
                interval=interval,
                verdict=verdict,
                within_margin=within,
                seeds_needed=needed,
            )
        )
    return tuple(verdicts)


def seeds_needed_by_one(units: Matrix, margin: float) -> int | None:
    """Forecast how many seeds per scenario would decide a single pair that was chosen beforehand.

    Args:
        units: its paired differences, (strata, units).
        margin: difference that does not matter, in the unit of the values; 0 where every difference does.

    Returns:
        The number, if difference and spread stay what they look like; None if no number would, or for one unit.
    """
    moments = moments_of(units.sum(axis=0)[:, None])
    return _seeds_needed(moments, LEVEL, LEVEL, margin) if moments.number > 1 else None


def next_seeds(seeds: int, budget: int, verdicts: Sequence[NeighbourVerdict]) -> int:
    """Return how many seeds per scenario there shall be after the next batch.

    Batches grow by half of what is there, so that a long run has few of them. They end where all neighbours will be
    decided by the forecast, but have at least `SMALLEST_BATCH` seeds.

    Args:
        seeds: seeds per scenario played; 0 before the first batch.
        budget: most seeds per scenario.
        verdicts: on what was played.

    Returns:
        The number after the next batch, at most the budget; `seeds` if nothing is left to be decided or to be spent.
    """
    if seeds >= budget or (seeds >= FEWEST_SEEDS and all(one.verdict != "not decided" for one in verdicts)):
        return seeds
    most = seeds + max(SMALLEST_BATCH, math.ceil(_GROWTH * seeds))
    if seeds < FEWEST_SEEDS:
        return min(budget, FEWEST_SEEDS)
    forecasts = [one.seeds_needed for one in verdicts if one.verdict == "not decided"]
    known = [most if forecast is None else forecast for forecast in forecasts]
    return min(budget, most, max([seeds + SMALLEST_BATCH, *known]))


def _moments_of_pairs(units: Matrix, first: NDArray[np.intp], second: NDArray[np.intp]) -> Moments:
    """Return the moments of the differences of pairs, without holding all differences at once."""
    values = units.sum(axis=0)
    # Differences that are the same on every seed are exact in the sense of `arena.results.ranking`; those smaller than
    # the rounding of the values that they are made of are zero.
    rounding = SPREAD_TOLERANCE * np.abs(units).sum(axis=0).max(axis=0, initial=0.0)
    mean, deviation, skewness = np.empty(first.size), np.empty(first.size), np.empty(first.size)
    step = max(1, _VALUES_AT_ONCE // max(1, len(values)))
    for begin in range(0, first.size, step):
        block = slice(begin, begin + step)
        above, below = first[block], second[block]
        differences = values[:, above] - values[:, below]
        least = SPREAD_TOLERANCE**0.5 * np.abs(differences).max(axis=0, initial=0.0)
        moments = moments_of(differences, np.maximum(least, np.maximum(rounding[above], rounding[below])))
        nothing = (moments.deviation == 0) & (np.abs(moments.mean) <= np.maximum(rounding[above], rounding[below]))
        mean[block] = np.where(nothing, 0.0, moments.mean)
        deviation[block], skewness[block] = moments.deviation, moments.skewness
    return Moments(mean, deviation, skewness, len(values))


def moments_of(values: Matrix, least: Matrix | float = 0.0) -> Moments:
    """Return the moments of sequences.

    Args:
        values: of shape (length, sequences), at least one of each.
        least: deviation up to which the values of a sequence are one value.
    """
    number = len(values)
    mean = values.mean(axis=0)
    centred = values - mean
    variance = np.square(centred).mean(axis=0)
    spread = np.sqrt(variance) > least
    third = (centred**3).mean(axis=0)
    skewness = np.where(spread, third, 0.0) / np.where(spread, variance, 1.0) ** 1.5
    deviation = np.where(spread, np.sqrt(variance * number / max(1, number - 1)), 0.0)
    return Moments(mean, deviation, skewness, number)


def _interval(moments: Moments, level: float) -> Interval | None:
    """Return the interval of a single sequence, or None where there is none."""
    if moments.number < FEWEST_SEEDS or not moments.deviation[0]:
        return None
    low, high = (float(ends[0]) for ends in interval_ends(moments, level))
    return Interval(low=low, high=high) if math.isfinite(low) and math.isfinite(high) else None


def _seeds_needed(moments: Moments, tested: float, simultaneous: float, margin: float) -> int | None:
    """Return the smallest number of seeds that would decide a pair if its moments stay, or None."""

    def decided(number: int) -> bool:
        then = moments._replace(number=number)
        low, high = (float(ends[0]) for ends in interval_ends(then, tested))
        if low > 0 or high < 0:
            return True
        low, high = (float(ends[0]) for ends in interval_ends(then, simultaneous))
        return -margin < low and high < margin

    # The interval shrinks as seeds are added: double until it decides, then halve the step.
    enough = too_few = max(moments.number, FEWEST_SEEDS - 1)
    while not decided(enough := min(2 * enough, _MOST_SEEDS)):
        too_few = enough
        if enough == _MOST_SEEDS:
            return None
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if decided(middle) else (middle, enough)
    return enough
