"""Records that count for a suite: of its scenarios and seeds, one content for every name."""

from __future__ import annotations

from collections.abc import Sequence

from arena.contract.seeds import SeedPlan
from arena.contract.version import contract_digest
from arena.entry.submission import Submission
from arena.results.counted import select_counted
from arena.results.record import EpisodeRecord
from arena.results.store import Store
from arena.world.suite import Suite


def counted_records(
    store: Store, suite: Suite, seeds: SeedPlan, submissions: Sequence[Submission]
) -> list[EpisodeRecord]:
    """Return the records for the standings: this suite's scenarios and seeds, one content per submission's name.

    Of a submission that was changed and played again under its name, the content given now counts; of one that this
    call does not name, the content that was played last. Submissions that were removed are left out.
    """
    return select_counted(
        store,
        {scenario.digest: scenario.name for scenario in suite.scenarios},
        contract=contract_digest(),
        seed_plan=seeds.commitment or "public",
        seeds=seeds.count,
        current={submission.name: submission.digest for submission in submissions},
    )
