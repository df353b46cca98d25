"""How often intervals cover the mean, how often ranks err, and what they find, beside the rules that they replaced.

Run ``python benchmarks/inference.py [--replications N]`` (2 000 take some minutes). Nothing here is a measured time.

Intervals: the share of samples whose 95 % interval holds the true mean over 22 scenarios, for the present rule and for
the percentile bootstrap of scenarios drawn independently of each other. ``shared`` are public seeds, where one seed
plays all scenarios; ``separate`` are hidden ones. Published profits, where the variable ARENA_REFERENCE names their
folder, are drawn with replacement from a controller's ten.

Ranks: the share of tables of equal submissions in which any two are told apart (it should be 5 %), and the share of
tables in which a submission that is better by so many standard deviations of its paired differences is told apart from
the next one; for the present rule, for Holm's correction of paired t tests, and for each against the head without
correction.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from arena.results.ranking import better_than
from arena.results.statistics import estimate

Matrix = NDArray[np.float64]
Generator = np.random.Generator

SCENARIOS: Final = 22

#: Laws of one profit, each with mean 0 and, but for collapses, standard deviation 1.
LAWS: Final[dict[str, Callable[[Generator, Any], Matrix]]] = {
    "normal": lambda chance, size: chance.normal(size=size),
    "exponential": lambda chance, size: 1 - chance.exponential(size=size),
    "lognormal": lambda chance, size: (np.exp(0.5) - chance.lognormal(size=size)) / np.sqrt((np.e - 1) * np.e),
    "collapse 1 in 20": lambda chance, size: chance.normal(size=size) + 1 - 20.0 * (chance.random(size) < 0.05),
}

#: Equal submissions: values of one unit by submission.
FIELDS: Final[dict[str, Callable[[Generator, int, int], Matrix]]] = {
    "exchangeable, normal": lambda chance, units, many: chance.normal(size=(units, many)),
    "exchangeable, lognormal": lambda chance, units, many: chance.lognormal(size=(units, many)),
    "equal in mean, normal": lambda chance, units, many: chance.normal(size=(units, many)) * np.geomspace(0.2, 3, many),
    "equal in mean, one skewed": lambda chance, units, many: np.column_stack(
        [1 - chance.exponential(size=units), chance.normal(size=(units, many - 1))]
    ),
    "equal in mean, all skewed": lambda chance, units, many: (
        1 - chance.gamma(np.geomspace(0.5, 8, many), size=(units, many)) / np.geomspace(0.5, 8, many)
    ),
}


def published() -> dict[str, Matrix]:
    """Published profits by controller, (scenarios, seeds); empty where the folder is not there."""
    path = Path(os.environ.get("ARENA_REFERENCE", "")) / "published_episodes.csv"
    found: dict[str, dict[str, dict[int, float]]] = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                scenario = found.setdefault(row["Controller"], {}).setdefault(row["ScenarioKey"], {})
                scenario[int(row["Seed"])] = float(row["Profit"])
    return {
        name: np.array([[profit for _, profit in sorted(seeds.items())] for seeds in scenarios.values()])
        for name, scenarios in found.items()
    }


def samples(source: str | Matrix, seeds: int, shared: bool, key: int) -> tuple[Iterator[Matrix], float]:
    """Endless samples, each (scenarios, seeds), and their true mean over scenarios; of a law or of given profits."""
    chance = np.random.default_rng([20_260_511, seeds, shared, key])

    def drawn() -> Iterator[Matrix]:
        while True:
            if not isinstance(source, str):
                places = chance.integers(0, source.shape[1], (1 if shared else len(source), seeds))
                yield np.take_along_axis(source, np.broadcast_to(places, (len(source), seeds)), axis=1)
            elif shared:
                # One luck for all scenarios, which take it in more or less.
                yield np.linspace(0.5, 1.5, SCENARIOS)[:, None] * LAWS[source](chance, (1, seeds))
            else:
                yield LAWS[source](chance, (SCENARIOS, seeds))

    return drawn(), 0.0 if isinstance(source, str) else float(source.mean())


def coverage(source: str | Matrix, seeds: int, shared: bool, replications: int, key: int = 0) -> float:
    """Share of samples whose interval holds the mean; a sample without an interval counts as one that does not."""
    drawn, mean = samples(source, seeds, shared, key)
    held = 0
    for _, values in zip(range(replications), drawn, strict=False):
        found = estimate(values.mean(axis=0, keepdims=True) if shared else values / len(values))
        interval = None if found is None else found.interval
        held += interval is not None and interval.low <= mean <= interval.high
    return held / replications


def bootstrap_coverage(source: str | Matrix, seeds: int, shared: bool, replications: int, key: int = 0) -> float:
    """The same of the percentile bootstrap with 500 resamples, every scenario drawn by itself."""
    drawn, mean = samples(source, seeds, shared, key)
    chance = np.random.default_rng(1)
    held = 0
    for _, values in zip(range(replications), drawn, strict=False):
        weights = chance.multinomial(seeds, np.full(seeds, 1 / seeds), (len(values), 500)) / seeds
        means = np.einsum("sbk,sk->b", weights, values) / len(values)
        low, high = np.quantile(means, [0.025, 0.975])
        held += bool(low <= mean <= high)
    return held / replications


def holm(units: Matrix) -> NDArray[np.bool_]:
    """Holm's correction of all paired t tests; as `better_than`, for one stratum."""
    values = units[0]
    many = values.shape[1]
    pairs = list(combinations(range(many), 2))
    left, right = (values[:, [pair[side] for pair in pairs]] for side in (0, 1))
    test = stats.ttest_rel(left, right, axis=0)
    order = np.argsort(test.pvalue)
    passed = test.pvalue[order] <= 0.05 / (len(pairs) - np.arange(len(pairs)))
    kept = order[: len(pairs) if passed.all() else int(np.argmin(passed))]
    decided = np.zeros((many, many), dtype=bool)
    for place in kept:
        first, second = pairs[place] if test.statistic[place] > 0 else reversed(pairs[place])
        decided[first, second] = True
    return decided


def against_head(units: Matrix) -> NDArray[np.bool_]:
    """Each against the one with the highest mean, by a paired t test at 5 % each."""
    values = units[0]
    head = int(values.mean(axis=0).argmax())
    decided = np.zeros((values.shape[1], values.shape[1]), dtype=bool)
    others = [place for place in range(values.shape[1]) if place != head]
    decided[head, others] = stats.ttest_rel(values[:, [head]], values[:, others], axis=0).pvalue <= 0.05
    return decided


def errors(
    field: str, submissions: int, units: int, replications: int, rule: Callable[[Matrix], Any] = better_than
) -> float:
    """Share of tables of equal submissions in which any two are told apart."""
    chance = np.random.default_rng([20_260_511, submissions, units, list(FIELDS).index(field)])
    told = 0
    for _ in range(replications):
        luck = chance.normal(size=(units, 1)) * 3
        told += bool(rule((FIELDS[field](chance, units, submissions) + luck)[None]).any())
    return told / replications


def power(
    better_by: float, submissions: int, units: int, replications: int, rule: Callable[[Matrix], Any] = better_than
) -> float:
    """Share of tables in which one submission, better than equal others, is told apart from the second of the list."""
    chance = np.random.default_rng([20_260_511, submissions, units])
    found = 0
    for _ in range(replications):
        values = chance.normal(size=(1, units, submissions)) / np.sqrt(2)  # a paired difference has deviation 1
        values[..., 0] += better_by
        found += bool(rule(values)[0, 1])
    return found / replications


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of intervals, errors and power of ranks.")
    parser.add_argument("--replications", type=int, default=2000)
    number = parser.parse_args().replications
    sources: dict[str, str | Matrix] = {**{law: law for law in LAWS}, **published()}
    print("Intervals at 95 %: share that holds the mean, present rule (percentile bootstrap by scenario)")
    for seeds in (10, 30, 100):
        for key, (name, source) in enumerate(sources.items()):
            cells = [
                f"{label} {coverage(source, seeds, shared, number, key):.3f} "
                f"({bootstrap_coverage(source, seeds, shared, min(number, 500), key):.3f})"
                for label, shared in (("shared", True), ("separate", False))
            ]
            print(f"{seeds:>4} seeds  {name:<18} {'  '.join(cells)}", flush=True)
    rules = {"present": better_than, "Holm": holm, "against the head": against_head}
    print("\nRanks at 5 %: share of tables of equals in which any two are told apart")
    for submissions in (2, 10, 42):
        for units in (10, 30, 100):
            for field in FIELDS:
                times = max(1, number // (20 if submissions * units > 1000 else 4 if submissions > 10 else 1))
                cells = [f"{name} {errors(field, submissions, units, times, rule):.3f}" for name, rule in rules.items()]
                print(f"{submissions:>4} of {units:>3} units  {field:<26} {'  '.join(cells)}", flush=True)
    print("\nPower: share of tables in which the better one is told apart")
    for submissions in (2, 10, 42):
        for units, better_by in ((10, 2.0), (30, 1.0), (100, 0.5)):
            times = max(1, number // (20 if submissions * units > 1000 else 4 if submissions > 10 else 1))
            cells = [f"{name} {power(better_by, submissions, units, times, rule):.3f}" for name, rule in rules.items()]
            print(f"{submissions:>4} of {units:>3} units, better by {better_by}  {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
