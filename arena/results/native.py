"""Native scores of the submissions of a table: over all scenarios, and by cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.contract.native_scores import native_value
from arena.results.episode_table import EpisodeTable
from arena.world.native_score import NativeScore

Matrix = NDArray[np.float64]


def native_values(table: EpisodeTable, native: NativeScore) -> Matrix:
    """Return the value of every episode, shape (submissions, scenarios, seeds); NaN where there is no scored episode.

    Args:
        table: the episodes.
        native: the suite's native score.
    """
    values = np.full(table.profit.shape, np.nan)
    for row, name in enumerate(table.names):
        for place in range(len(table.scenarios)):
            for record in table.at(name, place):
                if record.outcome != "infrastructure":
                    values[row, place, record.seed_index] = native_value(record, native)
    return values


def places_by_cell(native: NativeScore, scenarios: list[str]) -> dict[str, list[int]]:
    """Return the places of the scenarios of each cell, cells in their order; nothing without cells.

    Args:
        native: the suite's native score.
        scenarios: slugs, in the order of their places.
    """
    found: dict[str, list[int]] = {cell: [] for cell in native.cell_names}
    for place, scenario in enumerate(scenarios):
        if scenario in native.cells:
            found[native.cells[scenario]].append(place)
    return {cell: places for cell, places in found.items() if places}
