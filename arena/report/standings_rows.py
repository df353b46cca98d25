"""The lines of the table of standings, and sentences on what is missing in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from arena.report.html import number, write_range
from arena.report.plots import Axis, draw_places, fit_axis, interval

if TYPE_CHECKING:
    from arena.results.compared import Interval
    from arena.results.rows import StandingRow, Standings

__all__ = ["TableRow", "count_divisors", "explain_missing_score", "fit_ranked", "share_by_fallback", "table_row"]

_ORACLE: Final = "submissions/oracle.yaml (plugin arena-optimization)"
_DASH: Final = "–"


@dataclass(frozen=True)
class TableRow:
    """One line of the standings as the template prints it; `place` is a rank, or the word for an oracle's results."""

    place: str
    places: Markup
    source: StandingRow
    score: str
    score_interval: str
    no_score: str
    profit: str
    profit_interval: str
    bound: str
    bound_scenarios: int
    plot: Markup
    immediate_fill_rate: str
    milliseconds: str
    fallback_share: str


def count_divisors(standings: Standings) -> list[tuple[str, int]]:
    """Return, by name, the oracles that scores are measured against, each with the number of its scenarios."""
    return sorted(Counter(standings.oracles.values()).items())


def explain_missing_score(row: StandingRow, standings: Standings) -> str | None:
    """Return why a submission has no score, and how to get one; None when it has one."""
    if row.score is not None:
        return None
    if row.unranked_because:
        return row.unranked_because
    if standings.unscored:
        first, *others = standings.unscored
        more = f" (and {len(others)} more)" if others else ""
        return f"{first.scenario}{more} cannot be scored, since {first.reason}; leave it out, or compare mean profits"
    if standings.score_rule.rule == "native":
        return "not every episode has been played; the same command plays the rest"
    known = standings.score_rule.optimal_costs
    without = [one for one in standings.scenarios if one not in standings.oracles and one not in known]
    if len(without) == len(standings.scenarios):
        return f"no oracle has played this suite; let one play too, such as {_ORACLE}"
    if without:
        reason = f"no oracle has played {len(without)} of {len(standings.scenarios)} scenarios"
        return f"{reason}; let one play every episode of them, such as {_ORACLE}"
    if not row.complete:
        return "not every episode has been played; the same command plays the rest"
    reference = standings.score_rule.reference
    if reference is not None and not any(one.submission == reference and one.complete for one in standings.rows):
        return f"{reference}, from whose profit the score is measured, has not played every episode; let it play, too"
    return "no costs were paid on some scenario, so that no ratio of costs exists; compare mean profits"


def share_by_fallback(row: StandingRow) -> str:
    """Return the share of a submission's decisions that its fallback answered, as text such as `12.5 %`."""
    return f"{100 * row.fallback_share:.1f} %"


def fit_ranked(standings: Standings) -> Axis:
    """Return an axis that holds what the submissions are sorted by, with its intervals."""
    by_score = standings.ranked_by == "score"
    values = [_ranked_value(row, by_score) for row in standings.rows]
    intervals = [_ranked_interval(row, by_score) for row in standings.rows]
    ends = [end for one in intervals if one is not None for end in (one.low, one.high)]
    return fit_axis([value for value in (*values, *ends) if value is not None])


def table_row(row: StandingRow, standings: Standings, axis: Axis) -> TableRow:
    """Return a submission's line; `axis` is that of `fit_ranked`."""
    by_score = standings.ranked_by == "score"
    value, spread = _ranked_value(row, by_score), _ranked_interval(row, by_score)
    plot = Markup()
    if value is not None and row.track != "oracle":
        low, high = (value, value) if spread is None else (spread.low, spread.high)
        digits = 3 if by_score else 1
        words = number(value, digits) + (
            f", 95 % interval {write_range(spread, digits)}" if spread else ", no interval"
        )
        plot = interval(axis, low, value, high, f"{row.submission}: {words}")
    ranked = sum(one.rank is not None for one in standings.rows)
    return TableRow(
        place=row.kind or (_DASH if row.rank is None else str(row.rank)),
        places=Markup() if row.rank is None else draw_places(row.rank.first, row.rank.last, ranked),
        source=row,
        score=number(row.score, 3),
        score_interval=write_range(row.score_interval, 3),
        no_score=explain_missing_score(row, standings) or "",
        profit=number(row.mean_profit),
        profit_interval=write_range(row.profit_interval, 1),
        bound=number(row.mean_bound),
        bound_scenarios=sum(one.submission == row.submission and one.kind == "bound" for one in standings.by_scenario),
        plot=plot,
        immediate_fill_rate=_DASH if row.immediate_fill_rate is None else f"{100 * row.immediate_fill_rate:.1f} %",
        milliseconds=_DASH if row.decision_time is None else number(1000 * row.decision_time, 2),
        fallback_share=share_by_fallback(row),
    )


def _ranked_value(row: StandingRow, by_score: bool) -> float | None:
    return row.score if by_score else row.mean_profit


def _ranked_interval(row: StandingRow, by_score: bool) -> Interval | None:
    return row.score_interval if by_score else row.profit_interval
