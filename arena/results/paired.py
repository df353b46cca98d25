"""Differences of many pairs of submissions at once, each by the rules of `arena.results.head_to_head`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.results.episode_table import EpisodeTable
from arena.results.inference import ANY_STOP
from arena.results.record import EpisodeRecord
from arena.results.rows import Standings
from arena.results.scores import Divisors, EpisodeValues, Scoring
from arena.results.statistics import estimate_many

__all__ = ["Differences", "Episodes", "compare_pairs", "tabulate_episodes"]

Matrix = NDArray[np.float64]

_VALUES_AT_ONCE: Final = 4_000_000


class Episodes(NamedTuple):
    """The episodes that standings are about.

    Attributes:
        table: profits.
        values: scores by the rule and the oracles of the standings.
        standings: the standings.
    """

    table: EpisodeTable
    values: EpisodeValues
    standings: Standings


class Differences(NamedTuple):
    """What the first submission of each pair has more than the second.

    Attributes:
        value: of the means, shape (pairs, 1 + scenarios): over all scenarios, then on each, or on each group.
        low: lower end of the 95 % interval, paired by seed; NaN where there is none.
        high: its upper end, likewise.
    """

    value: Matrix
    low: Matrix
    high: Matrix


def tabulate_episodes(standings: Standings, records: Sequence[EpisodeRecord]) -> Episodes:
    """Return the episodes of standings as arrays.

    Names that standings hold and no record has are left out: standings that somebody edited are shown too.

    Raises:
        ValueError: two records are of the same submission, scenario and seed index.
    """
    played = 1 + max((record.seed_index for record in records), default=-1)
    table = EpisodeTable(records, list(standings.scenarios), min(standings.seeds, played))
    scoring = Scoring(standings.score_rule, accept_fallbacks=standings.accept_fallbacks, native=standings.native)
    oracles = {scenario: name for scenario, name in standings.oracles.items() if name in table.index}
    divisors = Divisors(table, scoring, oracles)
    silent = [row.submission for row in standings.rows if row.unranked_because and row.score is None]
    unscored = [table.index[name] for name in silent if name in table.index]
    return Episodes(table, EpisodeValues(table, divisors, unscored, unit=standings.unit), standings)


def compare_pairs(
    episodes: Episodes,
    pairs: Sequence[tuple[str, str]],
    *,
    by_score: bool,
    groups: Sequence[Sequence[int]] | None = None,
) -> Differences:
    """Compare pairs of submissions, each of which has played every scenario and seed.

    Args:
        episodes: of the standings.
        pairs: names, the first and the second of each.
        by_score: whether scores are compared; else profits.
        groups: places of the scenarios of each group, to compare on groups in place of scenarios; None for scenarios.

    Returns:
        The differences. Numbers so large that they cannot be computed with have none.
    """
    table = episodes.table
    source = episodes.values.score if by_score else table.profit
    first, second = (np.array([table.index[pair[side]] for pair in pairs], dtype=int) for side in (0, 1))
    shape = (len(pairs), 1 + (len(table.scenarios) if groups is None else len(groups)))
    found = Differences(*(np.full(shape, np.nan) for _ in range(3)))
    for part in _parts(len(pairs), len(table.scenarios) * table.seeds):
        with np.errstate(over="ignore", invalid="ignore"):
            difference = source[first[part]] - source[second[part]]
            _estimate(episodes, episodes.values.units(difference), (part, 0), found)
            for place in range(len(table.scenarios)) if groups is None else ():
                _estimate(episodes, difference[:, place, None], (part, 1 + place), found)
            for place, group in enumerate(groups or ()):
                _estimate(episodes, episodes.values.units(difference[:, list(group)]), (part, 1 + place), found)
    return found


def _parts(number: int, values: int) -> Iterator[slice]:
    step = max(1, _VALUES_AT_ONCE // max(1, values))
    yield from (slice(start, start + step) for start in range(0, number, step))


def _estimate(episodes: Episodes, units: Matrix, where: tuple[slice, int], found: Differences) -> None:
    """Write the estimates of units, (pairs, strata, units), where they belong."""
    if episodes.standings.stopping is None:
        for array, values in zip(found, estimate_many(units), strict=True):
            array[where] = values
        return
    start = where[0].start
    for place, one in enumerate(map(ANY_STOP.estimate, units)):
        if one is not None:
            found.value[start + place, where[1]] = one.value
            if one.interval is not None:
                found.low[start + place, where[1]] = one.interval.low
                found.high[start + place, where[1]] = one.interval.high
