"""The map of mean profits: scenarios by submissions, shaded, and cut into parts for paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from arena.report.html import number, write_range

if TYPE_CHECKING:
    from arena.report.cells import Cells
    from arena.results.rows import ScenarioRow, Standings

__all__ = ["HeatCell", "HeatPart", "cut_for_paper", "shade_profits"]

COLUMNS_ON_PAPER: Final = 7
"""Submissions beside each other on a sheet of paper."""


@dataclass(frozen=True)
class HeatCell:
    """One submission on one scenario.

    Attributes:
        text: mean profit.
        bound: mean bound, in words; may be empty.
        level: shade from 0 (worst) to 1 (best).
        best: whether it is the best contender of its scenario.
        title: remarks.
        forfeits: number of forfeited episodes.
    """

    text: str
    bound: str
    level: float
    best: bool
    title: str
    forfeits: int


HeatLine = tuple[str, list[HeatCell | None]]
"""A scenario with a cell per submission; None without an episode."""


class HeatPart(NamedTuple):
    """A part of the map that fits on paper.

    Attributes:
        columns: its submissions.
        lines: its lines.
    """

    columns: list[str]
    lines: list[HeatLine]


def shade_profits(standings: Standings, cells: Cells | None = None) -> list[HeatLine]:
    """Return, by scenario, one cell per submission; shades compare the contenders of a scenario with each other.

    Args:
        standings: the standings.
        cells: groups of scenarios to show in place of scenarios; None for scenarios.
    """
    if cells is not None:
        return _shade_groups(standings, cells)
    found = {(row.scenario, row.submission): row for row in standings.by_scenario}
    contenders = [row.submission for row in standings.rows]
    reference = [row.submission for row in standings.reference]
    lines: list[HeatLine] = []
    for scenario in standings.scenarios:
        means = [
            row.mean_profit
            for name in contenders
            if (row := found.get((scenario, name))) is not None and row.mean_profit is not None
        ]
        low, high = (min(means), max(means)) if means else (0.0, 0.0)
        shaded: list[HeatCell | None] = [_cell(found.get((scenario, name)), low, high) for name in contenders]
        shaded += [_cell(found.get((scenario, name)), low, high, ranked=False) for name in reference]
        lines.append((scenario, shaded))
    return lines


def _shade_groups(standings: Standings, cells: Cells) -> list[HeatLine]:
    """Return the same by group of scenarios: means of the scenarios' mean profits, where all of them were played."""
    place_of = dict(zip(standings.scenarios, cells.of, strict=True))
    sizes = [len(places) for places in cells.places()]
    profits: dict[tuple[int, str], list[float]] = {}
    forfeits: dict[tuple[int, str], int] = {}
    for row in standings.by_scenario:
        key = (place_of[row.scenario], row.submission)
        if row.mean_profit is not None:
            profits.setdefault(key, []).append(row.mean_profit)
        forfeits[key] = forfeits.get(key, 0) + row.forfeits
    contenders = [row.submission for row in standings.rows]
    everybody = contenders + [row.submission for row in standings.reference]
    lines: list[HeatLine] = []
    for place, label in enumerate(cells.names):
        found = {name: profits.get((place, name), []) for name in everybody}
        means = {name: sum(one) / len(one) for name, one in found.items() if len(one) == sizes[place]}
        ranked = [means[name] for name in contenders if name in means]
        low, high = (min(ranked), max(ranked)) if ranked else (0.0, 0.0)
        line: list[HeatCell | None] = []
        for name in everybody:
            mean = means.get(name)
            is_ranked = name in contenders
            level = (mean - low) / (high - low) if is_ranked and mean is not None and high > low else 0.0
            title = f"{name} on {label}: mean over {sizes[place]} scenarios"
            best = is_ranked and mean is not None and mean == high
            cell = HeatCell(number(mean), "", round(level, 3), best, title, forfeits.get((place, name), 0))
            line.append(cell)
        lines.append((label, line))
    return lines


def cut_for_paper(columns: list[str], lines: list[HeatLine]) -> Iterator[HeatPart]:
    """Yield parts of equal width that hold all columns together."""
    parts = -(-len(columns) // COLUMNS_ON_PAPER)
    width = -(-len(columns) // max(1, parts))
    for start in range(0, len(columns), max(1, width)):
        part = slice(start, start + width)
        yield HeatPart(columns[part], [(scenario, cells[part]) for scenario, cells in lines])


def _cell(row: ScenarioRow | None, low: float, high: float, *, ranked: bool = True) -> HeatCell | None:
    if row is None:
        return None
    mean = row.mean_profit
    level = (mean - low) / (high - low) if ranked and mean is not None and high > low else 0.0
    title = f"{row.submission} on {row.scenario}: {row.episodes} episodes"
    if row.profit_interval is not None:
        title += f", 95 % interval {write_range(row.profit_interval, 1)}"
    if row.score is not None:
        title += f", score {number(row.score, 3)}"
    if row.fallbacks:
        title += f", {row.fallbacks} decisions by fallback"
    bound = "" if row.mean_bound is None else f"bound {number(row.mean_bound)}"
    best = ranked and mean is not None and mean == high
    return HeatCell(number(mean), bound, round(level, 3), best, title, row.forfeits)
