"""Whether the oracle's profit on the same seeds narrows the intervals of paired differences, as a control variate.

Run ``python benchmarks/control_variate.py [DIR ...]`` with folders of results on hidden seeds that have an oracle. The
published profits are read too, where the variable ARENA_REFERENCE names their folder; else the script says that they
are left out. Nothing here is a measured time.

For every pair of submissions, the difference of their scores on a seed is regressed on the oracle's profit on the seed,
in each scenario by itself, since each has seeds of its own. `R²` is the share of the variance over all scenarios that
the regression removes, adjusted for the slopes that it fits. A score already divides by the oracle's mean profit over
the same seeds, so that the score's luck is partly accounted for; `profit` is the same for differences of profits.

The oracle's true mean is not known. Played on N seeds of which the submissions play n, it reduces the variance to
1 − R² · (1 − n / N) (double sampling; W. G. Cochran, Sampling Techniques, 1977, chapter 12), and so the seeds of the
submissions; the N − n other seeds are for the oracle alone.
"""

from __future__ import annotations

import argparse
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from inference import published
from numpy.typing import NDArray

from arena.results.episode_table import EpisodeTable
from arena.results.reading import read_results
from arena.results.scores import ratio_of_means

Matrix = NDArray[np.float64]


def explained(difference: Matrix, control: Matrix) -> float:
    """Adjusted share of the variance of a mean over scenarios that regression on the control removes.

    Both arguments have the shape (scenarios, seeds), with seeds of its own for every scenario. NaN without variance.
    """
    seeds = difference.shape[1]
    difference = difference - difference.mean(axis=1, keepdims=True)
    control = control - control.mean(axis=1, keepdims=True)
    squares = np.square(control).sum(axis=1)
    slope = (difference * control).sum(axis=1) / np.where(squares > 0, squares, 1.0)
    rest = np.square(difference - slope[:, None] * control).sum() / (seeds - 2)
    total = np.square(difference).sum() / (seeds - 1)
    return float(1 - rest / total) if total > 0 else float("nan")


def of_profits(names: list[str], profit: Matrix, oracle: Matrix) -> dict[tuple[str, str], tuple[float, float]]:
    """By pair, the higher score first, the explained shares of the difference of scores and of profits.

    Args:
        names: submissions without the oracle.
        profit: (submissions, scenarios, seeds).
        oracle: its profits, (scenarios, seeds).
    """
    score = scores_by_seed(profit, oracle)
    order = np.argsort(-score.mean(axis=(1, 2)))
    return {
        (names[first], names[second]): (
            explained(score[first] - score[second], oracle),
            explained(profit[first] - profit[second], oracle),
        )
        for first, second in combinations(order, 2)
    }


def scores_by_seed(profit: Matrix, oracle: Matrix) -> Matrix:
    """Values whose means are shares of the oracle's profit, (submissions, scenarios, seeds); arguments as above."""
    everything = np.ones(profit[:, 0].shape, dtype=bool)
    places = (
        ratio_of_means(profit[:, place], np.broadcast_to(oracle[place], everything.shape), everything)[1]
        for place in range(len(oracle))
    )
    return np.stack(list(places), axis=1)


def of_folder(folder: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """The same of a folder of results; submissions that have not played everything are left out."""
    results = read_results(folder)
    table = EpisodeTable(results.records, list(results.table.scenarios), results.table.seeds)
    rows = [table.index[name] for name in results.table.oracles.values()]
    oracle = np.stack([table.profit[row, place] for place, row in enumerate(rows)])
    names = [name for name in table.names if table.complete[table.index[name]] and table.index[name] not in rows]
    return of_profits(names, np.stack([table.profit[table.index[name]] for name in names]), oracle)


def show(title: str, found: dict[tuple[str, str], tuple[float, float]]) -> None:
    """Print R² by pair, and the savings at the median of all pairs and of the neighbours in the table."""
    print(f"\n{title}: R² of differences of scores, and of profits")
    for (first, second), (score, profit) in found.items():
        print(f"  {first + ' − ' + second:<60} {score:6.3f} {profit:6.3f}")
    order = list(dict.fromkeys(name for pair in found for name in pair))
    neighbours = [found[pair] for pair in pairwise(order)]
    for label, shares in (("all pairs", list(found.values())), ("neighbours", neighbours)):
        for place, measure in enumerate(("score", "profit")):
            values = np.array(shares)[:, place]
            middle = float(np.nanmedian(values))
            saved = [
                f"{100 * max(0.0, middle) * (1 - 1 / times):.1f} % with the oracle on {times} times" for times in (2, 4)
            ]
            print(f"  {label}, {measure}: median {middle:.3f}, {np.nanmin(values):.3f} to {np.nanmax(values):.3f};")
            print(f"    seeds saved by the submissions: {', '.join(saved)} the seeds")


def main() -> None:
    parser = argparse.ArgumentParser(description="The oracle's profit as a control variate of paired differences.")
    parser.add_argument("folder", nargs="*", type=Path, help="results on hidden seeds, with an oracle")
    folders = parser.parse_args().folder
    profits = published()
    if profits:
        oracle = profits.pop("Oracle")
        names = sorted(profits)
        show("Published, ten seeds", of_profits(names, np.stack([profits[name] for name in names]), oracle))
    else:
        print("Published profits are left out: ARENA_REFERENCE does not name a folder that has them.")
    for folder in folders:
        show(str(folder), of_folder(folder))


if __name__ == "__main__":
    main()
