"""Records of episodes: which episode it is, under which rules and versions; and the record of one that was lost."""

from __future__ import annotations

import math
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.contract.version import contract_digest
from arena.play.work import Job, Lost
from arena.results.columns import KPI_COLUMNS
from arena.results.record import EpisodeRecord, PlayedEpisode, arena_version

if TYPE_CHECKING:
    from arena.contract.seeds import EpisodeSeed
    from arena.entry.submission import Submission
    from arena.jail.isolation import Isolation
    from arena.world.scenario import Scenario


def lost_episode(lost: Lost, job: Job) -> PlayedEpisode:
    """Return the row of an episode that the arena failed to play: it has no numbers, and is not scored."""
    submission = job.submissions[lost.item.submission]
    scenario: Scenario = job.scenarios[lost.item.scenario]
    record = EpisodeRecord(
        **identity(submission, scenario, lost.item.seed, job.isolation, job.commitment),
        outcome="infrastructure",
        **dict.fromkeys(KPI_COLUMNS, math.nan),
        repetitions=0 if lost.item.precedent is None else lost.item.precedent.attempts,
        planning_time=0.0,
        decision_time=0.0,
        decisions=0,
        clipped_orders=0,
        fallbacks=0,
        profit_bound=None,
        failure_period=None,
        failure_message=lost.message[:500],
        stderr_tail="",
    )
    network = scenario.network
    return PlayedEpisode(record, np.empty((0, len(network.supply_links))), np.empty((0, len(network.market_links))))


def identity(
    submission: Submission, scenario: Scenario, seed: EpisodeSeed, isolation: Isolation, commitment: str | None
) -> dict[str, Any]:
    """Fields of a record that say which episode it is and under which rules and versions it ended now.

    Args:
        submission: Who played.
        scenario: What was played.
        seed: Of the episode; kept in the record only if it is public.
        isolation: Level the controller ran at.
        commitment: Commitment to the hidden seeds; None for public seeds.
    """
    return {
        "submission": submission.name,
        "controller": submission.controller,
        "track": submission.track,
        "scenario": scenario.name,
        "published_id": scenario.published_id,
        "seed_index": seed.index,
        "seed": str(seed.entropy) if seed.public else None,
        "isolation": isolation,
        "contract_digest": contract_digest(),
        "submission_digest": submission.digest,
        "scenario_digest": scenario.digest,
        "commitment": commitment,
        "seeds_contract": None if seed.derived_under in (None, contract_digest()) else seed.derived_under,
        "arena_version": arena_version(),
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
        "finished_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
