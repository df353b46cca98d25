"""The data block of the page of standings: plain values by columns, from which its scripts draw and write.

Hidden seeds stay hidden: what tells of single episodes is embedded for public seeds only, and times of decisions by
scenario too, since they may depend on the demand that was answered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from arena.errors import ArenaError
from arena.report.indicators import GROUPS, IndicatorTable
from arena.results.paired import Episodes, compare_pairs
from arena.results.rows import ScenarioRow, Standings

if TYPE_CHECKING:
    from arena.report.cells import Cells
    from arena.results.record import EpisodeRecord

__all__ = ["LARGEST_TABLE", "Replay", "collect_data", "tells_of_hidden"]

LARGEST_TABLE: Final = 20_000
"""Episodes that are embedded; of more of them the page holds means by scenario."""

SPREAD: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Shares at which quantiles of profits stand in for episodes that are left out."""

MOST_COMPARED: Final = 60
"""Submissions all pairs of which are compared."""

_DIGITS: Final = 7
"""Significant digits of what is embedded, more than the page writes."""

_PAIR_UNITS: Final = {"profit": 1e-2, "score": 1e-5}
"""Units in which the ends of intervals of pairs are embedded, a tenth of what the page writes."""

_EPISODE: Final = {
    "profit": 8,
    "immediate_fill_rate": 6,
    "fill_rate": 6,
    "service_level": 6,
    "bullwhip_ratio": 8,
    "fallbacks": 7,
}
"""What is embedded of an episode, with its significant digits."""
LISTED_BY_SCENARIO: Final = frozenset(
    {
        "mean_profit",
        "score",
        "native_score",
        "optimality_gap",
        "immediate_fill_rate",
        "fill_rate",
        "service_level",
        "bullwhip_ratio",
        "decision_time",
    }
)
"""Indicators that the page lists by scenario."""
_LISTED: Final = (
    "submission",
    "scenario",
    "episodes",
    "forfeits",
    "mean_profit",
    "score",
    "profit_interval",
    "mean_bound",
)
"""Fields of a scenario's row that the scripts need where scenarios are many; names are places then."""
_TIMES: Final = frozenset({"decision_time", "planning_time", "llm_seconds"})

Replay = Callable[["EpisodeRecord"], str | None]
"""The address of an episode's replay beside the page, such as `replay/….html`; None if there is none."""


def tells_of_hidden(standings: Standings, records: Sequence[EpisodeRecord]) -> bool:
    """Whether the seeds of results are hidden, or were when the episodes were played."""
    return standings.commitment is not None or any(record.commitment for record in records)


def collect_data(
    standings: Standings,
    records: Sequence[EpisodeRecord],
    episodes: Episodes,
    indicators: IndicatorTable,
    replay: Replay | None = None,
    cells: Cells | None = None,
) -> dict[str, Any]:
    """Return the data block.

    With cells, scenarios have only the indicators that the page lists by scenario, and cells have all.

    Args:
        standings: the standings.
        records: of their scenarios and seeds.
        episodes: the same as arrays.
        indicators: of all submissions.
        replay: tells where an episode's replay lies; None if there are no replays.
        cells: groups of scenarios that are shown in their place; None to show scenarios.
    """
    hidden = tells_of_hidden(standings, records)
    whole = json.loads(standings.model_dump_json())  # writes None for what no JSON can hold
    by_scenario = whole.pop("by_scenario")
    columns = list(ScenarioRow.model_fields) if cells is None else list(_LISTED)
    by_cell = indicators.by_scenario
    if hidden:
        timed = [place for place, one in enumerate(indicators.indicators) if one.key in _TIMES]
        by_cell = by_cell.copy()
        by_cell[..., timed] = np.nan
    shown = None if hidden or len(records) > LARGEST_TABLE else _episodes(standings, records, episodes, replay)
    if cells is not None:
        places = {name: place for place, name in enumerate(standings.scenarios)}
        submissions = {name: place for place, name in enumerate(indicators.submissions)}
        for row in by_scenario:
            row["scenario"], row["submission"] = places[row["scenario"]], submissions[row["submission"]]
            row["mean_profit"], row["score"] = _short(row["mean_profit"]), _short(row["score"])
        if whole["native"] is not None:
            whole["native"]["cells"] = {}
    kept = [place for place, one in enumerate(indicators.indicators) if cells is None or one.key in LISTED_BY_SCENARIO]
    return {
        "standings": whole,
        "cells": None if cells is None else _cells(cells, by_cell),
        "meansOf": None if cells is None else kept,
        "byScenario": {"columns": columns, "rows": [[row[name] for name in columns] for row in by_scenario]},
        "groups": list(GROUPS),
        "indicators": [one._asdict() for one in indicators.indicators],
        "submissions": list(indicators.submissions),
        "overall": _shortened(indicators.overall),
        "means": _shortened(by_cell if cells is None else by_cell[..., kept]),
        "pairs": _pairs(standings, episodes, cells),
        "hidden": hidden,
        "played": len(records),
        "spread": None if hidden or shown is not None else _spread(standings, episodes),
        "episodes": shown,
    }


def _cells(cells: Cells, by_scenario: NDArray[np.float64]) -> dict[str, Any]:
    """Return the cells with means over their scenarios; no mean where a scenario has none."""
    means = [by_scenario[:, places].mean(axis=1) for places in cells.places()]
    return {"names": list(cells.names), "of": list(cells.of), "means": _shortened(np.stack(means, axis=1))}


def _pairs(standings: Standings, episodes: Episodes, cells: Cells | None) -> dict[str, Any] | None:
    """Return intervals of the differences of all pairs; the differences themselves follow from the means."""
    rows = (*standings.rows, *standings.reference)
    members = [place for place, row in enumerate(rows) if row.complete and row.submission in episodes.table.index]
    if not 2 <= len(members) <= MOST_COMPARED:
        return None
    names = [rows[place].submission for place in members]
    pairs = list(combinations(names, 2))
    measures = [("profit", False)]
    if any(rows[place].score is not None for place in members):
        measures.append(("score", True))
    found: dict[str, Any] = {"members": members}
    for name, by_score in measures:
        differences = compare_pairs(
            episodes, pairs, by_score=by_score, groups=None if cells is None else cells.places()
        )
        ends = np.stack([differences.low, differences.high])
        unit = _unit(ends, _PAIR_UNITS[name])
        low, high = (_in_units(end, unit) for end in ends)
        found[name] = {"unit": unit, "low": low, "high": high}
    return found


def _unit(values: NDArray[np.float64], largest: float) -> float:
    """Return a power of ten in which whole numbers tell values apart: five digits of the largest, or a given unit."""
    top = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return min(largest, 10.0 ** (math.floor(math.log10(top)) - 4)) if top else largest


def _in_units(values: NDArray[np.float64], unit: float) -> list[list[int | None]]:
    """Return values as whole numbers of units, which are shorter in JSON; None if not finite."""
    with np.errstate(over="ignore"):
        units = values / unit
    return [[round(value) if math.isfinite(value) else None for value in row] for row in units.tolist()]


def _episodes(
    standings: Standings, records: Sequence[EpisodeRecord], episodes: Episodes, replay: Replay | None
) -> dict[str, Any]:
    """Return the episodes by submission and scenario, each a list of columns by seed index."""
    table, share = episodes.table, episodes.values.share
    seeds: dict[int, str | None] = {}
    for record in records:
        if seeds.setdefault(record.seed_index, record.seed) != record.seed:
            seeds[record.seed_index] = None
    cells, replays = [], {}
    names = [row.submission for row in (*standings.rows, *standings.reference)]
    for number, name in enumerate(names):
        of_submission: list[Any] = []
        for place in range(len(table.scenarios)):
            played = table.at(name, place) if name in table.index else []
            if not played:
                of_submission.append(None)
                continue
            index = [record.seed_index for record in played]
            columns: list[list[Any]] = [index, [record.outcome for record in played]]
            columns.append([record.failure_period for record in played])
            columns += [[_short(getattr(one, key), digits) for one in played] for key, digits in _EPISODE.items()]
            columns.append(_shortened(share[table.index[name], place, index], 6))
            columns.append([_short(one.decision_time / one.decisions, 5) if one.decisions else None for one in played])
            of_submission.append([_folded(column) for column in columns])
            for record in played if replay is not None else ():
                if (address := _checked(replay, record)) is not None:
                    replays[f"{number}/{place}/{record.seed_index}"] = address
        cells.append(of_submission)
    return {
        "columns": ["seed_index", "outcome", "failure_period", *_EPISODE, "score", "decision_time"],
        "seeds": [seeds.get(index) for index in range(max(seeds, default=-1) + 1)],
        "cells": cells,
        "replays": replays,
    }


def _spread(standings: Standings, episodes: Episodes) -> list[list[list[float | int | None]]]:
    """Return quantiles of the profits of every submission on every scenario, at the shares of `SPREAD`."""
    table = episodes.table
    found = np.full((len(standings.rows) + len(standings.reference), len(table.scenarios), len(SPREAD)), np.nan)
    for number, row in enumerate((*standings.rows, *standings.reference)):
        for place in range(len(table.scenarios)) if row.submission in table.index else ():
            index = table.index[row.submission]
            profit = table.profit[index, place][table.scored[index, place]]
            if profit.size:
                found[number, place] = np.quantile(profit, SPREAD)
    return _shortened(found)  # type: ignore[no-any-return]


def _checked(replay: Replay | None, record: EpisodeRecord) -> str | None:
    address = None if replay is None else replay(record)
    if address is not None and (not address.startswith("replay/") or ".." in address or ":" in address):
        raise ArenaError(f'"{address}" is no address of a replay; replays lie in the folder replay beside the page')
    return address


def _folded(column: list[Any]) -> Any:
    """Return a column, or the value that all its cells have."""
    return column[0] if len(set(column)) == 1 else column


def _short(value: float | None, digits: int = _DIGITS) -> float | int | None:
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return value if isinstance(value, int) else _whole(float(f"{value:.{digits}g}"))


def _whole(value: float) -> float | int:
    """Return whole numbers as integers, which are shorter in JSON."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _shortened(values: NDArray[np.float64], digits: int = _DIGITS) -> Any:
    if values.ndim > 1:
        return [_shortened(row, digits) for row in values]
    return [_short(value, digits) for value in values.tolist()]
