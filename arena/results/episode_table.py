"""The episodes of a contest as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arena.contract.messages import Track
from arena.results.record import EpisodeRecord

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
