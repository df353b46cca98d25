"""Records that count for a suite: of its scenarios and seeds, one content for every name."""

from __future__ import annotations

from collections.abc import Sequence

from arena.contract.seeds import SeedPlan
from arena.contract.version import contract_digest
from arena.entry.submission import Submission
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
    # A scenario is known by its content; whoever renamed it since need not play it again.
    names = {scenario.digest: scenario.name for scenario in suite.scenarios}
    removed = store.removals.digests()
    records = [
        record.model_copy(update={"scenario": names[record.scenario_digest]})
        for record in store.records(contract_digest=contract_digest(), seed_plan=seeds.commitment or "public")
        if record.scenario_digest in names
        and record.seed_index < seeds.count
        and record.submission_digest not in removed
    ]
    newest = {
        record.submission: record.submission_digest for record in sorted(records, key=lambda one: one.finished_at)
    }
    current = newest | {submission.name: submission.digest for submission in submissions}
    return [record for record in records if record.submission_digest == current[record.submission]]
