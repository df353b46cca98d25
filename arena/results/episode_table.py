"""The episodes of a contest as arrays, and what an episode is worth: its profit, and its share of the oracle's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from arena.contract.messages import Track
from arena.results.record import EpisodeRecord
from arena.results.statistics import mean_of

Matrix = NDArray[np.float64]


class EpisodeTable:
    """Records as arrays of shape (submissions, scenarios, seeds); NaN where there is no scored episode.

    Args:
        records: one record per submission, scenario and seed index, in any order.
        scenarios: slugs of the scenarios; records of others are ignored.
        seeds: number of seeds per scenario; records with a higher index are ignored.

    Attributes:
        names: submissions, sorted; `index` holds the place of each.
        profit: counted profits, money per episode.
        scored: whether there is a profit.
        complete: whether a submission has them all, shape (submissions,).
        tracks: by submission.

    Raises:
        ValueError: two records are of the same submission, scenario and seed index.
    """

    def __init__(self, records: Sequence[EpisodeRecord], scenarios: list[str], seeds: int) -> None:
        places = {scenario: place for place, scenario in enumerate(scenarios)}
        kept = [one for one in records if one.scenario in places and one.seed_index < seeds]
        self.names = sorted({record.submission for record in kept})
        self.scenarios = scenarios
        self.seeds = seeds
        self.index = {name: place for place, name in enumerate(self.names)}
        shape = (len(self.names), len(scenarios), seeds)
        self._cells: dict[tuple[int, int], list[EpisodeRecord]] = {}
        self.tracks: dict[str, Track] = {}
        self.profit = np.full(shape, np.nan)
        for record in sorted(kept, key=lambda one: one.seed_index):
            row, place = self.index[record.submission], places[record.scenario]
            cell = self._cells.setdefault((row, place), [])
            if cell and cell[-1].seed_index == record.seed_index:
                episode = f"{record.submission}, {record.scenario}, seed index {record.seed_index}"
                raise ValueError(f"two records of one episode: {episode}")
            cell.append(record)
            self.tracks[record.submission] = record.track
            if record.outcome != "infrastructure":
                self.profit[row, place, record.seed_index] = record.profit
        self.scored = ~np.isnan(self.profit)
        self.complete = self.scored.all(axis=(1, 2)) & bool(scenarios) & (seeds > 0)

    def at(self, name: str, place: int) -> list[EpisodeRecord]:
        """Return a submission's records on one scenario, by seed index."""
        return self._cells.get((self.index[name], place), [])

    def of(self, name: str) -> list[EpisodeRecord]:
        """Return a submission's records, by scenario and seed index."""
        return [record for place in range(len(self.scenarios)) for record in self.at(name, place)]

    def oracles(self, preferred: str | None) -> dict[int, int]:
        """Return, by scenario, the row of the preferred oracle, or else of the one with the highest mean profit.

        Only oracles with all seeds of the scenario count.
        """
        candidates = [row for row, name in enumerate(self.names) if self.tracks[name] == "oracle"]
        chosen: dict[int, int] = {}
        for place in range(len(self.scenarios)):
            whole = [row for row in candidates if self.seeds and self.scored[row, place].all()]
            if whole:
                best = max(whole, key=lambda row: float(self.profit[row, place].mean()))
                chosen[place] = next((row for row in whole if self.names[row] == preferred), best)
        return chosen

    def probability_above(self, name: str, other: str) -> float:
        """Return the share of scenarios and seeds on which a complete submission beats another."""
        mine, theirs = self.profit[self.index[name]], self.profit[self.index[other]]
        return float(np.mean((mine > theirs) + 0.5 * (mine == theirs)))


class EpisodeValues:
    """Profits and scores of every episode of a table, ready for estimates.

    Args:
        table: the episodes.
        oracles: by place of a scenario, the row of the oracle that scores are divided by.
        unscored: rows that get no score.
        shared_seeds: whether the same seeds play all scenarios, as public ones do.

    Attributes:
        profit_means: mean profit over what was scored, (submissions, scenarios).
        reference: the oracle's mean profit over the same seeds, (submissions, scenarios); NaN without one.
        score_means: first / second, where that is positive; else NaN.
        share: profit / `reference`, (submissions, scenarios, seeds).
        score: values whose mean is the score, (submissions, scenarios, seeds). The score is a ratio of two means; its
            value on one seed is linear in both profits there, so that the oracle's luck on the seed is accounted for.
    """

    def __init__(
        self, table: EpisodeTable, oracles: Mapping[int, int], unscored: Collection[int] = (), *, shared_seeds: bool
    ) -> None:
        self._shared_seeds = shared_seeds
        self.profit_means = mean_of(table.profit, table.scored)
        self.reference = np.full(self.profit_means.shape, np.nan)
        oracle_profit = np.full(table.profit.shape[1:], np.nan)
        for place, oracle in oracles.items():
            oracle_profit[place] = table.profit[oracle, place]
            profit = np.broadcast_to(oracle_profit[place], table.scored[:, place].shape)
            self.reference[:, place] = mean_of(profit, table.scored[:, place])
        self.reference[list(unscored)] = np.nan
        positive = np.where(self.reference > 0, self.reference, np.nan)
        self.score_means = self.profit_means / positive
        self.share = table.profit / positive[:, :, None]
        ratios = self.score_means[:, :, None]
        self.score = ratios + (table.profit - ratios * oracle_profit) / positive[:, :, None]

    def units(self, values: Matrix) -> Matrix:
        """Return values, (…, scenarios, seeds), as independent units of their mean: (…, strata, units).

        See `arena.results.statistics`.
        """
        if self._shared_seeds:
            means: Matrix = values.mean(axis=-2, keepdims=True)
            return means
        shares: Matrix = values / values.shape[-2]
        return shares
