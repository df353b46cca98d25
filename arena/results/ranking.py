"""Ranks as sets of places: which submissions the evidence tells apart, with one level for the whole table.

A table of k submissions compares k (k − 1) / 2 pairs. If each pair were tested at 5 %, some of k equal submissions
would be told apart almost surely once k is large. Here the level is that of the table: the chance that any two
submissions with equal means are told apart is 5 %.

How: the difference of two submissions on a unit (see `arena.results.statistics`) is as likely to have one sign as the
other if they are equal. The signs of all units are flipped at random, the same for all pairs, and the largest
studentised difference of the table is noted; a pair is told apart if its own difference is larger than all but 5 % of
those. Pairs told apart leave the family and the rest is looked at again (step-down). Within a stratum, a pair keeps its
own difference as far as that is not common to all strata: a controller may be better on one scenario and worse on
another. From 30 units on, statistics are corrected for skewness; fewer do not show it well enough.
`benchmarks/inference.py` measures the error and the power.

Sources: J. P. Romano and M. Wolf, Exact and approximate stepdown methods for multiple hypothesis testing, Journal of
the American Statistical Association 100 (2005); M. Mogstad, J. P. Romano, A. M. Shaikh and D. Wilhelm, Inference for
ranks, Review of Economic Studies 91 (2024).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.results.rows import Rank
from arena.results.statistics import SPREAD_TOLERANCE, skew

LEVEL: Final = 0.05
"""Chance that a table tells apart any two submissions of equal means."""

FLIPS: Final = 999
"""Random patterns of signs. Up to ten units all patterns are taken instead, which are fewer."""

_ALL_PATTERNS: Final = 10
_FEWEST_FOR_SKEWNESS: Final = 30
_SEED: Final = 20_260_511
_PAIRS_AT_ONCE: Final = 2000
_TIE: Final = 1e-6
_LEAST_SQUARES: Final = 1e-12

Matrix = NDArray[np.float64]
Decisions = NDArray[np.bool_]


def better_than(units: Matrix) -> Decisions:
    """Decide which submissions are better than which, with one error level for all of them together.

    Args:
        units: values of every submission, shape (strata, units, submissions); see `arena.results.statistics`. Values of
            one unit belong together: all submissions met the same demand there.

    Returns:
        Whether the row's submission is better than the column's, shape (submissions, submissions). Where all units of a
        pair agree, the larger value is better without a test. With a single unit nothing is decided, and below six
        units of one stratum no test can reach the level.
    """
    _, number, submissions = units.shape
    decided = np.zeros((submissions, submissions), dtype=bool)
    if number < 2 or submissions < 2:
        return decided
    first, second = np.triu_indices(submissions, 1)
    differences = units.mean(axis=1).sum(axis=0)
    differences = differences[first] - differences[second]
    patterns = _sign_patterns(units.shape[0], number)
    observed = np.empty(first.size, dtype=np.float32)
    flipped = np.empty((len(patterns), first.size), dtype=np.float32)
    constant = np.empty(first.size, dtype=bool)
    for begin in range(0, first.size, _PAIRS_AT_ONCE):
        block = slice(begin, begin + _PAIRS_AT_ONCE)
        pairs = units[:, :, first[block]] - units[:, :, second[block]]
        observed[block], constant[block] = _observed(pairs)
        flipped[:, block] = _flipped(pairs, patterns)
    apart = np.zeros(first.size, dtype=bool)
    open_pairs = np.flatnonzero(~constant)
    while open_pairs.size:
        largest = np.sort(flipped[:, open_pairs].max(axis=1))[::-1]
        allowed = int(LEVEL * (len(patterns) + 1)) - 1  # the observed pattern is one of all
        if allowed < 0:
            break
        critical = largest[allowed] if allowed < largest.size else 0.0
        beyond = observed[open_pairs] > critical * (1 + _TIE)
        if not beyond.any():
            break
        apart[open_pairs[beyond]] = True
        open_pairs = open_pairs[~beyond]
    apart |= constant & (differences != 0)
    decided[first, second] = apart & (differences > 0)
    decided[second, first] = apart & (differences < 0)
    return decided


def rank_of(name: int, decided: Decisions, among: list[int]) -> Rank:
    """Return the places that a submission may have, of the decisions on all pairs.

    Args:
        name: index of the submission.
        decided: of `better_than`.
        among: indices of the submissions that places are counted among, itself included.
    """
    above = int(decided[among, name].sum())
    below = int(decided[name, among].sum())
    return Rank(first=above + 1, last=len(among) - below)


def _sign_patterns(strata: int, number: int) -> Matrix:
    """Return patterns of signs, shape (patterns, strata, units), without the one that changes nothing."""
    if strata == 1 and number <= _ALL_PATTERNS:
        bits = np.arange(1, 2 ** (number - 1))[:, None] >> np.arange(number)
        return np.where(bits & 1, -1.0, 1.0)[:, None, :]
    heads = np.random.default_rng(_SEED).integers(0, 2, size=(FLIPS, strata, number))
    return np.where(heads, 1.0, -1.0)


def _observed(pairs: Matrix) -> tuple[Matrix, Decisions]:
    """Return the statistics of pairs, (pairs,), and which have no spread; of differences (strata, units, pairs)."""
    strata, number, _ = pairs.shape
    means = pairs.mean(axis=1)
    deviations = pairs - means[:, None]
    squares = np.square(deviations).sum(axis=(0, 1))
    largest = np.abs(pairs).max(axis=(0, 1))
    constant = np.sqrt(squares) <= SPREAD_TOLERANCE**0.5 * largest * np.sqrt(number)
    cubes = (deviations**3).sum(axis=(0, 1)) if strata * number >= _FEWEST_FOR_SKEWNESS else None
    return _statistic(means.sum(axis=0), squares, cubes, number), constant


def _flipped(pairs: Matrix, patterns: Matrix) -> Matrix:
    """Return the statistics of pairs under every pattern of signs, shape (patterns, pairs)."""
    strata, number, _ = pairs.shape
    means = pairs.mean(axis=1)
    # Equal means over all strata are imposed, and no more than that.
    values = pairs - means[:, None] + means.mean(axis=0)
    squares = np.square(values)
    total = np.zeros((len(patterns), pairs.shape[2]))
    spread = np.zeros_like(total)
    cubes = np.zeros_like(total) if strata * number >= _FEWEST_FOR_SKEWNESS else None
    for stratum in range(strata):
        signs = patterns[:, stratum]
        mean = signs @ values[stratum] / number
        square = squares[stratum].sum(axis=0)
        total += mean
        spread += square - number * mean**2
        if cubes is not None:
            cubes += signs @ values[stratum] ** 3 - 3 * mean * square + 2 * number * mean**3
    floor = _LEAST_SQUARES * squares.sum(axis=(0, 1))
    return _statistic(total, np.maximum(spread, floor), cubes, number)


def _statistic(total: Matrix, squares: Matrix, cubes: Matrix | None, number: int) -> Matrix:
    """Return the sizes of studentised sums of means; of sums of squared deviations, and of cubed ones for skewness."""
    squares = np.maximum(squares, 1e-200)  # whose power of 1.5 is still a number
    error = np.sqrt(squares / (number * (number - 1)))
    largest = 1e6  # a statistic cubed must stay a number
    statistic = np.clip(total / error, -largest, largest)
    return np.abs(statistic if cubes is None else skew(statistic, cubes / squares**1.5))
