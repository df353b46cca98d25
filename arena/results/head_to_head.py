"""Two submissions compared seed by seed, of one folder of results or of two."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from arena.errors import ABSENT, Fault, InvalidInput, suggest
from arena.results.compared import Interval
from arena.results.episode_table import EpisodeTable
from arena.results.inference import ANY_STOP, FIXED_SEEDS
from arena.results.native import places_by_cell
from arena.results.rows import Standings, Unit
from arena.results.scores import Divisors, EpisodeValues, Scoring
from arena.results.sequential import seeds_needed_by_one
from arena.results.statistics import Estimate, student_quantile

if TYPE_CHECKING:
    from arena.results.reading import Results
    from arena.results.record import EpisodeRecord

Matrix = NDArray[np.float64]
Verdict = Literal["better", "worse", "equivalent", "not decided", "exact"]


class Difference(BaseModel):
    """What the first submission has more than the second.

    Over all scenarios, or on one of them. Intervals hold at 95 %; they are missing where the difference is the same on
    every seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str | None
    """Slug of the scenario; None over all."""
    profit: float
    """Difference of the mean profits, money per episode."""
    profit_interval: Interval | None
    """Of `profit`, paired by seed."""
    score: float | None
    """Difference of the scores; None where there is none."""
    score_interval: Interval | None
    """Of `score`, paired by seed."""
    cell: str | None = None
    """Cell of the suite's native score; None over all and on a scenario."""
    native: float | None = None
    """Difference of the native scores; None without one."""
    native_interval: Interval | None = None
    """Of `native`."""


class Comparison(BaseModel):
    """The comparison of two submissions on the same scenarios and seeds.

    Verdicts, on `measure` over all scenarios: `equivalent` if a margin is given and the interval of the difference lies
    between its negative and itself; `better` or `worse` if the interval lies above or below zero; `exact` if the
    difference is the same on every seed; else `not decided`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    """Name of the first submission."""
    second: str
    """Name of the second, with its folder if that is another one."""
    seeds: int
    """Seeds per scenario."""
    measure: Literal["score", "profit"]
    """What the verdict is about: the score if both have one."""
    margin: float | None
    """Difference that does not matter, in units of `measure`; None if none was named."""
    over_all: Difference
    """Over all scenarios."""
    by_scenario: tuple[Difference, ...]
    """On each, in the order of the suite."""
    by_cell: tuple[Difference, ...] = ()
    """On each cell of the suite's native score."""
    unit: Unit = "seed"
    """What is independent of what else; see `arena.Standings`."""
    verdict: Verdict
    """The outcome; see above."""
    seeds_needed: int | None
    """Seeds per scenario that would decide if the difference and its spread are what they look like; None unless the
    verdict is `not decided`, or if no number would."""

    def describe(self) -> str:
        """Return the verdict as a sentence."""
        value, interval = _measured(self.over_all, self.measure)
        by = f"{abs(value):,.{4 if self.measure == 'score' else 1}f} of {self.measure}"
        better = "better" if value > 0 else "worse"
        if self.verdict == "exact":
            more = f"{better} by {by}" if value else "equal"
            every = "scenario" if self.unit == "scenario" else "seed"
            return f"{self.first} and {self.second}: the first is {more}, the same on every {every}"
        if self.verdict == "equivalent":
            more = f"; the first is {better} by {by}" if _excludes_zero(interval) else ""
            return f"{self.first} and {self.second} are equivalent within the margin of {self.margin:g}{more}"
        if self.verdict in ("better", "worse"):
            return f"{self.first} is {self.verdict} than {self.second} by {by}"
        needed = "" if self.seeds_needed is None else f"; about {self.seeds_needed:,} seeds per scenario would decide"
        units = f"{self.seeds:,} seeds" if self.unit != "scenario" else f"{len(self.by_scenario):,} scenarios"
        return f"{self.first} and {self.second} cannot be told apart on {units}{needed}"


def compare(
    results: Results, first: str, second: str, *, other: Results | None = None, margin: float | None = None
) -> Comparison:
    """Compare two submissions seed by seed.

    Args:
        results: the folder of the first submission.
        first: its name.
        second: name of the other submission.
        other: the folder of the second submission; None for the same one.
        margin: difference that does not matter: of scores, or of money per episode where there are no scores.

    Raises:
        InvalidInput: a name is not there, a submission has not played everything, the margin is not positive, or the
            two folders have other scenarios, seeds or rules.
    """
    if margin is not None and not 0 < margin < math.inf:
        raise InvalidInput([Fault("--margin", "", margin, "is no positive number", "use for example 0.002")])
    if first == second and other is None:
        rule = "is compared with itself"
        fix = "name another submission, or another folder with --with"
        raise InvalidInput([Fault(str(results.folder), "submission", first, rule, fix)])
    there = other or results
    if other is not None:
        _refuse_other_contest(results, other)
    label = second if other is None else f"{second} ({other.folder})"
    records = [*_records_of(results, first, first), *_records_of(there, second, label)]
    standings = results.table
    for name in sorted({*standings.oracles.values(), *_reference_of(standings)} - {first, label}):
        records += _records_of(results, name, name)
    scenarios = list(results.table.scenarios)
    table = EpisodeTable(records, scenarios, results.table.seeds)
    for name, folder in ((first, results), (label, there)):
        if not table.complete[table.index[name]]:
            rule = "has not played every scenario and seed"
            fix = "evaluate it on the whole suite, then compare"
            raise InvalidInput([Fault(str(folder.folder), "submission", name, rule, fix)])
    scoring = Scoring(standings.score_rule, accept_fallbacks=standings.accept_fallbacks, native=standings.native)
    divisors = Divisors(table, scoring, standings.oracles)
    values = EpisodeValues(table, divisors, unit=results.table.unit)
    rows = (table.index[first], table.index[label])
    profit, score = (array[rows[0]] - array[rows[1]] for array in (table.profit, values.score))
    measure: Literal["score", "profit"] = "score" if np.isfinite(score).all() else "profit"
    estimate = (FIXED_SEEDS if standings.stopping is None else ANY_STOP).estimate
    of_profit, of_score = estimate(values.units(profit)), estimate(values.units(score))
    native = None if values.native is None else values.native[rows[0]] - values.native[rows[1]]
    terms = standings.native
    factor = len(scenarios) if terms is not None and terms.total == "sum" else 1
    of_native = None if native is None else estimate(values.units(native))
    over_all = _difference(None, of_profit, of_score, of_native, factor)
    # Seeds that are all equal decide nothing, however many.
    by_seeds = standings.unit != "scenario"
    decided_on = results.table.seeds if by_seeds else len(scenarios)
    verdict, needed = _decide(of_score if measure == "score" else of_profit, margin, decided_on)
    needed = needed if by_seeds else None
    if verdict == "not decided" and standings.stopping is not None:
        needed = seeds_needed_by_one(values.units(score if measure == "score" else profit), margin or 0.0)
    return Comparison(
        first=first,
        second=label,
        seeds=results.table.seeds,
        unit=standings.unit,
        measure=measure,
        margin=margin,
        over_all=over_all,
        by_scenario=tuple(
            _difference(
                scenario,
                estimate(profit[place][None]),
                estimate(score[place][None]),
                None if native is None else estimate(native[place][None]),
            )
            for place, scenario in enumerate(scenarios)
        ),
        by_cell=tuple(
            _difference(
                None,
                estimate(values.units(profit[places])),
                estimate(values.units(score[places])),
                None if native is None else estimate(values.units(native[places])),
                len(places) if factor > 1 else 1,
            ).model_copy(update={"cell": cell})
            for cell, places in ({} if terms is None else places_by_cell(terms, scenarios)).items()
        ),
        verdict=verdict,
        seeds_needed=needed,
    )


def _difference(
    scenario: str | None,
    profit: Estimate | None,
    score: Estimate | None,
    native: Estimate | None = None,
    factor: int = 1,
) -> Difference:
    if profit is None:
        raise ValueError("a submission that has played everything has a profit on every seed")
    return Difference(
        scenario=scenario,
        profit=profit.value,
        profit_interval=profit.interval,
        score=None if score is None else score.value,
        score_interval=None if score is None else score.interval,
        native=None if native is None else factor * native.value,
        native_interval=None
        if native is None or native.interval is None
        else Interval(low=factor * native.interval.low, high=factor * native.interval.high),
    )


def _decide(difference: Estimate | None, margin: float | None, seeds: int) -> tuple[Verdict, int | None]:
    if difference is None or difference.interval is None:
        return ("exact" if difference is not None and difference.standard_error == 0 else "not decided"), None
    value, interval = difference.value, difference.interval
    if margin is not None and -margin < interval.low and interval.high < margin:
        return "equivalent", None
    if _excludes_zero(interval):
        return ("better" if value > 0 else "worse"), None
    # The interval shrinks with the root of the number of seeds, until it leaves zero or fits between the margins.
    half = (interval.high - interval.low) / 2 * student_quantile(math.inf) / student_quantile(seeds - 1)
    room = max(abs(value), 0.0 if margin is None else margin - abs(value))
    needed = math.ceil(seeds * (half / room) ** 2) if room > 0 else None
    return "not decided", None if needed is None or needed > 1e9 else max(needed, seeds + 1)


def _measured(one: Difference, measure: Literal["score", "profit"]) -> tuple[float, Interval | None]:
    if measure == "score" and one.score is not None:
        return one.score, one.score_interval
    return one.profit, one.profit_interval


def _excludes_zero(interval: Interval | None) -> bool:
    return interval is not None and not interval.low <= 0 <= interval.high


def _records_of(results: Results, name: str, label: str) -> list[EpisodeRecord]:
    """Return a submission's records under a label."""
    found = [record for record in results.records if record.submission == name]
    if not found:
        names: Sequence[str] = sorted({record.submission for record in results.records})
        rule = "no such submission is in these results"
        raise InvalidInput([Fault(str(results.folder), "submission", name, rule, suggest(name, names))])
    return found if name == label else [record.model_copy(update={"submission": label}) for record in found]


def _reference_of(standings: Standings) -> Iterator[str]:
    """Yield the reference rule of the scores, if they have one that has played."""
    played = (row.submission for row in (*standings.rows, *standings.reference))
    yield from (name for name in played if name == standings.score_rule.reference)


def _refuse_other_contest(results: Results, other: Results) -> None:
    """Refuse a folder whose demand is another one."""

    def content(one: Results) -> dict[str, str]:
        return {record.scenario: record.scenario_digest for record in one.records}

    here, there = results.table, other.table
    wanted = {
        "rules": (here.contract_digest, there.contract_digest),
        "commitment": (here.commitment or "public seeds", there.commitment or "public seeds"),
        "scenarios": (content(results), content(other)),
    }
    for what, (first, second) in wanted.items():
        if first != second:
            rule = f"has other {what} than {results.folder}; its demand cannot be compared"
            fix = "play both on the same suite and seeds, under the same arena"
            raise InvalidInput([Fault(str(other.folder), what, ABSENT, rule, fix)])
    if there.seeds < here.seeds:
        rule = f"has {there.seeds} seeds per scenario, and {results.folder} has {here.seeds}"
        fix = "play the missing seeds, or name the folders the other way round"
        raise InvalidInput([Fault(str(other.folder), "seeds", ABSENT, rule, fix)])
