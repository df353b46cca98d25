"""The times of decisions as the page shows them: a line per submission, over all its episodes together.

Only what adds up over scenarios and seeds is shown, never an episode: how long a decision took may depend on the demand
that it answered, and the demand of hidden seeds is nobody's to see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from arena.report.html import percent
from arena.report.plots import Axis, Bar, Mark, histogram, tick_labels
from arena.results.timing import EDGES, DecisionTimes, duration

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord

__all__ = ["TimesRow", "TimesTable", "tabulate_times"]

_LONGEST = 1e6
"""Seconds at which an axis ends at the latest, whatever a store says."""


@dataclass(frozen=True)
class TimesRow:
    """One submission, in words; `late` if a decision took longer than it was allowed."""

    submission: str
    decisions: str
    plot: Markup
    median: str
    percentile_95: str
    slowest: str
    slowest_first: str
    budget: str
    late: bool


@dataclass(frozen=True)
class TimesTable:
    """The table; `axis` holds the labels that its plots share, `deadlines` the budgets in words."""

    axis: Markup
    rows: tuple[TimesRow, ...]
    deadlines: str


def tabulate_times(submissions: Sequence[str], records: Sequence[EpisodeRecord]) -> TimesTable | None:
    """Add up the times of every submission.

    Args:
        submissions: Names, in the order of the lines; one whose records hold no times has no line.
        records: The records of all of them.

    Returns:
        The table, or None if there is no line.
    """
    found: dict[str, list[DecisionTimes]] = {name: [] for name in submissions}
    for record in records:
        if record.decision_times is not None and record.submission in found:
            found[record.submission].append(record.decision_times)
    totals = {name: total for name, parts in found.items() if (total := DecisionTimes.total(parts)) and total.number}
    if not totals:
        return None
    axis = _fit(list(totals.values()))
    deadlines = sorted({(one.deadline, one.first_deadline) for one in totals.values()})
    told = [f"{duration(later)} a decision, {duration(first)} for the first" for later, first in deadlines]
    rows = tuple(_row(name, times, axis) for name, times in totals.items())
    return TimesTable(tick_labels(axis, lambda power: duration(10.0**power)), rows, "; ".join(told))


def _fit(totals: Sequence[DecisionTimes]) -> Axis:
    """An axis over whole decades, in powers of ten seconds, on which every bar and every sensible deadline is."""
    fastest = min(_ends(next(place for place, count in enumerate(one.counts) if count))[0] for one in totals)
    slowest = min(_LONGEST, max(max(one.slowest, one.deadline, EDGES[0]) for one in totals))
    low = math.floor(math.log10(fastest) + 1e-9)
    high = max(low + 1, math.ceil(math.log10(slowest) - 1e-9))
    return Axis(float(low), float(high), tuple(float(power) for power in range(low, high + 1)))


def _ends(bucket: int) -> tuple[float, float]:
    """Ends of a bucket, seconds; the open ones are drawn as wide as the others."""
    low = EDGES[bucket - 1] if bucket else EDGES[0] / 1.25
    return low, EDGES[bucket] if bucket < len(EDGES) else EDGES[-1] * 1.25


def _row(name: str, times: DecisionTimes, axis: Axis) -> TimesRow:
    median, percentile_95 = times.quantile(0.5), times.quantile(0.95)
    used = max(times.slowest_first / times.first_deadline, times.slowest_later / times.deadline)
    ends = [(*map(math.log10, _ends(bucket)), count) for bucket, count in enumerate(times.counts) if count]
    bars = [Bar(low, high, count) for low, high, count in ends]
    values = {"median": median, "percentile": percentile_95, "slowest": times.slowest, "deadline": times.deadline}
    marks = [Mark(kind, math.log10(max(value, EDGES[0]))) for kind, value in values.items()]
    title = (
        f"{name}: {times.number:,} decisions, median {duration(median)}, 95 % within {duration(percentile_95)}, "
        f"slowest {duration(times.slowest)}, deadline {duration(times.deadline)}"
    )
    return TimesRow(
        submission=name,
        decisions=f"{times.number:,}",
        plot=histogram(axis, bars, marks, title),
        median=duration(median),
        percentile_95=duration(percentile_95),
        slowest=duration(times.slowest),
        slowest_first=duration(times.slowest_first),
        budget=percent(used),
        late=used > 1,
    )
