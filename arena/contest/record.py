"""What is remembered of one episode: a row of results and the two series from which everything can be recomputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Outcome = Literal[
    "ok",
    "timeout",
    "bad_shape",
    "bad_dtype",
    "non_finite",
    "out_of_bounds",
    "protocol_error",
    "exception",
    "exited",
    "memory",
    "refused",
    "infrastructure",
]
"""How an episode ended. Every outcome but ``ok`` and ``infrastructure`` is a forfeit."""


class EpisodeRecord(BaseModel):
    """One row of results: one submission, one scenario, one seed.

    KPIs bear the names of the contract and describe what was played, zero orders after a forfeit included. Only
    ``profit`` is the counted value: ``min(profit, 0)`` after a forfeit, so that failing never pays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    controller: str
    """Plugin controller, or ``file.py:ClassName`` of the submission's own code."""
    track: str
    """Information track: blind, informed, oracle or decentralised."""
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
    isolation: str
    """Isolation level the controller ran at."""

    profit: float
    """Counted profit: discounted sum over nodes and periods, at most 0 after a forfeit."""
    fill_rate: float
    """Share of demand sold, late sales included."""
    immediate_fill_rate: float
    """Share of demand sold in its own period."""
    service_level: float
    """Share of periods without an unfilled unit."""
    average_inventory: float
    """Mean on hand at the end of the period over managed nodes and periods, units."""
    unfilled: float
    """Sum of unfilled: unit-periods in backlog mode, units in lost-sales mode."""
    revenue: float
    """Discounted revenue, internal transfers included."""
    procurement_cost: float
    """Discounted cost of what was bought, internal transfers included."""
    holding_cost: float
    """Discounted holding cost of stock on hand and in transit."""
    operating_cost: float
    """Discounted operating cost of factories."""
    shortage_penalty: float
    """Discounted penalty for unfilled units."""
    fixed_ordering_cost: float
    """Discounted fixed cost of filled orders."""
    bullwhip_ratio: float
    """Variance of all requested orders over the variance of demand."""
    bullwhip_retailers: float
    """Variance of the retailers' filled orders over the variance of demand."""
    bullwhip_distributors: float
    """Variance of the other distributors' filled orders over the variance of demand."""
    bullwhip_factories: float
    """Variance of the factories' filled orders over the variance of demand."""
    inventory_turns: float
    """Units sold over average inventory."""
    final_sentiment: float
    """Customers' sentiment at the end."""

    planning_time: float
    """Seconds in ``begin``, before the first decision; summed over the seats of a decentralised episode."""
    decision_time: float
    """Seconds over all decisions; summed over seats."""
    decisions: int
    """Periods decided by the submission: the horizon, or fewer after a forfeit."""
    clipped_orders: int
    """Orders that were moved to the nearest bound."""
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
    """

    record: EpisodeRecord
    requested: NDArray[np.float64]
    demand: NDArray[np.float64]
