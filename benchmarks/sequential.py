"""How often a run that is played until it is decided errs, and how many seeds it takes, beside a fixed-sample rule.

Run ``python benchmarks/sequential.py [--replications N] [--budget SEEDS]`` (2 000 take about an hour; of 42 submissions
a quarter as many tables are simulated). Nothing here is a measured time.

Errors: the share of tables in which, at *any* number of seeds from the first look to the budget, two submissions of
equal means are told apart, two are put in the wrong order, or two are called equivalent that differ by the margin or
more. The rule of `arena.results.sequential` beside the same decisions by Student's t with a correction for all pairs
(Holm), which would be right at a single look.

Seeds: how many are played until a pair is decided, beside the number that the fixed-sample rule needs to decide it
with 90 %, if somebody knew the difference and its spread beforehand.

Units are standard deviations of a paired difference of normal submissions. One unit is a seed over all scenarios.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import Final, NamedTuple

import numpy as np
from control_variate import scores_by_seed
from inference import FIELDS, SCENARIOS
from numpy.typing import NDArray
from scipy import stats
from scipy.special import stdtrit

from arena.results.ranking import LEVEL, better_than
from arena.results.sequential import (
    FEWEST_SEEDS,
    Moments,
    better_than_at_any_stop,
    boundary,
    interval_ends,
    moments_of,
    tell_apart,
)

Matrix = NDArray[np.float64]
Decisions = NDArray[np.bool_]
Generator = np.random.Generator

MARGIN: Final = 0.4
"""Margin of all tables. With a budget of 500 seeds, equivalence within it can be shown for 42 submissions."""


class Field(NamedTuple):
    """Submissions of a simulated table: what is drawn, and the true means."""

    draw: Callable[[Generator, int, int], Matrix]
    """Of a generator, units and submissions: values of mean 0, shape (units, submissions)."""
    means: Callable[[int], Matrix]
    """Of the number of submissions: their means, (submissions,)."""


class Rule(NamedTuple):
    """A way to decide."""

    half: Callable[[int, float], float]
    """Half width of an interval in standard errors at least, of length and level."""
    apart: Callable[[Moments], Decisions]
    """Which pairs are told apart."""
    ends: Callable[[Moments, float], tuple[Matrix, Matrix]]
    """Ends of intervals at a level."""


def _normal(chance: Generator, units: int, many: int) -> Matrix:
    return chance.normal(size=(units, many)) / np.sqrt(2)


def _one_collapses(chance: Generator, units: int, many: int, scenarios: int) -> Matrix:
    values = _normal(chance, units, many) / np.sqrt(scenarios)
    values[:, 0] += 1 - 20 * chance.binomial(scenarios, 0.05, units) / scenarios
    return values


def _equal(many: int) -> Matrix:
    return np.zeros(many)


#: Tables by name. The equal ones of `benchmarks/inference.py` have one scenario.
TABLES: Final[dict[str, Field]] = {
    **{name: Field(draw, _equal) for name, draw in FIELDS.items()},
    "exchangeable, exponential": Field(lambda chance, units, many: chance.exponential(size=(units, many)), _equal),
    "all skewed, 22 scenarios": Field(
        lambda chance, units, many: (
            1
            - chance.gamma(np.geomspace(0.5, 8, many) * SCENARIOS, size=(units, many))
            / (np.geomspace(0.5, 8, many) * SCENARIOS)
        ),
        _equal,
    ),
    "one lognormal, 22 scenarios": Field(
        lambda chance, units, many: np.column_stack(
            [
                np.exp(0.5) - chance.lognormal(size=(units, SCENARIOS)).mean(axis=1),
                _normal(chance, units, many - 1) / np.sqrt(SCENARIOS),
            ]
        ),
        _equal,
    ),
    "one collapses 1 in 20, 22 scenarios": Field(
        lambda chance, units, many: _one_collapses(chance, units, many, SCENARIOS), _equal
    ),
    "one collapses 1 in 20": Field(lambda chance, units, many: _one_collapses(chance, units, many, 1), _equal),
    "pairs of equals, far apart": Field(_normal, lambda many: -3.0 * (np.arange(many) // 2)),
    "small steps": Field(_normal, lambda many: -0.02 * np.arange(many)),
    "steps of the margin": Field(_normal, lambda many: -MARGIN * np.arange(many)),
    "equals, and others lower by the margin": Field(_normal, lambda many: -MARGIN * (2 * np.arange(many) // many)),
    "exponential, lower by the margin": Field(
        lambda chance, units, many: (1 - chance.exponential(size=(units, many))) / np.sqrt(2),
        lambda many: -MARGIN * (2 * np.arange(many) // many),
    ),
}


@cache
def student(number: int, level: float) -> float:
    """Half width of a fixed-sample interval, in standard errors."""
    return float(stdtrit(number - 1, 1 - level / 2))


def holm(moments: Moments) -> Decisions:
    """Holm's correction of paired t tests, of the moments of all pairs."""
    statistic = np.abs(moments.mean) / (moments.deviation / np.sqrt(moments.number))
    order = np.argsort(-statistic)
    levels = LEVEL / (statistic.size - np.arange(statistic.size))
    failed = np.flatnonzero(statistic[order] <= stdtrit(moments.number - 1, 1 - levels / 2))
    apart = np.zeros(statistic.size, dtype=bool)
    apart[order[: failed[0] if failed.size else statistic.size]] = True
    return apart


def student_ends(moments: Moments, level: float) -> tuple[Matrix, Matrix]:
    """Ends of fixed-sample intervals."""
    half = student(moments.number, level) * moments.deviation / np.sqrt(moments.number)
    return moments.mean - half, moments.mean + half


ANY_STOP: Final = Rule(boundary, tell_apart, interval_ends)
FIXED: Final = Rule(student, holm, student_ends)


class Looks:
    """Moments after every unit from `FEWEST_SEEDS` on.

    Args:
        differences: of shape (units, pairs).

    Attributes:
        numbers: units up to every look, (looks, 1).
        mean: (looks, pairs).
        error: standard errors of the means, (looks, pairs).
    """

    def __init__(self, differences: Matrix) -> None:
        self.numbers = np.arange(FEWEST_SEEDS, len(differences) + 1)[:, None]
        self._differences = differences
        self._squares = differences * differences
        self.mean = self._means(differences)
        self._second = self._means(self._squares)
        self.error = np.sqrt((self._second - self.mean**2) / (self.numbers - 1))

    def _means(self, values: Matrix) -> Matrix:
        means: Matrix = np.cumsum(values, axis=0)[FEWEST_SEEDS - 1 :] / self.numbers
        return means

    @cached_property
    def _skewness(self) -> Matrix:
        third = self._means(self._squares * self._differences) - self.mean * (3 * self._second - 2 * self.mean**2)
        skewness: Matrix = third / (self._second - self.mean**2) ** 1.5
        return skewness

    def at(self, look: int) -> Moments:
        """Return the moments of one look, (pairs,) each."""
        number = int(self.numbers[look, 0])
        return Moments(self.mean[look], self.error[look] * math.sqrt(number), self._skewness[look], number)


def errs(values: Matrix, means: Matrix, rule: Rule) -> bool:
    """Whether a rule ever decides wrongly about a table, values (units, submissions), with true means."""
    first, second = np.triu_indices(len(means), 1)
    truth = means[first] - means[second]
    every = Looks(values[:, first] - values[:, second])
    level = LEVEL / first.size
    half = every.error * np.array([rule.half(int(number), level) for number in every.numbers[:, 0]])[:, None]
    # No pair is told apart at a look where none is beyond the widest boundary, and the halves are the least widths.
    told = np.flatnonzero((np.abs(every.mean) > half).any(axis=1))
    far = np.abs(truth) >= MARGIN * (1 - 1e-12)
    fits = np.flatnonzero((np.abs(every.mean[:, far]) + half[:, far] < MARGIN).any(axis=1))
    for look in map(int, told):
        moments = every.at(look)
        if (rule.apart(moments) & (np.sign(moments.mean) != np.sign(truth))).any():
            return True
    for look in map(int, fits):
        low, high = rule.ends(every.at(look), level)
        if ((low > -MARGIN) & (high < MARGIN) & far).any():
            return True
    return False


def errors(name: str, submissions: int, budget: int, replications: int, rule: Rule = ANY_STOP) -> int:
    """Number of tables in which any decision at any look is wrong."""
    field = TABLES[name]
    chance = np.random.default_rng([20_261_130, submissions, budget, list(TABLES).index(name)])
    means = field.means(submissions)
    return sum(errs(field.draw(chance, budget, submissions) + means, means, rule) for _ in range(replications))


def errors_of_ranking(submissions: int, budget: int, replications: int, every: int = 10) -> tuple[int, int]:
    """Number of tables of normal equals in which any two are told apart at a look, after every so many seeds.

    By `ranking.better_than`, and by `better_than_at_any_stop`.
    """
    chance = np.random.default_rng([20_261_130, submissions, budget])
    told = [0, 0]
    for _ in range(replications):
        values = _normal(chance, budget, submissions)[None]
        for place, rule in enumerate((better_than, better_than_at_any_stop)):
            told[place] += any(rule(values[:, :end]).any() for end in range(FEWEST_SEEDS, budget + 1, every))
    return told[0], told[1]


def errors_of_scores(budget: int, replications: int, every: int = 10) -> int:
    """Number of tables in which two submissions of equal scores are told apart, the scores being ratios.

    Of the first one, the profit follows the oracle's luck on the seed; of the second one, it does not.
    """
    chance = np.random.default_rng([20_261_130, budget])
    told = 0
    for _ in range(replications):
        oracle = 1000 + 300 * chance.normal(size=(SCENARIOS, budget))
        noise = 50 * chance.normal(size=(2, SCENARIOS, budget))
        profit = np.stack([0.8 * oracle + noise[0], 800 + noise[1]])
        for end in range(FEWEST_SEEDS, budget + 1, every):
            score = scores_by_seed(profit[..., :end], oracle[:, :end])
            if better_than_at_any_stop(np.moveaxis(score / SCENARIOS, 0, -1)).any():
                told += 1
                break
    return told


def upper(errors: int, replications: int) -> float:
    """Upper 95 % limit of a share."""
    return float(stats.beta.ppf(0.95, errors + 1, replications - errors)) if errors < replications else 1.0


def misses(law: Callable[[Generator, int], Matrix], budget: int, replications: int) -> int:
    """Number of runs in which the interval of one mean, 0, misses it at any look."""
    chance = np.random.default_rng([20_261_130, 1])
    missed = 0
    for _ in range(replications):
        every = Looks(law(chance, budget)[:, None])
        ends = (interval_ends(every.at(look), LEVEL) for look in range(len(every.mean)))
        missed += any(low[0] > 0 or high[0] < 0 for low, high in ends)
    return missed


def seeds_until(
    outcome: str, submissions: int, difference: float, replications: int, *, others_far: bool, budget: int = 4000
) -> Matrix:
    """Seeds until the two first submissions are told apart, or shown to differ by less than the margin.

    Args:
        outcome: ``better`` or ``equivalent``.
        submissions: of the table; the others equal the second one unless they are far below.
        difference: of the two.
        replications: tables.
        others_far: whether every other submission lies three deviations below the one before.
        budget: most seeds; a run that needs more counts as this many.
    """
    chance = np.random.default_rng([20_261_130, submissions, round(1000 * difference), others_far])
    first, second = np.triu_indices(submissions, 1)
    means = np.concatenate([[difference, 0.0], -3.0 * others_far * np.arange(1, submissions - 1)])

    def runs() -> Iterator[int]:
        for _ in range(replications):
            values = _normal(chance, budget, submissions) + means
            every = Looks(values[:, [0]] - values[:, [1]])
            for look in range(len(every.mean)):
                one = every.at(look)
                if outcome == "equivalent":
                    low, high = interval_ends(one, LEVEL / first.size)
                    if low[0] > -MARGIN and high[0] < MARGIN:
                        break
                # The largest level that a pair may have is that of a single one.
                elif abs(one.mean[0]) > every.error[look, 0] * boundary(one.number, LEVEL):
                    upto = values[: one.number]
                    if tell_apart(moments_of(upto[:, first] - upto[:, second]))[0]:
                        break
            yield one.number

    return np.array(list(runs()), dtype=float)


def fixed_seeds(outcome: str, level: float, difference: float) -> int:
    """Seeds with which a fixed-sample rule at a level decides with 90 %, of normal differences with deviation 1."""
    number = 3
    while True:
        quantile = student(number, level)
        if outcome == "better":
            found = float(stats.nct.sf(quantile, number - 1, difference * math.sqrt(number)))
        else:
            found = 2 * float(stats.norm.cdf(MARGIN * math.sqrt(number) - quantile)) - 1
        if found >= 0.9:
            return number
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors and seeds of runs that are played until they are decided.")
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--budget", type=int, default=500)
    arguments = parser.parse_args()
    number, budget = arguments.replications, arguments.budget
    print(f"Any wrong decision at any look from {FEWEST_SEEDS} to {budget} seeds, of {number} tables (42: a quarter):")
    print("at any stop (upper 95 % limit); fixed-sample rule at every look, of a tenth as many")
    for name in TABLES:
        for submissions in (2, 10, 42):
            tables = max(1, number // 4) if submissions > 10 else number
            wrong = errors(name, submissions, budget, tables)
            few = max(1, tables // 10)
            naive = errors(name, submissions, budget, few, FIXED) / few
            share = f"{wrong / tables:.3f} ({upper(wrong, tables):.3f})"
            print(f"{name:<42} {submissions:>3}  {share}  {naive:.3f}", flush=True)
    few = min(number, 200)
    for submissions in (2, 10):
        naive, ours = errors_of_ranking(submissions, budget, few)
        shares = f"{naive / few:.3f}, at any stop {ours / few:.3f}"
        print(f"{submissions} normal equals, at every tenth seed: ranking.better_than {shares}", flush=True)
    wrong = errors_of_scores(budget, number)
    print(f"equal scores, ratios to the oracle: {wrong / number:.3f} ({upper(wrong, number):.3f})")
    laws: dict[str, Callable[[Generator, int], Matrix]] = {
        "normal": lambda chance, size: chance.normal(size=size),
        "exponential": lambda chance, size: 1 - chance.exponential(size=size),
        "lognormal": lambda chance, size: np.exp(0.5) - chance.lognormal(size=size),
        "collapse 1 in 20": lambda chance, size: chance.normal(size=size) + 1 - 20.0 * (chance.random(size) < 0.05),
    }
    for name, law in laws.items():
        missed = misses(law, budget, number)
        print(f"interval of one mean, ever missed, {name:<18} {missed / number:.3f} ({upper(missed, number):.3f})")
    few = max(1, number // 10)
    print(f"\nSeeds until decided, of {few} runs: median, 90 % of runs; fixed sample for 90 % at level / pairs")
    for submissions in (2, 10, 42):
        pairs = submissions * (submissions - 1) // 2
        for outcome, difference in (("better", 0.5), ("better", 0.25), ("equivalent", 0.0)):
            for others_far in (False, True) if submissions > 2 and outcome == "better" else (False,):
                found = seeds_until(outcome, submissions, difference, few, others_far=others_far)
                middle, most = np.quantile(found, [0.5, 0.9])
                fixed = fixed_seeds(outcome, LEVEL / pairs, difference)
                label = f"{outcome} by {difference}" if outcome == "better" else f"within {MARGIN}"
                where = "others far" if others_far else "others equal" if submissions > 2 else ""
                print(f"{submissions:>3}  {label:<15} {where:<13} {middle:5.0f} {most:5.0f}  {fixed}", flush=True)


if __name__ == "__main__":
    main()
