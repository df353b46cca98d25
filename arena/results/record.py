"""What is remembered of one episode: a row of results and the two series from which everything can be recomputed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.contract.kpi import Kpis
from arena.contract.messages import Track
from arena.contract.version import contract_digest
from arena.errors import Outcome
from arena.jail.isolation import Isolation
from arena.results.timing import DecisionTimes


class EpisodeKey(NamedTuple):
    """What makes an episode the same episode.

    Attributes:
        contract_digest: the rules.
        submission_digest: content of the submission.
        scenario_digest: content of the scenario.
        seed_plan: `public`, or the commitment to the hidden seeds. Not the plan's length: 100 hidden seeds begin with
            the same 50 as 50 of them do.
        seed_index: position of the seed in its plan.
    """

    contract_digest: str
    submission_digest: str
    scenario_digest: str
    seed_plan: str
    seed_index: int


class EpisodeRecord(Kpis):
    """One row of results: one submission, one scenario, one seed.

    KPIs bear the names of the contract and describe what was played, zero orders after a forfeit included. Only
    ``profit`` is the counted value: ``min(profit, 0)`` after a forfeit, so that failing never pays.
    """

    submission: str
    """Name of the submission."""
    controller: str
    """Plugin controller, or ``file.py:ClassName`` of the submission's own code."""
    track: Track
    """Information track."""
    scenario: str
    """Slug of the scenario."""
    published_id: str | None
    """The scenario's id in the published benchmark; None for a scenario it does not have."""
    seed_index: int
    """Position of the seed in its plan."""
    seed: str | None
    """The seed in decimal digits; None unless it is public."""
    outcome: Outcome
    """``ok``, or the code of what went wrong."""
    isolation: Isolation
    """Isolation level the controller ran at."""

    planning_time: float
    """Seconds in ``begin``, before the first decision; summed over the seats of a decentralised episode."""
    decision_time: float
    """Seconds over all decisions; summed over seats."""
    decision_times: DecisionTimes | None = None
    """How many of them took how long; None if nothing was played, and in a store of before this was kept."""
    decisions: int
    """Periods decided by the submission: the horizon, or fewer after a forfeit."""
    clipped_orders: int
    """Orders that were moved to the nearest bound."""
    fallbacks: int
    """Decisions answered by the controller's own stated fallback, self-reported and summed over seats; 0 after a
    forfeit."""
    profit_bound: float | None
    """Upper bound of the profit that anyone can make in this episode, as the controller certifies it; None without one,
    after a forfeit, and on every track but oracle."""
    parse_failures: int = 0
    """Answers of a language model that the controller could not use, self-reported; 0 after a forfeit."""
    repairs: int = 0
    """Of these, how many the model mended when it was told what is wrong, self-reported; 0 after a forfeit."""
    repetitions: int = 0
    """Earlier attempts at the episode that broke off after their first decision. The attempt that counts had to begin
    with the same orders."""
    llm_calls: int = 0
    """Questions to a language model, as the gateway counted them."""
    llm_failures: int = 0
    """Of these, those without an answer: an error of the endpoint, a refusal, or an answer of no acceptable size."""
    prompt_tokens: int = 0
    """Tokens asked, as the endpoint said."""
    completion_tokens: int = 0
    """Tokens answered, as the endpoint said."""
    llm_seconds: float = 0.0
    """Seconds that the questions took when they were first asked."""
    llm_cost: float | None = None
    """Cost by the prices of the manifest, in its currency; None without prices."""
    llm_model: str = ""
    """The models that answered, as the endpoint named them; empty without an answer."""
    llm_digest: str = ""
    """Digest of the questions to language models and what came of them, which the transcript holds; empty without any,
    and in a record of before it was kept."""
    failure_period: int | None
    """Period of the decision that failed; None if none did, or if the failure came at setup or close."""
    failure_message: str
    """What went wrong, in words; empty when nothing did. Never holds a seed or a demand of the arena's."""
    stderr_tail: str
    """End of what the controller wrote to standard output and error, made printable."""

    contract_digest: str
    """Digest of the rules that were in force."""
    submission_digest: str
    """Digest of the submission's content."""
    scenario_digest: str
    """Digest of the scenario's content."""
    commitment: str | None
    """Commitment to the hidden seeds; None for public seeds."""
    seeds_contract: str | None = None
    """Digest of the rules that its seed was taken under, if the contract was extended since; None: `contract_digest`.
    Hidden seeds are derived from it."""
    arena_version: str
    """Version of the arena."""
    python_version: str
    """Version of Python."""
    numpy_version: str
    """Version of numpy."""
    finished_at: str
    """End of the episode, UTC, ISO 8601."""


@dataclass(frozen=True)
class PlayedEpisode:
    """An episode and the series needed to replay or verify it without the controller.

    Attributes:
        record: The row of results.
        requested: Orders given to the simulator, units, shape (periods, supply links), read-only.
        demand: Realised demand, units, shape (periods, market links), read-only.
        lead_times: Lead times of the orders of each period, shape (periods, links whose lead time varies), -1 for
            orders that never arrive, read-only; empty where there are no such links.
    """

    record: EpisodeRecord
    requested: NDArray[np.float64]
    demand: NDArray[np.float64]
    lead_times: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))


def episode_key(
    submission_digest: str,
    scenario_digest: str,
    commitment: str | None,
    seed_index: int,
    contract: str | None = None,
) -> EpisodeKey:
    """Return the key under which an episode is stored.

    Args:
        submission_digest: content of the submission.
        scenario_digest: content of the scenario.
        commitment: commitment to the hidden seeds; None for public seeds.
        seed_index: position of the seed in its plan.
        contract: digest of the rules; None for those in force.
    """
    rules = contract_digest() if contract is None else contract
    return EpisodeKey(rules, submission_digest, scenario_digest, commitment or "public", seed_index)


def key_of(record: EpisodeRecord) -> EpisodeKey:
    """Return the key under which a record is stored."""
    return episode_key(
        record.submission_digest,
        record.scenario_digest,
        record.commitment,
        record.seed_index,
        record.contract_digest,
    )


@cache
def arena_version() -> str:
    """Return the version of this arena."""
    return version("inventory-arena")
