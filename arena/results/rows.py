"""What standings are made of: the rows that `arena.results.standings` computes and that reports show."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from arena.contract.messages import Track
from arena.jail.isolation import Isolation
from arena.results.compared import Interval, LlmRow, PriceOfDecentralisation
from arena.results.fingerprint import Digests
from arena.results.trusted import TrustedPackageRow
from arena.world.native_score import NativeScore
from arena.world.scoring import ScoreRule

OFFICIAL_ISOLATION: Final = frozenset({"sandbox"})
"""Isolation levels whose results are official, in a round.

At `strict`, what one controller looks for in vain shows to the next one by the clock: whole episodes can be passed on
(see docs/attacks.md).
"""

DEFAULT_MARGIN: Final = 0.002
"""Difference of scores that does not matter, unless the organiser says otherwise."""

Unit = Literal["seed", "episode", "scenario"]
"""What is independent of what else; see `Standings.unit`."""

ReferenceKind = Literal["bound", "reference"]
"""What the results of an oracle are: `bound` if it certified an upper bound of the profit in every episode in question,
else `reference`, which others may beat."""

NeighbourOutcome = Literal["better", "equivalent", "not decided"]
"""What is known of two submissions that follow each other in the table; see `NeighbourVerdict`."""


class Rank(BaseModel):
    """The places that the evidence leaves open to a submission.

    With the level of `arena.results.ranking` for the whole table: `first` − 1 submissions are better, and those that
    are worse leave no place after `last`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    """Best place."""
    last: int
    """Worst place."""

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


class NativeResult(BaseModel):
    """A native score, as the suite's makers define it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    """Mean or sum over the scenarios in question, in the unit that the suite says."""
    interval: Interval | None
    """Of `value`, over independent units; see `Standings.unit`."""


class UnscoredScenario(BaseModel):
    """A scenario on which no score would mean anything, though everybody that is needed has played it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    """Slug of the scenario."""
    reason: str
    """Why, in words."""


class ScenarioRow(BaseModel):
    """One submission on one scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    scenario: str
    """Slug of the scenario."""
    published_id: str | None
    """The scenario's id in the published benchmark; None for a scenario it does not have."""
    episodes: int
    """Episodes played, forfeits included, those that the arena failed to play left out."""
    forfeits: int
    """Episodes forfeited."""
    infrastructure_failures: int
    """Episodes that the arena failed to play."""
    mean_profit: float | None
    """Mean counted profit over the episodes; None without an episode."""
    standard_error: float | None
    """Sample deviation of profit / √episodes; None below two episodes."""
    profit_interval: Interval | None
    """Of the mean profit; None unless every seed is there."""
    cvar_5: float | None
    """Mean of the worst ⌊0.05 n⌋ episodes (conditional value at risk); None below 40 episodes."""
    score: float | None
    """By `Standings.score_rule`, over the same seeds; None where nobody is there to measure against, and on
    `Standings.unscored`."""
    score_interval: Interval | None
    """Of the score, a ratio of two means over the same seeds; None unless every seed is there."""
    optimality_gap: float | None
    """(Oracle's mean profit − mean profit) / |oracle's mean profit|, over the same seeds."""
    fallbacks: int
    """Decisions answered by the controller's own stated fallback, self-reported, over all episodes."""
    kind: ReferenceKind | None
    """`bound` if every episode has a certified bound (a forfeited one has none) that no submission's profit on the same
    seed exceeds, else `reference`; None on every track but oracle."""
    mean_bound: float | None
    """Mean over the episodes of the certified upper bound of the profit; None unless `kind` is `bound`."""
    native_score: float | None = None
    """Mean over the episodes of their values by `Standings.native`; None without it, or without an episode."""


class StandingRow(BaseModel):
    """One submission over the whole suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: Rank | None
    """Places that are open to it among all submissions but oracles; None for an oracle, for a submission that has not
    played everything, and where `unranked_because` has a reason. See `Standings.ranked_by`."""
    track_rank: Rank | None
    """Places among the submissions of the same track, by the same decisions."""
    submission: str
    """Name of the submission."""
    controller: str
    """Plugin controller, or `file.py:ClassName`."""
    track: Track
    """Information track."""
    isolation: Isolation
    """The weakest isolation level among its episodes."""
    official: bool
    """Whether it is ranked or a reference, has played every episode of a round, and all of them at level sandbox.
    Results on public seeds are never official, since everybody knows the demand, and neither is practice on hidden
    ones, to which nobody committed beforehand."""
    complete: bool
    """Whether every scenario and seed of the suite was played and none was lost to the arena's own failures."""
    episodes: int
    """Episodes played, forfeits included, those that the arena failed to play left out."""
    expected_episodes: int
    """Scenarios × seeds."""
    forfeits: int
    """Episodes forfeited."""
    infrastructure_failures: int
    """Episodes that the arena failed to play."""
    mean_profit: float | None
    """Mean over scenarios of the scenario's mean profit, over what was played; None without an episode."""
    profit_interval: Interval | None
    """Of `mean_profit`; None if incomplete."""
    standard_error: float | None
    """Of `mean_profit`, over independent units; see `Standings.unit`. None if incomplete or with a single seed."""
    score: float | None
    """Mean over scenarios of the scenario's score; None as long as one of them has none."""
    score_interval: Interval | None
    """Of `score`; None if incomplete."""
    interquartile_mean: float | None
    """Mean of the middle half of all episodes' values (⌊n/4⌋ cut at each end). An episode's value is its part of the
    scenario's score if there is a score (under `share_of_oracle` profit / the oracle's mean profit), else profit."""
    probability_of_improvement: float | None
    """Share of scenarios and seeds on which its profit is above that of `best_other`, equal ones counted half."""
    best_other: str | None
    """The submission placed first among the others that are ranked."""
    cvar_5: float | None
    """Mean over scenarios of the scenario's CVaR at 5 %; None below 40 seeds."""
    optimality_gap: float | None
    """Mean over scenarios of the scenario's optimality gap."""
    immediate_fill_rate: float | None
    """Mean over scenarios of the mean share of demand that was served in its own period."""
    stockout_free_periods: float | None
    """Mean over scenarios of the mean share of periods without a stockout."""
    network_turns: float | None
    """Mean over scenarios of the mean turns of the network's stock in an episode."""
    fill_rate: float | None
    """Mean over scenarios of the mean fill rate, as published: with backlog, late sales count."""
    service_level: float | None
    """Mean over scenarios of the mean service level, as published."""
    planning_time: float | None
    """Mean seconds before the first decision of an episode."""
    decision_time: float | None
    """Mean seconds per decision, over all decisions."""
    clipped_orders: int
    """Orders that were moved to a bound, over all episodes."""
    fallbacks: int
    """Decisions answered by the controller's own stated fallback, self-reported, over all episodes."""
    fallback_share: float = 0.0
    """Fallbacks / decisions, over the episodes that were not forfeited; on the decentralised track of all nodes."""
    repetitions: int = 0
    """Attempts at its episodes that broke off after their first decision and were played again, over all episodes."""
    unranked_because: str = ""
    """Why it has no rank though it has played everything; empty if it has one."""
    kind: ReferenceKind | None
    """`bound` if it is a bound on every scenario of the suite, else `reference`; None on every track but oracle."""
    mean_bound: float | None
    """Mean over scenarios of the scenario's mean bound; None unless `kind` is `bound`."""
    native_score: NativeResult | None = None
    """By `Standings.native`, over all scenarios; None without it, or if incomplete."""
    native_cells: dict[str, NativeResult] = {}
    """The same over the scenarios of each cell."""


class StoppingRule(BaseModel):
    """The rule by which seeds are played in batches until all neighbours of the table are decided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Difference that does not matter, in the unit that the table is sorted by. None: `DEFAULT_MARGIN` of score, and
    without scores no difference at all."""
    budget: Annotated[int, Field(ge=1)] = 500
    """Most seeds per scenario."""

    def margin_of(self, ranked_by: Literal["score", "mean_profit"]) -> float:
        """Return the difference that does not matter; 0 where every difference does."""
        return self.margin or (DEFAULT_MARGIN if ranked_by == "score" else 0.0)


class NeighbourVerdict(BaseModel):
    """The comparison of two submissions that follow each other in the table, valid whenever a run is stopped.

    Verdicts: `better` if the upper submission is told apart from the lower one; `equivalent` if the interval lies
    within the margin, or if both have the same value on every seed; else `not decided`. The chance of any wrong verdict
    in the table, at any stop, is 5 %; see `arena.results.sequential`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    upper: str
    """Name of the submission that is placed higher."""
    lower: str
    """Name of the next one."""
    difference: float
    """Mean of the upper one less that of the lower one, in the unit that the table is sorted by."""
    interval: Interval | None
    """Of `difference`: 95 % for all pairs of the table together, at any stop. It may include zero though the verdict is
    `better`, which uses the level that pairs already told apart leave over. None below the smallest number of seeds,
    and where the difference is the same on every seed."""
    verdict: NeighbourOutcome
    """The outcome; see above."""
    within_margin: bool
    """Whether the interval lies within the margin: a pair may be `better` by a difference that does not matter."""
    seeds_needed: int | None
    """Seeds per scenario that would decide if the difference and its spread are what they look like; None if the pair
    is decided, or if no number would."""


class Removal(BaseModel):
    """The mark of a submission that was taken out of the folder: one content of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    submission_digest: str
    """Digest of its content."""
    removed_at: str
    """When, UTC, ISO 8601."""
    reason: str
    """Why, in the organiser's words; may be empty."""
    episodes: int
    """Episodes that it had in the store; they stay there and do not count."""
    entered_again: str | None
    """When the same content was entered again, UTC, ISO 8601; since then its episodes count. None if it was not."""


class RefusedSubmission(BaseModel):
    """A submission that was left out because it is malformed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Its manifest or folder, as it was given."""
    faults: tuple[str, ...]
    """Everything that is wrong with it, in words."""


class UnplayedSubmission(BaseModel):
    """A submission that was left out because its controller does not play the suite's worlds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    reason: str
    """What it does not play, in words, with a scenario that has it."""


class Standings(BaseModel):
    """The outcome of a contest.

    Submissions are sorted by `ranked_by`. A rank is a set of places: its first is one more than the number of
    submissions that are better, and its last leaves room for those that are worse. All pairs are compared seed by seed,
    with one level of 5 % for the whole table; see `arena.results.ranking`. With a single unit every place is open, but
    for a single scenario in which no seed changes anything: there places follow the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str
    """Name of the suite."""
    seed_plan: str
    """Label of the seed plan, such as `public` or `hidden:100`."""
    commitment: str | None
    """Commitment to the hidden seeds; None for public seeds."""
    seeds: int
    """Seeds per scenario."""
    scenarios: tuple[str, ...]
    """Slugs of the suite's scenarios, in its order."""
    contract_digest: str
    """Digest of the rules; empty without a record."""
    ranked_by: Literal["score", "mean_profit"]
    """What the rank follows: the score if every ranked submission has one, else the mean profit."""
    stopping: StoppingRule | None = None
    """The rule by which seeds were played until decided; then intervals and ranks hold at any stop. None: the number of
    seeds was fixed beforehand."""
    neighbours: tuple[NeighbourVerdict, ...] = ()
    """Under a stopping rule, the verdicts on ranked submissions that follow each other, from the top of the table."""
    score_rule: ScoreRule = ScoreRule()
    """How the suite scores."""
    native: NativeScore | None = None
    """The suite's native score, with cells and published results; None without one."""
    accept_fallbacks: bool = False
    """Whether the organiser had scenarios scored on which the oracle answered decisions by its fallback."""
    unscored: tuple[UnscoredScenario, ...] = ()
    """Scenarios without a score, in the order of `scenarios`."""
    oracles: dict[str, str]
    """By scenario, the oracle that scores are measured against: among the submissions of track oracle that have
    every seed of the scenario, the one that the suite names, or else the one with the highest mean profit. What counts
    is that profit, which was really made, and never a bound that an oracle certified; see `ScenarioRow.kind` for
    what the oracle is."""
    unit: Unit
    """What is independent of what else: on public seeds a seed across all scenarios, which are played with the same
    ones; on hidden seeds an episode, since every scenario has a stream of its own. Where no seed changes anything in
    any scenario, it is a scenario: intervals and ranks are then about further scenarios of the same kind."""
    rows: tuple[StandingRow, ...]
    """The ranked submissions, best first, then the incomplete ones by name."""
    reference: tuple[StandingRow, ...]
    """Submissions of track oracle, by name."""
    by_scenario: tuple[ScenarioRow, ...]
    """Every submission on every scenario that it has an episode of, in the order of scenarios, then of `rows` and
    `reference`."""
    prices: tuple[PriceOfDecentralisation, ...] = ()
    """The price of decentralisation of every submission of the evaluation whose manifest names one with the full view,
    in the order of `rows`."""
    language_models: tuple[LlmRow, ...] = ()
    """What was asked of language models, in the order of `rows`; submissions that asked nothing are left out."""
    removals: tuple[Removal, ...] = ()
    """Submissions that were taken out of the folder, oldest removal first."""
    refused: tuple[RefusedSubmission, ...] = ()
    """Submissions that the latest evaluation left out because they are malformed."""
    not_playing: tuple[UnplayedSubmission, ...] = ()
    """Submissions that the latest evaluation left out because they do not play the suite's worlds; that is no fault."""
    trusted: tuple[TrustedPackageRow, ...] = ()
    """Strangers' packages that the arena's process imported while the episodes of the folder were played."""
    round_digest: str | None = None
    """Digest of the round that was played, by which its file is known; None for practice."""
    digests: Digests | None = None
    """Digests of the rows behind these standings; None where an older arena computed them, or nobody did."""
