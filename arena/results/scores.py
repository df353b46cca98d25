"""Scores: what the episodes of a contest are worth by the suite's rule, and scenarios on which no score means anything.

A score is a ratio of two means over the same seeds; see `arena.world.scoring` for the rules. A ratio whose denominator
is nearly nothing says nothing about a controller and drowns all other scenarios of a suite. So does one that a failing
oracle is behind. Such scenarios have no score, and `arena evaluate` refuses them by name before a contestant plays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.errors import printable
from arena.results.episode_table import EpisodeTable
from arena.results.native import native_values
from arena.results.record import EpisodeRecord
from arena.results.rows import Unit
from arena.results.statistics import mean_of
from arena.world.native_score import NativeScore
from arena.world.scoring import LEAST_SCORE, ScoreRule

SMALLEST_SHARE: Final = 0.02
"""Smallest denominator of a score, as a share of the oracle's turnover."""

_CHANCE: Final = 0.2
"""By which share a mean over seeds may be off a proven optimum, by chance."""

Matrix = NDArray[np.float64]


class Scoring(NamedTuple):
    """How a contest is scored.

    Attributes:
        rule: the suite's rule.
        scored_by: oracle that scores are measured against where it has played every seed; None: the one with the
            highest mean profit.
        accept_fallbacks: whether scenarios are scored on which the oracle answered decisions by its fallback.
        native: the suite's native score; None without one.
    """

    rule: ScoreRule = ScoreRule()
    scored_by: str | None = None
    accept_fallbacks: bool = False
    native: NativeScore | None = None


class Unscored(NamedTuple):
    """Why a scenario has no score.

    Attributes:
        cause: kind of the reason.
        reason: in words.
    """

    cause: Literal["forfeit", "fallback", "denominator", "optimum"]
    reason: str


class Divisors:
    """Whom every scenario of a table is scored against.

    Args:
        table: the episodes.
        scoring: the rule.
        oracles: by scenario, the submission that is its oracle; None to find them.

    Attributes:
        scoring: as given.
        oracles: by place of a scenario, the row of its oracle. Only one with all seeds of the scenario counts.
        reference: row of the reference rule; None without one.
        unscored: by place of a scenario, why it has no score though everybody that is needed has played.
    """

    def __init__(self, table: EpisodeTable, scoring: Scoring, oracles: Mapping[str, str] | None = None) -> None:
        self.scoring = scoring
        if oracles is None:
            self.oracles = table.oracles(scoring.scored_by)
        else:
            names = {place: oracles.get(scenario) for place, scenario in enumerate(table.scenarios)}
            self.oracles = {place: table.index[name] for place, name in names.items() if name is not None}
        name = scoring.rule.reference
        self.reference = None if name is None else table.index.get(name)
        self._table = table
        self.unscored = {
            place: why for place in range(len(table.scenarios)) if (why := next(self._faults(place), None)) is not None
        }

    def terms(self, place: int) -> tuple[Matrix | float, Matrix | float] | None:
        """Return numerators and denominators of everybody's score on a scenario, (submissions, seeds) or broadcastable.

        Returns:
            Money per episode; None if the rule measures against nobody, or nobody of these has played.
        """
        if self.scoring.rule.rule == "native":
            return None
        rule, profit = self.scoring.rule, self._table.profit[:, place]
        optimum = rule.optimal_costs.get(self._table.scenarios[place])
        if rule.rule == "cost_ratio" and optimum is not None:
            return optimum, -profit
        if place not in self.oracles:
            return None
        oracle = profit[self.oracles[place]]
        if rule.rule == "cost_ratio":
            return -oracle, -profit
        if rule.rule == "share_of_oracle":
            return profit, oracle
        if self.reference is None or not self._table.scored[self.reference, place].all():
            return None
        reference = profit[self.reference]
        return profit - reference, oracle - reference

    def _faults(self, place: int) -> Iterator[Unscored]:
        terms, rule = self.terms(place), self.scoring.rule
        optimum = rule.optimal_costs.get(self._table.scenarios[place])
        if optimum is not None:
            yield from self._wrong_optimum(place, optimum)
            return
        if terms is None or place not in self.oracles:
            return
        oracle = self._table.names[self.oracles[place]]
        records = self._table.at(oracle, place)
        yield from _forfeited(oracle, records)
        if self.reference is not None:
            reference = self._table.names[self.reference]
            yield from _forfeited(reference, self._table.at(reference, place))
        fallbacks = sum(record.fallbacks for record in records)
        if fallbacks and not self.scoring.accept_fallbacks:
            answered = f"{oracle} answered {fallbacks:,} decisions by its fallback"
            yield Unscored("fallback", f"{answered}, and may be far from the best profit")
        # Everybody's numerator is the oracle's cost under cost_ratio, and everybody's denominator is fixed elsewhere.
        scale = float(np.mean(terms[0] if rule.rule == "cost_ratio" else terms[1]))
        turnover = float(np.mean([_turnover(record) for record in records]))
        if scale < SMALLEST_SHARE * turnover or scale <= 0:
            amount = {
                "share_of_oracle": f"the mean profit of {oracle} is {scale:,.2f}",
                "cost_ratio": f"the mean cost of {oracle} is {scale:,.2f}",
                "gap_closed": f"{oracle} earns {scale:,.2f} more than {rule.reference}",
            }[rule.rule]
            least = f"{100 * SMALLEST_SHARE:g} % of the turnover of {oracle}, which is {turnover:,.2f}"
            yield Unscored("denominator", f"{amount}, less than {least}")

    def _wrong_optimum(self, place: int, optimum: float) -> Iterator[Unscored]:
        """Yield why a stated optimum cannot be one: somebody who knows the future pays more, or somebody much less."""
        cost = -mean_of(self._table.profit[:, place], self._table.scored[:, place])
        if place in self.oracles and (paid := float(cost[self.oracles[place]])) > optimum * (1 + _CHANCE):
            oracle = self._table.names[self.oracles[place]]
            reason = f"{oracle}, which knows the demand to come, pays {paid:,.2f}, more than the stated optimum"
            yield Unscored("optimum", f"{reason} of {optimum:,.2f}")
        contenders = [row for row, name in enumerate(self._table.names) if self._table.tracks[name] != "oracle"]
        for row in contenders:
            if self._table.scored[row, place].all() and cost[row] < optimum * (1 - _CHANCE):
                reason = f"{self._table.names[row]} pays {cost[row]:,.2f}, far less than the stated optimum"
                yield Unscored("optimum", f"{reason} of {optimum:,.2f}")


class EpisodeValues:
    """Profits and scores of every episode of a table, ready for estimates.

    Args:
        table: the episodes.
        divisors: whom scores are measured against.
        unscored: rows that get no score.
        unit: what is independent of what else: a seed across all scenarios, an episode, or a scenario; see
            `arena.results.rows.Standings`.

    Attributes:
        profit_means: mean profit over what was scored, (submissions, scenarios).
        reference: the oracle's mean profit over the same seeds, (submissions, scenarios); NaN without one.
        score_means: scores, (submissions, scenarios); NaN where there is none.
        share: an episode's value by itself, (submissions, scenarios, seeds); NaN where there is no score.
        score: values whose mean is the score, (submissions, scenarios, seeds). The score is a ratio of two means; its
            value on one seed is linear in both terms there, so that the luck of whoever it is measured against is
            accounted for. On a scenario that counts as the least score they keep as much of their spread as it is
            likely that the score is not really below it.
        native: values by the suite's native score, (submissions, scenarios, seeds); None without one.
    """

    def __init__(self, table: EpisodeTable, divisors: Divisors, unscored: Collection[int] = (), *, unit: Unit) -> None:
        self._unit = unit
        self.profit_means = mean_of(table.profit, table.scored)
        self.reference = np.full(self.profit_means.shape, np.nan)
        self.score_means = np.full(self.profit_means.shape, np.nan)
        self.share = np.full(table.profit.shape, np.nan)
        self.score = np.full(table.profit.shape, np.nan)
        native = divisors.scoring.native
        by_native = divisors.scoring.rule.rule == "native"
        self.native = None if native is None else native_values(table, native)
        if by_native and native is not None and self.native is not None:
            self.score = native.sign * self.native
            self.score[list(unscored)] = np.nan
            self.share = self.score
            self.score_means = mean_of(self.score, ~np.isnan(self.score))
        for place in range(len(table.scenarios)):
            scored = table.scored[:, place]
            if place in divisors.oracles:
                oracle = np.broadcast_to(table.profit[divisors.oracles[place], place], scored.shape)
                self.reference[:, place] = mean_of(oracle, scored)
            if by_native:
                continue
            terms = divisors.terms(place)
            if terms is None or place in divisors.unscored:
                continue
            numerator, denominator = (np.broadcast_to(term, scored.shape) for term in terms)
            ratio, linear, mean = ratio_of_means(numerator, denominator, scored)
            for values in (ratio, linear, mean):
                values[list(unscored)] = np.nan
            self.share[:, place] = linear if divisors.scoring.rule.rule == "cost_ratio" else numerator / mean
            if divisors.scoring.rule.rule != "share_of_oracle":
                ratio, linear = _with_least(ratio, linear, scored)
            self.score_means[:, place] = ratio[:, 0]
            self.score[:, place] = linear

    def units(self, values: Matrix) -> Matrix:
        """Return values, (…, scenarios, seeds), as independent units of their mean: (…, strata, units).

        See `arena.results.statistics`.
        """
        return independent_units(values, self._unit)


def independent_units(values: Matrix, unit: Unit) -> Matrix:
    """Return values as independent units of their mean.

    Args:
        values: shape (…, scenarios, seeds).
        unit: what is independent of what else.

    Returns:
        Shape (…, strata, units): one stratum of seeds, one of scenarios, or a stratum of seeds per scenario.
    """
    if unit == "seed":
        means: Matrix = values.mean(axis=-2, keepdims=True)
        return means
    if unit == "scenario":
        by_scenario: Matrix = values.mean(axis=-1)[..., None, :]
        return by_scenario
    shares: Matrix = values / values.shape[-2]
    return shares


def ratio_of_means(numerator: Matrix, denominator: Matrix, scored: NDArray[np.bool_]) -> tuple[Matrix, Matrix, Matrix]:
    """Return ratios of means, and values by seed whose means they are.

    Args:
        numerator: (submissions, seeds).
        denominator: (submissions, seeds).
        scored: which seeds count, (submissions, seeds).

    Returns:
        The ratios, (submissions, 1); NaN where the mean of the denominator is not positive. Values that are linear in
        both terms on their seed, (submissions, seeds). Means of the denominators, (submissions, 1), NaN likewise.
    """
    mean = mean_of(denominator, scored)[:, None]
    mean = np.where(mean > 0, mean, np.nan)
    ratio = mean_of(numerator, scored)[:, None] / mean
    return ratio, ratio + (numerator - ratio * denominator) / mean, mean


def _with_least(ratio: Matrix, linear: Matrix, scored: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Return ratios that are at least `LEAST_SCORE`, and values by seed with the mean of these.

    A score far below the least one is certainly it, and has no spread left. One that is below by a single bad seed is
    not: the weight of its spread is the p value of the score being the least one.
    """
    from scipy.special import ndtr

    number = np.maximum(scored.sum(axis=1, keepdims=True), 2)
    deviations = np.where(scored, linear - ratio, 0.0)
    error = np.sqrt(np.square(deviations).sum(axis=1, keepdims=True) / (number * (number - 1)))
    below = np.minimum(ratio - LEAST_SCORE, 0.0)
    weight = 2 * ndtr(below / np.where(error > 0, error, 1.0))
    least = np.maximum(ratio, LEAST_SCORE)
    return least, np.where(below < 0, least + weight * (linear - ratio), linear)


def _turnover(record: EpisodeRecord) -> float:
    """Return the money that an episode moved: its revenue or its costs, whichever is more."""
    costs = record.procurement_cost + record.holding_cost + record.operating_cost
    return max(record.revenue, costs + record.shortage_penalty + record.fixed_ordering_cost)


def _forfeited(name: str, records: Collection[EpisodeRecord]) -> Iterator[Unscored]:
    number = sum(record.outcome != "ok" for record in records)
    if number:
        first = next(record for record in records if record.outcome != "ok")
        why = f"{first.outcome}: {printable(first.failure_message)}"
        yield Unscored("forfeit", f"{name} forfeited {number:,} of {len(records):,} episodes ({why})")
