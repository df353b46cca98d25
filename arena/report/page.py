"""The standings as one HTML page that needs nothing but itself: no script, no font, no picture from elsewhere.

Everything that a submission had a hand in (names, messages, versions) reaches the page through a template engine that
escapes, and a content security policy in the page forbids whatever could still be loaded or run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from arena.errors import ArenaError, printable
from arena.report.attacks import Attack, known_attacks
from arena.report.html import MESSAGE_WIDTH, number, render_page
from arena.report.neighbours import count_decided, describe_rule, verdict_lines
from arena.report.plots import Axis, fit_axis, interval, tick_labels
from arena.report.times import tabulate_times
from arena.results.files import PAGE, write_text
from arena.results.rows import OFFICIAL_ISOLATION
from arena.world.suite import shipped_scenarios

if TYPE_CHECKING:
    from arena.results.compared import Interval, PriceOfDecentralisation, ScenarioPrice
    from arena.results.record import EpisodeRecord
    from arena.results.rows import (
        ScenarioRow,
        StandingRow,
        Standings,
    )

__all__ = ["count_divisors", "explain_missing_score", "render_report", "share_by_fallback", "write_report"]

LISTED_FORFEITS: Final = 30
"""Forfeits that the page shows of one submission; the others are counted."""

_ORACLE: Final = "submissions/oracle.yaml (plugin arena-optimization)"
_DASH: Final = "–"


def write_report(
    standings: Standings, records: Sequence[EpisodeRecord], path: str | Path, *, notes: Mapping[str, str] | None = None
) -> Path:
    """Write the page.

    Args:
        standings: What the contest's records say.
        records: The records themselves, for forfeits and provenance.
        path: File to write; an older page is replaced in one step, so that a reader never sees half of it.
        notes: By scenario, what a reader of its results must know; None for the notes of the arena's own scenarios.

    Returns:
        The path.

    Raises:
        InvalidInput: A file that is no page of standings is in the way.
        ArenaError: The file cannot be written.
    """
    path = Path(path)
    if notes is None:
        notes = {scenario.name: scenario.note for scenario in shipped_scenarios().values() if scenario.note}
    text = render_report(standings, records, notes=notes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArenaError(f"{path.parent}: the folder cannot be made ({error.strerror}); choose another") from error
    write_text(path, text, PAGE)
    return path


def render_report(
    standings: Standings, records: Sequence[EpisodeRecord], *, notes: Mapping[str, str] | None = None
) -> str:
    """Return the page as HTML; arguments as for `write_report`."""
    shown = set(standings.scenarios)
    kept = [record for record in records if record.scenario in shown]
    by_score = standings.ranked_by == "score"
    intervals = [_ranked_interval(row, by_score) for row in standings.rows]
    values = [_ranked_value(row, by_score) for row in standings.rows]
    ends = [end for one in intervals if one is not None for end in (one.low, one.high)]
    axis = fit_axis([value for value in (*values, *ends) if value is not None])
    everybody = (*standings.rows, *standings.reference)
    columns = [row.submission for row in everybody]
    return render_page(
        "report.html.jinja",
        standings=standings,
        by_score=by_score,
        axis=tick_labels(axis),
        rows=[_table_row(row, standings, axis, by_score) for row in standings.rows],
        reference=[_table_row(row, standings, axis, by_score) for row in standings.reference],
        official=any(row.official for row in standings.rows),
        weak=any(row.isolation not in OFFICIAL_ISOLATION for row in standings.rows),
        fallbacks=any(row.fallbacks for row in everybody),
        repetitions=any(row.repetitions for row in everybody),
        divisors=count_divisors(standings),
        bounds=any(row.mean_bound is not None for row in standings.reference),
        missing_score=next(
            (
                why
                for row in standings.rows
                if not row.unranked_because and (why := explain_missing_score(row, standings))
            ),
            None,
        ),
        neighbours=verdict_lines(standings),
        rule_in_words=describe_rule(standings),
        decided=count_decided(standings.neighbours),
        prices=[_price_rows(one) for one in standings.prices],
        heat=_heat(standings),
        columns=columns,
        times=tabulate_times(columns, kept),
        notes=_grouped_notes(standings.scenarios, notes or {}),
        forfeits=_forfeits(standings, kept),
        levels=sorted({record.isolation for record in kept}),
        attacks=_attacks(kept),
        provenance=_provenance(standings, kept),
        digests=sorted({(record.submission, record.submission_digest) for record in kept}),
    )


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


@dataclass(frozen=True)
class _Row:
    """One line of the standings as the template prints it; `place` is a rank, or the word for an oracle's results."""

    place: str
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


@dataclass(frozen=True)
class _Cell:
    """One submission on one scenario: text, shade from 0 (worst) to 1 (best), and remarks; `bound` may be empty."""

    text: str
    bound: str
    level: float
    best: bool
    title: str
    forfeits: int


@dataclass(frozen=True)
class _Price:
    """One line of a price of decentralisation, as the template prints it."""

    heading: str
    profit: str
    full_view_profit: str
    price: str
    price_interval: str
    share: str
    share_interval: str


def _range(one: Interval | None, digits: int) -> str:
    return "" if one is None else f"{number(one.low, digits)} … {number(one.high, digits)}"


def _percent(share: float | None) -> str:
    return _DASH if share is None else f"{100 * share:.1f} %"


def _ranked_value(row: StandingRow, by_score: bool) -> float | None:
    return row.score if by_score else row.mean_profit


def _ranked_interval(row: StandingRow, by_score: bool) -> Interval | None:
    return row.score_interval if by_score else row.profit_interval


def _table_row(row: StandingRow, standings: Standings, axis: Axis, by_score: bool) -> _Row:
    value, spread = _ranked_value(row, by_score), _ranked_interval(row, by_score)
    plot = Markup()
    if value is not None and row.track != "oracle":
        low, high = (value, value) if spread is None else (spread.low, spread.high)
        digits = 3 if by_score else 1
        words = number(value, digits) + (f", 95 % interval {_range(spread, digits)}" if spread else ", no interval")
        plot = interval(axis, low, value, high, f"{row.submission}: {words}")
    return _Row(
        place=row.kind or (_DASH if row.rank is None else str(row.rank)),
        source=row,
        score=number(row.score, 3),
        score_interval=_range(row.score_interval, 3),
        no_score=explain_missing_score(row, standings) or "",
        profit=number(row.mean_profit),
        profit_interval=_range(row.profit_interval, 1),
        bound=number(row.mean_bound),
        bound_scenarios=sum(one.submission == row.submission and one.kind == "bound" for one in standings.by_scenario),
        plot=plot,
        immediate_fill_rate=_percent(row.immediate_fill_rate),
        milliseconds=_DASH if row.decision_time is None else number(1000 * row.decision_time, 2),
        fallback_share=share_by_fallback(row),
    )


def _grouped_notes(scenarios: Sequence[str], notes: Mapping[str, str]) -> list[tuple[list[str], str]]:
    """Return every note with the scenarios that have it, both in the order of the suite."""
    grouped: dict[str, list[str]] = {}
    for scenario in scenarios:
        if note := notes.get(scenario):
            grouped.setdefault(note, []).append(scenario)
    return [(named, note) for note, named in grouped.items()]


def _price_rows(one: PriceOfDecentralisation) -> tuple[PriceOfDecentralisation, list[_Price]]:
    """Return a price with its lines: the scenarios', then the suite's."""
    return one, [*(_price(each.scenario, each) for each in one.by_scenario), _price("all scenarios", one)]


def _price(heading: str, one: PriceOfDecentralisation | ScenarioPrice) -> _Price:
    def percent(value: float) -> str:
        return f"{number(100 * value)} %"

    shares = one.share_interval
    return _Price(
        heading=heading,
        profit=number(one.profit),
        full_view_profit=number(one.full_view_profit),
        price=number(one.price),
        price_interval=_range(one.price_interval, 1),
        share=_DASH if one.share is None else percent(one.share),
        share_interval="" if shares is None else f"{percent(shares.low)} … {percent(shares.high)}",
    )


def _heat(standings: Standings) -> list[tuple[str, list[_Cell | None]]]:
    """Return, by scenario, one cell per submission; shades compare the contenders of a scenario with each other."""
    found = {(row.scenario, row.submission): row for row in standings.by_scenario}
    contenders = [row.submission for row in standings.rows]
    reference = [row.submission for row in standings.reference]
    lines = []
    for scenario in standings.scenarios:
        means = [
            row.mean_profit
            for name in contenders
            if (row := found.get((scenario, name))) is not None and row.mean_profit is not None
        ]
        low, high = (min(means), max(means)) if means else (0.0, 0.0)
        cells = [_cell(found.get((scenario, name)), low, high) for name in contenders]
        cells += [_cell(found.get((scenario, name)), low, high, ranked=False) for name in reference]
        lines.append((scenario, cells))
    return lines


def _cell(row: ScenarioRow | None, low: float, high: float, *, ranked: bool = True) -> _Cell | None:
    if row is None:
        return None
    mean = row.mean_profit
    level = (mean - low) / (high - low) if ranked and mean is not None and high > low else 0.0
    title = f"{row.submission} on {row.scenario}: {row.episodes} episodes"
    if row.profit_interval is not None:
        title += f", 95 % interval {_range(row.profit_interval, 1)}"
    if row.score is not None:
        title += f", score {number(row.score, 3)}"
    if row.fallbacks:
        title += f", {row.fallbacks} decisions by fallback"
    bound = "" if row.mean_bound is None else f"bound {number(row.mean_bound)}"
    best = ranked and mean is not None and mean == high
    return _Cell(number(mean), bound, round(level, 3), best, title, row.forfeits)


def _forfeits(standings: Standings, records: Sequence[EpisodeRecord]) -> list[tuple[str, int, list[EpisodeRecord]]]:
    """Return by submission the count of forfeits and the first of them, messages made printable.

    A controller may write down what it observed, so what it wrote about hidden seeds is left out.
    """
    listed = []
    for row in (*standings.rows, *standings.reference):
        lost = [
            record
            for record in records
            if record.submission == row.submission and record.outcome not in ("ok", "infrastructure")
        ]
        lost.sort(key=lambda record: (record.scenario, record.seed_index))
        if lost:
            shown = [
                record.model_copy(
                    update={
                        "failure_message": printable(record.failure_message, MESSAGE_WIDTH),
                        "stderr_tail": "" if standings.commitment else _printable_lines(record.stderr_tail),
                    }
                )
                for record in lost[:LISTED_FORFEITS]
            ]
            listed.append((row.submission, len(lost), shown))
    return listed


def _printable_lines(text: str) -> str:
    return "\n".join(printable(line, MESSAGE_WIDTH) for line in text.splitlines())


def _attacks(records: Sequence[EpisodeRecord]) -> list[tuple[Attack, bool]]:
    """Return the known attacks, and whether each verdict held at every isolation level that was played at."""
    levels = {record.isolation for record in records}
    return [(attack, all(attack.holds_at(level) for level in levels)) for attack in known_attacks()] if levels else []


def _provenance(standings: Standings, records: Sequence[EpisodeRecord]) -> list[tuple[str, str]]:
    """Return what the results rest on, as pairs of a heading and its values."""

    def all_of(field: str) -> str:
        return ", ".join(sorted({str(getattr(record, field)) for record in records})) or _DASH

    finished = sorted(record.finished_at for record in records)
    return [
        ("contract", all_of("contract_digest")),
        ("seeds", f"{standings.seed_plan.partition(':')[0]}, {standings.seeds} per scenario"),
        ("commitment to the seeds", standings.commitment or "none: the seeds are public"),
        ("round", standings.round_digest or "none: nobody committed to these results beforehand"),
        ("isolation", all_of("isolation")),
        ("arena", all_of("arena_version")),
        ("Python", all_of("python_version")),
        ("numpy", all_of("numpy_version")),
        ("episodes", str(len(records))),
        *(("trusted package", f"{one.name} {one.version}, digest {one.digest}") for one in standings.trusted),
        *(() if (of := standings.digests) is None else (("results digest", of.results), ("full digest", of.full))),
        ("played", f"{finished[0]} … {finished[-1]}" if finished else _DASH),
    ]
