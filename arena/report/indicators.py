"""All indicators of submissions, by the names that they have in `standings.json` and `episodes.csv`.

An indicator of the standings is taken from there. The others are added up from the records in the same way: the mean
over scenarios of the mean over a scenario's episodes, or the sum over all episodes. Episodes that the arena failed to
play are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.contract.kpi import Kpis
from arena.report.html import number
from arena.results.rows import ScenarioRow, StandingRow, Standings

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord

__all__ = ["GROUPS", "INDICATORS", "Indicator", "IndicatorTable", "tabulate_indicators", "write_value"]

Unit = Literal["money", "score", "share", "number", "count", "seconds", "milliseconds"]


class Indicator(NamedTuple):
    """One indicator.

    Attributes:
        key: its column in `standings.json` or `episodes.csv`.
        label: heading of a column.
        group: heading of the indicators that it is shown with.
        unit: how its values are written.
        better: 1 if more is better, -1 if less is, 0 if neither.
    """

    key: str
    label: str
    group: str
    unit: Unit
    better: int = 0


_RESULT, _SERVICE, _MONEY = "Profit and score", "Service and stock", "Revenue and costs"
_ECHELONS, _BULLWHIP = "Service by echelon", "Bullwhip by echelon"
_WORK, _MODELS = "Decisions and time", "Language models"
GROUPS: Final = (_RESULT, _SERVICE, _MONEY, _ECHELONS, _BULLWHIP, _WORK, _MODELS)
"""Headings, in the order in which they are shown."""

INDICATORS: Final = (
    Indicator("score", "score", _RESULT, "score", 1),
    Indicator("native_score", "native score", _RESULT, "score"),
    Indicator("mean_profit", "mean profit", _RESULT, "money", 1),
    Indicator("standard_error", "standard error", _RESULT, "money"),
    Indicator("interquartile_mean", "interquartile mean", _RESULT, "number", 1),
    Indicator("probability_of_improvement", "above best other", _RESULT, "share", 1),
    Indicator("cvar_5", "CVaR 5 %", _RESULT, "money", 1),
    Indicator("optimality_gap", "optimality gap", _RESULT, "share", -1),
    Indicator("mean_bound", "mean bound", _RESULT, "money"),
    Indicator("immediate_fill_rate", "immediate fill rate", _SERVICE, "share", 1),
    Indicator("fill_rate", "fill rate", _SERVICE, "share", 1),
    Indicator("service_level", "service level", _SERVICE, "share", 1),
    Indicator("stockout_free_periods", "stockout-free periods", _SERVICE, "share", 1),
    Indicator("unfilled", "unfilled", _SERVICE, "number", -1),
    Indicator("average_inventory", "average inventory", _SERVICE, "number"),
    Indicator("inventory_turns", "inventory turns", _SERVICE, "number"),
    Indicator("network_turns", "network turns", _SERVICE, "number"),
    Indicator("final_sentiment", "final sentiment", _SERVICE, "number", 1),
    Indicator("revenue", "revenue", _MONEY, "money"),
    Indicator("full_revenue", "full revenue", _MONEY, "money"),
    Indicator("procurement_cost", "procurement", _MONEY, "money", -1),
    Indicator("holding_cost", "holding", _MONEY, "money", -1),
    Indicator("operating_cost", "operating", _MONEY, "money", -1),
    Indicator("shortage_penalty", "shortage", _MONEY, "money", -1),
    Indicator("fixed_ordering_cost", "fixed ordering", _MONEY, "money", -1),
    Indicator("terminal_value", "terminal value", _MONEY, "money"),
    Indicator("stage_fill_rate_retailers", "fill rate of retailers", _ECHELONS, "share", 1),
    Indicator("stage_fill_rate_distributors", "fill rate of distributors", _ECHELONS, "share", 1),
    Indicator("stage_fill_rate_factories", "fill rate of factories", _ECHELONS, "share", 1),
    Indicator("stage_service_level_retailers", "service level of retailers", _ECHELONS, "share", 1),
    Indicator("stage_service_level_distributors", "service level of distributors", _ECHELONS, "share", 1),
    Indicator("stage_service_level_factories", "service level of factories", _ECHELONS, "share", 1),
    Indicator("bullwhip_ratio", "bullwhip", _BULLWHIP, "number", -1),
    Indicator("bullwhip_retailers", "bullwhip of retailers", _BULLWHIP, "number", -1),
    Indicator("bullwhip_distributors", "bullwhip of distributors", _BULLWHIP, "number", -1),
    Indicator("bullwhip_factories", "bullwhip of factories", _BULLWHIP, "number", -1),
    Indicator("stage_bullwhip_retailers", "own-stage bullwhip of retailers", _BULLWHIP, "number", -1),
    Indicator("stage_bullwhip_distributors", "own-stage bullwhip of distributors", _BULLWHIP, "number", -1),
    Indicator("stage_bullwhip_factories", "own-stage bullwhip of factories", _BULLWHIP, "number", -1),
    Indicator("decision_time", "ms per decision", _WORK, "milliseconds", -1),
    Indicator("planning_time", "ms of planning", _WORK, "milliseconds", -1),
    Indicator("decisions", "decisions", _WORK, "count"),
    Indicator("clipped_orders", "clipped orders", _WORK, "count", -1),
    Indicator("fallbacks", "fallbacks", _WORK, "count", -1),
    Indicator("fallback_share", "share of fallbacks", _WORK, "share", -1),
    Indicator("repetitions", "repetitions", _WORK, "count"),
    Indicator("episodes", "episodes", _WORK, "count"),
    Indicator("expected_episodes", "expected episodes", _WORK, "count"),
    Indicator("forfeits", "forfeits", _WORK, "count", -1),
    Indicator("infrastructure_failures", "lost to the arena", _WORK, "count"),
    Indicator("llm_calls", "questions", _MODELS, "count"),
    Indicator("llm_failures", "without an answer", _MODELS, "count", -1),
    Indicator("parse_failures", "of no use", _MODELS, "count", -1),
    Indicator("repairs", "mended", _MODELS, "count"),
    Indicator("prompt_tokens", "tokens asked", _MODELS, "count"),
    Indicator("completion_tokens", "tokens answered", _MODELS, "count"),
    Indicator("llm_seconds", "seconds", _MODELS, "seconds"),
    Indicator("llm_cost", "cost", _MODELS, "money"),
)
"""All of them, in the order in which they are shown."""

_OF_SCENARIOS: Final = frozenset(ScenarioRow.model_fields)
_OF_SUBMISSIONS: Final = frozenset(StandingRow.model_fields)
_RARE: Final = frozenset({"fallbacks", "fallback_share", "repetitions", "infrastructure_failures"})
_SUMS: Final = frozenset(one.key for one in INDICATORS if one.unit == "count" or one.group == _MODELS)
_MEANS: Final = frozenset(Kpis.model_fields) | {"planning_time"}
_DIGITS: Final[Mapping[Unit, int]] = {
    "money": 1,
    "score": 3,
    "share": 1,
    "number": 2,
    "count": 0,
    "seconds": 1,
    "milliseconds": 2,
}
_SCALE: Final[Mapping[Unit, float]] = {"share": 100.0, "milliseconds": 1000.0}

Values = NDArray[np.float64]


class IndicatorTable(NamedTuple):
    """The indicators of all submissions.

    Attributes:
        submissions: names, in the order of the standings, references last.
        indicators: those that anybody has a value of, in the order of `INDICATORS`.
        overall: over all scenarios, shape (submissions, indicators); NaN where there is none.
        by_scenario: shape (submissions, scenarios, indicators), NaN likewise.
    """

    submissions: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    overall: Values
    by_scenario: Values


def write_value(value: float | None, unit: Unit) -> str:
    """Return a value as the page writes it; a dash for None and NaN."""
    if value is None or not np.isfinite(value):
        return number(None)
    text = number(_SCALE.get(unit, 1.0) * value, _DIGITS[unit])
    return f"{text} %" if unit == "share" else text


def tabulate_indicators(standings: Standings, records: Sequence[EpisodeRecord]) -> IndicatorTable:
    """Compute all indicators of all submissions.

    Args:
        standings: of the records.
        records: of the scenarios and seeds of the standings.
    """
    rows = (*standings.rows, *standings.reference)
    places = {row.submission: place for place, row in enumerate(rows)}
    scenarios = {scenario: place for place, scenario in enumerate(standings.scenarios)}
    known = [record for record in records if record.submission in places and record.scenario in scenarios]
    # Sums must not depend on the order in which episodes were finished.
    known.sort(key=lambda record: (places[record.submission], scenarios[record.scenario], record.seed_index))
    cell = np.array([places[one.submission] * len(scenarios) + scenarios[one.scenario] for one in known], dtype=int)
    counted = np.array([one.outcome != "infrastructure" for one in known], dtype=bool)
    groups = _Groups(known, cell, counted, (len(rows), len(scenarios)))
    # Standings that somebody edited are shown too, so a row may name what is not there.
    rows_by_scenario = [row for row in standings.by_scenario if row.submission in places and row.scenario in scenarios]
    by_scenario = np.full((len(rows), len(scenarios), len(INDICATORS)), np.nan)
    overall = np.full((len(rows), len(INDICATORS)), np.nan)
    for place, indicator in enumerate(INDICATORS):
        key = indicator.key
        if key in _OF_SCENARIOS:
            for one in rows_by_scenario:
                if (value := getattr(one, key)) is not None:
                    by_scenario[places[one.submission], scenarios[one.scenario], place] = value
        elif key == "decision_time":
            by_scenario[..., place] = groups.ratio(key, "decisions")
        elif key in _MEANS:
            by_scenario[..., place] = groups.mean(key)
        elif (key in _SUMS and key not in _OF_SUBMISSIONS) or key in ("clipped_orders", "repetitions"):
            by_scenario[..., place] = groups.sum(key)
        if key == "native_score":
            overall[:, place] = [np.nan if row.native_score is None else row.native_score.value for row in rows]
        elif key in _OF_SUBMISSIONS:
            overall[:, place] = [np.nan if (value := getattr(row, key)) is None else value for row in rows]
        elif scenarios:
            total = np.nansum if key in _SUMS else np.nanmean
            played = ~np.isnan(by_scenario[..., place]).all(axis=1)
            with np.errstate(over="ignore", invalid="ignore"):
                overall[played, place] = total(by_scenario[played, :, place], axis=1)
    shown = [place for place, one in enumerate(INDICATORS) if _has_values(one, overall[:, place])]
    return IndicatorTable(
        submissions=tuple(row.submission for row in rows),
        indicators=tuple(_directed(INDICATORS[place], standings) for place in shown),
        overall=overall[:, shown],
        by_scenario=by_scenario[:, :, shown],
    )


def _directed(indicator: Indicator, standings: Standings) -> Indicator:
    """Return an indicator with the direction that the suite says, where it says one."""
    if indicator.key != "native_score" or standings.native is None:
        return indicator
    return indicator._replace(better=int(standings.native.sign))


def _has_values(indicator: Indicator, overall: Values) -> bool:
    """Tell whether an indicator says anything; what hardly happens is shown where it happened."""
    present = np.isfinite(overall)
    rare = indicator.group == _MODELS or indicator.key in _RARE
    return bool((present & (overall != 0)).any() if rare else present.any())


class _Groups:
    """Sums and means of fields of records by submission and scenario, shape (submissions, scenarios)."""

    def __init__(
        self,
        records: Sequence[EpisodeRecord],
        cell: NDArray[np.int_],
        counted: NDArray[np.bool_],
        shape: tuple[int, int],
    ) -> None:
        self._records = records
        self._cell = cell
        self._counted = counted
        self._shape = shape
        self._number = self._add(np.ones(len(records)), counted)

    def sum(self, key: str) -> Values:
        """Sum of a field; NaN where a value is missing, or no episode is there."""
        # What was played again counts even if the arena failed in the end.
        counted = np.ones_like(self._counted) if key == "repetitions" else self._counted
        number = self._add(np.ones(len(self._records)), counted)
        return np.where(number > 0, self._add(self._of(key), counted), np.nan)

    def mean(self, key: str) -> Values:
        """Mean of a field; NaN without an episode."""
        total = self._add(self._of(key), self._counted)
        return np.where(self._number > 0, total / np.maximum(self._number, 1), np.nan)

    def ratio(self, key: str, divisor: str) -> Values:
        """Sum of a field over that of another; NaN where that is 0."""
        total, whole = (self._add(self._of(name), self._counted) for name in (key, divisor))
        return np.where(whole > 0, total / np.maximum(whole, 1), np.nan)

    def _of(self, key: str) -> Values:
        values = (getattr(record, key) for record in self._records)
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    def _add(self, values: Values, counted: NDArray[np.bool_]) -> Values:
        length = self._shape[0] * self._shape[1]
        sums = np.bincount(self._cell[counted], weights=values[counted], minlength=length)
        return np.asarray(sums, dtype=float).reshape(self._shape)
