"""Standings: what the records of a contest say about its submissions. Pure functions; nothing here reads a file.

The numbers are defined in the contract and, field by field, in `arena.results.rows`. Three rules hold throughout:

- **Paired by seed.** Submissions meet the same demand, so they are compared on the same seeds, together with the oracle
  that they are divided by. On public seeds the ten seeds that play one scenario play all others too: the unit is a seed
  across all scenarios. On hidden seeds every scenario has a stream of its own: the unit is an episode. See
  `arena.results.statistics` for intervals and `arena.results.ranking` for ranks.
- **Failures stay.** A forfeited episode counts with its profit, which is at most 0. An episode that the arena itself
  failed to play has no profit; a submission that has such a one, or that has not played every episode yet, is listed
  with what it has but gets no rank.
- **The oracle is a reference.** Its rows stand apart and are never ranked. One that certified an upper bound of the
  profit in every episode is called a bound. Scores are measured against profit that an oracle made, never against a
  bound: on each scenario that of the oracle that the suite names, or of the best one where that has not played every
  seed. See `arena.results.scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.contract.messages import Track
from arena.jail.isolation import strength
from arena.results import statistics
from arena.results.compared import Interval, LlmRow
from arena.results.comparisons import Profits, language_model_row, price_of_decentralisation
from arena.results.episode_table import EpisodeTable
from arena.results.inference import ANY_STOP, FIXED_SEEDS, Inference
from arena.results.native import places_by_cell
from arena.results.ranking import Decisions, rank_of
from arena.results.record import EpisodeRecord
from arena.results.rows import (
    OFFICIAL_ISOLATION,
    NativeResult,
    NeighbourVerdict,
    Rank,
    ReferenceKind,
    RefusedSubmission,
    Removal,
    ScenarioRow,
    StandingRow,
    Standings,
    StoppingRule,
    Unit,
    UnplayedSubmission,
    UnscoredScenario,
)
from arena.results.scores import Divisors, EpisodeValues, Scoring, independent_units
from arena.results.sequential import decide_neighbours
from arena.results.statistics import SPREAD_TOLERANCE, Estimate
from arena.results.trusted import TrustedPackageRow

__all__ = ["Interval", "ScenarioRow", "StandingRow", "Standings", "compute_standings"]

BOUND_TOLERANCE: Final = 1e-6
"""By which a profit may exceed a bound, relative to the larger of the two and 1: solvers round."""

Matrix = NDArray[np.float64]


def compute_standings(
    records: Sequence[EpisodeRecord],
    *,
    suite: str,
    scenarios: Sequence[str],
    seeds: int,
    seed_plan: str = "public",
    commitment: str | None = None,
    scoring: Scoring | None = None,
    stopping: StoppingRule | None = None,
    full_views: Mapping[str, str] | None = None,
    fitted_rules: Mapping[str, str] | None = None,
    removals: Sequence[Removal] = (),
    refused: Sequence[RefusedSubmission] = (),
    not_playing: Sequence[UnplayedSubmission] = (),
    trusted: Sequence[TrustedPackageRow] = (),
    round_digest: str | None = None,
    draws_nothing: bool = False,
) -> Standings:
    """Compute the standings of one suite under one seed plan.

    Args:
        records: one record per submission, scenario and seed index, in any order.
        suite: name of the suite.
        scenarios: slugs of its scenarios; records of others are ignored.
        seeds: number of seeds per scenario; records with a higher index are ignored.
        seed_plan: label of the seed plan.
        commitment: commitment of the seed plan; None for public seeds.
        scoring: how the suite scores; None for shares of the best oracle's profit.
        stopping: the rule by which hidden seeds were played until decided; None if their number was fixed beforehand.
        full_views: by decentralised submission, the one that plays the same rule with the full view.
        fitted_rules: by submission with a language model, the one that plays the same rule with fitted parameters.
        removals: marks of submissions that were taken out of the folder; the records are without theirs.
        refused: submissions that were left out because they are malformed.
        not_playing: submissions that were left out because they do not play the suite's worlds.
        trusted: strangers' packages that ran in the arena's process meanwhile.
        round_digest: digest of the round that was played; None for practice, which is never official.
        draws_nothing: whether no seed changes anything in any scenario; see `arena.world.randomness`.

    Raises:
        ValueError: two records are of the same submission, scenario and seed index.
    """
    table = EpisodeTable(records, list(scenarios), seeds)
    divisors = Divisors(table, scoring or Scoring())
    inference = FIXED_SEEDS if stopping is None else ANY_STOP
    unit: Unit = "scenario" if draws_nothing else "seed" if commitment is None else "episode"
    analysis = _Analysis(table, divisors, inference, unit)
    rows = {name: analysis.row(name) for name in table.names}
    contenders = [name for name in table.names if rows[name].track != "oracle"]
    ranked = [name for name in contenders if rows[name].complete and not rows[name].unranked_because]
    by_score = bool(ranked) and all(rows[name].score is not None for name in ranked)
    order, ranks, track_ranks = analysis.rank(ranked, by_score)
    for name in order:
        other = next((one for one in order if one != name), None)
        placed: dict[str, object] = {"rank": ranks[name], "track_rank": track_ranks[name], "best_other": other}
        placed["probability_of_improvement"] = None if other is None else table.probability_above(name, other)
        rows[name] = rows[name].model_copy(update=placed)
    neighbours = () if stopping is None else analysis.neighbours(order, by_score, stopping)
    if commitment is None or round_digest is None:
        # Whoever knows the public seeds knows the demand, and who commits to nothing can choose among hidden ones: such
        # results are for development and comparison.
        rows = {name: row.model_copy(update={"official": False}) for name, row in rows.items()}
    listed = order + [name for name in contenders if name not in ranks]
    reference = [name for name in table.names if rows[name].track == "oracle"]
    return Standings(
        suite=suite,
        seed_plan=seed_plan,
        commitment=commitment,
        seeds=seeds,
        scenarios=tuple(scenarios),
        contract_digest=records[0].contract_digest if records else "",
        ranked_by="score" if by_score else "mean_profit",
        stopping=stopping,
        neighbours=neighbours,
        score_rule=divisors.scoring.rule,
        native=divisors.scoring.native,
        accept_fallbacks=divisors.scoring.accept_fallbacks,
        oracles={scenarios[place]: table.names[oracle] for place, oracle in sorted(divisors.oracles.items())},
        unscored=tuple(
            UnscoredScenario(scenario=scenarios[place], reason=one.reason) for place, one in divisors.unscored.items()
        ),
        unit=unit,
        rows=tuple(rows[name] for name in listed),
        reference=tuple(rows[name] for name in reference),
        by_scenario=tuple(
            row
            for place in range(len(scenarios))
            for name in listed + reference
            if (row := analysis.scenario_row(name, place)) is not None
        ),
        prices=tuple(
            price_of_decentralisation(name, other, analysis.profits(name), analysis.profits(other), scenarios)
            for name in listed
            if (other := (full_views or {}).get(name)) is not None
        ),
        language_models=tuple(
            asked for name in listed if (asked := analysis.language_model_row(name, (fitted_rules or {}).get(name)))
        ),
        removals=tuple(removals),
        refused=tuple(refused),
        not_playing=tuple(not_playing),
        trusted=tuple(trusted),
        round_digest=round_digest,
    )


class _Analysis:
    """Rows and ranks of the submissions of a table."""

    def __init__(self, table: EpisodeTable, divisors: Divisors, inference: Inference, unit: Unit) -> None:
        self._table = table
        self._inference = inference
        # A submission whose language model never answered is not scored, on no scenario and by no share of the oracle.
        self._silence = {name: _without_answers(table.of(name)) for name in table.names}
        silent = [table.index[name] for name, why in self._silence.items() if why]
        self._values = EpisodeValues(table, divisors, silent, unit=unit)
        self._unit = unit
        native = divisors.scoring.native
        self._native = native
        self._cells = {} if native is None else places_by_cell(native, table.scenarios)

    def _estimate(self, name: str, values: Matrix) -> Estimate | None:
        """Return the estimate of a submission's mean over the suite; None unless it has played everything."""
        row = self._table.index[name]
        return self._inference.estimate(self._values.units(values[row])) if self._table.complete[row] else None

    def profits(self, name: str) -> Profits | None:
        """Return what a submission earned in every episode; None unless it has played everything."""
        row = self._table.index.get(name)
        if row is None or not self._table.complete[row]:
            return None
        return Profits(self._table.profit[row], self._values.units, self._inference.estimate)

    def language_model_row(self, name: str, fitted_rule: str | None) -> LlmRow | None:
        """Return what a submission asked of language models, or None if it asked nothing."""
        played = [record for record in self._table.of(name) if record.outcome != "infrastructure"]
        profits = {one: self.profits(one) for one in (name, fitted_rule) if one is not None}
        return language_model_row(name, played, fitted_rule, profits)

    def rank(self, names: Sequence[str], by_score: bool) -> tuple[list[str], dict[str, Rank], dict[str, Rank]]:
        """Return complete submissions best first, the rank of each, and that among the submissions of its track."""
        table = self._table
        statistic = self._values.score_means if by_score else self._values.profit_means
        value = {name: float(statistic[table.index[name]].mean()) for name in names}
        order = sorted(names, key=lambda name: (-value[name], name))
        units = self._units_of(order, by_score)
        single = self._unit == "scenario" and units.shape[1] == 1
        decided = _follow_values(units) if single else self._inference.better_than(units)
        places = range(len(order))
        peers = {track: [one for one in places if table.tracks[order[one]] == track] for track in table.tracks.values()}
        ranks = {name: rank_of(place, decided, list(places)) for place, name in enumerate(order)}
        in_track = {name: rank_of(place, decided, peers[table.tracks[name]]) for place, name in enumerate(order)}
        return order, ranks, in_track

    def neighbours(self, order: Sequence[str], by_score: bool, rule: StoppingRule) -> tuple[NeighbourVerdict, ...]:
        """Return the verdicts on submissions that follow each other, in the order of their ranks."""
        margin = rule.margin_of("score" if by_score else "mean_profit")
        return decide_neighbours(self._units_of(order, by_score), order, margin)

    def _units_of(self, names: Sequence[str], by_score: bool) -> Matrix:
        """Return independent units of what submissions are sorted by, (strata, units, submissions)."""
        rows = [self._table.index[name] for name in names]
        values = (self._values.score if by_score else self._table.profit)[rows]
        units: Matrix = np.moveaxis(self._values.units(values), 0, -1)
        return units

    def _native_result(self, name: str, places: list[int] | None = None) -> NativeResult | None:
        """Return a submission's native score on some scenarios, or on all; None unless it has played everything."""
        row = self._table.index[name]
        if self._native is None or self._values.native is None or not self._table.complete[row] or self._silence[name]:
            return None
        values = self._values.native[row] if places is None else self._values.native[row, places]
        found = self._inference.estimate(independent_units(values, self._unit))
        if found is None:
            return None
        factor = len(values) if self._native.total == "sum" else 1
        low_high = None if found.interval is None else (factor * found.interval.low, factor * found.interval.high)
        interval = None if low_high is None else Interval(low=low_high[0], high=low_high[1])
        return NativeResult(value=factor * found.value, interval=interval)

    def scenario_row(self, name: str, place: int) -> ScenarioRow | None:
        """Return a submission's row on one scenario, or None when it has no episode there."""
        records = self._table.at(name, place)
        if not records:
            return None
        row = self._table.index[name]
        scored = [record for record in records if record.outcome != "infrastructure"]
        mean_bound = statistics.mean_bound([self._unrefuted_bound(record, place) for record in scored])
        profit = self._table.profit[row, place][self._table.scored[row, place]]
        reference = float(self._values.reference[row, place])
        mean = float(profit.mean()) if profit.size else None
        gap = (
            None if mean is None or not np.isfinite(reference) or not reference else (reference - mean) / abs(reference)
        )
        whole = bool(self._table.seeds) and bool(self._table.scored[row, place].all())
        of_profit = self._inference.estimate(profit[None]) if profit.size else None
        of_score = self._inference.estimate(self._values.score[row, place][None]) if whole else None
        return ScenarioRow(
            submission=name,
            scenario=self._table.scenarios[place],
            published_id=records[0].published_id,
            episodes=profit.size,
            **_failures(records),
            mean_profit=mean,
            standard_error=None if of_profit is None else of_profit.standard_error,
            profit_interval=of_profit.interval if whole and of_profit is not None else None,
            cvar_5=statistics.cvar(profit),
            score=statistics.known(self._values.score_means[row, place]),
            score_interval=None if of_score is None else of_score.interval,
            optimality_gap=gap,
            fallbacks=sum(record.fallbacks for record in records),
            kind=_kind(records[0].track, mean_bound),
            mean_bound=mean_bound,
            native_score=None if self._values.native is None else _mean_there(self._values.native[row, place]),
        )

    def _unrefuted_bound(self, record: EpisodeRecord, place: int) -> float | None:
        """Return an episode's bound, or None if there is none or somebody's profit on the same seed exceeds it."""
        bound, best = record.profit_bound, float(np.nanmax(self._table.profit[:, place, record.seed_index]))
        refuted = bound is not None and best - bound > BOUND_TOLERANCE * max(1.0, abs(best), abs(bound))
        return None if refuted else bound

    def row(self, name: str) -> StandingRow:
        """Return a submission's row over the suite, not ranked yet."""
        table, index = self._table, self._table.index[name]
        records = table.of(name)
        scored = [record for record in records if record.outcome != "infrastructure"]
        scenario_rows = [self.scenario_row(name, place) for place in range(len(table.scenarios))]
        played = [row for row in scenario_rows if row is not None and row.episodes]
        everywhere = len(played) == len(table.scenarios)
        complete = bool(self._table.complete[index])
        score = statistics.known(self._values.score_means[index].mean())
        values = (self._values.share if score is not None else table.profit)[index]
        of_profit, of_score = self._estimate(name, table.profit), self._estimate(name, self._values.score)
        isolation = min((record.isolation for record in records), key=strength)
        decisions = sum(record.decisions for record in scored)
        # A forfeit reports no fallbacks.
        whole = [record for record in scored if record.outcome == "ok"]
        fallbacks, taken = sum(record.fallbacks for record in whole), sum(_decisions(record) for record in whole)
        silence = self._silence[name]
        stand_in = f"its stand-in took {fallbacks:,} of {taken:,} decisions" if 2 * fallbacks > taken else ""
        unranked = (silence or stand_in) if complete else ""
        mean_bound = statistics.mean_bound([row.mean_bound for row in played]) if everywhere else None
        return StandingRow(
            rank=None,
            track_rank=None,
            submission=name,
            controller=records[0].controller,
            track=records[0].track,
            isolation=isolation,
            official=complete and not unranked and isolation in OFFICIAL_ISOLATION,
            complete=complete,
            episodes=len(scored),
            expected_episodes=len(table.scenarios) * table.seeds,
            **_failures(records),
            mean_profit=statistics.mean([row.mean_profit for row in played]),
            profit_interval=None if of_profit is None else of_profit.interval,
            standard_error=None if of_profit is None else of_profit.standard_error,
            score=score if everywhere else None,
            score_interval=None if of_score is None else of_score.interval,
            interquartile_mean=statistics.interquartile_mean(values[~np.isnan(values)]),
            probability_of_improvement=None,
            best_other=None,
            cvar_5=statistics.mean([row.cvar_5 for row in played]),
            optimality_gap=statistics.mean([row.optimality_gap for row in played]) if everywhere else None,
            immediate_fill_rate=self._scenario_mean(scored, "immediate_fill_rate"),
            stockout_free_periods=self._scenario_mean(scored, "stockout_free_periods"),
            network_turns=self._scenario_mean(scored, "network_turns"),
            fill_rate=self._scenario_mean(scored, "fill_rate"),
            service_level=self._scenario_mean(scored, "service_level"),
            planning_time=statistics.mean([record.planning_time for record in scored]),
            decision_time=sum(record.decision_time for record in scored) / decisions if decisions else None,
            clipped_orders=sum(record.clipped_orders for record in scored),
            fallbacks=sum(record.fallbacks for record in scored),
            fallback_share=fallbacks / taken if taken else 0.0,
            repetitions=sum(record.repetitions for record in records),
            unranked_because=unranked,
            kind=_kind(records[0].track, mean_bound),
            mean_bound=mean_bound,
            native_score=self._native_result(name),
            native_cells={
                cell: found
                for cell, places in self._cells.items()
                if (found := self._native_result(name, places)) is not None
            },
        )

    @staticmethod
    def _scenario_mean(records: Sequence[EpisodeRecord], field: str) -> float | None:
        by_scenario: dict[str, list[float | None]] = {}
        for record in records:
            by_scenario.setdefault(record.scenario, []).append(getattr(record, field))
        return statistics.mean([statistics.mean(values) for values in by_scenario.values()])


def _mean_there(values: Matrix) -> float | None:
    """Return the mean of the values that are there; None without one."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else None


def _follow_values(units: Matrix) -> Decisions:
    """Decide by the values of a single unit, which are exact; of units (1, 1, submissions)."""
    values = units[0, 0]
    differences = values[:, None] - values[None, :]
    decided: Decisions = differences > SPREAD_TOLERANCE * np.abs(values).max(initial=0.0)
    return decided


def _failures(records: Sequence[EpisodeRecord]) -> dict[str, int]:
    lost = sum(record.outcome == "infrastructure" for record in records)
    kept = sum(record.outcome == "ok" for record in records)
    return {"forfeits": len(records) - kept - lost, "infrastructure_failures": lost}


def _without_answers(records: Sequence[EpisodeRecord]) -> str:
    """Return why a submission is not scored whose language model never answered; empty if it did or was not asked."""
    calls, failures = (sum(getattr(record, name) for record in records) for name in ("llm_calls", "llm_failures"))
    return f"its language model answered none of {calls:,} questions" if calls and failures == calls else ""


def _decisions(record: EpisodeRecord) -> int:
    """Return the number of decisions of an episode that was played to its end, over all seats."""
    return record.decisions if record.decision_times is None else record.decision_times.number


def _kind(track: Track, mean_bound: float | None) -> ReferenceKind | None:
    """Return what an oracle's results are; there is a mean of the bounds only where none of them is missing."""
    if track != "oracle":
        return None
    return "reference" if mean_bound is None else "bound"
